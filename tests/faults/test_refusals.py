"""What system or program refuse is one sentence that names the thing and what helps, with the right exit code."""

import errno
import os

import pytest

import campaign
import run_experiments
from campaign.analysis import figures
from campaign.commands import plan
from campaign.planning import costs, early
from campaign.planning.survey import Campaign
from nnet.checks import ConfigError
from nnet.config import TrainConfig

LONG = 300 * "a"


def refused(capsys, code, arguments, *words, main=run_experiments.main):
    assert main(list(arguments)) == code
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and printed.count("\n") == 1 and "Traceback" not in printed
    assert all(word in printed for word in words), printed


def fails(error):
    def raises(*_, **__):
        raise error

    return raises


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A current folder with a file, a link that leads to itself, and a name that is too long."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    return {"long": LONG, "below": f"{LONG}/in", "loop": "loop/in", "file": "file/in"}


FLAGS = {
    "--output-dir": ("", ["--status"]),
    "--checkpoint-dir": ("", ["--list-weights"]),
    "--dataset": (".npz", ["--plan"]),
    "--initial-weights": (".pt", ["--plan"]),
    "--study": (".py", ["--plan"]),
    "--merge": ("", []),
    "--cluster-file": (".toml", ["--engine", "dask", "--plan"]),
}


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("place", ["long", "below", "loop"])
def test_a_name_that_the_system_refuses_is_named(places, capsys, flag, place):
    end, command = FLAGS[flag]
    refused(capsys, 2, ["mlp_small", flag, f"./{places[place]}{end}", *command], places[place][:255].split("/")[0])


def test_a_folder_below_a_file_is_named(places, capsys):
    refused(capsys, 2, ["mlp_small", "--engine", "serial", "--output-dir", places["file"]], "file")


def test_a_data_folder_that_the_system_refuses_is_named_before_any_worker_starts(places, monkeypatch, capsys):
    monkeypatch.setattr(costs, "measure", fails(AssertionError("a worker")))
    refused(capsys, 2, ["mlp_small", "--dataset", "mnist", "--data-dir", LONG, "--plan"], LONG)


@pytest.mark.parametrize("flag", ["--output-dir", "--checkpoint-dir"])
def test_a_link_that_leads_nowhere_is_refused_before_anything_starts(tmp_path, monkeypatch, capsys, flag):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(costs, "measure", fails(AssertionError("a worker")))
    (tmp_path / "link").symlink_to(tmp_path / "unmounted/results")
    refused(capsys, 2, ["mlp_small", flag, "link"], "cannot write to link")


@pytest.mark.parametrize("command", [["--plan"], ["--status"], ["--list-weights"], []], ids=str)
def test_a_current_folder_that_was_deleted_is_said(tmp_path, monkeypatch, capsys, command):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    refused(capsys, 2, ["mlp_small", "--engine", "serial", *command], "the current folder", "change to one that exists")
    refused(capsys, 2, [], "the current folder", main=figures.main)
    with pytest.raises(ConfigError, match="the current folder"):
        campaign.run([TrainConfig()], output_dir=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
@pytest.mark.parametrize("flag", FLAGS)
def test_a_folder_that_one_may_not_enter_is_named(tmp_path, monkeypatch, capsys, flag):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shut").mkdir(mode=0)
    end, command = FLAGS[flag]
    refused(capsys, 2, ["mlp_small", flag, f"shut/in{end}", *command], "shut", "Permission denied")


REFUSALS = [
    (OSError(errno.EMFILE, "Too many open files", "/a/file"), "Too many open files: /a/file; raise the limit"),
    (OSError(errno.ENFILE, "Too many open files in system"), "the whole machine"),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory is short"),
    (OSError(errno.EIO, "Input/output error", "/a/file"), "Input/output error: /a/file"),
    (OSError(errno.ESTALE, "Stale file handle", b"/a/file"), "Stale file handle: /a/file"),
    (RuntimeError("can't start new thread"), "no further thread can be started"),
    (MemoryError(), "memory is short"),
]


@pytest.mark.parametrize(("error", "words"), REFUSALS, ids=lambda value: str(value)[:30])
def test_what_the_system_refuses_ends_a_command_with_exit_code_1(npz, tmp_path, monkeypatch, capsys, error, words):
    monkeypatch.setattr(plan, "show", fails(error))
    refused(capsys, 1, ["mlp_small", "--dataset", npz, "--output-dir", str(tmp_path), "--plan"], words)


@pytest.mark.parametrize(("error", "words"), REFUSALS, ids=lambda value: str(value)[:30])
def test_under_way_it_stops_the_campaign(launched, monkeypatch, capsys, error, words):
    monkeypatch.setattr(Campaign, "open", fails(error))
    assert launched() == 1
    printed = capsys.readouterr().err
    assert printed.strip().startswith("stopped: ") and words in printed and "0 of 1 runs are finished" in printed


def test_a_bug_under_way_shows_its_traceback(launched, monkeypatch):
    monkeypatch.setattr(Campaign, "open", fails(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        launched()


def test_figures_on_a_full_disk_are_one_sentence(launched, tmp_path, monkeypatch, capsys):
    assert launched() == 0
    capsys.readouterr()
    monkeypatch.setattr(figures, "save_all", fails(OSError(errno.ENOSPC, "No space left on device", "a.png")))
    refused(capsys, 1, ["--output-dir", str(tmp_path / "results")], "a.png", main=figures.main)
    refused(capsys, 2, ["--output-dir", str(tmp_path / LONG)], main=figures.main)
    refused(capsys, 2, ["--output-dir", str(tmp_path / "results"), "digit"], "mean 'digits'", main=figures.main)


def test_from_python_a_refusal_is_a_wrong_configuration(tmp_path):
    with pytest.raises(ConfigError, match="File name too long"):
        campaign.run([TrainConfig()], output_dir=tmp_path / LONG)


def test_a_missing_gpu_is_refused_before_any_worker_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(early, "may_have_gpu", lambda: False)
    monkeypatch.setattr(costs, "measure", fails(AssertionError("a worker")))
    words = ["mlp_small", "--use-cuda", "--output-dir", str(tmp_path)]
    refused(capsys, 2, words, "no CUDA device", "leave --use-cuda out")


HELPFUL = {
    "did you mean 'mlp_large'?": ["mlp_lrge"],
    "did you mean 'worst_case'?": ["--evaluations", "worstcase"],
    "did you mean 'serial'?": ["--engine", "seriell"],
    "did you mean 'adversarial'?": ["--study", "adversariel"],
    "did you mean 'slurm'?": ["--print-job", "slrm"],
    "did you mean 'attack_size'?": ["--options", "atack_size=1"],
    "did you mean 'learning_rate'?": ["--set", "learningrate=1"],
    "did you mean --max-test-samples?": ["--max-test-sample", "3"],
    "--cores: it must be a whole number; got 'two'": ["--engine", "slurm", "--cores", "two"],
    "batch_size must be a whole number; got 'many'": ["--batch-size", "many"],
    "max_workers must be a whole number; got '2.5'": ["--max-workers", "2.5"],
    "'attack_size' is an option of awp, beta": ["--options", "mlp_small.attack_size=1"],
}


@pytest.mark.parametrize("words", HELPFUL)
def test_a_wrong_word_is_refused_in_words_that_help(capsys, words):
    refused(capsys, 2, HELPFUL[words], words)
