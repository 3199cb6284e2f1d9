"""Tables, figures and reports of runs that were measured in more ways than under weight noise."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest

from campaign.analysis import panels, report, tables
from campaign.analysis.questions import evaluations
from campaign.analysis.questions.parts import comparison
from campaign.analysis.statistics import paired_differences
from nnet import registry
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import CLEAN, draw_all, drawn, legends, plain, stored
from tests.campaign.analysis.making import also, measurement, point, result
from tests.campaign.analysis.test_tables import PER_RUN

NAMES = ("landscape", "quantization", "random_corners", "worst_case")
LEVELS = {"landscape": (-2, -1, 0, 1, 2), "quantization": (1, 8), "random_corners": (0, 0.1), "worst_case": (0, 0.1)}


def measured(seed=0, shift=0.0, diverged=False, names=NAMES, **changed) -> dict:
    """A run with two strengths of weight noise and four evaluations: their accuracy falls with the strength's size."""
    run = result(seed, (0.9 + shift + 0.01 * seed, 0.8 + shift), diverged, evaluations=names, **changed)
    if diverged:
        return run
    cfg = TrainConfig(seed=seed, evaluations=names, **changed)
    further = []
    for name in names:
        accuracy = 0.7 + shift + 0.01 * seed
        rows = [point(float(level), accuracy - 0.1 * level, loss=1 + level**2 + shift) for level in LEVELS[name]]
        columns = {"landscape_slope": 0.25 + seed} if name == "landscape" else {}
        further.append(measurement(cfg, rows, name, columns))
    return also(run, *further)


def campaign() -> list[dict]:
    beta = [
        dict(regime="beta", alpha_train=a, options={"beta": {"beta_robustness": b}}) for a, b in ((0, 0.25), (0.3, 0.1))
    ]
    arms = [{}, {"dropout": 0.3}, *beta]
    return [measured(seed, 0.01 * number, **arm) for number, arm in enumerate(arms) for seed in (0, 1)]


@pytest.fixture(scope="module")
def made() -> dict[str, pd.DataFrame]:
    return tables.build(campaign())


def test_the_sweep_names_the_evaluation_of_every_row(made):
    sweep = made["sweep"]
    assert sweep["evaluation"].value_counts().to_dict() == {"weight_noise": 16} | {
        name: 8 * len(LEVELS[name]) for name in NAMES
    }
    assert sweep.notna()["acc_min"].all() and set(sweep["part"]) == {""} and set(sweep["settings"]) == {"{}"}


def test_weight_noise_and_evaluations_are_never_averaged_together(made):
    plain = tables.build([run | {"measurements": run["measurements"][:1]} for run in campaign()])
    pd.testing.assert_frame_equal(tables.of(made["results_summary"]), tables.of(plain["results_summary"]))
    worst = tables.of(made["results_summary"], "worst_case").query("regime == 'clean' and dropout == 0")
    assert list(worst["alpha_test"]) == [0, 0.1] and list(worst["n_seeds"]) == [2, 2]
    assert list(worst["mean_acc"]) == pytest.approx([0.705, 0.695])
    assert list(worst["stderr_acc"]) == pytest.approx([0.005, 0.005])


def test_a_diverged_run_is_counted_at_every_strength_at_which_others_were_measured():
    summary = tables.build([measured(0), measured(1, diverged=True)])["results_summary"]
    assert len(summary) == 2 + sum(map(len, LEVELS.values()))
    assert set(summary["n_diverged"]) == {1} and set(summary["n_seeds"]) == {1}


def test_what_an_evaluation_adds_to_a_run_stands_at_the_end(made):
    per_run = made["results_per_run"]
    assert list(per_run.columns)[: len(PER_RUN.split(","))] == PER_RUN.split(",")
    assert list(per_run["landscape_slope"]) == list(per_run["seed"] + 0.25)


