"""Run a finished run again and compare every bit: is its result still what this code gives on this machine?"""

from contextlib import closing
from pathlib import Path

from campaign.commands.command_line import Settings
from campaign.engines import base, process
from campaign.engines.workers import tasks
from campaign.store import run_file
from nnet.config import TrainConfig, default_data_dir


def verify(run_id: str, settings: Settings) -> int:
    """Do one finished run of the output folder again and print what differs. Nothing is written.

    Returns 0 if everything but the timings is the same, 1 if not. Raises ValueError where there is no such run,
    or where it was made on an .npz file other than `settings.dataset`.
    """
    found = [path for path in Path(settings.output_dir).glob("*/runs/*.json") if path.stem == run_id]
    if len(found) != 1:
        raise ValueError(f"there is no finished run {run_id!r} in {settings.output_dir}")
    stored = run_file.read(found[0])
    config = _config(stored, settings)
    with closing(process.run([config], tasks.train, 1)) as outcomes:
        ((_, again),) = filter(None, outcomes)
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
    """Whether all that is stored is there again; rows may have come to hold more."""
    if isinstance(stored, dict) and isinstance(again, dict):
        return all(name in again and _same(value, again[name]) for name, value in stored.items())
    if isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        return all(map(_same, stored, again))
    return stored == again


def _config(stored: dict, settings: Settings) -> TrainConfig:
    science = {name: value for name, value in stored["config"].items() if name != "dataset_sha256"}
    if "dataset_sha256" in stored["config"]:
        science["dataset"] = settings.dataset
    config = TrainConfig(
        **science,
        cpu_threads=stored["provenance"]["threads"],
        use_cuda=stored["provenance"]["device"] != "cpu",
        data_dir=default_data_dir() if settings.data_dir is None else settings.data_dir,
    )
    if config.run_id != stored["run_id"]:
        raise ValueError(
            f"{stored['run_id']} was made on {stored['config']['dataset']}.npz; give that file as --dataset"
        )
    return config
