"""`--report`: report.html and the figures of the results as they are now, also while a campaign runs elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from campaign.analysis import current, figures
from campaign.analysis.pages import answers, report
from campaign.machine.console import say
from campaign.store.folder import Store
from nnet.config import TrainConfig
from nnet.record import provenance


def write(configs: Sequence[TrainConfig], output_dir: str | Path) -> int:
    """Bring the tables of these runs' folders up to date, write their pages and figures, say where. Returns 0.

    Raises ConfigError if a folder has no results, and CannotWrite.
    """
    for name in sorted({config.dataset_name for config in configs}):
        store = Store(Path(output_dir) / name)
        if store.outlines():
            current.report(store)
        figures_of = figures.drawer(store.folder) if answers.files_of(store.folder) else None
        say(f"report: {report.write(store.folder, figures_of)}")
        if figures_of and figures.save_all(store.folder, provenance.command(), figures_of):
            say(f"figures: {store.folder / 'figures'}")
    return 0
