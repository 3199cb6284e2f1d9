"""`--print-job`: a job script for a cluster, an array of jobs that share the runs of a campaign."""

import dataclasses
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from campaign.engines import base
from campaign.engines.cluster.options import FLAGS, Options
from campaign.engines.workers.environment import exported_limits
from campaign.grid.settings import Launch
from campaign.machine.console import say
from campaign.planning import plan, survey
from campaign.planning.choice import with_threads
from campaign.planning.measuring import Measuring
from nnet import registry
from nnet.checks import ConfigError, nearest
from nnet.config import TrainConfig

SAFETY, SPARE_MINUTES, STEP_MINUTES = 1.5, 10, 10
"""The time limit is 1.5 times the planned time plus ten minutes, rounded up to tens of minutes."""
NAME = "campaign"
PROGRAM = Path(__file__).resolve().parents[2] / "run_experiments.py"


def show(
    scheduler: str,
    configs: Sequence[TrainConfig],
    launch: Launch,
    retry_failed: bool,
    wanted: dict,
    arguments: Sequence[str],
    measuring: Measuring | None = None,
) -> int:
    """Print the script for a job scheduler (one of `base.schedulers()`). Nothing is submitted or started. Returns 0.

    `wanted`: `cluster.options.Options` by name; memory and walltime are planned on this machine if they are missing.
    `arguments`: the command line, which the jobs repeat; `measuring`: whether they train nothing. Raises ConfigError
    for wrong options and as `survey`.
    """
    others = wanted.keys() - Options.__dataclass_fields__.keys()
    if others:
        name, known = min(others), [*Options.__dataclass_fields__]
        raise ConfigError(f"unknown option {name!r} of a job; choose from {known}{nearest(name, known)}")
    options = Options(**wanted)
    least, most = options.bounds
    if least != most:
        raise ConfigError(f"a job script has a fixed number of jobs; got {options.jobs!r}")
    configs = [with_threads(config, config.threads) for config in configs]  # shards of auto have one
    threads = max(config.threads for config in configs)
    per_job = launch.max_workers or options.per_job(threads)
    here = dataclasses.replace(launch, engine="process", max_workers=per_job)
    campaign = survey.survey(configs, here, retry_failed, measuring=measuring)
    campaign.workers = per_job * most
    notes = fill(options, campaign, per_job)
    repeating = [*repeated(arguments), "--max-workers", str(per_job)]
    say(_script(scheduler, options, notes, threads, repeating))
    return 0


def fill(options: Options, campaign: survey.Campaign, per_job: int) -> list[str]:
    """Set memory and time limit from the plan if they are missing; returns lines that say so."""
    notes = []
    if options.memory is None or options.walltime is None:
        if not campaign.pending:
            raise ConfigError("no run is left to plan memory and time from: give --memory and --walltime")
        made = plan.make(campaign, memory_check=False)
        notes.append(f"planned: {made['to_do']} runs, {made['cpu_hours']:.2f} h of CPU time, {options.jobs} job(s)")
    if options.walltime is None:
        hours = made["wall_hours"]
        minutes = STEP_MINUTES * math.ceil((60 * SAFETY * hours + SPARE_MINUTES) / STEP_MINUTES)
        options.walltime = f"{minutes // 60}:{minutes % 60:02}"
        notes.append(f"time limit: {SAFETY} times the planned {60 * hours:.0f} min, and {SPARE_MINUTES} min")
    if options.memory is None:
        options.memory = f"{math.ceil(plan.memory_mb(campaign.measure(), campaign.pending, per_job) / 1024)}GB"
        notes.append(f"memory: the {per_job} largest runs at once, and what they share")
    return notes


def repeated(arguments: Sequence[str]) -> list[str]:
    """The command line without the flags of jobs, workers and engine, which the script sets itself."""
    dropped = {f"--{name}" for name in (*FLAGS, "print-job", "cluster-file", "max-workers", "engine")}
    kept, skip = [], False
    for word in arguments:
        name, equals, _ = word.partition("=")
        if not skip and name not in dropped:
            kept.append(word)
        skip = name in dropped and not equals
    return kept


def _script(scheduler: str, options: Options, notes: list[str], threads: int, arguments: list[str]) -> str:
    engine = registry.load(base.ENGINES, scheduler)
    command = shlex.join([sys.executable, str(PROGRAM), *arguments])
    comments = [
        *notes,
        f"submit: {engine.SUBMIT} this file; resume: submit it again; progress: the command with --status",
        *filter(None, [getattr(engine, "NOTE", None)]),
    ]
    return "\n".join([
        "#!/bin/bash", *engine.directives(options, NAME), *(f"# {line}" for line in comments),
        exported_limits(threads),
        *options.setup,
        f"cd {shlex.quote(str(Path.cwd()))}",
        f"exec {command} --shard ${engine.ARRAY_INDEX}/{options.jobs}",
    ])  # fmt: skip
