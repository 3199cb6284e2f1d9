"""README.md and docs/ lead somewhere, are short where they should be, and give the committed numbers."""

import json
import re

import pandas as pd
import pytest
from scipy import stats

from benchmarks.page import page as performance
from campaign.analysis import questions, tables
from nnet import registry
from tests.conftest import ROOT
from tests.project.pages import PAGES
from tests.rooms import FLOORS

RESULTS = ROOT / "results"


def page(name: str) -> str:
    """A page in one line, with spaces for breaks of lines."""
    return " ".join((ROOT / name).read_text().split())


def paired(first: pd.Series, second: pd.Series) -> tuple[float, float, float]:
    """Mean of `second` − `first` in percentage points, and its 95 % interval."""
    difference = 100 * (second - first)
    assert difference.notna().all()
    half = stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference)
    return difference.mean(), difference.mean() - half, difference.mean() + half


def signed(text: str) -> str:
    """With the minus sign of the pages."""
    return text.replace("-", "−")


@pytest.mark.parametrize("path", [*PAGES, ROOT / "packages.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#]*)(#[^)]+)?\)", path.read_text()):
        file = path.parent / target if target else path
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
            assert anchor[1:] in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], anchor


def test_the_readme_is_short_and_leads_to_every_page():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    for path in PAGES[1:]:
        assert f"]({path.relative_to(ROOT)})" in text, path


def test_the_page_on_design_names_every_room_and_their_order():
    text = (ROOT / "docs/design.md").read_text()
    rooms = [path.parent for package in FLOORS for path in (ROOT / package).glob("*/__init__.py")]
    assert rooms and not [room for room in rooms if f"| `{room.relative_to(ROOT)}/` |" not in text]
    for package, floors in FLOORS.items():
        assert f"{package}: {' → '.join(map(', '.join, floors))}" in page("docs/design.md")


def test_the_page_on_tables_names_every_table():
    text = (ROOT / "docs/tables.md").read_text()
    assert all(f"`{name}.csv`" in text for name in [*tables.NAMES, *questions.table_names()])


def test_the_page_on_evaluations_names_each_of_them_and_all_their_options():
    text = (ROOT / "docs/evaluations.md").read_text()
    for name in registry.names("evaluations"):
        assert f"`{name}`" in text, name
        for option in registry.option_names("evaluations", name):
            assert f"| `{option}` |" in text, f"{name}.{option}"


def test_every_study_has_a_page():
    studies = {path.stem for path in (ROOT / "studies").glob("*.py")} - {"__init__"}
    pages = {path.stem: path.read_text() for path in (ROOT / "docs/studies").glob("*.md")}
    assert studies | {"weight_noise"} == set(pages)
    for text in pages.values():
        assert "**Question.**" in text and "run_experiments.py" in text and "## What it does not show" in text


def test_the_page_on_performance_is_generated_from_the_committed_benchmarks():
    sections = json.loads((RESULTS / "benchmarks.json").read_text())
    assert (ROOT / "docs/performance.md").read_text() == performance(sections)
    assert all(section["machine"]["git_dirty"] is False for section in sections.values())
    assert sections["perturbation"]["rows"][-1]["in_parts_peak_mb"] < 2000 and sections["cluster"]["ms_per_run"] < 10


def test_the_page_on_performance_shows_every_row_of_the_benchmarks():
    sections, text = json.loads((RESULTS / "benchmarks.json").read_text()), page("docs/performance.md")
    for row in sections["throughput"]["rows"]:
        assert f"{row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f})" in text, row
    for row in sections["precision"]["rows"]:
        for name in ("acc_0", "drop_at_0.5"):
            difference = {key: 100 * value for key, value in row[name].items()}
            assert "{mean_difference:+.2f} ({low:+.2f} to {high:+.2f})".format(**difference) in text, row
    for row in sections["adversarial"]["rows"]:
        assert f"{row['ratio']:.1f} ({row['ratio_min']:.1f} to {row['ratio_max']:.1f})" in text, row
    for row in sections["perturbation"]["rows"]:
        assert f"| {row['case']} | {row['in_parts_step_s']:.2f} s, {row['in_parts_peak_mb']:.0f} MB |" in text, row
    for row in sections["controller"]["rows"]:
        assert f"{100 * row['share']:.2f} %" in text, row
    cluster = sections["cluster"]
    assert f"add {cluster['ms_per_run']:.2f} ms to a run" in text
    assert f"takes {cluster['launcher_mb']:.0f} MB, {cluster['dask_mb']:.0f} MB of them for Dask" in text


