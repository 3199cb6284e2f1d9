"""The settings of a campaign: one table from which the config block and the flags are both checked."""

import argparse
import dataclasses
from dataclasses import dataclass, field
from typing import NoReturn

from nnet import registry


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
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, {"true": True, "false": False}.get(value.lower(), value)


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
    regimes: list[str] = _many(str, "how weights are updated: clean, noisy")
    alpha_train: list[float] = _many(float, "strengths of weight noise in training, relative to the weights")
    noise_model: str = _one(str, "what alpha is relative to: tensor_std or magnitude")
    seeds: list[int] = _many(int, "one run per seed; standard errors are over seeds")
    epochs: int = _one(int, "passes through the training images")
    batch_size: int = _one(int, "images per update")
    optimizer: str = _one(str, "adam or sgd")
    learning_rate: float = _one(float, "step size of the optimizer")
    weight_decay: float = _one(float, "L2 penalty of the optimizer")
    activations: list[str] = _many(str, "activation functions: relu, tanh, sigmoid, leaky_relu, gelu")
    p: float = _one(float, "probability that a training pixel is replaced by U(0, 1); test images stay clean")
    alpha_tests: list[float] = _many(float, "strengths of weight noise at evaluation, 0 among them")
    noise_samples: int = _one(int, "noise draws per alpha_test")
    image_size: int | None = _one(_whole_number_or_none, "pixels to which images are resized; none: native size")
    max_train_samples: int | None = _one(_whole_number_or_none, "train on so many images; none: all")
    precision: str = _one(str, "arithmetic of training: fp32 or bf16")
    sweep_precision: str = _one(str, "arithmetic of evaluation: fp32 or bf16")
    options: dict = _many(_option, "further settings of a regime or an architecture, as name=value")
    engine: str = _one(str, "where runs happen: process (one worker per slot) or serial (in this process)")
    max_workers: int | None = _one(_whole_number_or_none, "runs at the same time; none: one per usable core")
    memory_check: bool = _switch("start fewer workers where their memory would not suffice")
    run_timeout_s: float | None = _one(_number_or_none, "seconds after which a run is ended and fails; none: never")
    epoch_checkpoint_s: float = _one(float, "seconds between the epochs after which an unfinished run is kept")
    cpu_threads_per_worker: int = _one(int, "threads of one run; another number may change the last bits")
    use_cuda: bool = _switch("train on the GPU, one run at a time")
    data_dir: str | None = _one(_text_or_none, "folder of the image files; none: NNET_DATA_DIR, else data")
    output_dir: str = _one(str, "results are written to <output_dir>/<dataset>/")
    checkpoint_dir: str | None = _one(_text_or_none, "folder of the trained weights; none: keep none")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")


def parse_flags(block: Settings, arguments: list[str] | None) -> tuple[Settings, argparse.Namespace]:
    """The block as the command line overrides it, and the other flags: `sanity`, `retry_failed`, `verify`.

    Exits with 2 and one sentence on stderr where the command line is wrong.
    """
    parser = _Parser(
        prog="run_experiments.py",
        description="Train many small networks in parallel and measure how weight noise changes their accuracy. "
        "Finished runs are kept and skipped. What a flag does not say stands in the config block in main().",
        allow_abbrev=False,
    )
    parser.add_argument("--sanity", action="store_true", help="one quick check: does training with noise help?")
    parser.add_argument("--retry-failed", action="store_true", help="also do the runs that have failed before")
    parser.add_argument("--verify", metavar="RUN_ID", help="do one finished run again and compare every bit")
    for item in dataclasses.fields(Settings):
        default = getattr(block, item.name)
        help_text = f"{item.metadata['help']} (block: {_shown(default)})".replace("%", "%%")
        if item.name == "architectures":
            names = ", ".join(registry.names("architectures"))
            help_text = help_text.replace("networks to train", f"networks to train: {names}")
            parser.add_argument("architectures", nargs="*", default=None, metavar="ARCHITECTURE", help=help_text)
            continue
        flag = "--" + item.name.replace("_", "-")
        parser.add_argument(flag, default=argparse.SUPPRESS, help=help_text, **_shape(item))
    flags = parser.parse_args(arguments)
    given = {item.name: getattr(flags, item.name) for item in dataclasses.fields(Settings) if hasattr(flags, item.name)}
    if not given["architectures"]:
        del given["architectures"]
    if "options" in given:
        given["options"] = dict(given["options"])
    return dataclasses.replace(block, **given), flags


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
