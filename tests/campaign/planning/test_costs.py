"""What runs cost: one estimate for everything that says how long a campaign takes."""

import dataclasses
import json

import pytest

from campaign.commands import status
from campaign.engines import serial
from campaign.engines.workers import pilot, tasks
from campaign.grid.settings import Launch
from campaign.machine.console import duration
from campaign.planning import costs, plan, survey
from campaign.planning.costs import Cost, kind_of
from campaign.planning.pace import Planned
from campaign.planning.wall_time import makespan
from campaign.running import beginning, runner
from campaign.running.progress import Progress
from campaign.running.time_left import TimeLeft
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.regimes import base as regime

COST = Cost(
    setting_up_s=5, step_s=0.1, epoch_s=0.5, pass_s=0.25, image_s=0.01, evaluations_s={"quantization": 3},
    train_images=1000, validation_images=100, test_images=200, memory_mb=100, weights_mb=2,
)  # fmt: skip


def test_a_run_costs_its_steps_its_epochs_and_its_passes_through_the_images():
    cfg = TrainConfig(epochs=3, batch_size=128, alpha_tests=(0, 0.1, 0.2), noise_samples=4)
    training, images = 3 * (8 * 0.1 + 0.5), 9 * 200 + 3 * 100
    assert COST.seconds(cfg) == pytest.approx(5 + training + 9 * 0.25 + 0.01 * images)
    more = dataclasses.replace(cfg, evaluations=("quantization",))
    assert COST.seconds(more) - COST.seconds(cfg) == pytest.approx(3)
    few = TrainConfig(epochs=1, max_train_samples=300, alpha_tests=(0,))
    assert COST.seconds(few) == pytest.approx(5 + 3 * 0.1 + 0.5 + 0.25 + 0.01 * 300)
    smoothed = dataclasses.replace(cfg, smoothed_accuracy=True)
    assert COST.seconds(smoothed) - COST.seconds(cfg) == pytest.approx(3 * 200 * 0.01)


def test_what_is_measured_later_costs_its_new_points_alone():
    cfg = TrainConfig(epochs=3, alpha_tests=(0, 0.1, 0.2), noise_samples=4, evaluations=("quantization",))
    five = COST.seconds(cfg, {"weight_noise": 5}, trained=True)
    assert five == pytest.approx(5 + 5 * (0.25 + 0.01 * 200))
    assert COST.seconds(cfg, {"weight_noise": 5}) > five + 3 * 0.5  # trained again
    assert COST.seconds(cfg, {"quantization": 4}, trained=True) == pytest.approx(5 + 3 * 4 / 8)
    assert COST.seconds(cfg, {}, trained=True) == 5


def test_kinds_differ_only_in_what_changes_the_cost(npz):
    config = TrainConfig(arch="pixel_mlp", p=0.1)
    for same in (dict(seed=1), dict(p=0.7), dict(epochs=3), dict(learning_rate=1), dict(max_train_samples=9)):
        assert kind_of(dataclasses.replace(config, **same)) == kind_of(config)
    others = (dict(p=0), dict(batch_size=64), dict(precision="bf16"), dict(activation="tanh"), dict(arch="cnn"))
    for other in (*others, dict(cpu_threads=2), dict(alpha_tests=(0,)), dict(dataset=npz)):
        assert kind_of(dataclasses.replace(config, **other)) != kind_of(config)


def test_launch_plan_status_and_progress_give_one_estimate(configs, tmp_path, quiet, capsys):
    launch = Launch(tmp_path / "results", "serial")
    planned = 3600 * plan.make(survey.survey(configs, launch))["wall_hours"]
    campaign = survey.prepare(configs, launch)
    launched = sum(map(campaign.costs.seconds, campaign.pending))
    progress = Progress(campaign, {})
    launched_now = runner._Launch(campaign)
    beginning.begin(campaign, launched_now.logs, launched_now.folders)
    (store,) = campaign.stores.values()
    store.claims.take(configs[0].run_id)
    left = status.read(configs, tmp_path / "results")["left_s"]
    assert launched == pytest.approx(planned) and progress.time.seconds() == pytest.approx(planned)
    assert left == pytest.approx(planned, abs=0.5)  # the first run has begun
    assert f"about {duration(planned)}" in capsys.readouterr().out
    assert json.loads((store.folder / "campaign.json").read_text())["reference"] == {"regime": "clean"}


def test_progress_and_status_go_at_the_pace_of_the_finished_runs():
    configs = [TrainConfig(seed=seed) for seed in range(3)]
    planned = {config.run_id: Planned(8.0, 2.0, epochs=4, points=10) for config in configs}
    left = TimeLeft(planned, lambda seconds: makespan(seconds.values(), workers=2))
    assert left.seconds() == 20
    left.finished(configs[0].run_id, 30.0)
    assert left.seconds() == 30
    running = [{"run_id": configs[1].run_id, "since": None, "beat": {"epochs": 0, "points": 0}}]
    taken = {configs[0].run_id: 30.0}
    assert status._seconds_left(planned, taken, running, {configs[2].run_id}) == pytest.approx(60)