@pytest.mark.parametrize("name", ["README.md", "docs/studies/weight_noise.md"])
def test_the_pages_on_weight_noise_give_the_committed_numbers(name):
    sweep, text = pd.read_csv(RESULTS / "mnist/sweep.csv"), page(name)
    cnn = sweep[(sweep["architecture"] == "cnn") & (sweep["alpha_test"] == 0.5)]
    drops = {regime: rows.set_index("seed")["drop"] for regime, rows in cnn.groupby("regime")}
    clean, noisy = (
        f"{100 * drop.mean():.2f} ± {100 * stats.sem(drop):.2f}" for drop in (drops["clean"], drops["noisy"])
    )
    assert clean in text and noisy in text
    mean, low, high = paired(drops["clean"], drops["noisy"])
    assert signed(f"difference of {mean:.2f}") in text or signed(f"in drop is {mean:.2f} points") in text
    assert signed(f"95 % interval {low:.2f} to {high:.2f}") in text
    for architecture, rows in sweep[sweep["alpha_test"] == 0.5].groupby("architecture"):
        drops = {regime: runs.set_index("seed")["drop"] for regime, runs in rows.groupby("regime")}
        _, low, high = paired(drops["clean"], drops["noisy"])
        assert (low < 0 < high) == (architecture != "cnn")


def test_the_page_on_weight_noise_gives_the_accuracies():
    runs, text = pd.read_csv(RESULTS / "mnist/results_per_run.csv"), page("docs/studies/weight_noise.md")
    for architecture in ("mlp_small", "cnn"):
        accuracy = 100 * runs[(runs["architecture"] == architecture) & (runs["regime"] == "clean")]["acc_0"]
        assert f"{accuracy.mean():.2f} ± {stats.sem(accuracy):.2f} % ({architecture})" in text
    drops = pd.read_csv(RESULTS / "mnist/results_summary.csv").query("alpha_test <= 0.1")["mean_drop"]
    assert f"no network more than {100 * drops.max():.2f} percentage points" in text


def test_the_page_on_pixels_gives_the_committed_numbers():
    runs, text = pd.read_csv(RESULTS / "pixels/mnist/results_per_run.csv"), page("docs/studies/pixels.md")
    accuracies = {key: rows.set_index("seed")["acc_0"] for key, rows in runs.groupby(["activation", "p"])}
    for activation in ("relu", "tanh", "sigmoid"):
        mean, low, high = paired(accuracies[activation, 0.0], accuracies[activation, 0.1])
        assert signed(f"| {mean:+.2f} ({low:.2f} to {high:.2f})") in text, activation
    for p in (0.0, 0.1, 0.6, 0.8):
        accuracy = 100 * accuracies["relu", p]
        assert f"{accuracy.mean():.2f} ± {stats.sem(accuracy):.2f}" in text, p
    for activation in ("tanh", "sigmoid"):
        accuracy = 100 * accuracies[activation, 0.6]
        assert f"{accuracy.mean():.1f} ± {stats.sem(accuracy):.1f}" in text, activation


def test_the_page_on_adaptive_noise_gives_the_committed_differences():
    rows = pd.read_csv(RESULTS / "adaptive/cifar10_jpeg/differences.csv")
    text = page("docs/studies/adaptive.md")
    for row in rows[rows["measure"] == "acc_0"].to_dict("records"):
        name = f"{row['architecture']}, {row['optimizer'].replace('sgd', 'SGD').replace('adam', 'Adam')}"
        mean, low, high = (f"{100 * row[key]:.3f}" for key in ("mean_difference", "low", "high"))
        assert signed(f"| {name} | {mean} | {low} to {high} |") in text, row
    excluded = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    assert len(rows) == 16 and "Three of the 16 intervals" in text and len(excluded) == 3


def test_the_page_on_adversaries_has_the_committed_table():
    rows = (RESULTS / "adversarial/mnist/comparison.md").read_text().splitlines()[2:9]
    text = page("docs/studies/adversarial.md")
    for row in rows:
        assert " | ".join(row.split(" | ")[2:]) in text, row


def test_the_page_on_the_control_of_masks_gives_the_committed_differences():
    text = page("docs/studies/pnn_control.md")
    for row in pd.read_csv(RESULTS / "pnn/control/cifar10_jpeg/level_differences.csv").to_dict("records"):
        mean, low, high = (100 * row[name] for name in ("mean_difference", "low", "high"))
        assert f"{mean:+.1f} ({low:+.1f} to {high:+.1f})" in text, row
