"""The trained weights of runs, kept on disk: <checkpoint_dir>/<dataset>/<run_id>.pt.

A file holds `run`, the trained part of the run file; `network`, the shape of its images and the number of classes; and
`model`, its state. When the weights of a run file are needed and are gone, the run is trained again and must give the
recorded SHA-256; anything else would book a measurement of one network under the name of another.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from nnet.architectures.base import build_model
from nnet.checks import ConfigError, Refused
from nnet.config import TrainConfig
from nnet.console import complain
from nnet.files import checkpoint, outside
from nnet.files.content import sha256_of_file
from nnet.record import own_code, provenance
from nnet.record.form import TRAINED, lacks_record, without_measurements

__all__ = [
    "Refused",
    "check_data",
    "check_kept",
    "check_machine",
    "check_weights",
    "load_model",
    "restore",
    "save",
]
NETWORK = {"image_shape": [int], "num_classes": int}
REMEDY = "restore {what}, or move the run file away so that the run is trained and measured anew"


def save(cfg: TrainConfig, run: Mapping, model: nn.Module, image_shape: tuple[int, ...], num_classes: int) -> None:
    """Write the weights, if the run keeps them. Raises CannotWrite."""
    path = cfg.weights_file
    if path is not None:
        weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
        network = {"image_shape": list(image_shape), "num_classes": num_classes}
        checkpoint.save(path, {"run": dict(run), "network": network, "model": weights})


def restore(cfg: TrainConfig, model: nn.Module, known: Mapping | None, images_sha256: str) -> dict | None:
    """Load the kept weights of a run into its network; returns the trained part of its run file.

    `known`: the run file, if there is one; its weights are the only ones that count. Without it, weights count that the
    same configuration and the same code of the user gave on the same data. Returns None, and leaves the network as it
    is, if there are none. A damaged file is set aside as <run_id>.pt.damaged; that, and weights that do not count, are
    noted on stderr. Raises Refused if the user's code of a known network has changed.
    """
    path = cfg.weights_file
    if known is not None:
        _check_code(cfg, known)
    if path is None or not path.exists():
        return None
    try:
        kept = _read(path)
    except outside.Unreadable as error:
        _note(f"{error}; it is renamed to {outside.set_aside(path).name}")
        return None
    run = without_measurements(kept["run"] if known is None else known)
    reason = _reason_not_to_count(cfg, kept, run, images_sha256)
    if reason is None and not checkpoint.fits(kept["model"], model.state_dict()):
        reason = "it holds tensors of another network"
    if reason is None and (changed := _changed_code(own_code.of_training(cfg), run)):
        reason = f"{changed} has changed since they were trained"
    if reason is not None:
        _note(f"{path} is not used: {reason}")
        return None
    model.load_state_dict(kept["model"])
    return run


def check_data(cfg: TrainConfig, known: Mapping | None, images_sha256: str) -> None:
    """Raise Refused if the data are not those that the run is named after, or not those of its run file.

    Raises ConfigError if the run file is that of another configuration.
    """
    if cfg.dataset_sha256 is not None and sha256_of_file(cfg.dataset) != cfg.dataset_sha256:
        raise Refused(f"{cfg.dataset} was replaced after this run was configured; launch again, with a new identity")
    if known is None:
        return
    if known["config"] != cfg.training():
        raise ConfigError(f"what is known of {known['run_id']} belongs to another configuration than {cfg.run_id}")
    if known["sha256"]["data"] != images_sha256:
        what = f"the data of {cfg.dataset_name}"
        raise Refused(f"{what} are not those that {cfg.run_id} was trained on; {REMEDY.format(what='them')}")


def check_kept(cfg: TrainConfig, known: Mapping) -> None:
    """Raise Refused if a run would have to be trained before it can be measured."""
    path = cfg.weights_file
    if path is None or not path.exists():
        raise Refused(f"{_missing(cfg)}; a launch without --measure-only trains it again")
    try:
        reason = _reason_not_to_count(cfg, _read(path), known, known["sha256"]["data"])
    except outside.Unreadable as error:
        reason = str(error)
    if reason is not None:
        raise Refused(
            f"{cfg.run_id} would have to be trained again ({reason}); a launch without --measure-only does so"
        )


def check_machine(cfg: TrainConfig, known: Mapping, here: Mapping) -> None:
    """Raise Refused if training again on this machine may give other bits than the run file records."""
    different = provenance.other_bits(known["provenance"], here)
    if different:
        raise Refused(
            f"{_missing(cfg)}, and training again may give other weights here ({'; '.join(different)}): "
            f"measure it on a machine like that one, {REMEDY.format(what='the weights')}"
        )


def check_weights(cfg: TrainConfig, known: Mapping, weights_sha256: str) -> None:
    """Raise Refused if a run that was trained again has other weights than its run file records."""
    if known["sha256"]["weights"] != weights_sha256:
        raise Refused(
            f"{_missing(cfg)}, and training again gave other weights than the run file records: "
            f"{REMEDY.format(what='the weights')}"
        )


def load_model(path: Path) -> nn.Module:
    """The trained network of a file of weights, on the CPU and in evaluation mode.

    Raises OSError if it cannot be read, and ValueError if it is damaged or holds no run.
    """
    kept = _read(Path(path))
    run, network = kept["run"], kept["network"]
    options = run["config"]["options"].get(run["architecture"], {})
    with outside.parsing(f"{path} does not fit the network that it names", (ConfigError, MemoryError)):
        model = build_model(
            run["architecture"], run["activation"], tuple(network["image_shape"]), network["num_classes"],
            run["config"]["dropout"], **options,
        )  # fmt: skip
        model.load_state_dict(kept["model"])
    if changed := _changed_code((("architectures", run["architecture"]),), run):
        _note(f"{changed} has changed since {run['run_id']} was trained: this may be another network")
    return model.eval()


def _read(path: Path) -> dict:
    kept = checkpoint.load(path, {"run": dict, "network": dict, "model": dict})
    with outside.parsing(f"{path} is damaged: it holds no run of this version of the program"):
        outside.check(kept["run"], TRAINED, "the run")
        outside.check(kept["network"], NETWORK, "the network")
    return kept


def _reason_not_to_count(cfg: TrainConfig, kept: Mapping, run: Mapping, images_sha256: str) -> str | None:
    if run["config"] != cfg.training():
        return "another configuration gave these weights"
    if run["sha256"]["data"] != images_sha256:
        return "they were trained on other data"
    if lacks_record(cfg, run):
        return "the run must be trained again to record its smoothed accuracy"
    if provenance.state_sha256(kept["model"]) != run["sha256"]["weights"]:
        return "its weights are not those that the run file records"
    return None


def _check_code(cfg: TrainConfig, known: Mapping) -> None:
    changed = _changed_code(own_code.of_network(cfg), known)
    if changed:
        raise Refused(
            f"{changed} has changed since {cfg.run_id} was trained, and a measurement would be of another network: "
            "restore the file, or give the plug-in another name"
        )


def _changed_code(plug_ins: own_code.PlugIns, run: Mapping) -> str:
    """The names of the user's files that are not as they were when the run was trained; "" if there are none."""
    return " and ".join(own_code.unlike(run["provenance"].get("own_code", {}), own_code.of(plug_ins)))


def _missing(cfg: TrainConfig) -> str:
    path = cfg.weights_file
    where = "" if path is None else f" in {path}"
    return f"the trained weights of {cfg.run_id} are not kept{where}"


def _note(text: str) -> None:
    complain(f"warning: {text}")
