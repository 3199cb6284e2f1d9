"""Helpers of tests of figures."""

import re

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Patch

from campaign.analysis import figures, questions, style, tables
from campaign.store.folder import Store
from tests.campaign.analysis.making import result

CLEAN, NOISY = "trained without noise", "trained with noise, α_train = 0.2"


def runs(seeds=3, **changed) -> list[dict]:
    """Runs of two networks and two regimes; accuracies rise with the seed, and noisy runs lose less."""
    return [
        result(
            seed, (0.9 + 0.01 * seed, 0.8 + shift + 0.02 * seed), arch=arch, regime=regime, alpha_train=0.2, **changed
        )
        for arch in ("cnn", "mlp_small")
        for regime, shift in (("clean", 0.0), ("noisy", 0.05))
        for seed in range(seeds)
    ]


def stored(folder, results) -> Store:
    """A results folder with these runs and their tables."""
    store = Store(folder)
    for item in results:
        store.save(item)
    tables.write(store)
    return store


def plain(text: str) -> str:
    """A text of a figure in one line and without subscripts: α_test."""
    return " ".join(re.sub(r"\$α_\\mathrm\{(\w+)\}\$", r"α_\1", text).split())


def draw_all(folder, width="double", only=None) -> dict:
    """The figures of all questions, or of one, by name, laid out as for a file, but not written."""
    made = tables.read(folder)
    all_figures = {}
    for question in questions.modules() if only is None else [only]:
        all_figures |= figures.draw(question, made, "5 of 5 runs", folder, width)
    with style.used(style.Style()):
        for figure in all_figures.values():
            figure.draw_without_rendering()
    return all_figures


def drawn(axes) -> dict:
    """label -> (x, y, half-lengths of the error bars) of what `errorbar` drew."""
    lines = {}
    for container in axes.containers:
        line, _, (bars,) = container
        halves = [(segment[1, 1] - segment[0, 1]) / 2 for segment in bars.get_segments() if len(segment)]
        lines[plain(container.get_label())] = (*line.get_data(), np.array(halves))
    return lines


def legends(figure) -> dict[str, str]:
    """label → colour, of all legends of a figure."""
    return {
        plain(text.get_text()): colour_of(handle)
        for legend in figure.legends for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }  # fmt: skip


def colour_of(artist) -> str:
    colour = artist.get_facecolor() if isinstance(artist, Patch) else artist.get_color()
    return to_hex(colour if isinstance(colour, str | tuple) else np.ravel(colour)[:4].tolist())
