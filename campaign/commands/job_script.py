"""A ready job script for a cluster: an array of jobs, each of which does a share of the campaign."""

import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from campaign.engines.cluster.options import FLAGS, Options
from campaign.engines.workers.environment import exported_limits
from campaign.planning import plan, survey
from campaign.running.progress import say
from nnet.config import TrainConfig

SAFETY, SPARE_MINUTES, STEP_MINUTES = 1.5, 10, 10
"""The time limit is half as long again as planned, and ten minutes, rounded up to tens of minutes."""
NAME = "campaign"
PROGRAM = Path(__file__).resolve().parents[2] / "run_experiments.py"


def show(
    scheduler: str,
    configs: Sequence[TrainConfig],
    surveyed: Sequence,
    retry_failed: bool,
    wanted: dict,
    arguments: Sequence[str],
) -> int:
    """Print the script for `slurm` or `lsf`; nothing is submitted, no run started. Returns 0.

    `wanted`: `cluster.Options` by name; without memory and walltime they follow from a plan made on this machine.
    `arguments`: the command line, which the jobs repeat. Raises ValueError for wrong options and as `check.survey`.
    """
    unknown = wanted.keys() - Options.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"unknown option {min(unknown)!r} of a job; known options: {[*Options.__dataclass_fields__]}")
    options = Options(**wanted)
    least, most = options.bounds
    if least != most:
        raise ValueError(f"a job script has a fixed number of jobs; got {options.jobs!r}")
    output_dir, _, workers, timeout_s = surveyed
    threads = max(config.cpu_threads for config in configs)
    per_job = workers or options.per_job(threads)
    campaign = survey.survey(configs, output_dir, "process", per_job, timeout_s, retry_failed)
    campaign.workers = per_job * most
    notes = fill(options, campaign, per_job)
    directives = {"slurm": _slurm, "lsf": _lsf}[scheduler](options)
    say(_script(directives, notes, options, threads, [*repeated(arguments), "--max-workers", str(per_job)], scheduler))
    return 0


def fill(options: Options, campaign: survey.Campaign, per_job: int) -> list[str]:
    """Take the memory and the time that are not given from the plan; says so, in lines."""
    notes = []
    if options.memory is None or options.walltime is None:
        if not campaign.pending:
            raise ValueError("no run is left to plan memory and time from: give --memory and --walltime")
        made = plan.make(campaign, memory_check=False)
        notes.append(f"planned: {made['to_do']} runs, {made['cpu_hours']:.2f} h of CPU time, {options.jobs} job(s)")
    if options.walltime is None:
        hours = made["wall_hours"]
        minutes = STEP_MINUTES * math.ceil((60 * SAFETY * hours + SPARE_MINUTES) / STEP_MINUTES)
        options.walltime = f"{minutes // 60}:{minutes % 60:02}"
        notes.append(f"time limit: {SAFETY} times the planned {60 * hours:.0f} min, and {SPARE_MINUTES} min")
    if options.memory is None:
        options.memory = f"{math.ceil(plan.memory_mb(plan.known_costs(campaign), campaign.pending, per_job) / 1024)}GB"
        notes.append(f"memory: the {per_job} largest runs at once, and what they share")
    return notes


def repeated(arguments: Sequence[str]) -> list[str]:
    """The command line without what belongs to the script: flags of jobs, of workers and of the engine."""
    dropped = {f"--{name}" for name in (*FLAGS, "print-job", "cluster-file", "max-workers", "engine")}
    kept, skip = [], False
    for word in arguments:
        name, equals, _ = word.partition("=")
        if not skip and name not in dropped:
            kept.append(word)
        skip = name in dropped and not equals
    return kept


def _slurm(options: Options) -> list[str]:
    queue = [f"--partition={options.queue}"] if options.queue else []
    return ["#SBATCH " + line for line in (
        f"--job-name={NAME}", f"--array=1-{options.jobs}", *queue, "--nodes=1", "--ntasks=1",
        f"--cpus-per-task={options.cores}", f"--mem={options.memory.removesuffix('B')}",
        f"--time={options.walltime}:00", "--output=campaign-%A_%a.out", "--signal=B:TERM@60", *options.directives,
    )]  # fmt: skip


def _lsf(options: Options) -> list[str]:
    queue = [f"-q {options.queue}"] if options.queue else []
    return ["#BSUB " + line for line in (
        f'-J "{NAME}[1-{options.jobs}]"', *queue, f"-n {options.cores}", '-R "span[hosts=1]"',
        f'-R "rusage[mem={options.memory}]"', f"-W {options.walltime}", "-o campaign-%J_%I.out", *options.directives,
    )]  # fmt: skip


SUBMIT = {"slurm": ("sbatch", "SLURM_ARRAY_TASK_ID"), "lsf": ("bsub <", "LSB_JOBINDEX")}


def _script(
    directives: list[str], notes: list[str], options: Options, threads: int, arguments: list[str], scheduler: str
) -> str:
    submit, index = SUBMIT[scheduler]
    command = shlex.join([sys.executable, str(PROGRAM), *arguments])
    comments = [
        *notes,
        f"submit: {submit} this file; resume: submit it again; how it stands: the command with --status",
    ]
    if scheduler == "lsf":
        comments.append("memory is per job here; where the site reserves it per slot, divide it by the cores")
    return "\n".join([
        "#!/bin/bash", *directives, *(f"# {line}" for line in comments),
        exported_limits(threads),
        *options.setup,
        f"cd {shlex.quote(str(Path.cwd()))}",
        f"exec {command} --shard ${index}/{options.jobs}",
    ])  # fmt: skip
