"""The page of the study on a small network on analog devices gives the committed numbers."""

import json

import pandas as pd
import pytest
from scipy import stats

from tests.conftest import ROOT
from tests.project.pages import RESULTS, page, paired, signed

FOLDER = RESULTS / "analog_resnet_small/cifar10_jpeg"
PAGE = "docs/studies/analog_resnet_small.md"
METHODS = {
    "standard": "clean",
    "standard, not clipped": "clean, not clipped",
    "noise, largest weight": "noisy range",
    "noise, each weight": "noisy magnitude",
    "programming noise": "noisy device",
    "β": "beta",
    "β + noise, largest weight": "beta range",
    "AWP": "awp",
    "SAM": "sam",
}
"""Names on the page, and here."""
YEAR = 31_536_000.0
DEVICES = {
    "unperturbed": ("weight_noise", "range", 0.0),
    "25 s": ("pcm", "compensated", 25.0),
    "1 year": ("pcm", "compensated", YEAR),
    "1 hour, not compensated": ("pcm", "not compensated", 3600.0),
    "1 day, not compensated": ("pcm", "not compensated", 86_400.0),
    "1 year, not compensated": ("pcm", "not compensated", YEAR),
}
"""The columns of the table of devices."""
COMPARED = {
    "unperturbed": DEVICES["unperturbed"],
    "1 year": DEVICES["1 year"],
    "1 hour, not compensated": DEVICES["1 hour, not compensated"],
    "noise, η = 0.11, largest weight": ("weight_noise", "range", 0.11),
    "noise, η = 0.11, each weight": ("weight_noise", "magnitude", 0.11),
    "adversary, ζ = 0.01": ("worst_case", "", 0.01),
}
"""The columns of the table of paired differences."""


def method_of(run: pd.Series) -> str:
    if run["regime"] == "clean":
        return "clean, not clipped" if pd.isna(run["weight_clip"]) else "clean"
    if run["regime"] == "noisy":
        return f"noisy {run['noise_model'] if pd.notna(run['noise_model']) else 'device'}"
    return "beta range" if run["regime"] == "beta" and run["alpha_train"] > 0 else run["regime"]


def way_of(row: pd.Series) -> str:
    settings = json.loads(row["settings"])
    if row["evaluation"] == "pcm":
        return "compensated" if settings.get("drift_compensation", True) else "not compensated"
    return settings.get("noise_model", "tensor_std") if row["evaluation"] == "weight_noise" else ""


@pytest.fixture(scope="module")
def accuracy() -> pd.Series:
    """By evaluation, way of measuring, method, strength and seed."""
    runs = pd.read_csv(FOLDER / "results_per_run.csv").set_index("run_id")
    runs["method"] = [method_of(run) for _, run in runs.iterrows()]
    sweep = pd.read_csv(FOLDER / "sweep.csv").merge(runs["method"], left_on="run_id", right_index=True)
    sweep = sweep[sweep["part"].isna()].assign(way=lambda rows: [way_of(row) for _, row in rows.iterrows()])
    found = sweep.groupby(["evaluation", "way", "method", "alpha_test", "seed"])["acc"].mean()
    assert set(found.index.unique("method")) == set(METHODS.values()) and set(found.index.unique("seed")) == {0, 1, 2}
    return found


def at(accuracy: pd.Series, place: tuple, method: str) -> pd.Series:
    evaluation, way, strength = place
    return accuracy[evaluation, way, method, strength]


def test_the_page_gives_the_accuracies_on_devices(accuracy):
    text = (ROOT / PAGE).read_text()
    assert f"| method | {' | '.join(DEVICES)} |" in text
    for name, method in METHODS.items():
        cells = [100 * at(accuracy, place, method) for place in DEVICES.values()]
        line = " | ".join(f"{cell.mean():.1f} ± {stats.sem(cell):.1f}" for cell in cells)
        assert f"| {name} | {line} |" in text, name


def test_the_page_gives_the_paired_differences_from_standard_training(accuracy):
    text = (ROOT / PAGE).read_text()
    assert f"| method | {' | '.join(COMPARED)} |" in text
    for name, method in METHODS.items():
        cells = [paired(at(accuracy, place, "clean"), at(accuracy, place, method)) for place in COMPARED.values()]
        line = signed(" | ".join(f"{mean:+.1f} ({low:+.1f} to {high:+.1f})" for mean, low, high in cells))
        assert method == "clean" or f"| {name} | {line} |" in text, name


