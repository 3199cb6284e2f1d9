import math
import statistics

import pandas as pd
import pytest

from campaign.analysis.statistics import confidence_interval, paired_differences, share_of_draws, standard_error

VALUES = [0.91, 0.95, 0.97]


def test_standard_error_is_sample_std_over_root_n():
    std = statistics.stdev(VALUES)
    assert standard_error(std, 3) == pytest.approx(std / math.sqrt(3))


def test_the_interval_is_students_t():
    low, high = confidence_interval(pd.Series(VALUES))
    half = 4.302652729911275 * statistics.stdev(VALUES) / math.sqrt(3)  # t(0.975, 2 degrees of freedom), from a table
    assert (low, high) == pytest.approx((statistics.fmean(VALUES) - half, statistics.fmean(VALUES) + half))
    assert all(math.isnan(value) for value in confidence_interval(pd.Series([1.0])))
    assert confidence_interval(pd.Series([*VALUES, math.nan])) == pytest.approx((low, high))


def rows(regime, alpha_train, accuracies, arch="cnn", **more):
    fixed = dict(
        dataset="d", activation="relu", p=0.0, alpha_test=0.1, noise_samples=5, acc_std=0.01, loss=1.0, drop=0.0
    )
    cell = fixed | dict(architecture=arch, regime=regime, alpha_train=alpha_train) | more
    return [cell | dict(run_id=f"{regime}{seed}", seed=seed, acc=acc) for seed, acc in accuracies.items()]


def test_differences_are_taken_seed_by_seed():
    clean = {0: 0.50, 1: 0.70, 2: 0.90, 9: 0.1}
    noisy = {0: 0.52, 1: 0.71, 2: 0.93, 8: 0.9}
    table = paired_differences(pd.DataFrame(rows("clean", 0.0, clean) + rows("noisy", 0.2, noisy)))
    (row,) = table.to_dict("records")
    differences = [0.02, 0.01, 0.03]
    half = 4.302652729911275 * statistics.stdev(differences) / math.sqrt(3)
    assert row["n_seeds"] == 3 and row["mean_difference"] == pytest.approx(0.02)
    assert row["stderr_difference"] == pytest.approx(statistics.stdev(differences) / math.sqrt(3))
    assert (row["low"], row["high"]) == pytest.approx((0.02 - half, 0.02 + half))
    assert (row["regime"], row["alpha_train"], row["architecture"]) == ("noisy", 0.2, "cnn")


def test_runs_that_differ_in_more_than_the_regime_are_not_paired():
    clean = rows("clean", 0.0, {0: 0.5, 1: 0.6}, epochs=10) + rows("clean", 0.0, {0: 0.1, 1: 0.1}, epochs=1)
    table = paired_differences(pd.DataFrame(clean + rows("noisy", 0.2, {0: 0.6, 1: 0.7}, epochs=10)))
    assert len(table) == 1 and table["mean_difference"][0] == pytest.approx(0.1)


def test_runs_that_differ_in_an_option_of_no_regime_are_not_paired():
    table = []
    for sigma, shift in (("0.1", 0.0), ("0.5", 0.3)):
        options = f'{{"additive": {{"sigma": {sigma}}}}}'
        table += rows("clean", 0.0, {0: 0.5 + shift, 1: 0.6 + shift}, options=options)
        table += rows("noisy", 0.2, {0: 0.52 + shift, 1: 0.62 + shift}, options=options)
    found = paired_differences(pd.DataFrame(table))
    assert found["n_seeds"].tolist() == [2, 2] and found["mean_difference"].tolist() == pytest.approx([0.02, 0.02])
    assert found["options"].tolist() == [
        '{"additive": {"sigma": 0.1}}',
        '{"additive": {"sigma": 0.5}}',
    ]


def test_regimes_may_differ_in_their_own_options_and_noise_model():
    table = rows("clean", 0.0, {0: 0.5, 1: 0.6}, options="{}", noise_model=None)
    for beta, model in ((0.1, "tensor_std"), (0.2, "magnitude")):
        options = f'{{"beta": {{"beta_robustness": {beta}}}}}'
        table += rows("beta", 0.2, {0: 0.5 + beta, 1: 0.6 + beta}, options=options, noise_model=model)
    found = paired_differences(pd.DataFrame(table))
    assert found["n_seeds"].tolist() == [2, 2] and sorted(found["mean_difference"]) == pytest.approx([0.1, 0.2])


def test_points_are_compared_whatever_their_number_of_draws_but_only_with_the_same_settings():
    settings = [dict(evaluation="layers", part=part, settings=its) for part in "ab" for its in ("{}", '{"bits": 8}')]
    table = [row for number, its in enumerate(settings) for row in rows("clean", 0.0, {0: 0.1 * number}, **its)]
    table += [
        row | {"noise_samples": 20}
        for number, its in enumerate(settings)
        for row in rows("noisy", 0.2, {0: 0.11 * number}, **its)
    ]
    found = paired_differences(pd.DataFrame(table))
    assert found["mean_difference"].tolist() == pytest.approx([0.01, 0, 0.03, 0.02])
    assert list(zip(found["part"], found["settings"], strict=True)) == sorted(
        (its["part"], its["settings"]) for its in settings
    )


def test_a_single_seed_has_a_difference_and_no_interval():
    table = paired_differences(pd.DataFrame(rows("clean", 0.0, {0: 0.5}) + rows("noisy", 0.2, {0: 0.6})))
    assert table["mean_difference"][0] == pytest.approx(0.1) and table[["low", "high"]].isna().all().all()


def test_nothing_to_pair_is_an_empty_table():
    assert paired_differences(pd.DataFrame(rows("clean", 0.0, {0: 0.5}))).empty


def test_the_share_of_the_noise_draws():
    spread = rows("clean", 0.0, {0: 0.5, 1: 0.6, 2: 0.7})  # variance over seeds 0.01, of which draws 0.01²/5
    assert share_of_draws(pd.DataFrame(spread)) == pytest.approx(0.01**2 / 5 / 0.01)
    assert math.isnan(share_of_draws(pd.DataFrame(rows("clean", 0.0, {0: 0.5}))))
    both = rows("clean", 0.0, {0: 0.5, 1: 0.6, 2: 0.7}, epochs=1) + rows("clean", 0.0, {0: 0.8, 1: 0.9, 2: 1}, epochs=9)
    assert share_of_draws(pd.DataFrame(both)) == pytest.approx(0.01**2 / 5 / 0.01)


def test_accuracies_at_p_are_compared_with_those_at_another_p_seed_by_seed():
    rows = [
        dict(run_id=f"{p}{seed}{activation}", seed=seed, regime="clean", alpha_train=0.0, p=p, activation=activation,
             alpha_test=0.0, acc=0.9 + 0.01 * seed + shift, acc_std=math.nan, loss=1.0, drop=0.0)
        for activation in ("relu", "tanh")
        for p, shifts in ((0.0, (0, 0, 0)), (0.1, (0.02, 0.03, 0.04)), (1.0, (-0.8, -0.8, -0.8)))
        for seed, shift in enumerate(shifts)
    ]  # fmt: skip
    found = paired_differences(pd.DataFrame(rows), by="p", reference=0)
    assert list(found["activation"]) == ["relu", "relu", "tanh", "tanh"] and list(found["p"]) == [0.1, 1.0] * 2
    assert found["mean_difference"].tolist() == pytest.approx([0.03, -0.8] * 2) and set(found["n_seeds"]) == {3}
    half = 4.302652729911275 * 0.01 / 3**0.5
    assert found.loc[0, ["low", "high"]].tolist() == pytest.approx([0.03 - half, 0.03 + half])
