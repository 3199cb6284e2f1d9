"""`--report`: report.html of the results as they are now, from any machine, also while a campaign runs."""

from collections.abc import Sequence
from pathlib import Path

from campaign.analysis import current
from campaign.analysis.pages import report
from campaign.machine.console import say
from campaign.store.folder import Store
from nnet.config import TrainConfig


def write(configs: Sequence[TrainConfig], output_dir: str | Path) -> int:
    """Bring the tables of these runs' folders up to date, write their pages and print where they are. Returns 0.

    Raises ConfigError if a folder has no results, and CannotWrite.
    """
    for name in sorted({config.dataset_name for config in configs}):
        store = Store(Path(output_dir) / name)
        if store.outlines():
            current.report(store)
        say(f"report: {report.write(store.folder)}")
    return 0
