"""The folder of one dataset's results: one file per finished run, one per failed run, and unfinished ones."""

import json
from contextlib import suppress
from pathlib import Path

from campaign.engines.base import Failure
from campaign.store import run_file
from campaign.store.claims import Claims
from nnet.config import TrainConfig
from nnet.files.atomic import remove_leftovers, write_file, writing

UNFINISHED = ("partial", "deaths", "failures")
FOLDERS = ("", "runs", *UNFINISHED)
MISSING = (FileNotFoundError, NotADirectoryError)


class Store:
    """The runs of one dataset, in files that launchers write, each whole or not at all.

        runs/<run_id>.json      a finished run         deaths/<run_id>.json   how often its worker has died
        failures/<run_id>.txt   why a run failed       claims/<run_id>.json   which launcher is at work on it
        partial/<run_id>.pt     where an unfinished run goes on, and .epoch, its epoch (written by its worker)

    A run is finished if its file exists and is sound. Nothing else is stored, so a campaign resumes from these files.
    Every method that writes raises CannotWrite if the disk is full or gone.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.claims = Claims(self.folder / "claims")
        self.damaged: dict[Path, str] = {}
        self._loaded: dict[str, dict] = {}

    def results(self) -> dict[str, dict]:
        """All finished runs by run_id, including those of other launchers.

        A damaged file is left out and listed in `damaged`.
        """
        for path in (self.folder / "runs").glob("*.json"):
            if path.stem not in self._loaded and path not in self.damaged:
                try:
                    self._loaded[path.stem] = run_file.read(path)
                except MISSING:
                    continue
                except ValueError as error:
                    self.damaged[path] = str(error)
        return self._loaded

    def result(self, run_id: str) -> dict | None:
        """One finished run, or None."""
        with suppress(*MISSING, ValueError):
            self._loaded.setdefault(run_id, run_file.read(self.folder / "runs" / f"{run_id}.json"))
        return self._loaded.get(run_id)

    def save(self, result: dict) -> Path:
        """Store a finished run, and delete what was kept of it while it was unfinished or failed."""
        run_id = result["run_id"]
        path = self.folder / "runs" / f"{run_id}.json"
        run_file.write(path, result)
        self._loaded[run_id] = result
        self.damaged.pop(path, None)
        self._forget_unfinished(run_id)
        return path

    def fail(self, config: TrainConfig, failure: Failure) -> Path:
        """Store why a run failed, its configuration and how often it was tried."""
        path = self.failure_file(config.run_id)
        tries = 1 + self.tries(config.run_id)
        settings = {"training": config.training(), "measuring": config.measuring()}
        text = (
            f"run {config.run_id}\ntried {tries} time(s)\n{failure.error}: {failure.message}\n\n"
            f"{json.dumps(settings, indent=1)}\n\n{failure.traceback}"
        )
        write_file(path, text.encode())
        self._death_file(config.run_id).unlink(missing_ok=True)
        return path

    def failed(self) -> list[str]:
        """The run_ids of failed runs, sorted."""
        return sorted(path.stem for path in (self.folder / "failures").glob("*.txt"))

    def failure(self, run_id: str) -> str | None:
        """Why a run failed, in one line, or None if it did not."""
        with suppress(*MISSING):
            lines = self.failure_file(run_id).read_text(errors="replace").splitlines()
            return lines[2] if len(lines) > 2 else "for an unknown reason"
        return None

    def failure_file(self, run_id: str) -> Path:
        """The file with the traceback of a failed run."""
        return self.folder / "failures" / f"{run_id}.txt"

    def tries(self, run_id: str) -> int:
        """How often a failed run was tried; 0 if it has not failed."""
        try:
            return int(self.failure_file(run_id).read_text().splitlines()[1].split()[1])
        except (OSError, IndexError, ValueError):
            return 0

    def epoch(self, run_id: str) -> int | None:
        """The epoch after which an unfinished run would resume, or None."""
        with suppress(OSError, ValueError):
            return int(self._epoch_file(run_id).read_text())
        return None

    def died(self, run_id: str) -> int:
        """Count a death of a run's worker; the number of deaths since the run last made progress."""
        path = self._death_file(run_id)
        progress = self._progress(run_id)
        try:
            known = json.loads(path.read_text())
            deaths = int(known["deaths"]) if known["progress"] == progress else 0
        except (OSError, ValueError, TypeError, KeyError):
            deaths = 0
        write_file(path, json.dumps({"deaths": deaths + 1, "progress": progress}).encode())
        return deaths + 1

    def partly_done(self) -> set[str]:
        """The run_ids of unfinished runs that can resume after a stored epoch."""
        return {path.stem for path in (self.folder / "partial").glob("*.pt")}

    def set_aside_damaged(self) -> list[Path]:
        """Rename damaged run files to <name>.damaged, so that their runs are done again; the new paths."""
        if not self.damaged:
            return []
        aside = []
        with writing(self.folder), self.claims.locked():
            for path in self.damaged:
                with suppress(*MISSING):
                    if _is_damaged(path):  # still: another launcher may have repeated the run meanwhile
                        aside.append(path.with_name(f"{path.name}.damaged"))
                        path.replace(aside[-1])
        self.damaged.clear()
        return aside

    def remove_leftovers(self) -> None:
        """Delete what dead launchers and workers left: half-written files, claims, traces of finished runs."""
        with writing(self.folder):
            for name in FOLDERS:
                remove_leftovers(self.folder / name)
            unfinished = {path.stem for name in UNFINISHED for path in (self.folder / name).glob("*.*")}
            for run_id in unfinished & self.results().keys():
                self._forget_unfinished(run_id)
        self.claims.remove_dead()

    def remember_campaign(self, run_ids: list[str], reference: dict | None = None, seconds: dict | None = None) -> None:
        """Write campaign.json: the runs of the latest campaign, its reference, and the estimated seconds by run_id."""
        campaign = {"runs": sorted(run_ids), "reference": reference or {"regime": "clean"}, "seconds": seconds or {}}
        write_file(self.folder / "campaign.json", f"{json.dumps(campaign, indent=1)}\n".encode())

    def estimates(self) -> dict[str, float]:
        """Estimated seconds by run_id, as the latest launch wrote them; empty if it did not."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            return dict(json.loads((self.folder / "campaign.json").read_text())["seconds"])
        return {}

    def _forget_unfinished(self, run_id: str) -> None:
        unfinished = (self._partial_file(run_id), self._epoch_file(run_id), self._death_file(run_id))
        with writing(self.folder):
            for path in (*unfinished, self.failure_file(run_id)):
                path.unlink(missing_ok=True)

    def _partial_file(self, run_id: str) -> Path:
        return self.folder / "partial" / f"{run_id}.pt"

    def _epoch_file(self, run_id: str) -> Path:
        return self.folder / "partial" / f"{run_id}.epoch"

    def _death_file(self, run_id: str) -> Path:
        return self.folder / "deaths" / f"{run_id}.json"

    def _progress(self, run_id: str) -> int | None:
        with suppress(*MISSING):
            return self._partial_file(run_id).stat().st_mtime_ns
        return None


def _is_damaged(path: Path) -> bool:
    try:
        run_file.read(path)
    except ValueError:
        return True
    return False


def completeness(folder: Path) -> str:
    """How complete a results folder is: "143 of 150 runs, 5 failed, 2 pending".

    It counts the runs in the folder and those of its latest campaign.
    """
    planned = _planned(folder)
    finished = {path.stem for path in (folder / "runs").glob("*.json")}
    failed = {path.stem for path in (folder / "failures").glob("*.txt")} - finished
    pending = planned - finished - failed
    parts = [f"{len(finished)} of {len(finished | failed | pending)} runs"]
    parts += [f"{len(group)} {word}" for group, word in ((failed, "failed"), (pending, "pending")) if group]
    return ", ".join(parts)


def _planned(folder: Path) -> set[str]:
    with suppress(OSError, ValueError, TypeError, KeyError):
        return set(json.loads((folder / "campaign.json").read_text())["runs"])
    return set()
