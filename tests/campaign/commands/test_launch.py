"""What a launch does with errors: one sentence for wrong input, a traceback for a bug."""

import pytest

import run_experiments
from campaign.commands import plan
from campaign.planning.survey import Campaign
from campaign.running import runner

WORDS = ["mlp_small", "--image-size", "8", "--epochs", "1", "--seeds", "0", "--engine", "serial"]


def fails(error):
    def raises(*_, **__):
        raise error

    return raises


@pytest.mark.parametrize("error", [KeyError("regime"), ValueError("a bug"), TypeError("a bug")])
@pytest.mark.parametrize("command", [["--plan"], []], ids=["plan", "launch"])
def test_a_bug_shows_its_traceback(npz, tmp_path, monkeypatch, command, error):
    monkeypatch.setattr(*((plan, "show") if command else (runner, "run")), fails(error))
    with pytest.raises(type(error)):
        run_experiments.main([*WORDS, "--dataset", npz, "--output-dir", str(tmp_path), *command])


def test_a_worker_that_cannot_start_is_one_sentence(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plan, "show", fails(ChildProcessError("no worker could\nbe started")))
    assert run_experiments.main([*WORDS, "--dataset", npz, "--output-dir", str(tmp_path), "--plan"]) == 2
    assert capsys.readouterr().err == "error: no worker could be started\n"


def test_workers_that_cannot_start_while_runs_are_under_way_are_exit_code_1(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Campaign, "open", fails(ChildProcessError("no worker can be started")))
    assert run_experiments.main([*WORDS, "--dataset", npz, "--output-dir", str(tmp_path)]) == 1
    assert "stopped: no worker can be started: 0 of " in capsys.readouterr().err


def test_an_interruption_before_the_first_run_is_exit_code_130(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plan, "show", fails(KeyboardInterrupt()))
    assert run_experiments.main([*WORDS, "--dataset", npz, "--output-dir", str(tmp_path), "--plan"]) == 130
    assert capsys.readouterr().err == "interrupted: nothing was started\n"
