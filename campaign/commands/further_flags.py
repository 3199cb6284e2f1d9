"""The flags that are no settings: what is kept of the runs, how they are launched, and what is asked instead."""

from argparse import ArgumentTypeError
from collections.abc import Callable

from campaign.engines.base import schedulers
from campaign.engines.cluster.options import FLAGS, REPEATED, WHOLE_NUMBERS
from campaign.grid.study import KIND
from nnet import registry
from nnet.checks import unknown

EXPORTERS = "campaign.exporters"


def add_further(trained: Callable, launch: Callable) -> None:
    """Which runs: `trained` and `launch` add a flag to a section of the help."""
    trained("--repeats", metavar="N", help="N seeds, drawn from the master seed, instead of --seed")
    trained("--master-seed", metavar="N", help="master seed of --repeats [0]")
    extend = {"nargs": "+", "action": "extend", "default": [], "metavar": "NAME=VALUE"}
    trained("--set", help="any setting by name; of several values: name=1,2", **extend)
    trained("--only", help="keep only the runs with these settings or options", **extend)
    trained(
        "--study",
        metavar="NAME",
        help=f"a study instead of the block: {', '.join(registry.names(KIND))}, or a .py file",
    )
    launch("--retry-failed", action="store_true", help="also do the runs that have failed before")
    launch("--measure-only", action="store_true", help="train nothing: leave out runs without kept weights")
    launch("--remeasure", metavar="NAME", help="do an evaluation again, of all runs, also after an interruption")


def add_cluster_flags(add: Callable) -> None:
    """Where the runs happen, beyond this machine."""
    add("--shard", metavar="I/N", help="do share I of N first, then what other shards have not started")
    add("--cluster-file", metavar="FILE", help="options of jobs and engines [cluster.toml, if it exists]")
    for name, text in FLAGS.items():
        kind = _whole if name in WHOLE_NUMBERS else str
        action = "append" if name in REPEATED else "store"
        add(f"--{name}", type=kind, action=action, metavar="N" if kind is _whole else "TEXT", help=text)


def add_commands(add: Callable) -> None:
    """What is asked instead of a launch."""
    script = "print a job script that runs an array of shards"
    add("-h", "--help", action="store_true", help="print this help")
    add("--version", action="store_true", help="print the version and the commit of this program")
    add("--plan", action="store_true", help="print runs, time and memory of the campaign")
    add("--status", action="store_true", help="print how the campaign stands, also while it runs")
    add("--watch", action="store_true", help="with --status: print it again and again, until all runs are done")
    add("--list-weights", action="store_true", help="list the kept weights, with their sizes")
    add("--prune-weights", action="store_true", help="delete those of these runs that are measured as asked")
    add("--json", action="store_true", help="with --plan, --status or one of the last two: print JSON")
    add("--report", action="store_true", help="write report.html and the figures of the results as they are now")
    add("--card", action="store_true", help="measure a network of --initial-weights in every way, on one page")
    add("--merge", metavar="FOLDER", help="join another results folder into this one, point by point")
    known = ", ".join(registry.names(EXPORTERS))
    add("--export", nargs=2, metavar=("PROGRAM", "DIR"), help=f"write the finished runs for another program: {known}")
    add("--sanity", action="store_true", help="quick check: does training with noise help?")
    add("--verify", metavar="RUN_ID", help="train and measure a run again and compare every bit")
    add("--print-job", metavar="SCHEDULER", type=_scheduler, help=f"{' or '.join(schedulers())}: {script}")


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ArgumentTypeError(f"it must be a whole number; got {word!r}") from None


def _scheduler(word: str) -> str:
    if word not in schedulers():
        raise ArgumentTypeError(str(unknown("scheduler", word, schedulers())))
    return word
