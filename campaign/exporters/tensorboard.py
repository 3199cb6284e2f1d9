"""TensorBoard: a folder of event files per run, with its curves and figures, and what tells it apart under HPARAMS."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from campaign.exporters.base import Run

PACKAGES = ("tensorboard",)
SHOW = "tensorboard --logdir {folder}"
SUFFIX = ".campaign"
"""The end of the names of our files: those of another program are left alone."""


def export(runs: Sequence[Run], folder: Path) -> None:
    """Write <folder>/<dataset>/<run_id>/events…: histories by epoch, and the final figures at the last epoch.

    HPARAMS has the settings in which the runs differ; TEXT has all settings, and what made the run.
    """
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    for run, varied in zip(runs, _varied(runs), strict=True):
        place = folder / run.dataset / run.run_id
        figures = {f"figures/{name}": value for name, value in run.figures.items()}
        for before in place.glob(f"events.*{SUFFIX}"):
            before.unlink()
        with SummaryWriter(str(place), filename_suffix=SUFFIX) as writer:
            for summary in hparams(varied, figures):
                writer.file_writer.add_summary(summary)
            for title, entries in (("settings", run.settings), ("made by", run.makers)):
                writer.add_text(title, _listed(entries))
            for name, by_epoch in run.history.items():
                for epoch, value in by_epoch.items():
                    writer.add_scalar(f"history/{name}", value, epoch)
            last = max((epoch for by_epoch in run.history.values() for epoch in by_epoch), default=0)
            for name, value in (figures | run.points).items():  # HPARAMS looks for its figures among them
                writer.add_scalar(name, value, last)


def _varied(runs: Sequence[Run]) -> list[dict[str, bool | int | float | str]]:
    """For each run the settings in which the runs differ; the values of one setting are all numbers or all text."""
    varied: list[dict] = [{} for _ in runs]
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        values = [run.settings.get(name, "none") for run in runs]
        if len(set(values)) > 1:
            text = any(isinstance(value, str) for value in values)
            for settings, value in zip(varied, values, strict=True):
                settings[name] = str(value) if text else value
    return varied


def _listed(entries: Mapping[str, object]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in entries.items())
