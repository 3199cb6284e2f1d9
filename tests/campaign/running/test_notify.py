"""`--notify` tells a command how a campaign goes, and whatever the command does, the campaign stays as it is."""

import json
import time

import pytest

import run_experiments
from campaign.engines.workers import tasks
from campaign.running import notify
from tests.campaign.stub import run_of

WORDS = "mlp_small --regimes clean --seeds 0 1 --epochs 1 --engine serial --checkpoint-dir none".split()


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """A function that launches two stub runs in this process; `work` may replace what a run does."""
    monkeypatch.chdir(tmp_path)
    outcome = {"data_sha256": "", "machine": {}, "not_noised": [], "cost": None}
    monkeypatch.setattr(tasks, "pilot", lambda config: outcome)
    monkeypatch.setattr(tasks, "look", lambda config: outcome)

    def called(command: str, work=run_of) -> int:
        monkeypatch.setattr(tasks, "train", lambda config, known=None: work(config))
        return run_experiments.main([*WORDS, "--notify", command])

    return called


def log(folder) -> list[str]:
    return (folder / "results/digits/campaign.log").read_text().splitlines()


def test_a_command_reads_the_summary_at_the_end_and_what_it_prints_is_shown(launch, tmp_path, capsys):
    assert launch("cat > told; echo sent") == 0
    told, printed = (tmp_path / "told").read_text(), capsys.readouterr()
    assert told.splitlines()[0] == "ended: 2 of 2 runs are finished"
    assert f"results: {tmp_path}/results/digits" in told and "digits: 2 of 2 runs" in told
    assert printed.out.endswith("sent\n") and printed.err == "" and "notify" not in "".join(log(tmp_path))


def test_it_is_told_of_the_first_failed_run_at_once_and_of_all_at_the_end(launch, tmp_path):
    def failing(config):
        raise ArithmeticError("it fails")

    assert launch("cat > told-$$", failing) == 1
    first, last = sorted((path.read_text() for path in tmp_path.glob("told-*")), key=len)
    assert first.splitlines()[0].endswith("has failed: FAILED: ArithmeticError: it fails")
    assert last.splitlines()[0] == "ended: 0 of 2 runs are finished, 2 have failed"
    assert last.count("ArithmeticError: it fails; see ") == 2


def test_it_is_told_of_an_interruption(launch, tmp_path):
    def interrupting(config):
        if config.seed == 1:
            raise KeyboardInterrupt
        return run_of(config)

    assert launch("cat > told", interrupting) == 130
    assert (
        (tmp_path / "told").read_text().startswith("interrupted: 1 of 2 runs are finished and kept; the same command")
    )


def test_it_is_told_of_an_error_in_the_program(launch, tmp_path, monkeypatch):
    monkeypatch.setattr(notify.Notify, "tell_once", lambda self, text: 1 / 0)

    def failing(config):
        raise ArithmeticError

    with pytest.raises(ZeroDivisionError):
        launch("cat > told", failing)
    assert (
        tmp_path / "told"
    ).read_text() == "stopped by an error in the program: ZeroDivisionError: division by zero\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo no such address >&2; exit 3", "ended with exit code 3: no such address"),
        ("sleep 30", "was ended after 1 s"),
        ("no_such_program", "ended with exit code 127"),
        ("kill -9 $$", "was ended by signal 9"),
    ],
)
def test_a_command_that_fails_is_one_line_and_changes_nothing(launch, tmp_path, monkeypatch, capsys, command, why):
    monkeypatch.setattr(notify, "LIMIT_S", 1)
    start = time.monotonic()
    assert launch(command) == 0 and time.monotonic() - start < 20
    (line,) = [line for line in log(tmp_path) if " notify " in line]
    assert f"notify    - the command {why}" in line
    assert capsys.readouterr().err.startswith(f"note: the command of --notify {why}")


def test_a_command_that_reads_nothing_holds_nobody_up_and_none_can_be_started(launch, tmp_path, monkeypatch, capsys):
    assert launch("true") == 0 and capsys.readouterr().err == ""
    monkeypatch.setenv("PATH", "")
    assert launch("true") == 0
    assert capsys.readouterr().err == "note: the command of --notify cannot be started: No such file or directory\n"


def test_the_command_is_stated_in_no_run_file(launch, tmp_path, monkeypatch):
    from nnet.record import provenance

    monkeypatch.setattr(
        tasks, "pilot", lambda config: {"data_sha256": "", "machine": {}, "not_noised": [], "cost": None}
    )
    seen = []
    assert (
        launch("curl https://a.b/PASSWORD; true", lambda config: seen.append(provenance.command()) or run_of(config))
        == 0
    )
    assert len(seen) == 2 and all("--notify" in line and "PASSWORD" not in line for line in seen)
    for word in ("--notify=curl PASSWORD", "--set"):
        assert "PASSWORD" not in _stated([*WORDS, word, "notify=curl PASSWORD"])


def _stated(words: list[str]) -> str:
    from campaign.commands.launch import _command

    return _command("run_experiments.py", words)


def test_what_is_no_command_is_refused(capsys):
    assert run_experiments.main(["--notify", " ", "--status"]) == 2
    assert capsys.readouterr().err == "error: notify must be a shell command; got ' '\n"


def test_a_line_in_the_block_is_a_command_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_experiments.main(["--help"]) == 0
    assert "--notify" in capsys.readouterr().out
    assert run_experiments.main([*WORDS, "--notify", "none", "--status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 2
