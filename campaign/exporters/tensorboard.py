"""TensorBoard: a folder of event files per run, with its curves, its figures and, in HPARAMS, its settings."""

from collections.abc import Iterable
from pathlib import Path

from campaign.exporters.base import Run

PACKAGES = ("tensorboard",)
SHOW = "tensorboard --logdir {folder}"
SUFFIX = ".campaign"
"""The end of the names of our files: those of another program are left alone."""


def export(runs: Iterable[Run], folder: Path) -> None:
    """Write <folder>/<dataset>/<run_id>/events…: histories by epoch, final figures and points at the last epoch."""
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    for run in runs:
        place = folder / run.dataset / run.run_id
        for before in place.glob(f"events.*{SUFFIX}"):
            before.unlink()
        with SummaryWriter(str(place), filename_suffix=SUFFIX) as writer:
            for summary in hparams(run.settings, run.figures):
                writer.file_writer.add_summary(summary)
            writer.add_text("made by", "\n".join(f"- {name}: {value}" for name, value in run.makers.items()))
            for name, by_epoch in run.history.items():
                for epoch, value in by_epoch.items():
                    writer.add_scalar(f"history/{name}", value, epoch)
            last = max((epoch for by_epoch in run.history.values() for epoch in by_epoch), default=0)
            for name, value in (run.figures | run.points).items():
                writer.add_scalar(name, value, last)
