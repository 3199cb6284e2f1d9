"""Threads that a campaign chooses: what is measured, what is kept of them, and that results hold them."""

import dataclasses
import json

import pytest

import run_experiments
from campaign.commands import command_line
from campaign.commands import plan as command
from campaign.commands.verify import verify
from campaign.grid import block as blocks
from campaign.grid.settings import Launch
from campaign.planning import costs, plan, survey, threads
from campaign.planning.costs import Cost, Costs, kind_of
from campaign.running import progress, runner
from campaign.store import run_file
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet_models import train_and_evaluate
from tests.campaign import stub
from tests.campaign.planning.test_best_threads import SERIAL, seconds_with
from tests.conftest import interrupted, small_run

ALONE = {"pixel_cnn": 100.0, "pixel_mlp": 20.0, "mlp_small": 10.0}
"""Seconds with one thread."""


@pytest.fixture
def runs(npz) -> list[TrainConfig]:
    """Three runs on one kind of data, of different length: 100, 20 and 10 seconds with one thread."""
    fields = dict(dataset=npz, image_size=8, batch_size=16, alpha_tests=(0,), cpu_threads="auto", epochs=2)
    return [TrainConfig(arch=arch, **fields) for arch in ("pixel_cnn", "pixel_mlp", "mlp_small")]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Sets usable cores, idle cores and what pilots measure: seconds by architecture, for Amdahl's law."""
    tried = []

    def set_up(cores: int, idle: int | None = None, serial: float = SERIAL, **seconds) -> list[TrainConfig]:
        seconds = ALONE | seconds

        def measure(configs, open_engine, workers, accept=None):
            configs = list(configs)
            tried.extend(configs)
            kinds = {}
            for config in configs:
                taken = seconds_with(config.threads, seconds[config.arch], serial)
                kinds[kind_of(config)] = Cost(taken, 0, 0, 0, 0, {}, 96, 0, 48, memory_mb=1.0, weights_mb=0.1)
            return Costs(kinds)

        for module in ("survey", "notes", "effect", "threads", "plan", "campaign"):
            monkeypatch.setattr(f"campaign.planning.{module}.usable_cores", lambda: cores)
        monkeypatch.setattr(threads, "idle_cores", lambda: cores if idle is None else idle)
        monkeypatch.setattr(costs, "measure", measure)
        return tried

    return set_up


def threads_of(campaign) -> dict[str, int]:
    return {config.arch: config.threads for config in campaign.pending}


def test_long_runs_get_threads_and_start_first(runs, tmp_path, machine):
    machine(8)
    campaign = survey.prepare(runs[::-1], Launch(tmp_path))
    assert threads_of(campaign) == {"pixel_cnn": 8, "pixel_mlp": 4, "mlp_small": 1}
    assert [config.arch for config in campaign.pending] == ["pixel_cnn", "mlp_small", "pixel_mlp"]  # 21, 10 and 7 s
    assert campaign.choice.cores == 8
    (note,) = [note for note in campaign.notes if "thread" in note]
    assert note.startswith("1 run(s) with 8 thread(s), 1 run(s) with 4 thread(s), 1 run(s) with 1 thread(s): about ")


def test_what_was_not_measured_is_estimated_by_amdahls_law(runs, tmp_path, machine):
    tried = machine(80, serial=0.02)
    campaign = survey.prepare(runs, Launch(tmp_path))
    assert {config.threads for config in tried} == {1, 2, 4, 8}
    widths = threads_of(campaign)
    assert widths["pixel_cnn"] == 32 and campaign.choice.cores == 80  # four times the widest that was measured
    by_arch = {config.arch: campaign.estimates()[config.run_id] for config in runs}
    expected = {arch: seconds_with(widths[arch], alone, 0.02) for arch, alone in ALONE.items()}
    assert by_arch == pytest.approx(expected)
    assert {config.arch for config in tried if config.threads > 1} == {"pixel_cnn", "pixel_mlp", "mlp_small"}


