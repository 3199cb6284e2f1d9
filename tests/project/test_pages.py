"""README.md and docs/ lead somewhere, are short where they should be, and give the committed numbers."""

import itertools
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


def accuracies(name: str) -> pd.Series:
    """Accuracy under weight noise in the committed campaign `name`, by architecture, regime, strength and seed."""
    sweep = pd.read_csv(RESULTS / name / "sweep.csv").query("evaluation == 'weight_noise'")
    return sweep.groupby(["architecture", "regime", "alpha_test", "seed"])["acc"].mean()


def test_the_readme_gives_the_committed_numbers():
    cnn, text = accuracies("cifar10_jpeg")["cnn"], page("README.md")
    mean = {key: f"{100 * rows.mean():.1f} %" for key, rows in cnn.groupby(["regime", "alpha_test"])}
    assert f"of the cleanly trained CNN from {mean['clean', 0.0]} to {mean['clean', 0.5]}" in text
    assert f"falls from {mean['noisy', 0.0]} to {mean['noisy', 0.5]}" in text
    cost, *costs = paired(cnn["noisy", 0.0], cnn["clean", 0.0])
    gain, *gains = paired(cnn["clean", 0.5], cnn["noisy", 0.5])
    assert f"costs {cost:.1f} points at strength 0 (95 % interval {costs[0]:.1f} to {costs[1]:.1f})" in text
    assert f"and gains {gain:.1f} points ({gains[0]:.1f} to {gains[1]:.1f}) at strength 0.5" in text
    assert costs[0] > 0 and gains[0] > 0
    runs = pd.read_csv(RESULTS / "cifar10_jpeg/results_per_run.csv")
    assert f"(JPEG copy; {runs['epochs'].iloc[0]} epochs, {runs['seed'].nunique()} seeds)" in text


def test_the_page_on_weight_noise_gives_the_committed_numbers():
    text, every = (ROOT / "docs/studies/weight_noise.md").read_text(), accuracies("cifar10_jpeg")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (.+) \| (.+) \| (.+) \((.+) to (.+)\) \|$", text, re.M)
    assert len(rows) == 16 and {row[0] for row in rows} == {*every.index.unique("architecture")}
    for arch, strength, *given in rows:
        both = [every[arch, regime, float(strength)] for regime in ("clean", "noisy")]
        means = [f"{100 * accuracy.mean():.1f} ± {100 * stats.sem(accuracy):.1f}" for accuracy in both]
        assert given == means + [signed(f"{value:+.1f}") for value in paired(*both)], (arch, strength)


TRAININGS = {
    "standard": "clean",
    "dropout": "dropout",
    "forward noise": "noisy",
    "AWP": "awp",
    "β": "beta",
    "β + forward noise": "beta with noise",
}
"""Names of the published methods on the page, and in the tables."""


def test_the_page_on_spoken_words_gives_the_committed_numbers():
    text, folder = (ROOT / "docs/studies/adversarial_speech.md").read_text(), RESULTS / "adversarial/speech_commands"
    beside = pd.read_csv(folder / "published_insensitivity.csv").set_index("method").sort_values("alpha_test")
    lines = []
    for name, method in TRAININGS.items():
        its = 100 * beside.loc[method, ["mean_acc", "stderr_acc", "published_mean"]]
        lines.append(" | ".join([f"| {name}", *(f"{mean:.1f} ± {error:.1f}" for mean, error, _ in its.to_numpy())]))
        lines.append(" | ".join(["| published", *(f"{mean:.1f}" for mean in its["published_mean"])]))
    assert " |\n".join(lines) in text
    least = beside[beside["alpha_test"] == 0]["difference_in_se"].max()
    assert f"at least {-least:.0f} of our standard errors below the published" in text


