import json
import math
import statistics

import pandas as pd
import pytest

from campaign.analysis import loading, tables
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.campaign.analysis.making import also, measurement, point, result

PER_RUN = (
    "run_id,dataset,architecture,regime,seed,alpha_train,noise_model,activation,p,epochs,acc_0,acc_01,drop_at_01,"
    "test_loss,train_loss,status,train_seconds,sweep_seconds"
)
SWEEP = (
    "run_id,dataset,architecture,regime,seed,alpha_train,activation,p,evaluation,settings,part,alpha_test,"
    "noise_samples,acc,acc_std,acc_min,loss,drop"
)
SUMMARY = (
    "dataset,architecture,regime,alpha_train,noise_model,activation,p,evaluation,settings,part,alpha_test,n_seeds,"
    "n_diverged,mean_acc,std_acc,stderr_acc,mean_drop,std_drop,stderr_drop,mean_loss,stderr_loss"
)


def written(tmp_path, results) -> dict[str, pd.DataFrame]:
    store = Store(tmp_path / "digits")
    for item in results:
        store.save(item)
    tables.write(store)
    return tables.read(store.folder)


def test_columns_are_as_documented(tmp_path):
    written(tmp_path, [result(seed) for seed in range(2)])
    first_lines = {name: (tmp_path / "digits" / f"{name}.csv").read_text().splitlines()[0] for name in tables.NAMES}
    assert first_lines == {"results_per_run": PER_RUN, "sweep": SWEEP, "results_summary": SUMMARY}


def test_the_summary_is_over_seeds_with_sample_standard_errors(tmp_path):
    accuracies = [(0.90, 0.80), (0.94, 0.85), (0.95, 0.81)]
    summary = written(tmp_path, [result(seed, pair) for seed, pair in enumerate(accuracies)])["results_summary"]
    assert list(summary["alpha_test"]) == [0, 0.1]
    row = summary.iloc[1]
    noisy, drops = [pair[1] for pair in accuracies], [pair[0] - pair[1] for pair in accuracies]
    assert row["n_seeds"] == 3 and row["n_diverged"] == 0
    for name, values in (("acc", noisy), ("drop", drops)):
        assert row[f"mean_{name}"] == pytest.approx(statistics.fmean(values))
        assert row[f"std_{name}"] == pytest.approx(statistics.stdev(values))
        assert row[f"stderr_{name}"] == pytest.approx(statistics.stdev(values) / math.sqrt(3))


def test_one_seed_has_no_standard_error(tmp_path):
    written(tmp_path, [result()])
    row = pd.read_csv(tmp_path / "digits" / "results_summary.csv", dtype=str, keep_default_na=False).iloc[1]
    assert row["n_seeds"] == "1" and row["mean_acc"].startswith("0.8") and row["part"] == ""
    assert row["std_acc"] == row["stderr_acc"] == row["stderr_drop"] == row["stderr_loss"] == ""


def test_diverged_runs_are_counted_and_left_out(tmp_path):
    made = written(tmp_path, [result(0), result(1, (0.8, 0.6)), result(2, diverged=True)])
    assert list(made["results_summary"]["n_seeds"]) == [2, 2] and list(made["results_summary"]["n_diverged"]) == [1, 1]
    assert made["results_summary"]["mean_acc"][1] == pytest.approx(0.7)
    assert list(made["results_per_run"]["status"]) == ["ok", "ok", "diverged"] and len(made["sweep"]) == 4


def test_a_cell_of_diverged_runs_alone_is_a_row_without_means(tmp_path):
    summary = written(tmp_path, [result(seed, diverged=True) for seed in range(3)])["results_summary"]
    assert list(summary["n_seeds"]) == [0, 0] and list(summary["n_diverged"]) == [3, 3]
    assert summary["mean_acc"].isna().all() and summary["stderr_acc"].isna().all()


def test_runs_of_different_settings_are_never_averaged(tmp_path):
    runs = [result(seed, epochs=epochs, batch_size=32) for seed in range(3) for epochs in (1, 10)]
    made = written(tmp_path, [*runs, result(0, (0.1, 0.1), epochs=10, batch_size=64)])
    summary = made["results_summary"]
    assert list(summary.columns) == [*SUMMARY.split(","), "epochs", "batch_size"]
    assert sorted(zip(summary["epochs"], summary["batch_size"], summary["n_seeds"], strict=True)) == sorted(
        [(1, 32, 3), (10, 32, 3), (10, 64, 1)] * 2
    )
    assert list(made["results_per_run"].columns) == [*PER_RUN.split(","), "batch_size"]


def test_what_a_regime_adds_stands_at_the_end(tmp_path):
    made = written(tmp_path, [result(0), result(1, columns={"steps": 7})])["results_per_run"]
    assert list(made.columns) == [*PER_RUN.split(","), "steps"] and list(made["steps"].fillna(0)) == [0, 7]


