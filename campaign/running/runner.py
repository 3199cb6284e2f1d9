"""A prepared campaign, from its pending runs to its tables: engine -> store -> tables, whatever happens."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from campaign.engines import base
from campaign.engines.workers import tasks
from campaign.machine import exits, signals
from campaign.machine.console import complain
from campaign.planning import work
from campaign.planning.campaign import Campaign
from campaign.running import beginning, ending
from campaign.running.folders import Folders
from campaign.running.notify import Notify
from campaign.running.progress import Progress
from campaign.running.schedule import Schedule
from campaign.running.tables import Tables
from campaign.store.log import Log
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.atomic import CannotWrite

MOST_DEATHS, MOST_KILLS = 3, 6
"""After this many deaths without progress a run fails; the second if signal 9 ended it and the kernel sent none."""


def run(campaign: Campaign) -> int:
    """Do the pending runs, keep every result, write the tables, report. Returns the exit code.

    0: every run is trained and measured as asked. 1: some failed (stderr names them and their tracebacks), or nothing
    more could be written or started. 130: interrupted (Ctrl-C or SIGTERM). Finished runs are always kept. The command
    of `--notify` is told of the end, whatever it is, and of the first failed run.
    """
    launch = _Launch(campaign)
    with signals.handled(), launch.notify.told_of_errors(), launch.claims_released():
        try:
            with signals.held():
                beginning.begin(campaign, launch.logs, launch.folders)
                launch.work()
                launch.record_what_was_asked()
                code, text = ending.report(campaign, launch.tables.finish())
                launch.notify.tell_and_wait(text)
                return code
        except KeyboardInterrupt:
            return launch.stop("interrupted", signals.EXIT_CODE)
        except (ConfigError, *exits.REFUSALS) as error:
            why = str(error) if isinstance(error, ConfigError) else exits.sentence(error)
            if why is None:
                raise
            return launch.stop(f"stopped: {why}", exits.FAILED)


class _Launch:
    """One launch of a campaign: what is done with each outcome, and what is recorded."""

    def __init__(self, campaign: Campaign):
        self.campaign = campaign
        self.logs = {name: Log(store.folder, campaign.shard) for name, store in campaign.stores.items()}
        self.tried = {
            config.run_id: campaign.stores[config.dataset_name].tries(config.run_id) for config in campaign.failures()
        }
        self.folders = Folders(campaign)
        self.tables = Tables(self.folders)
        self.notify = Notify(campaign.notify, self.logs.values())
        memory_mb, cores = campaign.memory_mb, campaign.choice.cores
        self.schedule = Schedule(campaign.pending, campaign.workers, campaign.shard is None, memory_mb, cores)
        self.progress: Progress  # made when the work begins
        self.given: dict[str, dict | None] = {}
        self.met: set[str] = set()

    def work(self) -> None:
        """Run what is pending. Raises KeyboardInterrupt, and OSError if nothing more can be written or started."""
        before = {config.run_id: self.campaign.known(config) for config in self.campaign.pending}
        self.progress = Progress(self.campaign, before)
        what = tasks.measure if self.campaign.measuring.only else tasks.train
        with closing(self.progress), self.campaign.open(what) as engine:
            while self.schedule.unfinished():
                while engine.room and (config := self._next()) is not None:
                    self._start(engine, config)
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
            self._release_claims()

    def _release_claims(self) -> None:
        for store in self.campaign.stores.values():
            store.claims.release_all()

    def stop(self, why: str, code: int) -> int:
        """Say how to resume, and update the tables if they are small, as far as the disk allows; returns `code`."""
        with suppress(OSError):
            self.folders.check_there()
            for log in self.logs.values():
                log.add("stop", detail=why)
        finished = "the"
        with suppress(OSError):  # else the disk is gone, and nobody can count
            finished = f"{self.campaign.finished()} of {len(self.campaign.runs)}"
        how = "does all of them again" if self.campaign.measuring.again else "goes on from here"
        sentence = f"{why}: {finished} runs are finished and kept; the same command {how}"
        complain(f"\n{sentence}")
        self.notify.tell(ending.told(self.campaign, sentence))
        with suppress(OSError):
            self.tables.write_if_small()
        with suppress(OSError):
            self._release_claims()  # so that the pages show no run under way
            self.tables.pages.write_later()
        self.notify.wait(code == signals.EXIT_CODE)
        return code

    def _start(self, engine: base.Engine, config: TrainConfig) -> None:
        self.given[config.run_id] = self.campaign.known(config)
        try:
            engine.start(config, self.campaign.in_full(config))
        except base.NotStarted as error:
            self._wait(config, str(error), self.schedule.not_started(config, str(error)))

    def _wait(self, config: TrainConfig, cause: str, pause_s: float) -> None:
        """Say once, and record, that runs are tried again after a pause."""
        self._note("lost", config, cause)
        if pause_s:
            self.progress.note(f"{cause}; tried again in {pause_s:.0f} s")

    def _look_around(self) -> None:
        signals.raise_if_asked()
        self.schedule.look_again()
        self.folders.check_there()
        for note in self.folders.lacks():
            self.progress.note(f"note: {note}")
        for store in self.campaign.stores.values():
            store.claims.refresh()
        self.progress.look(self.schedule.running)
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
            signals.raise_if_asked()  # the signal may have ended the fork server too
            self._wait(config, outcome.message, self.schedule.again(config, outcome.message))
            return
        if isinstance(outcome, base.Death):
            signals.raise_if_asked()  # the signal may have killed the worker, not its run
        if not self._keeps(config):
            self.schedule.ended(config)
            self.schedule.elsewhere(config)
            self._note("taken", config, "another launcher took it over while this one was stopped")
        elif isinstance(outcome, base.Death):
            self._died(config, outcome)
        else:
            self.schedule.ended(config)
            self._finish(config, outcome)

    def _keeps(self, config: TrainConfig) -> bool:
        """Whether a run is still this launcher's, and its run file is as it was when the run started."""
        self.folders.check_there()
        store = self.campaign.stores[config.dataset_name]
        return store.claims.keeps(config.run_id) and self.campaign.known(config) == self.given.pop(config.run_id)

    def _died(self, config: TrainConfig, death: base.Death) -> None:
        deaths = self.campaign.stores[config.dataset_name].died(config.run_id)
        most = MOST_KILLS if death.from_outside else MOST_DEATHS
        if deaths >= most:
            self.schedule.gave_up(config, death)
            message = f"its worker died {deaths} times, last {death.how}"
            self._finish(config, base.Failure(death.error, message, death.traceback))
            return
        alone = death.killed and deaths == most - 1
        lowered = self.schedule.died(config, death, alone)
        again = "tried again when nothing else is under way" if alone else "tried again"
        self._note("died", config, f"its worker died {death.how}; death {deaths} of {most}, {again}")
        self.progress.note(f"{config.run_id}: its worker died {death.how}; the run is {again}")
        if lowered:
            active = f"{self.schedule.active} of {self.schedule.workers} workers"
            self._note("fewer", config, f"{active} for a while")
            self.progress.note(f"memory may be short: {active} are used for a while")

    def _finish(self, config: TrainConfig, outcome: dict | base.Failure) -> None:
        store = self.campaign.stores[config.dataset_name]
        if not isinstance(outcome, base.Failure):
            self.tables.add(store, outcome, checksum=store.save(outcome))
            if work.Answers().left([config], outcome):
                outcome = base.Failure("Incomplete", "some of the points that were asked for are missing", "")
        if isinstance(outcome, base.Failure):
            store.fail(config, outcome)
        self.tables.due = True
        failed, words = isinstance(outcome, base.Failure), self.progress.describe(config, outcome)
        self._note("failed" if failed else "finished", config, words)
        if not failed and (more := self.campaign.left(config)):
            self.schedule.soon(more[0])  # what else is asked of this network; its claim stays
            return
        self.progress.finished(config, outcome, words)
        store.claims.release(config.run_id)
        if failed:
            self.notify.tell_once(ending.told(self.campaign, f"{config.run_id} has failed: {words}"))

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
