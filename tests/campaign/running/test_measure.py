"""A finished campaign is asked for more: nothing is trained, only new points are computed, and old ones stay."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import nnet_models
import run_experiments
from campaign.engines.workers import tasks
from campaign.store import run_file
from nnet import registry
from tests.conftest import timeless

RUNS = "mlp_small --dataset digits --regimes clean noisy --alpha-train 0.2 --epochs 1 --seeds 0 1 2 3".split()
FIRST = "--alpha-tests 0 0.5 --noise-samples 5".split()
STRENGTH = "--alpha-tests 0 0.1 0.5 --noise-samples 5".split()
DRAWS = "--alpha-tests 0 0.1 0.5 --noise-samples 20".split()
ALL = [*DRAWS, "--evaluations", "quantization", "--options", "quantization.bits=2,4"]


def launch(folder: Path, *words: str) -> int:
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "weights")]
    return run_experiments.main([*RUNS, *folders, "--engine", "serial", *words])


def points(folder: Path) -> dict[tuple, dict]:
    """Every point of every run file, by run, evaluation, strength and draw."""
    return {
        (path.stem, measurement["evaluation"], point["strength"], point["draw"]): point
        for path in (folder / "results/digits/runs").glob("*.json")
        for measurement in run_file.read(path)["measurements"]
        for point in measurement["points"]
    }


def comparable(folder: Path) -> dict[str, dict]:
    """The run files without what took time; the order in which a measurement grew shows nowhere else."""
    return {path.stem: timeless(run_file.read(path)) for path in (folder / "results/digits/runs").glob("*.json")}


def networks(folder: Path) -> tuple[int, set[int]]:
    """The number of networks in the table of runs, and the numbers of seeds that cells of the summary have."""
    tables = folder / "results/digits"
    summary = pd.read_csv(tables / "results_summary.csv")
    return len(pd.read_csv(tables / "results_per_run.csv")), set(summary["n_seeds"])


@pytest.fixture
def done(monkeypatch) -> Counter:
    """How many steps of training and how many points the runs had since it was last cleared; those of pilots not."""
    counts: Counter = Counter()
    epoch, train = nnet_models.train_one_epoch, tasks.train
    runs = []

    def run(config, known=None):
        runs.append(config)
        try:
            return train(config, known)
        finally:
            runs.pop()

    def counted_epoch(model, regime, batches):
        batches = list(batches)
        counts["steps"] += len(batches) if runs else 0
        return epoch(model, regime, batches)

    monkeypatch.setattr(nnet_models, "train_one_epoch", counted_epoch)
    for name in ("weight_noise", "quantization"):
        evaluation = registry.load("evaluations", name).Evaluation

        def counted(self, wanted, name=name, measure=evaluation.measure):
            for rows in measure(self, wanted):
                counts[name] += 1 if runs else 0
                yield rows

        monkeypatch.setattr(evaluation, "measure", counted)
    monkeypatch.setattr(tasks, "train", run)
    return counts


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Eight finished runs."""
    folder = tmp_path_factory.mktemp("finished")
    assert launch(folder, *FIRST) == 0
    return folder


@pytest.fixture
def grown(finished, tmp_path) -> Path:
    """A copy of them."""
    shutil.copytree(finished, tmp_path / "grown")
    return tmp_path / "grown"


def test_a_strength_draws_and_an_evaluation_are_added_and_nothing_is_trained_again(grown, tmp_path, done, capsys):
    before, new = points(grown), {}
    assert networks(grown) == (8, {4})
    for words, what, expected in (
        (STRENGTH, "at 1 new strength", {"weight_noise": 8 * 5}),
        (DRAWS, "with 15 more draws", {"weight_noise": 8 * 2 * 15}),
        (ALL, "by quantization", {"quantization": 8 * 2}),
    ):
        done.clear()
        capsys.readouterr()
        assert launch(grown, *words) == 0
        printed = capsys.readouterr().out
        assert f"8 runs: 8 trained, 8 to be measured {what} on 1 worker(s), about " in printed
        assert printed.count(f", {sum(expected.values()) // 8} new points, ") == 8
        assert +done == expected  # and no step of training
        new = points(grown)
        assert len(new) == len(before) + sum(expected.values())
        assert {place: new[place] for place in before} == before
        assert networks(grown) == (8, {4})
        before = new
    assert launch(grown, *ALL) == 0 and +done == expected
    assert "8 runs: 8 finished, 0 to do\n" in capsys.readouterr().out
    assert launch(tmp_path / "at once", *ALL) == 0
    assert comparable(grown) == comparable(tmp_path / "at once")


def test_lists_of_measuring_settings_are_one_network_measured_one_after_the_other(grown, done, capsys):
    capsys.readouterr()
    assert launch(grown, *FIRST, "--max-test-samples", "100", "200") == 0
    printed = capsys.readouterr().out
    assert "8 runs: 8 trained, 8 to be measured by weight_noise" in printed and "[8/8]" in printed
    assert +done == {"weight_noise": 8 * 2 * 6} and networks(grown)[0] == 8
    assert {len(run["measurements"]) for run in comparable(grown).values()} == {3}


