"""The settings of a campaign: one table from which the config block and the flags are both checked."""

import argparse
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from campaign.engines.base import schedulers
from campaign.engines.cluster.options import FLAGS, REPEATED, WHOLE_NUMBERS
from campaign.grid.block import Launch
from campaign.grid.shard import Shard
from nnet import registry
from nnet.activations import ACTIVATIONS


def _whole_number_or_none(text: str) -> int | None:
    return None if text.lower() == "none" else int(text)


def _number_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)


def _text_or_none(text: str) -> str | None:
    return None if text.lower() == "none" else text


def _option(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    values = [_value(part) for part in value.split(",")]
    return name, values[0] if len(values) == 1 else [part for part in values if part != ""]


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return {"true": True, "false": False}.get(text.lower(), text)


def _shard(text: str) -> Shard:
    try:
        return Shard.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _one(kind: type, text: str):
    return field(metadata={"help": text, "flag": {"type": kind}})


def _many(kind: type, text: str):
    return field(metadata={"help": text, "flag": {"type": kind, "nargs": "+"}})


def _switch(text: str):
    return field(metadata={"help": text, "flag": {"action": argparse.BooleanOptionalAction}})


@dataclass
class Settings:
    """Every variable of the config block, with what it is; a flag of the same name overrides it for one launch."""

    dataset: str = _one(str, "name of a dataset, or the path of an .npz file")
    architectures: list[str] = field(metadata={"help": "networks to train"})
    regimes: list[str] = _many(str, "how weights are updated: " + ", ".join(registry.names("regimes")))
    alpha_train: list[float] = _many(float, "strengths of weight noise in training, relative to the weights")
    noise_model: str = _one(str, "what alpha is relative to: tensor_std or magnitude")
    ps: list[float] = _many(float, "probabilities that an input pixel is corrupted in training")
    corruption: str = _one(str, "how a pixel is corrupted: replacement (U(0, 1)) or additive (needs the option sigma)")
    corrupt_test: bool = _switch("evaluate on test images that are corrupted like those of training")
    seeds: list[int] | None = _many(_whole_number_or_none, "one run per seed; standard errors are over seeds")
    repeats: int | None = _one(_whole_number_or_none, "instead of seeds: so many, drawn from the master seed")
    master_seed: int = _one(int, "seed from which the seeds of the repeats are drawn")
    epochs: int = _one(int, "passes through the training images")
    batch_size: int = _one(int, "images per update")
    optimizer: str = _one(str, "adam or sgd")
    learning_rate: float = _one(float, "step size of the optimizer")
    momentum: float = _one(float, "momentum of sgd")
    nesterov: bool = _switch("Nesterov's momentum")
    lr_schedule: str = _one(str, "constant, cosine_restarts or steps")
    lr_restart_epochs: int | None = _one(_whole_number_or_none, "epochs between two restarts of cosine_restarts")
    lr_milestones: list[int] = field(
        metadata={
            "help": "epochs from each of which on steps has a smaller learning rate; nothing after it: none",
            "flag": {"type": int, "nargs": "*"},
        }
    )
    lr_factor: float = _one(float, "what steps multiplies the learning rate with")
    weight_decay: float = _one(float, "L2 penalty of the optimizer")
    activations: list[str] = _many(str, "activation functions: " + ", ".join(ACTIVATIONS))
    alpha_tests: list[float] = _many(float, "strengths of weight noise at evaluation, 0 among them")
    noise_samples: int = _one(int, "noise draws per alpha_test")
    image_size: int | None = _one(_whole_number_or_none, "pixels to which images are resized; none: native size")
    dropout: float = _one(float, "probability that a hidden value is dropped in training, for perceptrons and CNNs")
    augmentation: str = _one(str, "none, crop_flip, or dataset: what is usual for it")
    max_train_samples: int | None = _one(_whole_number_or_none, "train on so many images; none: all")
    validation_share: float = _one(float, "share of the training images that is held back to watch training")
    evaluations: list[str] = field(
        metadata={
            "help": "what else is measured of the trained networks; nothing after it: nothing. Of "
            + ", ".join(registry.names("evaluations")),
            "flag": {"type": str, "nargs": "*"},
        }
    )
    smoothed_accuracy: bool = _switch("note every epoch's test accuracy, and what a published program showed for it")
    precision: str = _one(str, "arithmetic of training: fp32 or bf16")
    sweep_precision: str = _one(str, "arithmetic of evaluation: fp32 or bf16")
    options: dict = _many(
        _option,
        "further settings of a regime, architecture, evaluation or corruption, as name=value; of a list: name=1,2",
    )
    output_dir: str = _one(str, "results are written to <output_dir>/<dataset>/")
    checkpoint_dir: str | None = _one(_text_or_none, "folder of the trained weights; none: keep none")
    engine: str = _one(str, "where runs happen: " + ", ".join(registry.names("campaign.engines")))
    max_workers: int | None = _one(_whole_number_or_none, "runs at the same time; none: one per usable core")
    memory_check: bool = _switch("start fewer workers where their memory would not suffice")
    run_timeout_s: float | None = _one(_number_or_none, "seconds after which a run is ended and fails; none: never")
    epoch_checkpoint_s: float = _one(float, "seconds between the epochs after which an unfinished run is kept")
    cpu_threads_per_worker: int = _one(int, "threads of one run; another number may change the last bits")
    use_cuda: bool = _switch("train on the GPU, one run at a time")
    data_dir: str | None = _one(_text_or_none, "folder of the image files; none: NNET_DATA_DIR, else data")

    def campaign(self) -> Launch:
        """Where and how the runs are launched."""
        return Launch(self.output_dir, self.engine, self.max_workers, self.memory_check, self.run_timeout_s)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")


class CommandLine:
    """What the command line says: which study, how its block is overridden, and what else to do.

    Everything that is wrong with it ends the program with exit code 2 and one sentence on stderr.
    """

    def __init__(self, studies: Sequence[str], arguments: Sequence[str] | None = None):
        """`studies`: the names that `--study` may have, the default first; `arguments`: None takes sys.argv."""
        self.arguments = arguments
        self.parser = _Parser(
            prog="run_experiments.py",
            description="Train many small networks in parallel and measure how weight noise or the corruption of "
            "pixels changes their accuracy. Finished runs are kept and skipped. What a flag does not say stands in the "
            "block of the study.",
            allow_abbrev=False,
        )
        choice = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        for parser in (choice, self.parser):
            text = f"which block: {', '.join(studies)} (default: {studies[0]})"
            parser.add_argument("--study", choices=studies, default=studies[0], help=text)
        choice.error = self.parser.error
        self.study: str = choice.parse_known_args(arguments)[0].study
        self.flags: argparse.Namespace | None = None
        self.settings: Settings | None = None

    def overridden(self, block: Settings) -> Settings:
        """The block as the flags override it.

        From the first call on, that first block is `settings`, and `flags` has the other flags.
        """
        if self.flags is None:
            self._add_flags(block)
            self.flags = self.parser.parse_args(self.arguments)
            if self.flags.json and not (self.flags.plan or self.flags.status):
                self.parser.error("--json goes with --plan or --status")
            if self.flags.print_job:
                self._refuse_beside_print_job()
        block = self._applied(block)
        self.settings = self.settings or block
        return block

    def _applied(self, block: Settings) -> Settings:
        names = [item.name for item in dataclasses.fields(Settings)]
        given = {name: getattr(self.flags, name) for name in names if hasattr(self.flags, name)}
        if not given["architectures"]:
            del given["architectures"]
        if "options" in given:
            given["options"] = dict(given["options"])
        if given.get("seeds") == [None]:
            given["seeds"] = None
        for one, other in (("seeds", "repeats"), ("repeats", "seeds")):
            if given.get(one) is not None:
                given.setdefault(other, None)
        return dataclasses.replace(block, **given)

    def _add_flags(self, block: Settings) -> None:
        add = self.parser.add_argument
        add("--plan", action="store_true", help="say what the campaign would take, and start nothing")
        add("--status", action="store_true", help="say how the campaign stands, from any machine, also while it runs")
        add("--json", action="store_true", help="with --plan or --status: print it as JSON")
        add("--sanity", action="store_true", help="one quick check: does training with noise help?")
        add("--retry-failed", action="store_true", help="also do the runs that have failed before")
        add("--verify", metavar="RUN_ID", help="do one finished run again and compare every bit")
        text = "of the runs of the study, only those with these settings or options; runs without such an option stay"
        add("--only", type=_option, nargs="+", default=[], metavar="NAME=VALUE", help=text)
        self._add_cluster_flags()
        for item in dataclasses.fields(Settings):
            default = getattr(block, item.name)
            help_text = f"{item.metadata['help']} (block: {_shown(default)})".replace("%", "%%")
            if item.name == "architectures":
                names = ", ".join(registry.names("architectures"))
                help_text = help_text.replace("networks to train", f"networks to train: {names}")
                add("architectures", nargs="*", default=None, metavar="ARCHITECTURE", help=help_text)
                continue
            flag = "--" + item.name.replace("_", "-")
            add(flag, default=argparse.SUPPRESS, help=help_text, **_shape(item))

    def _refuse_beside_print_job(self) -> None:
        for name in ("plan", "status", "sanity", "verify", "shard"):
            if getattr(self.flags, name):
                self.parser.error(f"--{name} does not go with --print-job, whose jobs would repeat it")

    def _add_cluster_flags(self) -> None:
        text = "do the I-th of N shares of the runs, then what the other shards have not started"
        self.parser.add_argument("--shard", type=_shard, metavar="I/N", help=text)
        text = "print a job script that runs the study as an array of shards, and start nothing"
        self.parser.add_argument("--print-job", choices=schedulers(), help=text)
        text = "options of jobs and of engines, by name (default: cluster.toml of this folder, if it is there)"
        self.parser.add_argument("--cluster-file", metavar="FILE", help=text)
        for name, text in FLAGS.items():
            kind = int if name in WHOLE_NUMBERS else str
            action = "append" if name in REPEATED else "store"
            metavar = "N" if kind is int else "TEXT"
            self.parser.add_argument(f"--{name}", type=kind, action=action, metavar=metavar, help=text)


def _shape(item: dataclasses.Field) -> dict:
    shape = dict(item.metadata["flag"])
    if "type" in shape:
        words = {int: "N", _whole_number_or_none: "N", float: "X", _number_or_none: "X", _option: "NAME=VALUE"}
        shape["metavar"] = words.get(shape["type"], "NAME")
    return shape


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "none" if value is None or value == {} else str(value)
