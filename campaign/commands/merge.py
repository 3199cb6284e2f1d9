"""`--merge`: join another results folder into this one, run by run and point by point."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from campaign.analysis import tables
from campaign.machine import signals
from campaign.machine.console import complain, say
from campaign.store import run_file
from campaign.store.folder import Store
from campaign.store.log import Log
from nnet.checks import ConfigError
from nnet.evaluations.parts import points
from nnet.files.atomic import CannotWrite

HASHES = {"data": "other data", "initial_weights": "other initial weights", "weights": "other trained weights"}
"""What the hashes of a run file are of, in words."""


def merge(folder: str | Path, output_dir: str | Path, reference: Mapping[str, object] | None) -> int:
    """Join the runs of `folder` into `output_dir` and write its tables. `folder` is only read.

    A run that only `folder` has is copied; of a run that both have, the points are joined. `reference`: what the runs
    are compared with, where `output_dir` does not say it yet. Returns 0, or 1 if `output_dir` cannot be written. Raises
    ConfigError, in one sentence that names the run, if both have a run with another configuration, with other data or
    weights, or a point with different values, and if a launcher works on such a run; then no run is changed.
    """
    runs = _read(Path(folder), Path(output_dir))
    stores = {name: Store(Path(output_dir) / name) for name in sorted({run["dataset"] for run in runs})}
    _changed(runs, stores, folder)  # raises before anything is written
    try:
        with signals.held(), _claimed(runs, stores):
            changed = _changed(runs, stores, folder)
            new = sum(stores[run["dataset"]].result(run["run_id"]) is None for run in changed)
            for run in changed:
                stores[run["dataset"]].save(run)
                Log(stores[run["dataset"]].folder).add("merged", run["run_id"], f"from {folder}")
            for store in stores.values():
                if not (store.folder / "campaign.json").exists():
                    store.remember_campaign(sorted(store.results()), dict(reference or {}) or None)
                tables.write(store)
    except CannotWrite as error:
        complain(f"error: {error}; the same command goes on from here")
        return 1
    more = len(changed) - new
    say(f"{len(runs)} runs of {folder}: {new} new, {more} with new points, {len(runs) - len(changed)} already there")
    return 0


def _read(folder: Path, output_dir: Path) -> list[dict]:
    """The runs of a results folder, or of the folder of one dataset."""
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    paths = sorted([*folder.glob("runs/*.json"), *folder.glob("*/runs/*.json")])
    if not paths:
        raise ConfigError(f"there are no run files in {folder}; give a results folder, or that of one dataset")
    if any(path.resolve().is_relative_to(output_dir.resolve()) for path in paths):
        raise ConfigError(f"the runs of {folder} lie in the output folder {output_dir}; give another folder")
    try:
        return [run_file.read(path) for path in paths]
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _changed(runs: list[dict], stores: Mapping[str, Store], folder: str | Path) -> list[dict]:
    """The joined runs that differ from those of `stores`."""
    changed = []
    for store in stores.values():
        _refuse_other_data([run for run in runs if stores[run["dataset"]] is store], store, folder)
    for run in runs:
        store = stores[run["dataset"]]
        own = store.result(run["run_id"])
        both = run if own is None else _joined(own, run, store.folder, folder)
        if both != own:
            changed.append(both)
    return changed


def _joined(own: dict, other: dict, own_folder: Path, folder: str | Path) -> dict:
    """Two run files of one network as one. Raises ConfigError if they contradict each other."""
    run_id = own["run_id"]
    different = ["another configuration"] if own["config"] != other["config"] else []
    different += [what for name, what in HASHES.items() if own["sha256"].get(name) != other["sha256"].get(name)]
    if different:
        raise ConfigError(f"{run_id} has {different[0]} in {folder} than in {own_folder}; no run was merged")
    try:
        return own | {"measurements": points.joined(own["measurements"], other["measurements"])}
    except ValueError as error:
        raise ConfigError(f"{run_id} in {folder} and in {own_folder}: {error}; no run was merged") from error


def _refuse_other_data(runs: list[dict], store: Store, folder: str | Path) -> None:
    """Raise ConfigError if the folders hold runs on different data of one name."""
    known: dict[tuple, str] = {}
    for run in [*store.results().values(), *runs]:
        kind = (run["config"]["image_size"], run["config"].get("dataset_sha256"))
        if known.setdefault(kind, run["sha256"]["data"]) != run["sha256"]["data"]:
            raise ConfigError(f"{folder} and {store.folder} hold runs on different data of one name; no run was merged")


@contextmanager
def _claimed(runs: list[dict], stores: Mapping[str, Store]) -> Iterator[None]:
    """Within the block no launcher works on these runs. Raises ConfigError if one does."""
    try:
        for run in runs:
            claims = stores[run["dataset"]].claims
            if not claims.take(run["run_id"]):
                raise ConfigError(f"{claims.holder(run['run_id'])} works on {run['run_id']}; merge when it has ended")
        yield
    finally:
        for store in stores.values():
            store.claims.release_all()