def test_weights_that_are_gone_are_trained_again_and_must_be_the_same(grown, done, capsys):
    kept = {path: path.read_bytes() for path in (grown / "weights").rglob("*.pt")}
    first, second = sorted(kept)[:2]
    first.unlink()
    second.write_bytes(kept[second][:-40])
    assert launch(grown, *STRENGTH) == 0
    printed = capsys.readouterr()
    assert "1 run(s) are trained again before they are measured, because their weights are not kept" in printed.out
    assert f"{second.name}.damaged" in printed.err and second.with_name(f"{second.name}.damaged").exists()
    assert done["weight_noise"] == 8 * 5 and 0 < done["steps"] < 40
    hashes = {run["run_id"]: run["sha256"]["weights"] for run in comparable(grown).values()}
    assert len(hashes) == 8 and first.exists() and second.exists()


def test_weights_that_this_machine_cannot_make_again_are_refused_in_the_plan_and_in_the_launch(grown, done, capsys):
    path = sorted((grown / "results/digits/runs").glob("*.json"))[0]
    (grown / f"weights/digits/{path.stem}.pt").unlink()
    run = run_file.read(path)
    run["provenance"]["cpu_model"] = "Abacus 3000"
    run_file.write(path, run)
    before = path.read_bytes()
    capsys.readouterr()
    assert launch(grown, *STRENGTH, "--plan") == 0
    assert "1 run(s) will be refused: their weights are gone" in capsys.readouterr().out
    assert launch(grown, *STRENGTH, "--plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["refused"], plan["to_train"], plan["to_measure"], plan["points"]) == (1, 0, 8, 40)
    assert launch(grown, *STRENGTH) == 1
    printed = capsys.readouterr()
    assert "1 run(s) will be refused" in printed.out and "Abacus 3000" in printed.out
    assert f"failed: {path.stem}: Refused: " in printed.err and "Abacus 3000" in printed.err
    assert +done == {"weight_noise": 7 * 5} and path.read_bytes() == before
    assert (grown / f"results/digits/failures/{path.stem}.txt").exists()
    assert launch(grown, *STRENGTH) == 1  # a failure until it is tried again
    assert "8 runs: 7 finished, 1 failed (--retry-failed tries them again), 0 to do" in capsys.readouterr().out
    assert launch(grown, *FIRST) == 0  # what was measured before is not asked for again
    assert "8 runs: 8 finished, 0 to do" in capsys.readouterr().out
    assert launch(grown, *STRENGTH, "--retry-failed") == 1 and done["weight_noise"] == 7 * 5


def test_a_plan_says_what_is_to_be_done_and_what_the_weights_take(finished, tmp_path, capsys, monkeypatch):
    assert launch(tmp_path, *FIRST, "--plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["to_train"], plan["to_measure"], plan["points"]) == (8, 0, 8 * 6)
    (weights,) = plan["weights"]
    real = sum(path.stat().st_size for path in (finished / "weights").rglob("*.pt")) / 2**20
    assert weights["mb"] == pytest.approx(real, rel=0.02) and weights["fits"] and weights["free_mb"] > 0
    monkeypatch.setattr("campaign.planning.weights._free_mb", lambda folder: 1.0)
    assert launch(tmp_path, *FIRST, "--plan") == 0
    printed = capsys.readouterr().out
    assert "MB are free on the disk of" in printed and "--checkpoint-dir none" in printed


def test_status_tells_runs_to_train_from_runs_to_measure(grown, capsys):
    assert launch(grown, *STRENGTH, "--seeds", "0-4", "--status") == 0
    assert "10 runs: 0 finished, 0 running, 0 failed, 10 pending (8 of them only to be measured)" in (
        capsys.readouterr().out
    )
    assert launch(grown, *FIRST, "--seeds", "0-4", "--status", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["runs"], status["trained"], status["finished"], status["pending"]) == (10, 8, 8, 2)


def test_run_files_of_an_older_form_are_one_sentence_and_stay_as_they_are(tmp_path, capsys):
    path = tmp_path / "results/digits/runs/mlp_small-clean-a0-seed0-3f9a2c1b.json"
    run_file.write(path, {"run_id": path.stem, "config": {}, "sweep": []})
    before = path.read_bytes()
    for more in ([], ["--plan"], ["--status"]):
        assert launch(tmp_path, *FIRST, *more) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith(f"error: {path.parent} holds runs in the form of another version")
        assert printed.err.count("\n") == 1 and printed.out == ""
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == [path] and path.read_bytes() == before


def test_tables_show_what_was_asked_for_last_also_where_nothing_is_new(grown, done, capsys):
    for model in ("tensor_std", "magnitude", "tensor_std"):
        assert launch(grown, *FIRST, "--options", f"weight_noise.noise_model={model}") == 0
        asked = [run["asked"]["options"]["weight_noise"]["noise_model"] for run in comparable(grown).values()]
        assert asked == 8 * [model]
    assert "8 runs: 8 finished, 0 to do\n" in capsys.readouterr().out
    assert +done == {"weight_noise": 8 * 6}
