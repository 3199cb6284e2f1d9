"""The config block: what a study's lines mean, and where and how its runs are launched."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """Where and how runs are launched. Nothing here changes a result."""

    output_dir: str = "results"
    """Results are written to <output_dir>/<dataset>/."""
    engine: str = "process"
    """Where runs happen: the name of a file in campaign/engines."""
    max_workers: int | None = None
    """Runs at the same time; None takes one per usable core."""
    memory_check: bool = True
    """Start fewer workers where their memory would not suffice."""
    run_timeout_s: float | None = None
    """Seconds after which a run is ended and fails; None never ends a run."""
