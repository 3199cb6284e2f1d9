"""Tests of paired differences, and the table of them, against plain references."""

import dataclasses
import itertools
import json
import math
import statistics

import pandas as pd
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

import run_experiments
from campaign.analysis import columns, tables
from campaign.analysis.questions import weight_noise
from campaign.analysis.statistics import holm, more_seeds, over_seeds, p_value
from campaign.grid import block, study
from nnet import registry
from nnet.checks import ConfigError
from tests.campaign.analysis.drawing import stored
from tests.campaign.analysis.making import also, measurement, point, result

PAIRS = {"a": [0.01, 0.02, 0.04], "b": [-0.01, 0.03], "c": [0.002, 0.001, 0.0025, 0.0017]}


def rows_of(pairs: dict[str, list[float]], **more) -> pd.DataFrame:
    return pd.DataFrame([{"name": name, "difference": one} | more for name, its in pairs.items() for one in its])


def test_the_p_value_is_that_of_the_paired_t_test():
    for row in over_seeds(rows_of(PAIRS), ["name"]).to_dict("records"):
        differences = PAIRS[row["name"]]
        n, mean, std = len(differences), statistics.fmean(differences), statistics.stdev(differences)
        assert row["p_value"] == pytest.approx(2 * student.sf(abs(mean) / (std / math.sqrt(n)), n - 1))
        reference = [0.5] * n
        assert row["p_value"] == pytest.approx(ttest_rel([0.5 + one for one in differences], reference).pvalue)
        assert (row["p_value"] < 0.05) == (row["low"] > 0 or row["high"] < 0)


@pytest.mark.parametrize("differences", [[0.01], [0.0, 0.0, 0.0], [0.0007, 0.0007 + 1e-17, 0.0007], [math.nan, 0.1]])
def test_without_spread_over_seeds_there_is_no_test(differences):
    (row,) = over_seeds(rows_of({"a": differences}), ["name"]).to_dict("records")
    assert all(pd.isna(row[name]) for name in ("p_value", "p_holm", "more_seeds"))


def test_holms_correction_by_hand():
    # sorted: 0.01 × 4, 0.02 × 3, 0.03 × 2 (not below the 0.06 before it), 0.5 × 1; the empty one does not count
    found = holm(pd.Series([0.5, 0.01, math.nan, 0.03, 0.02]))
    assert found.tolist() == pytest.approx([0.5, 0.04, math.nan, 0.06, 0.06], nan_ok=True)
    assert holm(pd.Series([0.03, 0.02, 0.022])).tolist() == pytest.approx([0.06, 0.06, 0.06])
    assert holm(pd.Series([0.9, 0.6])).tolist() == [1.0, 1.0] and holm(pd.Series([], dtype=float)).empty


def rejected(p_values: dict[str, float], level: float) -> set[str]:
    """Holm's procedure as he states it: reject the smallest p while it is at most level / hypotheses that are left."""
    names, out = sorted(p_values, key=p_values.__getitem__), set()
    while names and p_values[names[0]] <= level / len(names):
        out.add(names.pop(0))
    return out


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2, 0.5])
def test_a_corrected_p_value_below_the_level_is_what_holms_procedure_rejects(level):
    for values in itertools.product([0.001, 0.004, 0.012, 0.03, 0.06, 0.2], repeat=4):
        p_values = dict(zip("abcd", values, strict=True))
        corrected = holm(pd.Series(p_values))
        assert set(corrected.index[corrected <= level + 1e-12]) == rejected(p_values, level)


def seeds_by_search(std: float, n: int, half: float) -> int:
    seeds = n
    while student.ppf(0.975, seeds - 1) * std / math.sqrt(seeds) > half:
        seeds += 1
    return seeds - n


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("points", [0.1, 0.5, 3.0])
def test_the_seeds_that_are_missing_are_those_of_a_direct_search(n, points):
    stds = pd.Series([1e-6, 0.0003, 0.001, 0.0031, 0.01, 0.02])
    found = more_seeds(stds, pd.Series([n] * len(stds)), points / 100)
    assert found.tolist() == [seeds_by_search(std, n, points / 100) for std in stds]
    cells = over_seeds(rows_of(PAIRS), ["name"], points)
    searched = [seeds_by_search(statistics.stdev(its), len(its), points / 100) for its in PAIRS.values()]
    assert cells["more_seeds"].tolist() == searched and set(cells["resolution"]) == {points / 100}


