import json
import math
import statistics

import pandas as pd
import pytest

from campaign.analysis import tables
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig

PER_RUN = (
    "run_id,dataset,architecture,regime,seed,alpha_train,noise_model,activation,p,epochs,acc_0,acc_01,drop_at_01,"
    "test_loss,train_loss,status,train_seconds,sweep_seconds"
)
SWEEP = (
    "run_id,dataset,architecture,regime,seed,alpha_train,activation,p,alpha_test,noise_samples,acc,acc_std,loss,drop"
)
SUMMARY = (
    "dataset,architecture,regime,alpha_train,noise_model,activation,p,alpha_test,n_seeds,n_diverged,mean_acc,std_acc,"
    "stderr_acc,mean_drop,std_drop,stderr_drop,mean_loss,stderr_loss"
)


def result(seed=0, accuracies=(0.9, 0.8), diverged=False, columns=None, **changed) -> dict:
    """A run as `train_and_evaluate` returns it, with the given accuracies at α_test = 0 and 0.1."""
    cfg = TrainConfig(seed=seed, alpha_tests=(0, 0.1), **changed)
    clean, noisy = accuracies
    sweep = [
        {"alpha_test": 0.0, "noise_samples": 1, "acc": clean, "acc_std": None, "loss": 0.5, "drop": 0.0},
        {"alpha_test": 0.1, "noise_samples": 5, "acc": noisy, "acc_std": 0.01, "loss": 0.7, "drop": clean - noisy},
    ]
    return {
        "run_id": cfg.run_id, "dataset": cfg.dataset_name, "architecture": cfg.arch, "regime": cfg.regime, "seed": seed,
        "alpha_train": cfg.alpha_train, "noise_model": cfg.noise_model, "activation": cfg.activation, "p": cfg.p,
        "epochs": cfg.epochs, "acc_0": None if diverged else clean, "acc_01": None if diverged else noisy,
        "drop_at_01": None if diverged else clean - noisy, "test_loss": None if diverged else 0.5,
        "train_loss": None if diverged else 0.4, "status": "diverged" if diverged else "ok", "train_seconds": 3.0,
        "sweep_seconds": 1.0, **(columns or {}), "diverged_epoch": 2 if diverged else None,
        "sweep": [] if diverged else sweep, "history": [], "config": cfg.training(), "provenance": {}, "sha256": {},
    }  # fmt: skip


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
    line = (tmp_path / "digits" / "results_summary.csv").read_text().splitlines()[2].split(",")
    row = dict(zip(SUMMARY.split(","), line, strict=True))
    assert row["n_seeds"] == "1" and row["mean_acc"] == "0.8"
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


def test_corrupted_test_images_are_said_in_a_column_and_never_averaged_with_clean_ones(tmp_path):
    clean = [result(seed, (0.9, 0.8), p=0.3) for seed in range(2)]
    corrupted = [result(seed, (0.6, 0.5), p=0.3, corrupt_test=True) for seed in (0, 1)]
    assert "corrupt_test" not in written(tmp_path / "clean", clean)["results_per_run"]
    for name, runs in (("corrupted", corrupted), ("both", clean + corrupted)):
        made = written(tmp_path / name, runs)
        assert list(made["results_per_run"]["corrupt_test"]) == list(made["results_per_run"]["acc_0"] < 0.7)
        cells = made["results_summary"].query("alpha_test == 0").set_index("corrupt_test")
        assert cells.loc[True, "mean_acc"] == pytest.approx(0.6) and cells.loc[True, "n_seeds"] == 2
        assert name == "corrupted" or cells.loc[False, "mean_acc"] == pytest.approx(0.9)


def test_finished_runs_are_loaded_with_old_and_new_words(tmp_path):
    written(tmp_path, [result(seed, arch=arch, p=0.3) for seed in (0, 1) for arch in ("cnn", "mlp_small")])
    for word in ("arch", "architecture", "architectures"):
        assert list(tables.load(tmp_path, {word: "cnn", "ps": 0.3, "seeds": 1})["seed"]) == [1]
    with pytest.raises(ConfigError, match="has a setting 'archs'; choose from"):
        tables.load(tmp_path, {"archs": "cnn"})
    with pytest.raises(ConfigError, match="no finished run with seed = 7"):
        tables.load(tmp_path, {"seeds": 7})


def test_the_folders_of_a_dataset_are_its_own_and_those_of_studies_without_it(tmp_path):
    names = ["digits", "mnist", "pixels/digits", "pixels/mnist", "masks/control/photos", "masks/photos"]
    for name in names:
        written_to = tmp_path / name
        written_to.mkdir(parents=True)
        (written_to / "results_summary.csv").touch()

    def chosen(dataset=None):
        return [str(folder.relative_to(tmp_path)) for folder in tables.folders(tmp_path, dataset)]

    assert chosen("mnist") == ["mnist", "pixels/mnist", "masks/control/photos", "masks/photos"]
    assert sorted(chosen()) == sorted(names)
    with pytest.raises(ConfigError, match=r"no tables of 'cifar10' .* choose from \['digits', 'mnist', 'photos'\]"):
        tables.folders(tmp_path, "cifar10")
    with pytest.raises(ConfigError, match="run a campaign first"):
        tables.folders(tmp_path / "nowhere")