def test_the_comparison_is_mean_std_over_seeds_and_the_worst_draw(made):
    compared = comparison.table(tables.with_settings(tables.of(made["sweep"]), made["results_per_run"]))
    methods = ["clean", "clean, dropout 0.3", "beta, beta_robustness 0.25", "beta α = 0.3, beta_robustness 0.1"]
    assert sorted(compared["method"].unique()) == sorted(methods)
    cells = compared.set_index(["method", "alpha_test"])
    for number, method in enumerate(methods):
        clean = [90 + number, 91 + number]
        cell = cells.loc[(method, 0.0)]
        assert cell["mean"] == pytest.approx(statistics.fmean(clean)) and cell["n_seeds"] == 2
        assert cell["std"] == pytest.approx(statistics.stdev(clean)) and cell["min"] == pytest.approx(90 + number)
    text = comparison.as_markdown(compared)
    assert "| mlp_small | clean | 90.50 ± 0.71 (90.00) | 80.00 ± 0.00 (78.74) |" in text
    assert "**93.50 ± 0.71 (93.00)**" in text and text.count("**") == 4 and "(n = 2)" in text
    lines = text.splitlines()
    assert len({line.count("|") for line in lines[:6]}) == 1
    latex = comparison.as_latex(compared)
    assert r"mlp\_small & clean & 90.50 $\pm$ 0.71 (90.00)" in latex and r"\textbf{93.50 $\pm$ 0.71 (93.00)}" in latex
    assert latex.count(r"\\") == 5 and "α" not in latex.split("tabular", 1)[1]


def test_one_seed_has_no_spread_and_without_a_worst_draw_none_is_shown():
    runs = [result()]
    made = tables.build(runs)
    sweep = tables.with_settings(made["sweep"], made["results_per_run"]).assign(acc_min=math.nan)
    assert "| mlp_small | clean | **90.00** | **80.00** |" in comparison.as_markdown(comparison.table(sweep))


def test_a_store_gets_its_comparison_and_all_figures(tmp_path):
    store = stored(tmp_path / "digits", campaign())
    assert (store.folder / "comparison.md").read_text().startswith("| network | method |")
    assert r"\begin{tabular}" in (store.folder / "comparison.tex").read_text()
    names = set(draw_all(store.folder))
    assert {"accuracy", "worst_case", "landscape", "quantization"} <= names and "random_corners" not in names


def test_worst_cases_are_lines_with_standard_errors_and_random_corners_dashed(made):
    drawing = evaluations.figures(made)
    (axes,) = drawing["worst_case"].axes
    lines = drawn(axes)
    assert list(lines)[-2:] == [CLEAN, f"{CLEAN}, dropout = 0.3"]
    x, y, bars = lines[CLEAN]
    assert list(x) == [0, 0.1] and y == pytest.approx([70.5, 69.5]) and bars == pytest.approx([0.5, 0.5])
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [len(line.get_xdata()) for line in dashed] == [2, 2, 2, 2, 0]
    assert "ζ" in drawing["worst_case"].get_supxlabel()
    assert "every weight moved by ζ, up or down at random" in legends(drawing["worst_case"])


def test_the_landscape_names_the_mean_slope_of_each_line(made):
    drawing = evaluations.figures(made)
    figure = drawing["landscape"]
    labels = [plain(line.get_label()) for line in figure.axes[0].lines]
    assert labels[-2:] == [f"{CLEAN}: slope 0.750", f"{CLEAN}, dropout = 0.3: slope 0.750"]
    line = figure.axes[0].lines[-2]
    assert list(line.get_xdata()) == [-2, -1, 0, 1, 2] and np.asarray(line.get_ydata()) == pytest.approx(
        [5, 2, 1, 2, 5]
    )


def test_dropout_is_compared_with_its_absence_seed_by_seed(made):
    sweep = tables.with_settings(tables.of(made["sweep"]), made["results_per_run"])
    found = made["dropout_differences"].query("alpha_test == 0")
    assert len(found) == 1 and found["mean_difference"].iloc[0] == pytest.approx(0.01)
    regimes = paired_differences(sweep).query("alpha_test == 0")
    assert list(regimes["mean_difference"]) == pytest.approx([0.02, 0.03])


def test_the_report_is_about_weight_noise_and_names_methods_briefly(made, tmp_path):
    printed = report.text(tmp_path, made)
    assert "mlp_small  beta  0.3  beta_robustness 0.1:" in printed and "(n = 2)" in printed and "{" not in printed


@pytest.mark.parametrize("name", registry.names("evaluations"))
def test_what_an_evaluation_says_of_its_figure_is_known(name):
    settings = evaluations.figure_settings(name)
    keys = {"name", "axis", "scale", "ticks", "quantity", "style", "measured_at", "label_column", "beside"}
    assert settings.keys() <= keys
    assert settings.get("quantity", "acc") in panels.QUANTITIES and settings.get("style", "band") in ("band", "points")
    assert settings.get("scale", "log") in ("log", "symlog") and settings.get("beside", {}).keys() <= {
        *registry.names("evaluations")
    }