def test_many_cells_at_once_are_each_cell_alone():
    together = over_seeds(rows_of(PAIRS), ["name"]).set_index("name")
    for name, its in PAIRS.items():
        (alone,) = over_seeds(rows_of({name: its}), ["name"]).to_dict("records")
        assert alone["p_value"] == together.loc[name, "p_value"] == alone["p_holm"]
    mean, std = pd.Series([0.02]), pd.Series([0.01])
    assert p_value(mean, std, pd.Series([4])).tolist() == pytest.approx([2 * student.sf(4.0, 3)])


def test_a_family_is_the_rows_of_one_evaluation_above_strength_0():
    parts = [
        rows_of({name: its}, evaluation=evaluation, alpha_test=alpha_test)
        for evaluation, alpha_test, (name, its) in [
            *(("weight_noise", alpha, ("a", PAIRS["a"])) for alpha in (0.0, 0.1, 0.2)),
            *(("layers", 0.1, (name, its)) for name, its in PAIRS.items()),
            ("other", 0.0, ("c", PAIRS["c"])),
        ]
    ]
    table = over_seeds(pd.concat(parts), ["evaluation", "alpha_test", "name"])
    for evaluation, its in table.groupby("evaluation"):
        counted = its if evaluation == "other" else its[its["alpha_test"] > 0]
        by_hand = holm(counted["p_value"])
        assert its["p_holm"].dropna().tolist() == pytest.approx(by_hand.tolist())
    assert table.query("evaluation == 'weight_noise' and alpha_test == 0")["p_holm"].isna().all()


def campaign(seeds=4) -> list[dict]:
    """A network, trained clean and noisy; noise helps, by another amount for each seed."""
    return [
        result(seed, (0.9, 0.8 + gain * (1 + 0.1 * seed)), regime=regime, alpha_train=0.2)
        for regime, gain in (("clean", 0.0), ("noisy", 0.05))
        for seed in range(seeds)
    ]


def test_the_report_says_how_many_intervals_exclude_zero_what_is_excluded_and_what_to_buy():
    made = tables.build(campaign())
    found = made["differences"].query("measure == 'acc' and alpha_test == 0.1").iloc[0]
    said = weight_noise.report(made)
    assert "differences from clean, seed by seed" in said and "Holm" in said
    assert "weight_noise, acc: 1 of 1 intervals exclude zero, 1 after Holm" in said
    assert f"excluded: differences above {100 * found['high']:.2f} points in every row" in said
    assert f"intervals of ±0.1 points take {found['more_seeds']} more seeds in every row" in said
    assert "of the variance over seeds comes from the noise draws" in said and "four times the seeds" in said


def test_the_report_on_a_table_of_an_earlier_version_says_so():
    made = tables.build(campaign())
    older = made | {"differences": made["differences"].drop(columns=["p_value", "p_holm", "resolution", "more_seeds"])}
    assert "differences.csv was written by an earlier version" in weight_noise.report(older)


def test_the_report_of_one_seed_says_that_there_are_no_intervals():
    said = weight_noise.report(tables.build(campaign(seeds=1)))
    assert "weight_noise, drop: no intervals; left out: 1 of 1 (one seed" in said


def test_the_report_counts_each_family_and_leaves_out_what_cannot_differ():
    both = [result(seed, (0.9 + 0.01 * seed * p, 0.5), p=p) for seed in range(3) for p in (0.0, 0.1, 0.3)]
    for run in both:
        del run["measurements"][0]["points"][1:]
    said = weight_noise.report(tables.build(both, {"p": 0}))
    assert "differences from p 0" in said and "weight_noise, acc: 0 of 2 intervals exclude zero" in said
    assert "drop" not in said


def test_the_advice_is_for_the_largest_strength_where_0_1_was_not_measured():
    runs = campaign()
    for run in runs:
        for one in run["measurements"][0]["points"][1:]:
            one["strength"] = 0.5
    assert "comes from the noise draws (at α_test = 0.5): to narrow the bars" in weight_noise.report(tables.build(runs))