def test_results_json_is_the_same_three_tables(tmp_path):
    made = written(tmp_path, [result(0), result(1, diverged=True)])

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    stored = json.loads((tmp_path / "digits" / "results.json").read_text(), parse_constant=refuse)
    assert list(stored) == list(tables.NAMES)
    for name, table in made.items():
        assert len(stored[name]) == len(table)
        for record, row in zip(stored[name], table.to_dict("records"), strict=True):
            for column, value in row.items():
                assert record[column] == (
                    None if pd.isna(value) else pytest.approx(value) if isinstance(value, float) else value
                )


def test_tables_do_not_depend_on_the_order_of_finishing(tmp_path):
    runs = [result(seed, regime=regime, alpha_train=0.2) for seed in range(3) for regime in ("clean", "noisy")]
    written(tmp_path / "a", runs)
    written(tmp_path / "b", runs[::-1])
    for name in (*(f"{name}.csv" for name in tables.NAMES), "results.json"):
        assert (tmp_path / "a/digits" / name).read_bytes() == (tmp_path / "b/digits" / name).read_bytes()


def test_text_that_a_spreadsheet_would_take_for_a_formula_is_quoted_and_numbers_are_not(tmp_path):
    store = Store(tmp_path)
    store.save(result(0) | {"remark": "=1+1", "shift": -0.5, "other": "fine - really"})
    tables.write(store)
    row = pd.read_csv(tmp_path / "results_per_run.csv").iloc[0]
    assert (row["remark"], row["shift"], row["other"]) == ("'=1+1", -0.5, "fine - really")


def test_one_network_is_one_row_however_often_it_was_measured(tmp_path):
    plain = result(0)
    cfg = TrainConfig(alpha_tests=(0, 0.1, 0.3), noise_samples=2)
    more = measurement(cfg, [point(0.1, 0.6, 5), point(0.3, 0.5), point(0.3, 0.4, 1)])
    quick = measurement(cfg, [point(0.0, 0.7), point(0.1, 0.2)], max_test_samples=100)
    made = written(tmp_path, [also(plain, more, quick), result(1)])
    assert len(made["results_per_run"]) == 2 and list(made["results_per_run"].columns) == PER_RUN.split(",")
    sweep = made["sweep"].query("seed == 0").set_index(["settings", "alpha_test"])
    assert sorted(sweep["noise_samples"]) == [1, 1, 1, 2, 6]
    tenth = sweep.loc["{}", 0.1]
    draws = [one["acc"] for one in plain["measurements"][0]["points"][1:]] + [0.6]
    assert (tenth["acc"], tenth["acc_std"]) == pytest.approx((statistics.fmean(draws), statistics.stdev(draws)))
    assert tenth["acc_min"] == 0.6 and tenth["drop"] == pytest.approx(0.9 - statistics.fmean(draws))
    limited = json.dumps({"max_test_samples": 100})
    assert sweep.loc[(limited, 0.1), "drop"] == pytest.approx(0.5) and sweep.loc[("{}", 0.3), "acc_min"] == 0.4
    cells = made["results_summary"].set_index(["settings", "alpha_test"])
    assert list(made["results_summary"].columns) == SUMMARY.split(",")
    assert cells["n_seeds"].to_dict() == {
        ("{}", 0.0): 2, ("{}", 0.1): 2, ("{}", 0.3): 1, (limited, 0.0): 1, (limited, 0.1): 1,
    }  # fmt: skip
    assert cells.loc[("{}", 0.1), "std_acc"] == pytest.approx(statistics.stdev([statistics.fmean(draws), 0.8]))


def test_a_diverged_run_counts_in_the_cells_of_its_own_setting_alone():
    more = measurement(TrainConfig(alpha_tests=(0, 0.3)), [point(0.3, 0.5)])
    runs = [also(result(0), more), result(1, diverged=True), result(0, p=0.5), result(1, p=0.5, diverged=True)]
    summary = tables.build(runs)["results_summary"].set_index(["p", "alpha_test"])
    assert summary.index.tolist() == [(0, 0), (0, 0.1), (0, 0.3), (0.5, 0), (0.5, 0.1)]
    assert set(summary["n_seeds"]) == set(summary["n_diverged"]) == {1}


def test_the_columns_of_the_last_request_are_shown_and_requests_that_differ_are_said(tmp_path):
    both = also(
        result(1, (0.6, 0.5), p=0.3, corrupt_test=True),
        measurement(TrainConfig(p=0.3), [point(0.0, 0.8), point(0.1, 0.3)]),
    )
    runs = [result(0, p=0.3), both]
    per_run = written(tmp_path, runs)["results_per_run"]
    assert list(per_run["acc_0"]) == [0.9, 0.6] and list(per_run["drop_at_01"]) == pytest.approx([0.1, 0.1])
    assert list(map(json.loads, per_run["asked"])) == [{}, {"corrupt_test": True}]