def test_the_sentences_on_devices_follow_from_the_tables(accuracy):
    text = page(PAGE)
    lost = {
        method: 100 * (at(accuracy, DEVICES["unperturbed"], method) - at(accuracy, DEVICES["1 year"], method)).mean()
        for method in METHODS.values()
    }
    others = [value for method, value in lost.items() if method not in ("clean, not clipped", "awp")]
    words = f"lose {min(others):.1f} to {max(others):.1f} points in a year, without clipping"
    assert f"{words} {lost['clean, not clipped']:.1f}" in text
    day = [100 * at(accuracy, DEVICES["1 day, not compensated"], method).mean() for method in METHODS.values()]
    assert f"without compensation all have {min(day):.0f} to {max(day):.0f} % after a day" in text
    found = {}
    for column, place in COMPARED.items():
        for method in METHODS.values():
            if method != "clean":
                found[column, method] = paired(at(accuracy, place, "clean"), at(accuracy, place, method))
    mean, low, high = found["1 year", "clean, not clipped"]
    assert f"{-mean:.1f} points less accurate after a year (95 % interval {-high:.1f} to {-low:.1f})" in text
    mean, low, high = found["noise, η = 0.11, largest weight", "clean, not clipped"]
    assert f"and {-mean:.1f} points ({-high:.1f} to {-low:.1f}) under noise of η = 0.11 of the largest weight" in text
    outside = {key for key, (_, low, high) in found.items() if low > 0 or high < 0}
    assert {method for _, method in outside} == {"clean, not clipped", "awp"}
    mean, low, high = found["unperturbed", "awp"]
    assert f"they are {-mean:.1f} points less accurate ({-high:.1f} to {-low:.1f}) without perturbation" in text


def test_the_sentences_on_transfer_follow_from_the_tables():
    text, ranks = page(PAGE), pd.read_csv(FOLDER / "transfer.csv")
    ranks = ranks.pivot(index="method", columns="kind", values="drop_rank")
    assert ranks.shape == (9, 10) and (ranks.loc["awp, weight_clip 2"] == 1).all()
    assert (ranks.loc["clean"] == 9).sum() == 5 and "has the largest drop under five of the ten kinds" in text
    pairs = pd.read_csv(FOLDER / "transfer_correlation.csv").set_index(["kind", "other_kind"])["drop_correlation"]
    assert f"from {pairs.min():.2f} (certified bounds and noise relative to each weight)" in text
    assert pairs.idxmin() == ("interval_bounds", "weight_noise (noise_model magnitude)")
    assert f"to {pairs.max():.2f} (drift without compensation and stuck weights)" in text
    assert "all 45 rank correlations are positive" in text and len(pairs) == 45
    assert pairs.idxmax() == ("pcm (drift_compensation False)", "stuck_at")
    noise, drift = "weight_noise (noise_model range)", "pcm (drift_compensation True)"
    assert f"random noise and an adversary {pairs[noise, 'worst_case']:.2f}" in text
    assert f"random noise and compensated drift {pairs[drift, noise]:.2f}" in text
    assert f"bit flips and quantisation {pairs['bit_flips', 'quantization']:.2f}" in text


def test_the_page_says_what_is_left_after_holms_correction():
    rows = pd.read_csv(FOLDER / "differences.csv").query("p_holm < 0.05 and alpha_test > 0")
    counts = (
        f"{len(rows)} of its intervals above strength 0 exclude zero, {(rows['regime'] == 'awp').sum()} of them of AWP"
    )
    assert counts in page(PAGE)


def test_the_page_says_what_bounds_certify_and_which_layer_is_fragile(accuracy):
    certified = 100 * accuracy["interval_bounds", ""].xs(1e-6, level="alpha_test").groupby("method").mean()
    others = certified.drop("awp")
    assert f"leave {others.min():.0f} to {others.max():.0f} % of the images certified" in page(PAGE)
    assert certified["awp"] > 30
    layers = pd.read_csv(FOLDER / "sweep.csv").query("evaluation == 'layers' and alpha_test == 0.2")
    runs = pd.read_csv(FOLDER / "results_per_run.csv").set_index("run_id")
    by_method = layers.assign(method=[method_of(runs.loc[run_id]) for run_id in layers["run_id"]])
    means = by_method.groupby(["method", "part"])["drop"].mean().unstack().drop("awp")
    assert (means.idxmax(axis=1) == "conv").all()


def test_the_page_gives_the_drops_beside_the_published_ones(accuracy):
    text = (ROOT / PAGE).read_text()
    published = [(0.037, "magnitude", 0.22), (0.075, "magnitude", 0.38), (0.075, "range", 2.68), (0.11, "range", 18.51)]
    apart_by = []
    for strength, way, drop in published:
        cells = []
        for method in ("beta", "beta range"):
            lost = accuracy["weight_noise", way, method, 0.0] - accuracy["weight_noise", way, method, strength]
            apart = (lost.mean() - drop / 100) / stats.sem(lost)
            apart_by.append(abs(apart))
            cells.append(signed(f"{100 * lost.mean():.1f} ± {100 * stats.sem(lost):.1f} ({apart:+.1f})"))
        name = "each weight" if way == "magnitude" else "largest weight"
        assert f"| {strength:g}, {name} | {drop:.1f} | {' | '.join(cells)} |" in text, strength
    bound = stats.t.ppf(0.975, 2)
    assert (sum(apart > 2 for apart in apart_by), sum(apart > bound for apart in apart_by)) == (6, 4)
    words = f"Six of the eight differences exceed two standard errors; four exceed {bound:.1f}, the 95 % bound"
    assert words in page(PAGE)


def test_the_page_states_the_hours():
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    seconds = runs["train_seconds"].sum() + sum(
        sum(one["seconds"] for one in json.loads(path.read_text())["measurements"])
        for path in (FOLDER / "runs").iterdir()
    )
    assert f"The {len(runs)} networks took {seconds / 3600:.1f} core hours by their own clocks" in page(PAGE)
