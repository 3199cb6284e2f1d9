"""The folder of one dataset's results: one file per finished run, one per failed run."""

import json
from pathlib import Path

from campaign.engines.base import Failure
from nnet.atomic import write_file
from nnet.config import TrainConfig


class Store:
    """`<folder>/runs/<run_id>.json` and `<folder>/failures/<run_id>.txt`, written by the launcher alone.

    A run is finished when its file is there. Nothing else is remembered, so a campaign is resumed by looking.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._loaded: dict[str, dict] = {}

    def results(self) -> dict[str, dict]:
        """All finished runs by run_id, those included that another launcher has added.

        Raises ValueError where a file is damaged.
        """
        for path in (self.folder / "runs").glob("*.json"):
            if path.stem not in self._loaded:
                self._loaded[path.stem] = _load(path)
        return self._loaded

    def save(self, result: dict) -> Path:
        """Keep a finished run; it is a failed one no more."""
        path = self.folder / "runs" / f"{result['run_id']}.json"
        text = json.dumps(result, indent=1, allow_nan=False)
        write_file(path, f"{text}\n".encode())
        self._failure_file(result["run_id"]).unlink(missing_ok=True)
        self._loaded[result["run_id"]] = result
        return path

    def fail(self, config: TrainConfig, failure: Failure) -> Path:
        """Keep why a run failed, its configuration and how often it was tried."""
        path = self._failure_file(config.run_id)
        tries = 1 + self._tries(path)
        text = (
            f"run {config.run_id}\ntried {tries} time(s)\n{failure.error}: {failure.message}\n\n"
            f"{json.dumps(config.science(), indent=1)}\n\n{failure.traceback}"
        )
        write_file(path, text.encode())
        return path

    def failed(self) -> list[str]:
        """The run_ids of failed runs, sorted."""
        return sorted(path.stem for path in (self.folder / "failures").glob("*.txt"))

    def plan(self, run_ids: list[str]) -> None:
        """Remember which runs the latest campaign is made of, for the line that says how complete it is."""
        write_file(self.folder / "campaign.json", f"{json.dumps({'runs': sorted(run_ids)}, indent=1)}\n".encode())

    def _failure_file(self, run_id: str) -> Path:
        return self.folder / "failures" / f"{run_id}.txt"

    @staticmethod
    def _tries(path: Path) -> int:
        try:
            return int(path.read_text().splitlines()[1].split()[1])
        except (OSError, IndexError, ValueError):
            return 0


def completeness(folder: Path) -> str:
    """How complete a results folder is: "143 of 150 runs, 5 failed, 2 pending".

    Runs are those that the folder holds and those that its latest campaign is made of.
    """
    plan = folder / "campaign.json"
    planned = set(json.loads(plan.read_text())["runs"]) if plan.exists() else set()
    finished = {path.stem for path in (folder / "runs").glob("*.json")}
    failed = {path.stem for path in (folder / "failures").glob("*.txt")} - finished
    pending = planned - finished - failed
    parts = [f"{len(finished)} of {len(finished | failed | pending)} runs"]
    parts += [f"{len(group)} {word}" for group, word in ((failed, "failed"), (pending, "pending")) if group]
    return ", ".join(parts)


def _load(path: Path) -> dict:
    try:
        result = json.loads(path.read_text())
        if result["run_id"] == path.stem:
            return result
        problem = "it holds another run"
    except (ValueError, KeyError, TypeError) as error:
        problem = str(error)
    raise ValueError(f"{path} is damaged ({problem}); delete it to do this run again")