def test_the_page_on_spoken_words_gives_the_paired_differences():
    text, folder = page("docs/studies/adversarial_speech.md"), RESULTS / "adversarial/speech_commands"
    sweep, runs = pd.read_csv(folder / "sweep.csv"), pd.read_csv(folder / "results_per_run.csv").set_index("run_id")
    sweep["method"] = [methods_name(runs.loc[run_id]) for run_id in sweep["run_id"]]
    by = sweep.groupby(["evaluation", "method", "alpha_test", "seed"])["acc"].mean()
    random = by["weight_noise"]
    for name, method in TRAININGS.items():
        cells = [paired(random["clean", zeta], random[method, zeta]) for zeta in (0.0, 0.3, 0.5, 0.7)]
        line = " | ".join(signed(f"{mean:+.1f} ({low:+.1f} to {high:+.1f})") for mean, low, high in cells)
        assert method == "clean" or f"| {name} | {line} |" in text, name
    for ahead, words in (("beta", "is behind β (by"), ("beta with noise", "and behind β + forward noise (by")):
        mean, low, high = paired(random["noisy", 0.5], random[ahead, 0.5])
        assert f"{words} {mean:.1f} points, {low:.1f} to {high:.1f})" in text
    order = sorted(TRAININGS, key=lambda name: -random[TRAININGS[name], 0.5].mean())
    assert f"**The order at ζ = 0.5** is {', '.join(order)}." in text
    lost, *others = (
        100 * (random[method, 0.0] - random[method, 0.5]).mean()
        for method in sorted(TRAININGS.values(), key="clean".__ne__)
    )
    assert (
        f"loses {lost:.1f} points of accuracy, the five other methods {min(others):.1f} to {max(others):.1f}." in text
    )
    for method, words in (
        ("beta", "then {:.1f} points more accurate than with standard training (95 % interval {:.1f} to {:.1f})"),
        ("noisy", "with forward noise {:.1f} points ({:.1f} to {:.1f})"),
    ):
        assert words.format(*paired(random["clean", 0.5], random[method, 0.5])) in text
    five = [method for method in TRAININGS.values() if method != "clean"]
    pairs = [paired(random[one, 0.5], random[other, 0.5]) for one, other in itertools.combinations(five, 2)]
    assert len(pairs) == 10 and sum(low > 0 or high < 0 for _, low, high in pairs) == 2
    assert all(paired(random["clean", 0.5], random[method, 0.5])[1] > 0 for method in five)
    attacked = by["worst_case"]
    kept, lost = (100 * attacked[method, 0.05].mean() for method in ("beta", "clean"))
    assert f"trained with β keep {kept:.1f} % and standard ones {lost:.1f} %" in text


def test_the_page_on_spoken_words_names_what_is_left_after_holms_correction():
    rows = pd.read_csv(RESULTS / "adversarial/speech_commands/differences.csv")
    rows = rows[(rows["evaluation"] == "weight_noise") & (rows["measure"] == "acc") & (rows["alpha_test"] > 0)]
    left = rows[rows["p_holm"] < 0.05]
    assert len(rows) == 20
    assert sorted(zip(left["alpha_test"], left["regime"], left["alpha_train"], strict=True)) == [
        (0.5, "awp", 0), (0.7, "awp", 0), (0.7, "beta", 0), (0.7, "noisy", 0.3),
    ]  # fmt: skip
    text = page("docs/studies/adversarial_speech.md")
    assert (
        "Of its 20 intervals for ζ above 0, four exclude zero after Holm's correction: AWP at 0.5, and AWP, β and"
        in text
    )


def methods_name(run: pd.Series) -> str:
    """The method of a run in the published table."""
    if run["regime"] == "beta":
        return "beta with noise" if run["alpha_train"] > 0 else "beta"
    return "dropout" if run["dropout"] > 0 else run["regime"]


def test_pages_of_studies_without_a_committed_campaign_give_no_figures():
    committed = re.findall(r"^!/results/(.+)/$", (ROOT / ".gitignore").read_text(), re.M)  # others may lie there too
    assert committed == ["mnist", "cifar10_jpeg", "adversarial", "adversarial/speech_commands"]
    assert all((RESULTS / name / "results_summary.csv").exists() for name in committed if name != "adversarial")
    given = {ROOT / f"docs/studies/{name}.md" for name in ("weight_noise", "adversarial_speech")}
    for path in {*(ROOT / "docs/studies").glob("*.md")} - given:
        assert "![" not in path.read_text() and "±" not in path.read_text(), path
