"""`--verify`: do a finished run again and compare every bit of its result."""

from pathlib import Path

from campaign.engines import base, process
from campaign.engines.workers import tasks
from campaign.store import run_file
from nnet.checks import ConfigError
from nnet.config import TrainConfig, default_data_dir


def verify(run_id: str, output_dir: str | Path, dataset: str, data_dir: str | None) -> int:
    """Do one finished run of the output folder again and print what differs. Nothing is written.

    Returns 0 if everything but the timings is the same, 1 if not. Raises ConfigError if there is no such run, or if it
    was made on an .npz file other than `dataset`.
    """
    paths = [path for path in Path(output_dir).glob("*/runs/*.json") if path.stem == run_id]
    if len(paths) != 1:
        raise ConfigError(f"there is no finished run {run_id!r} in {output_dir}")
    stored = run_file.read(paths[0])
    with process.Engine(tasks.train, 1) as engine:
        ((_, again),) = engine.outcomes([_config(stored, dataset, data_dir)])
    if isinstance(again, base.Failure):
        print(f"{run_id} failed: {again.error}: {again.message}\n{again.traceback}")
        return 1
    for name, value in stored["provenance"].items():
        if again["provenance"].get(name) != value:
            print(f"{name} was {value}, is {again['provenance'].get(name)}")
    compared = [name for name in stored if name != "provenance" and not name.endswith("_seconds")]
    different = [name for name in compared if not _same(stored[name], again.get(name))]
    print(f"{run_id}: {'DIFFERENT in ' + ', '.join(different) if different else 'the same, bit for bit'}")
    return 1 if different else 0


def _same(stored: object, again: object) -> bool:
    """Whether everything that is stored is there again; newer code may write more columns."""
    if isinstance(stored, dict) and isinstance(again, dict):
        return all(name in again and _same(value, again[name]) for name, value in stored.items())
    if isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        return all(map(_same, stored, again))
    return stored == again


def _config(stored: dict, dataset: str, data_dir: str | None) -> TrainConfig:
    science = {name: value for name, value in stored["config"].items() if name != "dataset_sha256"}
    if "dataset_sha256" in stored["config"]:
        science["dataset"] = dataset
    config = TrainConfig(
        **science,
        cpu_threads=stored["provenance"]["threads"],
        use_cuda=stored["provenance"]["device"] != "cpu",
        data_dir=default_data_dir() if data_dir is None else data_dir,
    )
    if config.run_id != stored["run_id"]:
        raise ConfigError(
            f"{stored['run_id']} was made on {stored['config']['dataset']}.npz; give that file as --dataset"
        )
    return config
