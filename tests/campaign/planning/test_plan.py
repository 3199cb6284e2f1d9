"""What a campaign says that it will take, before it is launched."""

import dataclasses
import itertools
import json

import pytest
import torch

import run_experiments
from campaign.commands import plan as command
from campaign.engines import base
from campaign.engines.workers import pilot
from campaign.grid.settings import Launch
from campaign.machine import memory
from campaign.planning import costs, plan, survey
from campaign.planning.wall_time import makespan
from campaign.running import runner
from campaign.store.folder import Store
from nnet.config import TrainConfig
from nnet.regimes import base as regime

SMALL = (
    "pixel_mlp --study pixels --image-size 8 --epochs 2 --batch-size 16 --activations relu tanh --ps 0 0.5 --repeats 3"
)


@pytest.fixture
def configs(npz):
    return [
        TrainConfig(dataset=npz, image_size=8, arch=arch, p=p, seed=seed, epochs=2, batch_size=16, alpha_tests=(0, 0.1))
        for arch in ("pixel_mlp", "pixel_cnn") for p in (0, 0.3) for seed in (0, 1)
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """However busy this machine is, what is measured here is remembered."""
    monkeypatch.setattr(pilot, "QUIET", 0.0)


def planned(configs, folder, **more) -> dict:
    return plan.make(survey.survey(configs, Launch(folder, "serial"), **more))


def test_a_plan_counts_runs_and_adds_up_their_seconds(configs, tmp_path):
    made = planned(configs, tmp_path / "results")
    assert (made["runs"], made["finished"], made["to_do"], made["workers"]) == (8, 0, 8, 1)
    assert [row["runs"] for row in made["kinds"]] == [2] * 4
    seconds = [run["seconds"] for run in made["pending"]]
    assert seconds == sorted(seconds, reverse=True) and min(seconds) > 0
    assert made["cpu_hours"] == pytest.approx(sum(seconds) / 3600)
    assert made["wall_hours"] == pytest.approx(made["cpu_hours"])  # one worker
    assert made["longest_run_s"] == seconds[0] and made["longest_run"] == made["pending"][0]["run_id"]
    assert {row["architecture"] for row in made["kinds"]} == {"pixel_mlp", "pixel_cnn"} and made["memory_mb"] > 0
    assert not (tmp_path / "results").exists()


def test_what_is_finished_is_not_planned(configs, tmp_path):
    runner.run(survey.prepare(configs[:3], Launch(tmp_path, "serial")))
    made = planned(configs, tmp_path)
    assert (made["runs"], made["finished"], made["to_do"]) == (8, 3, 5)
    assert {run["run_id"] for run in made["pending"]} == {config.run_id for config in configs[3:]}
    done = planned(configs[:3], tmp_path)
    assert done["to_do"] == done["cpu_hours"] == done["wall_hours"] == 0
    assert command.as_text(done) == "3 runs: 3 finished, 0 to do"


def test_what_has_failed_is_planned_only_where_it_will_be_tried_again(configs, tmp_path):
    store = Store(tmp_path / "blobs")
    for config in (configs[0], dataclasses.replace(configs[0], epochs=9)):
        store.fail(config, base.Failure("Error", "it failed", ""))
    made = planned(configs, tmp_path)
    assert (made["failed"], made["to_do"]) == (1, 7) and "1 failed (--retry-failed" in command.as_text(made)
    again = planned(configs, tmp_path, retry_failed=True)
    assert (again["failed"], again["to_do"]) == (0, 8)


def test_fewer_workers_are_planned_where_their_memory_would_not_suffice(configs, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "usable_cores", lambda: 4)
    monkeypatch.setattr(memory, "free_mb", lambda: 10.0)
    campaign = survey.survey(configs, Launch(tmp_path, "serial"))
    campaign.workers = 4
    assert plan.make(campaign)["workers"] == 1
    assert plan.make(campaign, memory_check=False)["workers"] == 4
    campaign.workers = 80  # for another machine
    assert plan.make(campaign)["workers"] == 80


def test_a_step_that_fails_shows_the_traceback_of_the_worker(configs, tmp_path, monkeypatch):
    steps = itertools.count()

    def failing(self, images, labels):
        if next(steps) > 2:
            raise ArithmeticError("not this one")
        return torch.tensor(1.0)

    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(regime.Regime, "step", failing)
    with pytest.raises(
        RuntimeError, match="(?s)a run that was tried failed:\nTraceback.*ArithmeticError: not this one"
    ):
        planned(configs[:1], tmp_path)


def test_each_kind_is_measured_once(configs, tmp_path, monkeypatch, capsys):
    first = planned(configs, tmp_path)
    monkeypatch.setattr(costs.tasks, "pilot", None)
    again = planned([dataclasses.replace(config, epochs=20) for config in configs], tmp_path)
    assert capsys.readouterr().err == ""
    assert 2 * first["cpu_hours"] < again["cpu_hours"] < 10.01 * first["cpu_hours"]


@pytest.mark.parametrize("workers", [1, 2, 3, 10])
def test_the_wall_time_is_that_of_workers_that_take_run_after_run(workers):
    seconds = [7, 5, 5, 4, 3, 3, 1]
    ends = [0.0] * workers
    for run in seconds:
        ends[ends.index(min(ends))] += run
    assert makespan(seconds, workers) == max(ends)


def test_it_is_printed_as_a_table_or_as_json_and_starts_nothing(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    words = [*SMALL.split(), "--dataset", npz, "--checkpoint-dir", "weights", "--max-workers", "2", "--plan"]
    assert run_experiments.main(words) == 0
    table = capsys.readouterr().out
    assert "12 runs: 0 finished, 12 to do" in table and "on 2 workers" in table
    assert [word in table for word in ("CPU time", "wall time", "longest run", "memory")] == [True] * 4
    assert run_experiments.main([*words, "--json"]) == 0
    printed = capsys.readouterr()
    made = json.loads(printed.out)
    assert made["to_do"] == 12 and len(made["kinds"]) == 4 and made["workers"] == 2 and printed.err == ""
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


WRONG = {
    "p must be between 0 and 1": ["--ps", "0", "1.1"],
    "p has duplicates": ["--ps", "0", "0"],
    "repeats must be at least 1": ["--repeats", "0"],
    "resnet18 cannot have activation 'tanh'": ["--activations", "tanh"],
    "unknown corruption 'blur'": ["--corruption", "blur"],
    "corruption 'additive' needs the option 'sigma'": ["--corruption", "additive"],
    "sigma must be finite and not negative": ["--corruption", "additive", "--options", "additive.sigma=-1"],
    "max_workers must be at least 1": ["--max-workers", "0"],
    "there is no file": ["--dataset", "no/such.npz"],
}


@pytest.mark.parametrize(("planning", "message"), list(itertools.product([[], ["--plan"]], WRONG)))
def test_wrong_input_is_one_sentence_and_nothing_is_started(npz, tmp_path, monkeypatch, capsys, planning, message):
    arch = "resnet18" if "resnet18" in message else "pixel_mlp"
    monkeypatch.chdir(tmp_path)
    words = [arch, *SMALL.split()[1:], "--dataset", npz, "--checkpoint-dir", "weights", *planning, *WRONG[message]]
    assert run_experiments.main(words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and message in printed.err
    assert printed.out == "" and list(tmp_path.iterdir()) == []
