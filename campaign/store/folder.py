"""The folder of one dataset's results: one file per trained network, one per failed run, and unfinished ones."""

import json
from contextlib import suppress
from pathlib import Path

from campaign.engines.base import Failure
from campaign.machine.console import clean
from campaign.store import campaign_file, run_file
from campaign.store.claims import MISSING, Claims
from campaign.store.index import Index, Outline
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.files import checked_json, outside
from nnet.files.atomic import CannotWrite, write_file, writing
from nnet.files.temporary import remove_leftovers
from nnet.record import beat

UNFINISHED = ("partial", "deaths", "failures")
PARTIAL = (".pt", ".epoch", ".points")
RESUMED = (".pt", ".points")
LONGEST_NUMBER = 18
FOLDERS = ("", "runs", "claims", "figures", *UNFINISHED)


class Store:
    """The runs of one dataset, in files that launchers write, each whole or not at all.

        runs/<run_id>.json       a trained network and all its measurements: it only grows
        failures/<run_id>.txt    why a run failed
        deaths/<run_id>.json     how often its worker has died
        claims/<run_id>.json     which launcher is at work on it
        partial/<run_id>.pt      where an unfinished training goes on, and .epoch, its epoch (written by its worker)
        partial/<run_id>.points  the points that unfinished measurements have so far (written by its worker)
        partial/<run_id>.beat    how far it is at this moment, for people (written by its worker)

    Nothing else is stored, so a campaign resumes from these files. A trace of unfinished work that is older than the
    run file belongs to work that was finished since. Every method that reads run files raises ConfigError for those of
    another version of this program; every method that writes raises CannotWrite if the disk is full or gone.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.claims = Claims(self.folder / "claims")
        self.index = Index(self.folder / "runs")
        self.damaged = self.index.damaged
        self._begun = False
        self._seen: dict[str, Outline] = {}

    def outlines(self) -> dict[str, Outline]:
        """What planning needs of all runs, by run_id; the same object while no run file was added or replaced.

        Only files that have changed since a launch of this user read them are read. Raises CannotWrite if run files
        have vanished in a campaign.
        """
        seen = self.index.all()
        if self._begun and seen is not self._seen:
            lost = [run_id for run_id in self._seen.keys() - seen.keys() if self.index.path(run_id) not in self.damaged]
            if lost:
                raise CannotWrite(f"cannot write in {self.folder / 'runs'}: {len(lost)} of its run files have vanished")
        self._seen = seen
        return seen

    def outline(self, run_id: str) -> Outline | None:
        """What planning needs of one run, as its file is now, or None; from a disk that is gone, what was read."""
        return self.index.one(run_id)

    def results(self) -> dict[str, dict]:
        """All runs by run_id as their files are now, including those of other launchers.

        A damaged file is left out and listed in `damaged`.
        """
        run_ids = [path.stem for path in (self.folder / "runs").glob("*.json")]
        found = {run_id: self.result(run_id) for run_id in run_ids}
        return {run_id: run for run_id, run in found.items() if run is not None}

    def result(self, run_id: str) -> dict | None:
        """What is known of one run by now, or None. A damaged file is listed in `damaged`."""
        return self.index.content(run_id)

    def save(self, result: dict) -> str:
        """Replace the run file by what `train_and_evaluate` returned; what follows from the measurements is left out.

        What was kept of the run while it was unfinished or failed is deleted. Returns the check sum of the file.
        """
        path, run = self.index.path(result["run_id"]), points.stored(result)
        checksum = run_file.write(path, run)
        with suppress(OSError):  # else it is read when it is asked for
            self.index.add(run, checksum)
        self.damaged.pop(path, None)
        self._forget_unfinished(result["run_id"])
        return checksum

    def fail(self, config: TrainConfig, failure: Failure) -> Path:
        """Store why a run failed, its configuration and how often it was tried."""
        path, tries = self.failure_file(config.run_id), 1 + self.tries(config.run_id)
        settings = {"training": config.training(), "measuring": config.measuring()}
        text = (
            f"run {config.run_id}\ntried {tries} time(s)\n{failure.error}: {failure.message}\n\n"
            f"{json.dumps(settings, indent=1)}\n\n{failure.traceback}"
        )
        write_file(path, clean(text).encode(errors="backslashreplace"))
        for trace in (self._death_file(config.run_id), self._partial_file(config.run_id, beat.SUFFIX)):
            trace.unlink(missing_ok=True)
        return path

    def failed(self) -> list[str]:
        """The run_ids of runs that have failed and were not finished since, sorted."""
        paths = (self.folder / "failures").glob("*.txt")
        return sorted(path.stem for path in paths if not self._is_over(path))

    def failure(self, run_id: str) -> str | None:
        """Why a run failed, in one line, or None if it did not."""
        with suppress(*MISSING):
            try:
                lines = outside.text(self.failure_file(run_id)).splitlines()
            except outside.Unreadable as error:
                lines = ["", "", str(error)]
            if not self._is_over(self.failure_file(run_id)):
                return lines[2] if len(lines) > 2 else "for an unknown reason"
        return None

    def failure_file(self, run_id: str) -> Path:
        """The file with the traceback of a failed run."""
        return self.folder / "failures" / f"{run_id}.txt"

    def tries(self, run_id: str) -> int:
        """How often a failed run was tried; 0 if it has not failed."""
        try:
            return int(outside.text(self.failure_file(run_id)).splitlines()[1].split()[1][:LONGEST_NUMBER])
        except (OSError, IndexError, ValueError):
            return 0

    def epoch(self, run_id: str) -> int | None:
        """The epoch after which an unfinished run would resume, or None."""
        with suppress(OSError, ValueError):
            return int(outside.text(self._partial_file(run_id, ".epoch"), most=LONGEST_NUMBER))
        return None

    def beat(self, run_id: str) -> dict[str, int]:
        """How far an unfinished run was a moment ago, as `beat.read`; without a beat, where it would resume."""
        read = beat.read(self._partial_file(run_id, beat.SUFFIX))
        return {"epochs": self.epoch(run_id) or 0, "points": 0} if read is None else read

    def died(self, run_id: str) -> int:
        """Count a death of a run's worker; the number of deaths since the run last made progress."""
        path = self._death_file(run_id)
        progress = self._progress(run_id)
        try:
            known = checked_json.load(path, {"deaths": int, "progress": [int]})
            deaths = max(0, known["deaths"]) if known["progress"] == progress else 0
        except (OSError, outside.Unreadable):
            deaths = 0
        checked_json.save(path, {"deaths": deaths + 1, "progress": progress})
        return deaths + 1

    def partly_done(self) -> set[str]:
        """The run_ids of unfinished runs that can resume after a stored epoch or point."""
        paths = (self.folder / "partial").glob("[!.]*")
        return {path.stem for path in paths if path.suffix in RESUMED and not self._is_over(path)}

    def set_aside_damaged(self) -> list[Path]:
        """Rename damaged run files to <name>.damaged…, so that their runs are done again; the new paths."""
        if not self.damaged:
            return []
        aside = []
        with writing(self.folder), self.claims.locked():
            for path in list(self.damaged):
                with suppress(*MISSING):
                    self.result(path.stem)
                    if path in self.damaged:  # still: another launcher may have repeated the run meanwhile
                        aside.append(outside.set_aside(path))
        self.damaged.clear()
        return aside

    def remove_leftovers(self) -> None:
        """Delete what dead launchers and workers left: half-written files, claims, traces of finished runs."""
        with writing(self.folder):
            for name in FOLDERS:
                remove_leftovers(self.folder / name)
            for path in [path for name in UNFINISHED for path in (self.folder / name).glob("[!.]*.*")]:
                if self._is_over(path):
                    path.unlink(missing_ok=True)
        self.claims.remove_dead()

    def remember_campaign(self, run_ids: list[str], reference: dict | None = None, **about) -> None:
        """Write campaign.json, see `campaign_file.FORM`. Unfinished runs of other campaigns keep their `threads`."""
        others = self._under_way() - set(run_ids)
        kept = {run_id: number for run_id, number in self.threads().items() if run_id in others}
        about["threads"] = kept | about.get("threads", {})
        campaign_file.write(self.folder, run_ids, reference, about)
        self._begun = True

    def check_there(self) -> None:
        """Raise CannotWrite if what `remember_campaign` wrote has vanished."""
        if self._begun:
            campaign_file.check_there(self.folder)

    def refuse_links(self) -> None:
        """Raise ConfigError if one of the folders in this one is a link: what is deleted there may be anything."""
        for path in [self.folder / name for name in ("runs", "claims", *UNFINISHED)]:
            if path.is_symlink():
                raise ConfigError(f"{path} is a link, which is not followed; put a folder in its place")

    def estimates(self) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        """`seconds`, `training` and `spent` as the latest launch wrote them; empty if it did not."""
        known = campaign_file.read(self.folder)
        return known.get("seconds", {}), known.get("training", {}), known.get("spent", {})

    def threads(self) -> dict[str, int]:
        """The threads that launches have chosen for runs, by run_id.

        Those of the latest launch count only if something of what it was to do is finished, partly done or under way.
        """
        known = campaign_file.read(self.folder)
        planned, threads = known.get("seconds", {}).keys(), known.get("threads", {})
        if planned & (self._under_way() | self.outlines().keys()):
            return dict.fromkeys(planned, 1) | threads
        return {run_id: number for run_id, number in threads.items() if run_id not in planned}

    def _under_way(self) -> set[str]:
        """The run_ids of runs that are partly done, or at work now."""
        return self.partly_done() | self.claims.living().keys()

    def _forget_unfinished(self, run_id: str) -> None:
        partial = [self._partial_file(run_id, suffix) for suffix in (*PARTIAL, beat.SUFFIX)]
        with writing(self.folder):
            for path in (*partial, self._death_file(run_id), self.failure_file(run_id)):
                path.unlink(missing_ok=True)

    def _is_over(self, trace: Path) -> bool:
        """Whether the run of a trace of unfinished work was finished since the trace was written."""
        with suppress(OSError):
            return trace.stat().st_mtime_ns < self.index.path(trace.stem).stat().st_mtime_ns
        return False

    def _partial_file(self, run_id: str, suffix: str) -> Path:
        return self.folder / "partial" / f"{run_id}{suffix}"

    def _death_file(self, run_id: str) -> Path:
        return self.folder / "deaths" / f"{run_id}.json"

    def _progress(self, run_id: str) -> list[int]:
        """When the run was kept, as far as there is something of it, for comparison alone."""
        times = []
        for path in (self.index.path(run_id), *(self._partial_file(run_id, suffix) for suffix in PARTIAL)):
            with suppress(*MISSING):
                times.append(path.stat().st_mtime_ns)
        return times
