"""The trained weights that are kept: load a network, list the files, delete those that are not needed any more."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.commands import one_run
from campaign.grid.settings import Launch
from campaign.machine.console import say
from campaign.planning.survey import survey
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.atomic import CannotWrite, writing

if TYPE_CHECKING:
    from torch import nn

MEASURED, UNFINISHED, OTHER, ORPHANED = "measured as asked", "unfinished", "not in this list", "no run file"
DAMAGED = "damaged"
STATES = {
    MEASURED: "all that this list asks for is measured; --prune-weights deletes them",
    UNFINISHED: "something that this list asks for is still to be trained or measured",
    OTHER: "a run file in the output folder belongs to them, but this list does not ask for it",
    ORPHANED: "neither this list nor a run file in the output folder belongs to them",
    DAMAGED: "a launch has set them aside; --prune-weights deletes those of this list",
}
"""What a file of weights is, and what that means."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """A file of trained weights."""

    run_id: str
    dataset: str
    mb: float
    state: str
    """One of `STATES`."""
    file: str

    @classmethod
    def of(cls, path: Path, state: str) -> "Kept":
        """The file <dataset>/<run_id>.pt or, set aside, <run_id>.pt.damaged…."""
        return cls(path.name.split(".pt")[0], path.parent.name, path.stat().st_size / 1e6, state, str(path))


def load_model(
    run_id: str, output_dir: str | Path = "results", checkpoint_dir: str | Path = "checkpoints"
) -> "nn.Module":
    """The trained network of a finished run, on the CPU and in evaluation mode.

    Its weights are those in <checkpoint_dir>/<dataset>/<run_id>.pt. It takes pixels, float32 B×C×H×W in [0, 1] at the
    run's `image_size`, and returns logits, B×classes. C is that of the data; of gray images it is 3, the channel
    repeated, unless the architecture states CHANNELS = 1. Raises ConfigError, in one sentence, for an unknown run and
    for weights that are gone, damaged or not those of the run file.
    """
    run = one_run.read(run_id, output_dir)
    path = Path(checkpoint_dir) / run["dataset"] / f"{run_id}.pt"
    if not path.is_file():
        raise ConfigError(f"the weights of {run_id} are not kept: there is no file {path}")
    from nnet.record import kept, provenance

    try:
        model = kept.load_model(path)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from error
    if provenance.weights_sha256(model) != run["sha256"]["weights"]:
        raise ConfigError(f"{path} does not hold the weights of {run_id}: its run file has another SHA-256")
    return model.eval()


def show(configs: Sequence[TrainConfig], launch: Launch, as_json: bool) -> int:
    """Print the kept weights in the checkpoint folders of these runs, as a table or as JSON. Returns 0."""
    files = kept(configs, launch)
    if as_json:
        say(json.dumps({"mb": _mb(files), "files": list(map(dataclasses.asdict, files))}, indent=1))
    else:
        say(_table(files))
    return 0


def prune(configs: Sequence[TrainConfig], launch: Launch, as_json: bool) -> int:
    """Delete the weights of these runs that are measured as asked, and what is damaged of these runs.

    Prints what was deleted. A run that a launcher works on keeps its weights. Returns 0, or 1 if a folder cannot be
    written.
    """
    asked = {config.run_id for config in configs}
    files = [file for file in kept(configs, launch) if file.state in (MEASURED, DAMAGED) and file.run_id in asked]
    deleted, left, problem = [], {}, None
    try:
        for file in files:
            claims = Store(Path(launch.output_dir) / file.dataset).claims
            if not claims.take(file.run_id):
                left[file.run_id] = claims.holder(file.run_id) or "another launcher"
                continue
            try:
                with writing(Path(file.file).parent):
                    Path(file.file).unlink(missing_ok=True)
            finally:
                claims.release(file.run_id)
            deleted.append(file)
    except CannotWrite as error:
        problem = str(error)
    if as_json:
        rows = list(map(dataclasses.asdict, deleted))
        say(json.dumps({"mb": _mb(deleted), "deleted": rows, "in_use": left, "error": problem}, indent=1))
    else:
        stay = [f"left: {holder} works on {run_id}" for run_id, holder in left.items()]
        say("\n".join([_table(deleted, "deleted"), *stay]))
    if problem:
        say(f"error: {problem}", sys.stderr)
    return 1 if problem else 0


def kept(configs: Sequence[TrainConfig], launch: Launch) -> list[Kept]:
    """The files of weights in the checkpoint folders of these runs, sorted by folder and name.

    Raises ConfigError if these runs keep no weights.
    """
    folders = {Path(config.checkpoint_dir) / config.dataset_name for config in configs if config.checkpoint_dir}
    if not folders:
        raise ConfigError("these runs keep no weights: checkpoint_dir is None")
    here = dataclasses.replace(launch, engine="process", max_workers=None)
    unfinished = {config.run_id for config in survey(configs, here, retry_failed=True).pending}
    asked = {config.run_id for config in configs}
    stored = {path.stem for path in Path(launch.output_dir).rglob("runs/*.json")}

    def state(run_id: str) -> str:
        if run_id in asked:
            return UNFINISHED if run_id in unfinished else MEASURED
        return OTHER if run_id in stored else ORPHANED

    files = [Kept.of(path, state(path.stem)) for folder in folders for path in folder.glob("*.pt")]
    files += [Kept.of(path, DAMAGED) for folder in folders for path in folder.glob("*.pt.damaged*")]
    return sorted(files, key=lambda file: file.file)


def _mb(files: Iterable[Kept]) -> float:
    return sum(file.mb for file in files)


def _table(files: Sequence[Kept], verb: str = "") -> str:
    """The files, then how many there are of each state."""
    rows = [("run", "dataset", "MB", "state"), *((f.run_id, f.dataset, f"{f.mb:.1f}", f.state) for f in files)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{run:<{widths[0]}}  {data:<{widths[1]}}  {mb:>{widths[2]}}  {state}" for run, data, mb, state in rows]
    of_state = {state: [file for file in files if file.state == state] for state in STATES}
    lines += ["", f"{verb or 'kept'}: {len(files)} files, {_mb(files):.1f} MB"]
    if verb:
        return "\n".join(lines)
    counts = [f"  {len(some)} {state}, {_mb(some):.1f} MB: {STATES[state]}" for state, some in of_state.items() if some]
    return "\n".join(lines + counts)