@pytest.mark.parametrize(
    "why", ["pinned", "few_cores", "balanced", "short", "no_gain", "max_workers", "serial", "busy", "shard"]
)
def test_a_run_has_one_thread(runs, tmp_path, machine, why, monkeypatch):
    scale = 0.1 if why == "short" else 1.0
    machine(
        1 if why == "few_cores" else 8, 1 if why == "busy" else None, 0.95 if why == "no_gain" else SERIAL,
        pixel_cnn=100 * scale,
    )  # fmt: skip
    if why == "pinned":
        runs = [dataclasses.replace(config, cpu_threads=1) for config in runs]
    if why == "balanced":
        runs = [dataclasses.replace(runs[0], seed=seed) for seed in range(16)]
    launch = Launch(tmp_path, engine="serial" if why == "serial" else "process")
    if why == "max_workers":
        launch = dataclasses.replace(launch, max_workers=1)
    shard = survey.Shard(1, 2) if why == "shard" else None
    campaign = survey.prepare(runs, launch, shard=shard)
    assert {config.threads for config in campaign.pending} == {1} and campaign.choice.cores is None
    assert campaign.choice.single_wall_s is None


def test_threads_go_to_idle_cores_only(runs, tmp_path, machine):
    tried = machine(8, idle=2, pixel_cnn=300.0)
    campaign = survey.prepare(runs, Launch(tmp_path))
    assert threads_of(campaign)["pixel_cnn"] == 2 and campaign.choice.cores == 2
    assert {config.threads for config in tried} == {1, 2}
    assert any("other work keeps 6 of 8 cores busy" in note for note in campaign.notes)


def test_a_plan_shows_the_threads_and_both_wall_times(runs, tmp_path, machine):
    machine(8)
    campaign = survey.survey(runs, Launch(tmp_path))
    made = plan.make(campaign)
    long, middle = seconds_with(8, 100), seconds_with(4, 20)
    assert 3600 * made["wall_hours"] == pytest.approx(long + 10)  # the two others after it, side by side
    assert 3600 * made["wall_hours_one_thread"] == pytest.approx(100)
    assert 3600 * made["cpu_hours"] == pytest.approx(8 * long + 4 * middle + 10)
    assert [(kind["architecture"], kind["threads"]) for kind in made["kinds"]] == [
        ("pixel_cnn", 8), ("mlp_small", 1), ("pixel_mlp", 4)
    ]  # fmt: skip
    text = command.as_text(made)
    assert "one thread   0.03 h (2 min) if each run had one" in text and " threads " in text.split("\n")[2]
    assert threads_of(campaign) == {"pixel_cnn": 1, "pixel_mlp": 1, "mlp_small": 1}  # planning changes nothing


def test_a_plan_for_another_machine_counts_a_core_for_each_worker(runs, tmp_path, machine):
    tried = machine(2)
    made = plan.make(survey.survey(runs, Launch(tmp_path, max_workers=16)))
    assert {kind["architecture"]: kind["threads"] for kind in made["kinds"]}["pixel_cnn"] == 8
    assert {config.threads for config in tried} == {1, 2}


def test_what_was_measured_on_a_busy_machine_gives_no_threads(runs, tmp_path, machine, monkeypatch):
    machine(8)
    measure = costs.measure

    def busy(*arguments):
        found = measure(*arguments)
        return dataclasses.replace(found, rough={*found.kinds})

    monkeypatch.setattr(costs, "measure", busy)
    assert set(threads_of(survey.prepare(runs, Launch(tmp_path))).values()) == {1}


def test_a_plan_says_that_threads_cannot_be_measured(runs, tmp_path, machine):
    machine(2, idle=1)
    made = plan.make(survey.survey(runs, Launch(tmp_path, max_workers=16)))
    assert [kind["threads"] for kind in made["kinds"]] == [1, 1, 1]
    assert any("no second idle core" in note for note in made["notes"])


# What is kept --------------------------------------------------------------------------------------------------------


def launched(runs, folder, threads_by_run: dict[str, int]) -> Store:
    """A folder in which a launch has planned these runs."""
    store = Store(folder / runs[0].dataset_name)
    seconds = {config.run_id: 1.0 for config in runs}
    store.remember_campaign([*seconds], seconds=seconds, threads=threads_by_run)
    return store


def test_a_campaign_that_has_begun_keeps_its_threads(runs, tmp_path, machine):
    machine(8)
    first, second, third = runs
    store = launched(runs, tmp_path, {first.run_id: 2})
    assert threads_of(survey.prepare(runs, Launch(tmp_path)))["pixel_cnn"] == 8  # nothing was begun
    store.save(stub.run_of(third))
    again = survey.prepare(runs, Launch(tmp_path))
    assert threads_of(again) == {"pixel_cnn": 2, "pixel_mlp": 1} and again.choice.cores == 8
    pinned = [dataclasses.replace(config, cpu_threads=3) for config in runs]
    assert set(threads_of(survey.prepare(pinned, Launch(tmp_path))).values()) == {3}


