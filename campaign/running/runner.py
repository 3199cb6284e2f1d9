"""A prepared campaign, from its pending runs to its tables: engine -> store -> tables, whatever happens."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from campaign.engines import base
from campaign.engines.workers import tasks
from campaign.machine import signals
from campaign.machine.console import say
from campaign.planning import plan, work
from campaign.planning.campaign import Campaign
from campaign.running.progress import Progress
from campaign.running.schedule import Schedule
from campaign.running.tables import Tables
from campaign.store import run_file
from campaign.store.folder import Store
from campaign.store.log import Log
from nnet.config import TrainConfig
from nnet.files.atomic import CannotWrite

MOST_DEATHS = 3
LISTED = 10


def run(campaign: Campaign) -> int:
    """Do the pending runs, keep every result, write the tables, report. Returns the exit code.

    0: every run is trained and measured as asked. 1: some failed (stderr names them and their tracebacks), or nothing
    more could be written or started. 130: interrupted (Ctrl-C or SIGTERM). Finished runs are always kept.
    """
    launch = _Launch(campaign)
    with signals.handled(), launch.claims_released():
        try:
            with signals.held():
                launch.begin()
                launch.work()
                launch.record_what_was_asked()
                reports = launch.tables.write()
        except KeyboardInterrupt:
            return launch.stop("interrupted", signals.EXIT_CODE)
        except OSError as error:
            return launch.stop(f"stopped: {error}", 1)
    for text in reports:
        say(text)
    for folder in sorted({config.checkpoint_dir for config in campaign.configs if config.checkpoint_dir}):
        say(f"trained weights: {Path(folder)}")
    failures = campaign.failures()
    _list(failures, campaign.stores)
    under_way = len(campaign.runs) - campaign.finished() - len(failures) - len(campaign.left_out)
    if under_way:
        say(f"{under_way} run(s) are under way in other shards; see --status")
    return 1 if failures or campaign.left_out else 0


class _Launch:
    """One launch of a campaign: what is done with each outcome, and what is recorded."""

    def __init__(self, campaign: Campaign):
        self.campaign = campaign
        self.logs = {name: Log(store.folder, campaign.shard) for name, store in campaign.stores.items()}
        self.tried = {
            config.run_id: campaign.stores[config.dataset_name].tries(config.run_id) for config in campaign.failures()
        }
        weights = {
            Path(folder) / config.dataset_name for config in campaign.configs if (folder := config.checkpoint_dir)
        }
        self.tables = Tables([*campaign.stores.values()], weights)
        self.schedule = Schedule(campaign.pending, campaign.workers, stay=campaign.shard is None)
        self.progress: Progress  # made when the work begins
        self.met: set[str] = set()

    def begin(self) -> None:
        """Print and record what is to be done."""
        found, estimates = plan.found(self.campaign), self.campaign.estimates()
        say(found)
        for note in self.campaign.notes:
            say(f"note: {note}")
        for name, store in self.campaign.stores.items():
            mine = {run_id for run_id, (config, *_) in self.campaign.runs.items() if config.dataset_name == name}
            seconds = {run_id: estimate for run_id, estimate in estimates.items() if run_id in mine}
            spent = {run_id: run_file.seconds(run) for run_id, run in store.outlines().items() if run_id in mine}
            store.remember_campaign(sorted(mine), self.campaign.reference, seconds, spent)
            self.logs[name].add("launch", detail=found)
            for path in store.set_aside_damaged():
                say(f"note: {path.stem} was damaged: it is kept as {path}, and its run is repeated")
                self.logs[name].add("damaged", path.name.split(".json")[0], f"set aside as {path.name}")

    def work(self) -> None:
        """Run what is pending. Raises KeyboardInterrupt, and OSError if nothing more can be written or started."""
        before = {config.run_id: self.campaign.known(config) for config in self.campaign.pending}
        self.progress = Progress(self.campaign.estimates(), self.campaign.all_workers, before)
        what = tasks.measure if self.campaign.measuring.only else tasks.train
        with closing(self.progress), self.campaign.open(what) as engine:
            while self.schedule.unfinished():
                while engine.room and (config := self._next()) is not None:
                    engine.start(config, self.campaign.in_full(config))
                for config, outcome in engine.ended(base.TICK_S):
                    self._end(config, outcome)
                self._look_around()

    def record_what_was_asked(self) -> None:
        """Let run files that had all points before say what was asked for last, which tables show."""
        seen = {name: store.outlines() for name, store in self.campaign.stores.items()}
        answers = self.campaign.answers
        for run_id, (*_, last) in self.campaign.runs.items():
            outline, store = seen[last.dataset_name].get(run_id), self.campaign.stores[last.dataset_name]
            if outline is not None and not answers.is_last_asked(last, outline) and not self.campaign.left(last):
                if store.claims.take(run_id):
                    run = store.result(run_id)  # nobody else writes now
                    if run is not None:
                        store.save(run | {"asked": last.measuring()})
                    store.claims.release(run_id)

    @contextmanager
    def claims_released(self) -> Iterator[None]:
        """After the block no run is claimed by this launcher."""
        try:
            yield
        finally:
            for store in self.campaign.stores.values():
                store.claims.release_all()

    def stop(self, why: str, code: int) -> int:
        """Say how to resume, and update the tables if they are small, as far as the disk allows; returns `code`."""
        with suppress(OSError):
            self.tables.write_if_small()
            for log in self.logs.values():
                log.add("stop", detail=why)
        total, finished = len(self.campaign.runs), self.campaign.finished()
        how = "does all of them again" if self.campaign.measuring.again else "goes on from here"
        kept = f"{finished} of {total} runs are finished and kept; the same command {how}"
        say(f"\n{why}: {kept}", sys.stderr)
        return code

    def _look_around(self) -> None:
        signals.raise_if_asked()
        self.schedule.look_again()
        for store in self.campaign.stores.values():
            store.claims.refresh()
        self.tables.look_around()

    def _next(self) -> TrainConfig | None:
        """The next run that this launcher may start: it is claimed, and no other launcher has done what is asked."""
        while (config := self.schedule.next()) is not None:
            store = self.campaign.stores[config.dataset_name]
            todo = self.campaign.left(config)  # before it is claimed, which takes longer
            if todo and not store.claims.take(config.run_id):
                self._meet(store.claims.holder(config.run_id))
                self.schedule.elsewhere(config)
                continue
            todo, why = self.campaign.left(config), store.failure(config.run_id)  # read again: nobody else writes now
            known = self.campaign.known(config)
            if todo and (why is None or store.tries(config.run_id) == self.tried.get(config.run_id)):
                begun = "measure" if known else "start"
                self._note("resume" if config.run_id in store.partly_done() else begun, todo[0])
                self.schedule.started(todo[0])
                return todo[0]
            store.claims.release(config.run_id)
            self.tables.due = True
            done = None if todo else self.campaign.in_full(config)
            outcome = base.Failure("Elsewhere", why or "", "") if done is None else done
            self._note("elsewhere", config, "done by another launcher", outcome)
        return None

    def _end(self, config: TrainConfig, outcome: dict | base.Failure) -> None:
        """Store the outcome of a run, and decide whether it is tried again."""
        if isinstance(outcome, base.Unwritable):
            raise CannotWrite(outcome.message)
        if isinstance(outcome, base.Lost):
            self.schedule.again(config)
            self._note("lost", config, outcome.message)
        elif isinstance(outcome, base.Death):
            signals.raise_if_asked()  # a worker that got the signal too has not died of its run
            self._died(config, outcome)
        else:
            self.schedule.ended(config)
            self._finish(config, outcome)

    def _died(self, config: TrainConfig, death: base.Death) -> None:
        deaths = self.campaign.stores[config.dataset_name].died(config.run_id)
        if deaths >= MOST_DEATHS:
            self.schedule.gave_up(config, death)
            message = f"its worker died {deaths} times, last {death.how}"
            self._finish(config, base.Failure(death.error, message, death.traceback))
            return
        alone = death.killed and deaths == MOST_DEATHS - 1
        lowered = self.schedule.died(config, death, alone)
        again = "tried again when nothing else is under way" if alone else "tried again"
        self._note("died", config, f"its worker died {death.how}; death {deaths} of {MOST_DEATHS}, {again}")
        self.progress.note(f"{config.run_id}: its worker died {death.how}; the run is {again}")
        if lowered:
            active = f"{self.schedule.active} of {self.schedule.workers} workers"
            self._note("fewer", config, f"{active} for a while")
            self.progress.note(f"memory may be short: {active} are used for a while")

    def _finish(self, config: TrainConfig, outcome: dict | base.Failure) -> None:
        store = self.campaign.stores[config.dataset_name]
        if not isinstance(outcome, base.Failure):
            store.save(outcome)
            if work.Answers().left([config], outcome):
                outcome = base.Failure("Incomplete", "some of the points that were asked for are missing", "")
        if isinstance(outcome, base.Failure):
            store.fail(config, outcome)
        self.tables.due = True
        failed = isinstance(outcome, base.Failure)
        self._note("failed" if failed else "finished", config, self.progress.describe(config, outcome))
        if not failed and (more := self.campaign.left(config)):
            self.schedule.soon(more[0])  # what else is asked of this network; its claim stays
            return
        self.progress.finished(config, outcome)
        store.claims.release(config.run_id)

    def _meet(self, holder: str | None) -> None:
        if holder is not None and holder not in self.met:
            self.met.add(holder)
            self.progress.note(f"{holder} works on this folder too: its runs are left to it")

    def _note(
        self, event: str, config: TrainConfig, detail: str = "", outcome: dict | base.Failure | None = None
    ) -> None:
        self.logs[config.dataset_name].add(event, config.run_id, detail)
        if outcome is not None:
            self.progress.finished(config, outcome)


def _list(failures: dict[TrainConfig, str], stores: dict[str, Store]) -> None:
    for config, reason in list(failures.items())[:LISTED]:
        path = stores[config.dataset_name].failure_file(config.run_id)
        say(f"failed: {config.run_id}: {reason}; see {path}", sys.stderr)
    if len(failures) > LISTED:
        say(f"… and {len(failures) - LISTED} more", sys.stderr)
    if failures:
        say("--retry-failed tries them again", sys.stderr)