def test_a_regime_without_weight_noise_has_no_noise_model(tmp_path):
    runs = [result(regime=regime, alpha_train=0.2, noise_model="magnitude") for regime in ("clean", "noisy")]
    made = written(tmp_path, runs)
    assert made["results_per_run"]["noise_model"].fillna("none").tolist() == ["none", "magnitude"]
    assert set(made["sweep"]["settings"]) == {json.dumps({"noise_model": "magnitude"})}


def test_initial_weights_are_named_by_their_file_and_by_their_hash_only_where_the_name_is_the_same(tmp_path):
    runs = []
    for folder, name in (("a", "one.pt"), ("a", "two.pt"), ("b", "one.pt")):
        file = tmp_path / folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(f"{folder} {name}".encode())
        runs.append(result(0, (0.9, 0.8), initial_weights=str(file), epochs=2))
    made = tables.build(runs[:2])
    assert sorted(made["results_per_run"]["initial_weights"]) == ["one.pt", "two.pt"]
    assert "initial_weights_sha256" not in made["results_per_run"] and set(made["results_summary"]["n_seeds"]) == {1}
    made = tables.build(runs)
    assert made["results_per_run"]["initial_weights_sha256"].nunique() == 3
    assert len(made["results_summary"]) == 6 and set(made["results_summary"]["n_seeds"]) == {1}


def test_only_options_that_differ_among_the_runs_of_their_owner_are_named():
    beta = {"regime": "beta", "alpha_train": 0.2}
    runs = [result(0), result(0, arch="cnn"), result(0, **beta)]
    assert "options" not in tables.build(runs)["results_per_run"]
    runs.append(result(0, **beta, options={"beta": {"beta_robustness": 0.5}}))
    options = list(map(json.loads, tables.build(runs)["results_per_run"]["options"]))
    assert options.count({}) == 2 and {"beta": {"beta_robustness": 0.25}} in options
    assert {"beta": {"beta_robustness": 0.5}} in options and len(options) == 4


def test_a_setting_that_is_younger_than_a_run_file_has_its_default_there():
    older = result(0)
    del older["config"]["dropout"]
    assert "dropout" not in tables.build([older, result(1)])["results_per_run"]
    assert list(tables.build([older, result(1, dropout=0.5)])["results_per_run"]["dropout"]) == [0, 0.5]


def test_finished_runs_are_loaded_with_old_and_new_words(tmp_path):
    written(tmp_path, [result(seed, arch=arch, p=0.3) for seed in (0, 1) for arch in ("cnn", "mlp_small")])
    for word in ("arch", "architecture", "architectures"):
        assert list(loading.load(tmp_path, {word: "cnn", "ps": 0.3, "seeds": 1})["seed"]) == [1]
    with pytest.raises(ConfigError, match="has a setting 'archs'; choose from"):
        loading.load(tmp_path, {"archs": "cnn"})
    with pytest.raises(ConfigError, match="no finished run with seed = 7"):
        loading.load(tmp_path, {"seeds": 7})


def test_loaded_runs_have_every_setting_and_option(tmp_path):
    asked = {"evaluations": ["worst_case"], "options": {"worst_case": {"restarts": 3}}}
    written(tmp_path, [result(seed, regime="beta", **asked) for seed in (0, 1)])
    (run,) = loading.load(tmp_path, {"seed": 1, "beta.beta_robustness": 0.25, "worst_case.restarts": 3}).to_dict(
        "records"
    )
    assert run["acc_01"] == pytest.approx(0.8) and run["learning_rate"] == 0.001 and run["noise_samples"] == 5
    assert run["options"]["worst_case"]["restarts"] == 3 and run["evaluations"] == ["worst_case"]


def test_a_run_file_of_the_older_form_is_refused_in_one_sentence(tmp_path):
    store = Store(tmp_path / "digits")
    store.save({name: value for name, value in result(0).items() if name != "form"})
    with pytest.raises(ConfigError, match="in the form of another version"):
        loading.load(tmp_path)


def test_the_folders_of_a_dataset_are_those_of_all_its_campaigns(tmp_path):
    names = ["digits", "mnist", "pixels/digits", "pixels/mnist", "masks/control/photos", "masks/photos"]
    for name in names:
        written_to = tmp_path / name
        written_to.mkdir(parents=True)
        (written_to / "results_summary.csv").touch()

    def chosen(dataset=None):
        return [str(folder.relative_to(tmp_path)) for folder in tables.folders(tmp_path, dataset)]

    assert chosen("mnist") == ["mnist", "pixels/mnist"]
    assert chosen("photos") == ["masks/control/photos", "masks/photos"]
    assert sorted(chosen()) == sorted(names)
    with pytest.raises(ConfigError, match=r"no tables of 'cifar10' .* choose from \['digits', 'mnist', 'photos'\]"):
        tables.folders(tmp_path, "cifar10")
    with pytest.raises(ConfigError, match="run a campaign first"):
        tables.folders(tmp_path / "nowhere")
