"""What a campaign finds and says before it starts."""

import dataclasses

import pytest

from campaign.grid.settings import Launch
from campaign.machine import memory
from campaign.planning.survey import prepare
from campaign.running import runner
from campaign.store import run_file
from tests.conftest import small_run


def notes_of(campaign) -> list[str]:
    """Its notes, but for those that this machine is busy and has few cores."""
    about_cores = ("the machine was busy", f"{campaign.workers} workers share ")
    return [note for note in campaign.notes if not note.startswith(about_cores)]


@pytest.fixture
def configs(npz):
    return [small_run(npz, epochs=1, seed=seed, alpha_tests=(0, 0.1)) for seed in range(4)]


def test_fewer_workers_are_started_where_their_memory_would_not_suffice(configs, tmp_path, monkeypatch):
    campaign = prepare(configs, Launch(tmp_path, max_workers=4))
    assert campaign.workers == 4 and all(5 < campaign.costs.memory_mb(config) < 500 for config in configs)
    monkeypatch.setattr(memory, "free_mb", lambda: 10.0)
    campaign = prepare(configs, Launch(tmp_path, max_workers=4))
    assert campaign.workers == 1
    (note,) = notes_of(campaign)
    assert "10 MB of memory are free and a run takes up to" in note
    assert "so 1 of 4 workers are started; --no-memory-check starts them all" in note
    unchecked = prepare(configs, Launch(tmp_path, max_workers=4, memory_check=False))
    assert unchecked.workers == 4 and notes_of(unchecked) == []
    assert list(tmp_path.iterdir()) == []


def test_going_on_with_another_processor_or_version_is_said_once(configs, tmp_path, capsys):
    runner.run(prepare(configs[:2], Launch(tmp_path, "serial")))
    for path in (tmp_path / "blobs/runs").iterdir():
        result = run_file.read(path)
        result["provenance"]["cpu_model"] = "Abacus 3000"
        run_file.write(path, result)
    capsys.readouterr()
    assert runner.run(prepare(configs, Launch(tmp_path, "serial"))) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: 2")]
    assert (
        len(notes) == 1 and "2 trained runs were made with cpu_model Abacus 3000, the others will be with" in notes[0]
    )
    assert notes_of(prepare(configs, Launch(tmp_path, "serial"))) == []  # nothing is to be done


def test_each_result_says_on_what_it_was_made(configs, tmp_path):
    campaign = prepare(configs[:1], Launch(tmp_path, "serial"))
    runner.run(campaign)
    result = campaign.known(configs[0])
    assert {"torch", "cpu_model", "cpu_capability", "threads"} <= result["provenance"].keys()
    assert result["provenance"]["threads"] == 1 and None not in result["provenance"].values()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_limit_must_leave_some_time(configs, tmp_path, seconds):
    with pytest.raises(ValueError, match="run_timeout_s must be above 0"):
        prepare(configs, Launch(tmp_path, run_timeout_s=seconds))


def test_the_serial_engine_cannot_end_a_run(configs, tmp_path):
    with pytest.raises(ValueError, match="run_timeout_s needs the engine 'process'"):
        prepare(configs, Launch(tmp_path, "serial", run_timeout_s=60))


def test_cores_that_would_have_nothing_to_do_are_told_of(configs, tmp_path, monkeypatch):
    for module in ("survey", "notes", "effect"):
        monkeypatch.setattr(f"campaign.planning.{module}.usable_cores", lambda: 40)
    (note,) = notes_of(prepare(configs[:3], Launch(tmp_path, max_workers=8)))
    assert note.startswith("3 run(s) cannot use all 8 cores; --cpu-threads auto lets long runs use more of them")
    (note,) = notes_of(prepare(configs[:3], Launch(tmp_path)))
    assert "all 40 cores" in note
    wider = [dataclasses.replace(config, cpu_threads=8) for config in configs[:3]]
    (note,) = notes_of(prepare(wider, Launch(tmp_path)))
    assert "all 40 cores" in note
    assert notes_of(prepare([dataclasses.replace(config, cpu_threads=13) for config in wider], Launch(tmp_path))) == []
    assert notes_of(prepare(configs, Launch(tmp_path, max_workers=7))) == []


def test_adaptive_noise_without_validation_images_is_said(npz, tmp_path):
    adaptive = small_run(npz, epochs=1, regime="adaptive")
    (note,) = notes_of(prepare([adaptive], Launch(tmp_path, "serial")))
    assert "adaptive runs without validation images" in note and "--validation-share 0.1" in note
    static = dataclasses.replace(adaptive, options={"adaptive": {"mode": "static"}})
    assert notes_of(prepare([static], Launch(tmp_path, "serial"))) == []
    assert notes_of(prepare([dataclasses.replace(adaptive, validation_share=0.25)], Launch(tmp_path, "serial"))) == []