def test_an_evaluation_without_a_file_or_settings_is_drawn_against_its_strength():
    runs = [measured(seed, names=("quantization",)) for seed in (0, 1)]
    for run in runs:
        run["measurements"][1]["evaluation"] = "trial"
    figure = evaluations.figures(tables.build(runs))["trial"]
    x, y, _ = drawn(figure.axes[0])[CLEAN]
    assert list(x) == [1, 8] and y == pytest.approx([60.5, -9.5])
    assert figure.get_supxlabel() == "strength of trial" and "Points: mean" in panels.caption(figure)


def test_random_corners_alone_have_a_figure():
    runs = [measured(seed, names=("random_corners",)) for seed in (0, 1)]
    assert "random_corners" in evaluations.figures(tables.build(runs))


def test_measurements_with_other_settings_have_panels_of_their_own_and_are_no_other_method():
    runs = [measured(seed, names=("quantization",)) for seed in (0, 1)]
    limited = [run["measurements"][1] for run in runs]
    limited = [one | {"settings": one["settings"] | {"max_test_samples": 100}} for one in limited]
    made = tables.build([also(run, one) for run, one in zip(runs, limited, strict=True)])
    figure = evaluations.figures(made)["quantization"]
    assert [drawn(axes).keys() for axes in figure.axes] == [{CLEAN}, {CLEAN}]
    assert [plain(axes.get_title()) for axes in figure.axes] == [
        "MLP 256-128",
        "MLP 256-128, measured with test images = 100",
    ]
    assert len(made["results_per_run"]) == 2 and set(comparison_of(made)["method"]) == {"clean"}


def comparison_of(made) -> pd.DataFrame:
    return comparison.table(tables.with_settings(tables.of(made["sweep"]), made["results_per_run"]))


PARTS = ("second", "first", "last")
"""The parts of a network in its order."""


def in_parts(seed: int, arch: str = "cnn", **changed) -> dict:
    """A run that was measured part by part: the accuracy falls with the strength and the part's number."""
    names = ("quantization",)
    cfg = TrainConfig(seed=seed, arch=arch, evaluations=names, **changed)
    at = [
        point(strength, 0.9 - strength * number - 0.01 * seed, part=part)
        for strength in (1.0, 2.0)
        for number, part in enumerate(PARTS)
    ]
    return also(result(seed, arch=arch, evaluations=names, **changed), measurement(cfg, at, names[0]))


def test_an_evaluation_of_parts_is_a_map_with_means_and_standard_errors():
    runs = [in_parts(seed, arch, p=p) for seed in (0, 1) for arch in ("cnn", "mlp_small") for p in (0.0, 0.1)]
    made = tables.build(runs)
    cells = tables.of(made["results_summary"], "quantization")
    assert len(cells) == 2 * 2 * 2 * 3 and set(cells["n_seeds"]) == {2}
    figure = evaluations.figures(made)["quantization"]
    titles = [plain(axes.get_title()) for axes in figure.axes]
    assert titles == [
        f"{network}: {CLEAN}{p}" for network in ("CNN", "MLP 256-128") for p in ("", ", pixel corruption p = 0.1")
    ]
    for axes in figure.axes:
        assert [tick.get_text() for tick in axes.get_yticklabels()] == list(PARTS)
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2"]
        texts = {text.get_position(): text.get_text() for text in axes.texts}
        assert texts[1, 2] == "400.5 ± 0.5" and texts[0, 0] == "0.5 ± 0.5" and len(texts) == 6
    figure.draw_without_rendering()


def test_differences_are_taken_at_every_point_of_every_evaluation():
    runs = [measured(seed, shift, regime=regime, alpha_train=0.2) for seed in (0, 1)
            for regime, shift in (("clean", 0.0), ("noisy", 0.05))]  # fmt: skip
    differences = tables.build(runs)["differences"].query("measure == 'acc'")
    assert len(differences) == 2 + sum(map(len, LEVELS.values()))
    assert differences["mean_difference"].tolist() == pytest.approx([0.05] * len(differences))
