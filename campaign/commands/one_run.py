"""The run file that a run_id names."""

from pathlib import Path

from campaign.store import run_file
from nnet.checks import ConfigError, nearest


def read(run_id: str, output_dir: str | Path) -> dict:
    """What <output_dir>/*/runs/<run_id>.json holds.

    Raises ConfigError, in one sentence, if no folder has this run, if several have it, and if the file is damaged.
    """
    path = find(run_id, output_dir)
    try:
        return run_file.read(path)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def find(run_id: str, output_dir: str | Path) -> Path:
    """The file of this run. Raises ConfigError, in one sentence, if no folder has it or if several have it."""
    every = sorted(Path(output_dir).glob("*/runs/*.json"))
    paths = [path for path in every if path.stem == run_id]
    if not paths:
        hint = nearest(run_id, [path.stem for path in every])
        raise ConfigError(f"there is no finished run {run_id!r} in {output_dir}{hint}")
    if len(paths) > 1:
        folders = " and ".join(str(path.parent.parent) for path in paths)
        raise ConfigError(f"run {run_id!r} is in {folders}; move one of these folders out of {output_dir}")
    return paths[0]
