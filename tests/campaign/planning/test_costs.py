"""What runs cost: one estimate for everything that says how long a campaign takes."""

import dataclasses
import json
import time

import pytest

from campaign.commands import status
from campaign.engines.workers import pilot, tasks
from campaign.grid import block as blocks
from campaign.grid import study as studies
from campaign.grid.settings import Launch
from campaign.machine.console import duration
from campaign.planning import costs, plan, survey
from campaign.planning.costs import Cost, kind_of
from campaign.planning.pace import Planned
from campaign.planning.wall_time import makespan
from campaign.running import beginning, runner
from campaign.running.progress import Progress
from campaign.running.time_left import TimeLeft
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.evaluations import random_corners
from nnet.record.unfinished import Partial
from nnet.regimes import base as regime
from nnet_models import get_device, train_and_evaluate, try_set_up

COST = Cost(
    setting_up_s=5, step_s=0.1, epoch_s=0.5, pass_s=0.25, image_s=0.01, evaluations_s={"quantization": 3},
    train_images=1000, validation_images=100, test_images=200, memory_mb=100, weights_mb=2,
)  # fmt: skip


@pytest.fixture
def configs(npz, tmp_path, monkeypatch):
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    return [
        TrainConfig(dataset=npz, image_size=8, arch=arch, seed=seed, epochs=3, batch_size=16, alpha_tests=(0, 0.1))
        for arch in ("pixel_mlp", "pixel_cnn") for seed in (0, 1)
    ]  # fmt: skip


@pytest.fixture
def quiet(monkeypatch):
    """However busy this machine is, what is measured here is remembered."""
    monkeypatch.setattr(pilot, "QUIET", 0.0)


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


def test_a_pilot_measures_a_run_and_names_its_data(configs, quiet):
    config = dataclasses.replace(configs[1], validation_share=0.25, evaluations=("quantization",))
    outcome = tasks.pilot(config)
    cost, result = Cost(**outcome["cost"]), train_and_evaluate(config)
    assert (cost.train_images, cost.validation_images, cost.test_images) == (72, 24, 48)
    assert min(cost.setting_up_s, cost.step_s, cost.image_s, cost.memory_mb, cost.evaluations_s["quantization"]) > 0
    assert list(cost.evaluations_s) == ["quantization"]
    assert outcome["data_sha256"] == result["sha256"]["data"]
    assert outcome["machine"].items() <= result["provenance"].items()
    plain = tasks.pilot(configs[1])["cost"]
    assert plain["evaluations_s"] == {} and plain["validation_images"] == 0


def test_the_estimate_is_that_of_a_real_run(configs, quiet):
    config = dataclasses.replace(configs[3], epochs=40, noise_samples=40)
    estimated = Cost(**tasks.pilot(config)["cost"]).seconds(config)
    result = train_and_evaluate(config)
    assert 0.25 < estimated / (result["train_seconds"] + result["sweep_seconds"]) < 4


def test_the_estimate_of_an_evaluation_counts_strengths_and_draws_that_the_pilot_leaves_out(
    configs, quiet, monkeypatch
):
    measured = []
    slow = slowed(watched(random_corners.Evaluation.measure, measured), 0.02)
    monkeypatch.setattr(random_corners.Evaluation, "measure", slow)
    options = {"random_corners": {"zetas": (0, 0.1, 0.2, 0.3), "corners": 20}}
    config = dataclasses.replace(configs[1], evaluations=("random_corners",), options=options)
    cost = tasks.pilot(config)["cost"]
    assert set(measured) == {(0.0, 0), (0.3, 0)}
    result = train_and_evaluate(config)
    seconds = {part["evaluation"]: part["seconds"] for part in result["measurements"]}["random_corners"]
    assert 0.2 < cost["evaluations_s"]["random_corners"] / seconds < 5


def watched(measure, points: list):
    """An evaluation's `measure` that also adds its points to a list."""
    return lambda evaluation, wanted: points.extend(wanted) or measure(evaluation, wanted)


def slowed(measure, seconds: float):
    """An evaluation's `measure` that takes as long for each point on every machine."""

    def slow(evaluation, wanted):
        for row in measure(evaluation, wanted):
            time.sleep(seconds)
            yield row

    return slow


def test_a_pilot_keeps_nothing_and_measures_the_state_of_an_unfinished_run(configs, tmp_path, quiet, monkeypatch):
    kept = []
    monkeypatch.setattr(Partial, "keep", lambda partial, *_, **__: kept.append(partial.cfg))
    folders = {"checkpoint_dir": str(tmp_path / "weights"), "epoch_checkpoint_dir": str(tmp_path / "results")}
    tasks.pilot(dataclasses.replace(configs[0], **folders))
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}
    first, *others = kept
    assert first.epoch_checkpoint_dir not in (None, folders["epoch_checkpoint_dir"]) and first.epoch_checkpoint_s == 0
    assert {cfg.epoch_checkpoint_dir for cfg in others} == {None}


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


SCHEDULES = [
    dict(lr_schedule="cosine_restarts", lr_restart_epochs=2),
    dict(lr_schedule="steps", lr_milestones=(2, 3), lr_factor=0.5),
    dict(
        regime="adaptive", alpha_train=0.1, validation_share=0.25, options={"adaptive": {"window": 2, "min_epochs": 2}}
    ),
    dict(regime="adaptive", alpha_train=0.1, options={"adaptive": {"mode": "static", "schedule": "linear"}}),
    dict(validation_share=0.1, smoothed_accuracy=True, alpha_tests=(0,)),
    dict(batch_size=500, max_train_samples=10, p=0.5, corrupt_test=True)
    | dict(corruption="additive", options={"additive": {"sigma": 0.3}}),
    dict(
        evaluations=("landscape", "quantization"),
        options={"quantization": {"bits": [4]}, "landscape": {"points": 6, "directions": 1}},
    ),
]


@pytest.mark.parametrize("fields", SCHEDULES, ids=str)
def test_settings_that_need_several_epochs_do_not_make_a_pilot_invalid(configs, quiet, fields):
    assert Cost(**tasks.pilot(dataclasses.replace(configs[0], **fields))["cost"]).seconds(configs[0]) > 0


@pytest.mark.parametrize("study", [None, *registry.names("studies")])
def test_the_pilot_of_every_kind_of_every_study_is_valid(npz, sequences, study):
    block = dict(arch=["mlp_small", "cnn"], regime=["clean", "noisy"], alpha_train=0.2)
    runs = blocks.expand(block, studies.load(study) if study else None).configs
    for config in {kind_of(config): config for config in runs}.values():
        takes = registry.constant("architectures", config.arch, "INPUT", "images")
        dataset = sequences if takes == "sequences" else npz
        options = {owner: its_options for owner, its_options in config.options.items() if owner != config.dataset}
        cfg = dataclasses.replace(config, dataset=dataset, options=options)
        images = Batches(cfg, prepared.load(dataset, cfg.image_size, cfg.data_dir), get_device())
        small = pilot._small(cfg, images, 1, 1)
        plain = pilot._small(dataclasses.replace(cfg, evaluations=(), options=pilot._options(cfg, ())), images, 2, 2)
        assert small.epochs == plain.epochs == 1 and small.evaluations == cfg.evaluations
        assert try_set_up(small)["data_sha256"] == images.images.sha256