@pytest.mark.parametrize("name", registry.names("studies"))
def test_the_campaign_of_every_study_has_differences(name):
    runs = block.expand({}, study.load(name), {"seed": [0, 1]})
    networks = {config.run_id: config for config in runs.configs}  # some are measured in several ways
    made = tables.build([_made(config) for config in networks.values()], runs.reference)
    ((setting, value),) = runs.reference.items()
    if all(getattr(config, setting, None) == value for config in runs.configs):
        assert "differences" not in made  # every run is a reference
    else:
        differences = made["differences"]
        assert set(differences["measure"]) == {"acc", "drop"} and (differences["n_seeds"] == 2).all()
        assert not [one for one in differences if columns.explanation("differences", one, made) == columns.UNKNOWN]


def _made(config) -> dict:
    """The run file of a configuration, with made-up accuracies at the strengths that it asks for."""
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    run = result(accuracies=(0.9, 0.8), **fields)
    at = [point(strength, 0.9 - strength / 10) for strength in config.alpha_tests]
    return run | {"measurements": [measurement(config, at)]}


@pytest.mark.parametrize("reference", ["sigma", "additive.sigma", "missing"])
def test_a_reference_may_be_an_option_of_any_owner(reference):
    accuracies = {0.1: 0.80, 0.5: 0.83}
    runs = [
        result(
            seed, (0.9, accuracy + 0.01 * seed), p=0.3, corruption="additive", options={"additive": {"sigma": sigma}}
        )
        for sigma, accuracy in accuracies.items()
        for seed in range(3)
    ]
    made = tables.build(runs, {reference: 0.1})
    if reference == "missing":
        assert "differences" not in made
    else:
        (row,) = made["differences"].query("measure == 'acc' and alpha_test == 0.1").to_dict("records")
        assert row["mean_difference"] == pytest.approx(0.03) and row[reference] == 0.5
        assert row["reference"] == f"{reference} 0.1"


def test_a_reference_may_be_no_value_and_an_architecture():
    clips = [result(seed, (0.9, 0.8 + 0.01 * seed), weight_clip=clip) for clip in (None, 2.0) for seed in range(2)]
    differences = tables.build(clips, {"weight_clip": None})["differences"]
    assert set(differences["weight_clip"]) == {2.0} and set(differences["reference"]) == {"weight_clip none"}
    networks = [result(seed, (0.9, 0.8), arch=arch) for arch in ("cnn", "mlp_small") for seed in range(2)]
    differences = tables.build(networks, {"arch": "cnn"})["differences"]
    assert set(differences["architecture"]) == {"mlp_small"} and set(differences["reference"]) == {"cnn"}


def test_a_campaign_with_other_evaluations_alone_has_differences():
    runs = []
    for regime, seed in itertools.product(("clean", "noisy"), range(2)):
        run = result(seed, (0.9, 0.8), regime=regime, alpha_train=0.2, alpha_tests=(0,), evaluations=("quantization",))
        del run["measurements"][0]["points"][1:]
        bits = {"evaluation": "quantization", "points": [point(4.0, 0.7), point(8.0, 0.8)]}
        runs.append(also(run, run["measurements"][0] | bits))
    differences = tables.build(runs)["differences"]
    assert set(differences["evaluation"]) == {"weight_noise", "quantization"}


def test_the_resolution_of_the_launch_reaches_the_tables(tmp_path):
    store = stored(tmp_path / "digits", campaign())
    usual = tables.read(store.folder)["differences"]
    store.remember_campaign([], resolution=1.5)
    again = tables.write(store)["differences"]
    assert set(usual["resolution"]) == {0.001} and set(again["resolution"]) == {0.015}
    assert (again["more_seeds"].dropna() == 0).all() and (usual["more_seeds"] > 0).any()
    assert json.loads((store.folder / "campaign.json").read_text())["resolution"] == 1.5


@pytest.mark.parametrize("value", ["0", "-1", "1e-9", "101", "nan", "a"])
def test_a_resolution_is_a_number_from_0_001_to_100(value, tmp_path, capsys):
    assert run_experiments.main(["--resolution", value, "--output-dir", str(tmp_path)]) == 2
    assert "resolution must be" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_nothing_is_compared_with_a_reference_that_is_no_setting():
    with pytest.raises(ConfigError, match="levl"):
        block.expand({}, dataclasses.replace(study.load("pnn_control"), reference={"levl": 0}))