def test_unfinished_runs_keep_their_threads_while_another_campaign_is_launched(runs, tmp_path):
    store = launched(runs[:2], tmp_path, {runs[0].run_id: 4})
    for config in runs[:2]:
        path = store.folder / "partial" / f"{config.run_id}.pt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    launched(runs[2:], tmp_path, {})
    assert store.threads() == {runs[0].run_id: 4, runs[1].run_id: 1}
    assert json.loads((store.folder / "campaign.json").read_text())["threads"] == store.threads()


def test_a_trained_network_is_measured_with_the_threads_of_its_training(runs, tmp_path, machine):
    machine(8)
    trained = runs[0]
    store = launched(runs[:1], tmp_path, {})
    store.save(stub.run_of(trained, provenance={"threads": 2}))
    more = dataclasses.replace(trained, alpha_tests=(0, 0.5))
    assert threads_of(survey.survey([more], Launch(tmp_path))) == {"pixel_cnn": 2}


def test_a_run_that_gains_nothing_says_so(runs, tmp_path, machine):
    machine(8)
    campaign = survey.prepare(runs, Launch(tmp_path))
    shown = progress.Progress(campaign, {})
    wide, narrow = campaign.pending[:2]
    quick, slow = (stub.run_of(wide, train_seconds=seconds) for seconds in (40.0, 120.0))
    assert shown.describe(wide, quick).endswith(" with 8 threads")
    assert shown.describe(wide, slow).endswith(" with 8 threads, which gained nothing: one takes about 2 min")
    assert "thread" not in shown.describe(narrow, stub.run_of(narrow, train_seconds=500.0))


def test_three_runs_on_two_cores_hold_their_threads_and_are_resumed_and_verified_with_them(
    npz, tmp_path, monkeypatch, machine
):
    machine(2, mlp_small=300.0, pixel_cnn=10.0)
    kept = {"cpu_threads": "auto", "epoch_checkpoint_dir": str(tmp_path), "epoch_checkpoint_s": 0}
    runs = [small_run(npz, arch=arch, **kept) for arch in ("mlp_small", "pixel_mlp", "pixel_cnn")]
    long, *_ = survey.prepare(runs, Launch(tmp_path)).pending
    assert (long.arch, long.threads) == ("mlp_small", 2)
    store = launched(runs, tmp_path, {long.run_id: 2})
    interrupted(long, monkeypatch, 1)
    campaign = survey.prepare(runs, Launch(tmp_path))
    assert threads_of(campaign) == {"mlp_small": 2, "pixel_mlp": 1, "pixel_cnn": 1}
    assert runner.run(campaign) == 0
    held = {config.arch: run_file.read(store.folder / "runs" / f"{config.run_id}.json") for config in runs}
    assert {arch: run["provenance"]["threads"] for arch, run in held.items()} == threads_of(campaign)
    log = (store.folder / "campaign.log").read_text()
    assert f"resume    {long.run_id}" in log and " with 2 threads" in log
    assert verify(long.run_id, tmp_path, TrainConfig(dataset=npz)) == 0
    whole = train_and_evaluate(dataclasses.replace(long, epoch_checkpoint_dir=None))
    assert whole["sha256"] == held["mlp_small"]["sha256"]


def test_the_block_leaves_threads_to_the_campaign_and_a_flag_fixes_them(monkeypatch):
    monkeypatch.setattr(run_experiments, "launch", lambda block, arguments: block)
    block = run_experiments.main([])
    assert {config.cpu_threads for config in blocks.expand(block).configs} == {"auto"}
    for words, wanted in ((["--cpu-threads", "3"], 3), (["--cpu-threads-per-worker", "auto"], "auto")):
        flags = command_line.parse(words).lines
        assert {config.cpu_threads for config in blocks.expand(block, flags=flags).configs} == {wanted}
    with pytest.raises(ConfigError, match="cpu_threads must be auto or a whole number; got 'many'"):
        command_line.parse(["--cpu-threads", "many"])
    with pytest.raises(ConfigError, match="cpu_threads must be 'auto' or a number; got 'many'"):
        TrainConfig(cpu_threads="many")
    assert TrainConfig().cpu_threads == TrainConfig(cpu_threads="auto").threads == 1
    assert TrainConfig(cpu_threads="auto").run_id == TrainConfig(cpu_threads=8).run_id
