"""The robustness card of one network: every measurement of it on one page, and a comparison with clean networks."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from scipy.special import stdtrit

from campaign.analysis import figures, tables
from campaign.analysis.labels import spelled
from campaign.analysis.pages import answers, origin
from campaign.analysis.pages.answers import Numbered, Tables
from campaign.analysis.pages.render import Page, Section, rows_of
from campaign.analysis.panels import ALPHA_AXIS
from nnet import registry
from nnet.evaluations.parts.wanted import IMAGES, WEIGHT_NOISE
from nnet.files.atomic import write_file

USUAL = 0.1
"""The strength of weight noise at which networks are compared, if it was measured."""


def write(folder: Path, run: dict, refused: Mapping[str, str], clean_folder: Path) -> Path:
    """Write the card of a network into a results folder and return its path, <folder>/<run_id>.html.

    `run`: its run file; `refused`: why each evaluation that does not fit was left out, by name; `clean_folder`: the
    results folder with the clean networks that it is compared with, if there are any. Raises CannotWrite.
    """
    path = folder / f"{run['run_id']}.html"
    write_file(path, page(folder, run, refused, clean_folder).html())
    return path


def page(folder: Path, run: dict, refused: Mapping[str, str], clean_folder: Path) -> Page:
    """The card as a page."""
    by_name = tables.build([run])
    weights = run["config"].get("initial_weights") or "those of the run"
    images = next((found["settings"]["max_test_samples"] for found in run["measurements"]), None)
    measured_on = "all test samples" if images is None else f"{images:,} test samples"
    lines = [
        comparison(by_name, clean_folder),
        f"Weights: {weights} (SHA-256 of the state {run['sha256']['weights'][:16]}…). Measured on {measured_on} of "
        f"{run['dataset']}. Written {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC.",
    ]
    made_by = [about for found in run["measurements"] for about in found["provenance"]]
    sections = [
        _in_short(run, by_name["sweep"], refused),
        *answers.of_questions(by_name, lambda question: figures.draw(question, by_name), Numbered()),
        answers.of_tables(by_name),
        origin.provenance(folder, made_by, "measurements"),
    ]
    return Page(f"Robustness card: {run['architecture']} on {run['dataset']}", lines, sections)


def comparison(by_name: Tables, clean_folder: Path) -> str:
    """What weight noise costs the network, beside what it costs clean networks of its architecture and dataset.

    `by_name`: the tables of the network.
    """
    mine = tables.of(by_name["sweep"]).set_index("alpha_test")
    architecture = by_name["results_per_run"]["architecture"].iloc[0]
    clean = _clean(clean_folder, architecture)
    at_both = [alpha for alpha in mine.index if alpha > 0 and (clean is None or alpha in set(clean["alpha_test"]))]
    alpha = USUAL if USUAL in at_both else max(at_both, default=None)
    if alpha is None:
        return f"This network classifies {100 * mine['acc'].iloc[0]:.2f} % of the images correctly."
    lost = 100 * mine.loc[alpha, "drop"]
    sentence = (
        f"Weight noise of strength α = {spelled(alpha)} costs this network {lost:.2f} percentage points of accuracy, "
        f"from {100 * mine['acc'].iloc[0]:.2f} %."
    )
    if clean is None:
        return f"{sentence} There is no clean network of this architecture in {clean_folder} to compare it with."
    rows = clean[clean["alpha_test"] == alpha]
    same = rows[rows["settings"] == mine.loc[alpha, "settings"]]
    row = (same if len(same) else rows).sort_values("n_seeds").iloc[-1]
    otherwise = "" if len(same) else " They were measured on other images or with other settings."
    return f"{sentence} {_beside(lost, row, clean_folder)}{otherwise}"


def _clean(folder: Path, architecture: str) -> pd.DataFrame | None:
    """The cells of clean networks under weight noise in a results folder; None without any."""
    if not answers.files_of(folder):
        return None
    cells = tables.of(tables.read(folder)["results_summary"])
    trained = cells["epochs"] > 0 if "epochs" in cells else True
    clean = (cells["architecture"] == architecture) & (cells["regime"] == "clean")
    found = cells[clean & trained & (cells["n_seeds"] > 0)]
    return found if len(found) else None


def _beside(lost: float, row: pd.Series, folder: Path) -> str:
    """The comparison with one cell of clean networks."""
    count, mean = row["n_seeds"], 100 * row["mean_drop"]
    if count == 1:
        return f"One clean network of the same architecture and dataset ({folder}) loses {mean:.2f}."
    accuracy = 100 * (row["mean_acc"] + mean / 100)
    half = 100 * stdtrit(count - 1, 0.975) * row["std_drop"] * math.sqrt(1 + 1 / count)
    inside = "is within" if abs(lost - mean) <= half else "is outside"
    return (
        f"{count} clean networks of the same architecture and dataset ({folder}), with {accuracy:.2f} % before the "
        f"noise, lose {mean:.2f} ± "
        f"{100 * row['stderr_drop']:.2f} (mean ± standard error over seeds). A further clean network would lose "
        f"{mean - half:.2f} to {mean + half:.2f} (95 % prediction interval, Student t): this one {inside} that."
    )


def _in_short(run: dict, sweep: pd.DataFrame, refused: Mapping[str, str]) -> Section:
    """The largest drop that each evaluation found, and which evaluations do not fit."""
    rows = []
    for (evaluation, settings), points in sweep.groupby(["evaluation", "settings"], sort=False):
        worst = points.sort_values("drop", ascending=False, kind="stable").iloc[0]
        at = (round(100 * worst["drop"], 6), worst["alpha_test"], _strength_of(evaluation), worst["part"], len(points))
        rows.append((" ".join([evaluation, *_own(settings)]), *at))
    columns = ("evaluation", "largest drop (points)", "at", "what the strength is", "part", "rows")
    shown = [rows_of("largest drop in accuracy by evaluation", columns, rows)]
    if refused:
        shown.append(rows_of("evaluations that do not fit", ("evaluation", "why"), list(refused.items())))
    about = "<p>The drop is the accuracy of the network minus that of the perturbed one, in percentage points.</p>"
    return Section("In short", "in_short", Markup(about), tables=shown)


def _strength_of(evaluation: str) -> str:
    if evaluation == WEIGHT_NOISE or evaluation not in registry.names("evaluations"):
        return ALPHA_AXIS if evaluation == WEIGHT_NOISE else ""
    return registry.constant("evaluations", evaluation, "FIGURE", {}).get("axis", "")


def _own(settings: str) -> list[str]:
    """The settings of an evaluation, JSON, without those that say which images were measured."""
    return [f"{name}={value}" for name, value in json.loads(settings).items() if name not in IMAGES]