def test_progress_and_status_count_what_runs_under_way_have_done_at_their_pace():
    first, second = (TrainConfig(seed=seed).run_id for seed in range(2))
    planned = {run_id: Planned(8.0, 2.0, epochs=4, points=10) for run_id in (first, second)}
    left = TimeLeft(planned, lambda seconds: makespan(seconds.values(), workers=2))
    beat = {"epochs": 3, "points": 0, "new": 1, "seconds": 6.0}  # resumed after two epochs; three times as slow
    left.heard(first, beat)
    assert left.seconds() == pytest.approx(30) and left.done_of_runs() == pytest.approx(0.6)
    left.heard(second, {"epochs": 4, "points": 5, "new": 5, "seconds": 3.0})
    assert left.seconds() == pytest.approx(3 * 4) and left.done_of_runs() == pytest.approx(0.6 + 0.9)
    running = [{"run_id": run_id, "since": 0.0, "beat": left.beats[run_id]} for run_id in (first, second)]
    assert status._seconds_left(planned, {}, running, set()) == pytest.approx(12)


def test_a_busy_machine_is_recognised_measured_again_and_not_remembered(configs, tmp_path, monkeypatch):
    spent = iter(range(10**6))
    monkeypatch.setattr(pilot.time, "thread_time", lambda: 1e-6 * next(spent))  # others have the processor
    measured = []
    measure = pilot._cost
    monkeypatch.setattr(pilot, "_cost", lambda *arguments: measured.append(measure(*arguments)) or measured[-1])
    campaign = survey.prepare(configs[:1], Launch(tmp_path / "results", "serial"))
    assert len(measured) == pilot.ATTEMPTS
    assert campaign.notes == ["the machine was busy while costs were measured: times are rough estimates"]
    assert campaign.costs.seconds(configs[0]) > 0
    assert not costs.path(campaign.at_once).exists()


def test_remembered_costs_are_used_and_their_runs_are_set_up_all_the_same(configs, tmp_path, quiet, monkeypatch):
    launch = Launch(tmp_path / "results", "serial")
    first = survey.prepare(configs, launch)
    looked = []
    look = tasks.look
    monkeypatch.setattr(tasks, "look", lambda config: looked.append(config.arch) or look(config))
    monkeypatch.setattr(tasks, "pilot", None)
    again = survey.prepare(configs, launch)
    assert sorted(looked) == ["pixel_cnn", "pixel_mlp"] and again.costs.kinds == first.costs.kinds


def test_costs_with_two_threads_are_remembered_too(configs, tmp_path, quiet, monkeypatch):
    wide, launch = [dataclasses.replace(configs[0], cpu_threads=2)], Launch(tmp_path / "results", "serial")
    first = survey.prepare(wide, launch)
    monkeypatch.setattr(tasks, "pilot", None)
    assert survey.prepare(wide, launch).costs.kinds == first.costs.kinds != {}


@pytest.mark.parametrize(
    ("threads", "workers", "room", "width"), [(1, 4, 10, 2), (2, 4, 10, 2), (2, 3, 10, 1), (1, 4, 1, 1)]
)
def test_pilots_work_side_by_side_where_each_has_its_cores_and_memory(
    configs, quiet, monkeypatch, threads, workers, room, width
):
    monkeypatch.setattr(costs.memory, "free_mb", lambda: room * costs.PILOT_MB)
    runs = [dataclasses.replace(config, cpu_threads=threads) for config in configs]
    widths = []

    def open_engine(work, workers):
        widths.append(workers)
        return serial.Engine(work, workers)

    assert len(costs.measure(runs, open_engine, workers).kinds) == 2
    assert set(widths) == {width}


def test_a_damaged_file_of_costs_is_measured_again(configs, tmp_path, quiet):
    campaign = survey.survey(configs[:1], Launch(tmp_path / "results", "serial"))
    plan.make(campaign)
    (file,) = (tmp_path / "cache/costs").iterdir()
    file.write_text(file.read_text()[:-20])
    assert plan.make(campaign)["to_do"] == 1
    assert json.loads(file.read_text())


def test_a_wrong_configuration_refuses_the_launch_and_a_failing_step_does_not(configs, tmp_path, quiet, monkeypatch):
    def failing(*arguments):
        raise ValueError("not this step")

    wrong = dataclasses.replace(configs[2], arch="cnn", image_size=4)  # too small for its convolutions
    with pytest.raises(ConfigError, match="at least 8×8"):
        survey.prepare([wrong], Launch(tmp_path / "results", "serial"))
    monkeypatch.setattr(regime.Regime, "step", failing)
    campaign = survey.prepare(configs[:1], Launch(tmp_path / "results", "serial"))
    assert campaign.costs.seconds(configs[0]) == 0
    assert campaign.notes == [f"{configs[0].run_id} was tried and failed: ValueError: not this step"]
    assert runner.run(campaign) == 1
    assert "ValueError: not this step" in campaign.stores["blobs"].failure(configs[0].run_id)
