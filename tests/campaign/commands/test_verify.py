"""`--verify`: a run is trained and measured again from nothing, and every difference is named."""

import shutil
from pathlib import Path

import pytest
import torch

from campaign.commands import verify as verify_command
from nnet_models import build_model
from tests.campaign.commands.small import ONE, change, contents, launch, run_paths, weights
from tests.conftest import flipped


@pytest.fixture(scope="module")
def grown(npz, tmp_path_factory) -> Path:
    """A network that was measured four times; last asked for is the least."""
    folder = tmp_path_factory.mktemp("grown")
    for more in (
        ("--noise-samples", "3"),
        ("--alpha-tests", "0", "0.3", "--evaluations", "quantization", "random_corners"),
        ("--options", "weight_noise.noise_model=magnitude", "--set", "max_test_samples=24"),
        ("--alpha-tests", "0"),
    ):
        assert launch(npz, folder, *ONE, *more) == 0
    return folder


@pytest.fixture
def place(grown, tmp_path) -> Path:
    return Path(shutil.copytree(grown, tmp_path / "place"))


def verify(npz: str, place: Path, capsys, *words: str) -> tuple[int, str, str]:
    """Exit code and what is printed."""
    capsys.readouterr()
    code = launch(npz, place, *ONE, *words, "--verify", run_paths(place)[0].stem)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_recorded_point_is_measured_again_without_the_kept_weights(npz, place, capsys):
    path = weights(place)[0]
    path.write_bytes(flipped(path.read_bytes(), 3000))
    before = contents(place)
    code, said, _ = verify(npz, place, capsys)
    recorded = []
    change(run_paths(place)[0], lambda run: recorded.extend(p for m in run["measurements"] for p in m["points"]))
    assert code == 0 and f"the same, bit for bit: weights, history and {len(recorded)} points" in said
    assert len(recorded) > 20 and contents(place) == before


def measurement(run: dict, evaluation: str, **settings) -> dict:
    (found,) = (
        one for one in run["measurements"]
        if one["evaluation"] == evaluation and settings.items() <= one["settings"].items()
    )  # fmt: skip
    return found


def a_point(run):
    measurement(run, "weight_noise", noise_model="tensor_std")["points"][-1]["acc"] += 1e-12


def a_point_of_an_evaluation(run):
    measurement(run, "quantization")["points"][0]["loss"] *= 1 + 1e-15


def the_weights(run):
    run["sha256"]["weights"] = "0" * 64


def the_history(run):
    run["history"][0]["train_loss"] += 1e-12


def the_library(run):
    run["provenance"]["torch"] = "0.1"


CHANGES = {
    a_point: "different: weight_noise at strength 0.3, draw 1, acc was ",
    a_point_of_an_evaluation: "different: quantization at strength ",
    the_weights: f"different: sha256 weights was {'0' * 64}, is ",
    the_history: "different: history 1 train_loss was ",
    the_library: "torch was 0.1, is ",
}


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: changed.__name__)
def test_what_differs_is_named(npz, place, capsys, changed):
    change(run_paths(place)[0], changed)
    code, said, _ = verify(npz, place, capsys)
    assert CHANGES[changed] in said
    assert (code, "DIFFERENT" in said) == ((0, False) if changed is the_library else (1, True))


def test_what_newer_code_adds_is_no_difference(npz, place, capsys):
    def older(run):
        del run["not_noised"], run["history"][0]["train_loss"]

    change(run_paths(place)[0], older)
    code, said, _ = verify(npz, place, capsys)
    assert code == 0 and "the same, bit for bit" in said


def test_a_run_that_is_not_there_is_one_sentence(npz, place, capsys):
    code = launch(npz, place, *ONE, "--verify", "no-such-run")
    assert code == 2 and capsys.readouterr().err.startswith("error: there is no finished run 'no-such-run' in ")


def test_points_of_another_version_of_an_evaluation_are_not_compared(npz, place, capsys):
    change(run_paths(place)[0], lambda run: measurement(run, "random_corners").update(version=99))
    code, said, _ = verify(npz, place, capsys)
    assert code == 0 and "not compared: random_corners" in said


def test_a_run_in_two_folders_is_a_sentence_that_names_both(npz, place, capsys):
    shutil.copytree(place / "results/blobs", place / "results/copy")
    code, said, complaint = verify(npz, place, capsys)
    assert (code, said) == (2, "") and complaint.count("\n") == 1
    assert f"is in {place}/results/blobs and {place}/results/copy" in complaint


def test_a_run_on_a_file_needs_that_file(npz, place, capsys):
    code, _, complaint = verify("digits", place, capsys)
    run_id = run_paths(place)[0].stem
    assert code == 2 and complaint == f"error: {run_id} was made from blobs.npz; give that file as --dataset\n"


def test_a_run_that_cannot_be_done_is_exit_code_1(npz, place, capsys, monkeypatch):
    monkeypatch.setattr(verify_command.process.Engine, "start", raises(ChildProcessError("no worker can be started")))
    code, said, _ = verify(npz, place, capsys)
    assert code == 1 and "failed: ChildProcessError: no worker can be started" in said


def raises(error):
    def start(*_):
        raise error

    return start


def test_a_run_from_initial_weights_needs_their_file(npz, tmp_path, capsys):
    model = build_model("mlp_small", "relu", (3, 8, 8), 3, 0.0)
    torch.save(model.state_dict(), tmp_path / "mine.pt")
    words = ("--regime", "clean", "--epochs", "0", "--initial-weights", str(tmp_path / "mine.pt"))
    assert launch(npz, tmp_path, *ONE, *words) == 0
    code, said, _ = verify(npz, tmp_path, capsys, *words)
    assert (code, "the same, bit for bit" in said) == (0, True), said
    code, _, complaint = verify(npz, tmp_path, capsys, "--regime", "clean")
    run_id = run_paths(tmp_path)[0].stem
    assert code == 2 and complaint == f"error: {run_id} was made from mine.pt; give that file as --initial-weights\n"


def test_a_run_file_has_options_that_nobody_could_set(npz, tmp_path, capsys):
    """It has all of them: those of static noise, too, which are refused beside adaptive noise."""
    words = ["--regime", "adaptive", "--epochs", "4", "--validation-share", "0.25", *ONE]
    words += ["--options", "adaptive.window=2", "adaptive.min_epochs=2"]
    assert launch(npz, tmp_path, *words) == 0
    (run,) = run_paths(tmp_path)
    assert launch(npz, tmp_path, *words, "--verify", run.stem) == 0
    assert "the same, bit for bit: weights, history" in capsys.readouterr().out
