"""Whether an engine can work on this machine, and for how many runs at once."""

import shutil
from importlib.util import find_spec

from nnet import registry

ENGINES = "campaign.engines"


def missing_for(engine: str) -> str | None:
    """What this machine lacks for an engine, and how to come by it, in one sentence; None if nothing."""
    packages = [name for name in registry.constant(ENGINES, engine, "NEEDS", ()) if find_spec(name) is None]
    if packages:
        return f"the engine {engine!r} needs {' and '.join(packages)}: pip install -r requirements-cluster.txt"
    commands = [name for name in registry.constant(ENGINES, engine, "COMMANDS", ()) if shutil.which(name) is None]
    return f"the engine {engine!r} needs {' and '.join(commands)}, which this machine has not" if commands else None


def check(engine: str, options: dict, cpu_threads: int) -> int | None:
    """How many runs of so many threads an engine can do at once; None where that depends on this machine's cores.

    Raises ValueError for an unknown engine or option, and for an engine that cannot work here.
    """
    registry.require(ENGINES, engine, "engine")
    registry.check_options(options, (ENGINES, engine))
    missing = missing_for(engine)
    if missing is not None:
        raise ValueError(missing)
    made = registry.make_options(ENGINES, engine, options)
    capacity = getattr(registry.load(ENGINES, engine), "capacity", None)
    return None if capacity is None else capacity(made["options"], cpu_threads)
