"""The page of the study on adaptive noise gives the committed numbers."""

import json
from collections import Counter

import pandas as pd
import pytest
from scipy import stats

from tests.project.pages import RESULTS, core_hours, excluding_zero, page, paired, signed

FOLDER = RESULTS / "adaptive/cifar10_jpeg"
PAGE = "docs/studies/adaptive.md"
ROWS = {
    "`baby_cnn`, SGD": ("baby_cnn", "sgd"),
    "`baby_cnn`, Adam": ("baby_cnn", "adam"),
    "`tiny_cnn`, SGD": ("tiny_cnn", "sgd"),
    "`tiny_cnn`, Adam": ("tiny_cnn", "adam"),
}
KINDS = ("gradient", "weight")


def kind_of(options: str) -> str:
    """The kind of noise that thresholds lead to; "" without noise."""
    own = json.loads(options).get("adaptive")
    return "" if own is None else "weight" if own["low_update"] == 0 else "gradient"


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    return runs.assign(kind=[kind_of(options) for options in runs["options"]])


@pytest.fixture(scope="module")
def differences(runs) -> dict[tuple, tuple[float, float, float]]:
    """Test accuracy minus that of the baseline, and its interval, by row and kind; computed from the runs."""
    accuracy = {
        key: rows.set_index("seed")["acc_0"] for key, rows in runs.groupby(["architecture", "optimizer", "kind"])
    }
    return {(*row, kind): paired(accuracy[*row, ""], accuracy[*row, kind]) for row in ROWS.values() for kind in KINDS}


def test_the_table_has_the_paired_differences_beside_the_published_ones(runs, differences):
    text = page(PAGE)
    for name, row in ROWS.items():
        its = runs[(runs["architecture"] == row[0]) & (runs["optimizer"] == row[1]) & (runs["kind"] == "")]
        cells = [f"{100 * its['acc_0'].mean():.2f} ± {100 * stats.sem(its['acc_0']):.2f}"]
        for kind in KINDS:
            mean, low, high = differences[*row, kind]
            cells.append(signed(f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"))
        assert f"| {name} | {' | '.join(cells)} | −" in text, name


def test_the_page_says_what_the_intervals_leave_open(differences):
    text = page(PAGE)
    assert all(low < 0 < high for _, low, high in differences.values()) and len(differences) == 8
    gains = [max(high for (*_, kind), (_, _, high) in differences.items() if kind == one) for one in KINDS]
    losses = [min(low for (*_, kind), (_, low, _) in differences.items() if kind == one) for one in KINDS]
    spans = [signed(f"{low:+.2f} to {high:+.2f}") for low, high in zip(losses, gains, strict=True)]
    assert f"from {spans[0]} percentage points with gradient noise, and from {spans[1]} with weight noise" in text


def test_the_page_says_how_much_noise_there_was():
    noisy: dict[str, list] = {kind: [] for kind in KINDS}
    for path in (FOLDER / "runs").glob("*-adaptive-*.json"):
        run = json.loads(path.read_text())
        rows = [row for row in run["history"] if row["noise"] is not None]
        noisy[kind_of(json.dumps(run["config"]["options"]))].append(rows)
    text, spans = page(PAGE), {kind: f"{min(map(len, its))} to {max(map(len, its))}" for kind, its in noisy.items()}
    assert f"in {spans['gradient']} of the 60 epochs of each run (119 epochs with gradient" in text
    assert f"with the other thresholds in {spans['weight']}, always weight noise" in text
    kinds = {kind: Counter(row["noise"] for rows in its for row in rows) for kind, its in noisy.items()}
    assert kinds["gradient"] == {"gradient": 119, "weight": 1} and set(kinds["weight"]) == {"weight"}
    runs = [*noisy["gradient"], *noisy["weight"]]
    means = [sum(row["strength"] for row in rows) / len(rows) for rows in runs]
    most = max(row["strength"] for rows in runs for row in rows)
    assert f"at most {100 * most:.0f} % of the root mean square" in text
    assert f"{100 * min(means):.0f} to {100 * max(means):.0f} % on average" in text
    assert {sum(row["epoch"] > 40 for row in rows) for rows in runs} == {3, 4}
    first = [rows[0]["epoch"] for rows in runs]
    assert f"until the first noise, in epoch {min(first)} to {max(first)}." in text
    flags = {flag for rows in runs for row in rows for flag in row["flags"]}
    assert "overfitting" not in flags and "`overfitting` was never raised" in text
    assert all(row["flags"] == ["val_plateau"] for rows in noisy["weight"] for row in rows)


def test_the_page_counts_the_intervals_that_exclude_zero():
    text, baseline = page(PAGE), pd.read_csv(FOLDER / "baseline_differences.csv")
    assert len(baseline) == 32 and "so 24 of the 32 intervals are distinct" in text and excluding_zero(baseline).empty
    best = [baseline[baseline["measure"] == name] for name in ("val_acc_best", "val_acc_best_after_noise")]
    assert list(best[0]["mean_difference"]) == list(best[1]["mean_difference"])
    every = pd.read_csv(FOLDER / "differences.csv").query("alpha_test > 0")
    accuracies = every[every["measure"] == "acc"]
    assert f"Of {len(accuracies)} intervals of accuracy at α_test = 0.1 and 0.2, two exclude zero" in text
    found = excluding_zero(accuracies)
    assert {(row.architecture, row.optimizer, kind_of(row.options)) for row in found.itertuples()} == {
        ("baby_cnn", "sgd", "weight")
    }
    for row in found.sort_values("alpha_test").itertuples():
        mean, low, high = (100 * value for value in (row.mean_difference, row.low, row.high))
        assert f"{mean:+.2f} ({low:+.2f} to {high:+.2f})" in text
    assert (every["p_holm"] > 0.05).all() and excluding_zero(every[every["measure"] == "drop"]).empty


def test_the_page_measures_the_published_differences_in_standard_errors(runs, differences):
    text, in_errors = page(PAGE), []
    for name, row in ROWS.items():
        line = text[text.index(f"| {name} |") :].split(" | ")
        published = float(line[4].split(" |")[0].replace("−", "-"))
        for kind in KINDS:
            mean, low, high = differences[*row, kind]
            in_errors.append((mean - published) / ((high - low) / 2 / stats.t.ppf(0.975, 2)))
    assert f"They are {min(in_errors):.0f} to {max(in_errors):.0f} of our standard errors below our differences" in text


def test_the_page_gives_the_core_hours(runs):
    assert f"The {len(runs)} networks took {core_hours(FOLDER):.1f} core hours" in page(PAGE)
