"""A campaign from its list of runs to its tables: what is missing -> engine -> store -> tables."""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaign import report, tables, work
from campaign.engines import base
from campaign.machine import usable_cores
from campaign.progress import Progress, duration
from campaign.store import Store
from nnet import registry
from nnet.config import TrainConfig

ENGINES = "campaign.engines"
TABLES_EVERY_S = 30


@dataclass
class Campaign:
    """A checked campaign: what there is, and what is to be done, the longest runs first."""

    configs: list[TrainConfig]
    stores: dict[str, Store]
    pending: list[TrainConfig]
    estimates: dict[str, float]
    engine: str
    workers: int


def check(
    configs: Sequence[TrainConfig], output_dir: str | Path, engine: str = "process", workers: int | None = None
) -> Campaign:
    """Find out what is done, try each kind of run that is not, and plan the rest. Nothing is written to `output_dir`.

    `workers`: runs at the same time; None takes one per usable core and thread, or one with a GPU. Raises
    ValueError, in one sentence, for anything that would make the campaign impossible.
    """
    registry.check(ENGINES, engine, "engine")
    configs = list({config.run_id: config for config in configs}.values())
    if workers is None:
        one = engine == "serial" or any(config.use_cuda for config in configs)
        workers = 1 if one else max(1, usable_cores() // max(config.cpu_threads for config in configs))
    base.check(configs, workers)
    stores = {name: Store(Path(output_dir) / name) for name in sorted({config.dataset_name for config in configs})}
    for folder in {Path(output_dir), *(Path(config.checkpoint_dir) for config in configs if config.checkpoint_dir)}:
        _check_writable(folder)
    finished = {run_id for store in stores.values() for run_id in store.results()}
    pending = [config for config in configs if config.run_id not in finished]
    estimates = _estimates(pending, stores, engine)
    pending.sort(key=lambda config: estimates[config.run_id], reverse=True)
    return Campaign(configs, stores, pending, estimates, engine, workers)


def run(campaign: Campaign) -> int:
    """Do what is pending, keep every result, write the tables, report. Returns the exit code.

    0: every run is there. 1: some failed; which, and where their tracebacks are, is on stderr.
    130: interrupted (Ctrl-C or SIGTERM); what was finished is kept.
    """
    _say_hello(campaign)
    for name, store in campaign.stores.items():
        store.plan([config.run_id for config in campaign.configs if config.dataset_name == name])
    try:
        with _terminate_as_interrupt():
            failures = _work(campaign)
            made = _write_tables(campaign)
    except KeyboardInterrupt:
        _write_tables(campaign)
        finished = sum(config.run_id in campaign.stores[config.dataset_name].results() for config in campaign.configs)
        print(
            f"\ninterrupted: {finished} of {len(campaign.configs)} runs are finished and kept; "
            "the same command goes on from here",
            file=sys.stderr,
        )
        return 130
    for store, of_store in zip(campaign.stores.values(), made, strict=True):
        report.show(store.folder, of_store)
    for folder in sorted({config.checkpoint_dir for config in campaign.configs if config.checkpoint_dir}):
        print(f"trained weights: {Path(folder)}")
    for path, failure in failures:
        print(f"failed: {path.stem}: {failure.error}: {failure.message}; see {path}", file=sys.stderr)
    return 1 if failures else 0


def _estimates(pending: list[TrainConfig], stores: dict[str, Store], engine: str) -> dict[str, float]:
    kinds: dict[str, list[TrainConfig]] = {}
    for config in pending:
        kinds.setdefault(_kind(config), []).append(config)
    samples = [alike[0] for alike in kinds.values()]
    estimates = {config.run_id: 0.0 for config in pending}
    with closing(registry.load(ENGINES, engine).run(samples, work.estimate, 1)) as outcomes:
        for sample, outcome in outcomes:
            if isinstance(outcome, base.Failure):
                if outcome.error == ValueError.__name__:
                    raise ValueError(outcome.message)
                continue  # it is not the configuration that is wrong: each of these runs fails, and says why
            _check_same_data(sample, outcome["data_sha256"], stores[sample.dataset_name])
            estimates |= {config.run_id: outcome["seconds"] for config in kinds[_kind(sample)]}
    return estimates


def _kind(config: TrainConfig) -> str:
    alike = config.science() | {"seed": 0, "alpha_train": config.alpha_train > 0, "p": config.p > 0}
    return repr(sorted(alike.items()))


def _check_same_data(config: TrainConfig, sha256: str, store: Store) -> None:
    for result in store.results().values():
        same_file = result["config"].get("dataset_sha256") == config.science().get("dataset_sha256")
        resized_alike = result["config"]["image_size"] == config.image_size
        if not same_file or (resized_alike and result["sha256"]["data"] != sha256):
            raise ValueError(
                f"{store.folder} holds runs on other data of the name {config.dataset_name!r}; "
                "choose another --output-dir, or rename the dataset's file"
            )


def _check_writable(folder: Path) -> None:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}") from error


def _work(campaign: Campaign) -> list[tuple[Path, base.Failure]]:
    failures, written = [], time.monotonic()
    engine = registry.load(ENGINES, campaign.engine)
    seconds = {config.run_id: campaign.estimates[config.run_id] for config in campaign.pending}
    progress = Progress(seconds, campaign.workers)
    with closing(progress), closing(engine.run(campaign.pending, work.train, campaign.workers)) as outcomes:
        for config, outcome in outcomes:
            store = campaign.stores[config.dataset_name]
            if isinstance(outcome, base.Failure):
                failures.append((store.fail(config, outcome), outcome))
            else:
                store.save(outcome)
            progress.finished(config, outcome)
            if time.monotonic() - written > TABLES_EVERY_S:
                _write_tables(campaign)
                written = time.monotonic()
    return failures


def _write_tables(campaign: Campaign) -> list[dict]:
    return [tables.write(store) for store in campaign.stores.values()]


def _say_hello(campaign: Campaign) -> None:
    todo, total = len(campaign.pending), len(campaign.configs)
    seconds = [campaign.estimates[config.run_id] for config in campaign.pending]
    wall = max(sum(seconds) / campaign.workers, max(seconds, default=0.0))
    print(f"{total} runs: {total - todo} finished, {todo} to do", end="")
    print(f" on {campaign.workers} worker(s), about {duration(wall)}" if todo else "", flush=True)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
