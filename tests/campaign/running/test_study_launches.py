"""Whole studies, from the command line to their tables."""

import json
from itertools import product

from campaign.analysis import tables
from tests.campaign.running.launches import called, run_files


def test_the_pixels_study_runs_from_the_command_line_to_a_summary_by_p_and_activation(npz, tmp_path, capsys):
    small = "pixel_mlp --study pixels --image-size 8 --epochs 4 --batch-size 16 --activations relu tanh --ps 0 1"
    words = ("--engine", "process", "--max-workers", "2")
    assert called(npz, tmp_path, "--repeats", "3", *words, base=small) == 0
    printed = capsys.readouterr().out
    assert "12 of 12 runs" in printed
    made = tables.read(tmp_path / "results/blobs")
    runs, summary = made["results_per_run"], made["results_summary"]
    assert len(runs) == 12 and runs.groupby(["activation", "p"])["seed"].apply(tuple).nunique() == 1
    assert set(zip(summary["activation"], summary["p"], strict=True)) == set(product(("relu", "tanh"), (0, 1)))
    assert (summary["n_seeds"] == 3).all() and summary["stderr_acc"].notna().all()
    assert (summary.query("p == 0")["mean_acc"] > 0.9).all() and (summary.query("p == 1")["mean_acc"] < 0.7).all()
    for _, cell in summary.iterrows():
        where = f"pixel_mlp  clean  0  activation {cell['activation']}{'  p 1' if cell['p'] == 1 else ''}"
        assert f"{where}:  {cell['mean_acc']:.4f} ± {cell['stderr_acc']:.4f}  (n = 3)" in printed
    assert called(npz, tmp_path / "again", "--repeats", "3", base=small) == 0
    assert run_files(tmp_path / "again") == run_files(tmp_path)


ADAPTIVE = (
    "baby_cnn --study adaptive --image-size 8 --epochs 6 --lr-restart-epochs 5 --batch-size 16 --seeds 0 1 "
    "--validation-share 0.25 --noise-samples 2 --only momentum=0 distribution=gaussian low_update=0.001"
)


def test_the_adaptive_study_pairs_every_run_with_its_baseline_and_resumes(npz, tmp_path, capsys):
    assert called(npz, tmp_path, "--plan", "--json", base=f"{ADAPTIVE} optimizer=adam") == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 4 and not (tmp_path / "results").exists()
    assert called(npz, tmp_path, base=ADAPTIVE) == 0
    printed = capsys.readouterr().out
    assert "8 of 8 runs" in printed and "paired differences from the baseline" in printed
    made = tables.read(tmp_path / "results/blobs")
    assert len(made["epochs"]) == 8 * 6
    assert (made["baseline_differences"]["n_seeds"] == 2).sum() == 2 * 3  # no run was noisy so early
    runs = made["results_per_run"]
    assert runs.groupby(["optimizer", "learning_rate", "seed"])["regime"].apply(set).tolist() == 4 * [
        {"clean", "adaptive"}
    ]
    assert called(npz, tmp_path, base=ADAPTIVE) == 0
    assert "8 runs: 8 finished, 0 to do\n" in capsys.readouterr().out


def test_a_run_that_diverges_is_flagged_and_has_no_more_epochs(npz, tmp_path, capsys):
    words = "baby_cnn --regimes clean adaptive --optimizer sgd --learning-rate 1e12 --validation-share 0.25 --seeds 0"
    assert called(npz, tmp_path, base=f"{words} --image-size 8 --epochs 6 --batch-size 16 --alpha-tests 0") == 0
    assert "diverged" in capsys.readouterr().out
    runs = tables.read(tmp_path / "results/blobs")["results_per_run"]
    assert len(runs) == 2 and set(runs["status"]) == {"diverged"} and runs["acc_0"].isna().all()
