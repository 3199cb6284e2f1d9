"""Code of the user's own plug-ins that changes after runs were trained with it: it is said, and nothing is mixed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import campaign
import run_experiments
from campaign.analysis import loading
from campaign.store import run_file
from nnet.record import own_code
from tests.campaign.running.launches import command
from tests.conftest import save_npz

NETWORK = """
from math import prod
from torch import nn

def network(image_shape, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(image_shape), 8), nn.ReLU(), nn.Linear(8, num_classes))
"""
BUILD = """
def build(image_shape, num_classes, make_activation):
    return network(image_shape, num_classes)
"""
BESIDE = "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\n"
ELSEWHERE = "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parents[2] / 'elsewhere'))\n"
EVALUATION = """
from nnet.evaluations import base

class Evaluation(base.Evaluation):
    def measure(self, points):
        for _, draw in points:
            yield [self.row(0.0, draw, self.trained.clean)]
"""
FILES = {
    "plug/architectures/one_file.py": NETWORK + BUILD,
    "plug/architectures/with_path.py": "from my_path_network import network\n" + BUILD,
    "path/my_path_network.py": NETWORK,
    "plug/architectures/with_beside.py": BESIDE + "from _my_beside_network import network\n" + BUILD,
    "plug/architectures/_my_beside_network.py": NETWORK,
    "plug/architectures/with_elsewhere.py": ELSEWHERE + "from my_network import network\n" + BUILD,
    "elsewhere/my_network.py": NETWORK,
    "plug/evaluations/my_measure.py": EVALUATION,
}
OF_NETWORKS = {  # the files that hold a network, by the names that notes have for them
    "architectures/one_file.py": "plug/architectures/one_file.py",
    "my_path_network.py": "path/my_path_network.py",
    "_my_beside_network.py": "plug/architectures/_my_beside_network.py",
    "my_network.py": "elsewhere/my_network.py",
}
ARCHITECTURES = "one_file with_path with_beside with_elsewhere mlp_small"
RUNS = f"{ARCHITECTURES} --regimes clean --epochs 1 --seeds 0 --alpha-tests 0 0.5 --noise-samples 1"
RUNS += " --evaluations my_measure"


def launch(folder: Path, *words: str, base: str = RUNS) -> subprocess.CompletedProcess:
    environment = os.environ | {"NNET_PLUGINS": str(folder / "plug"), "PYTHONPATH": str(folder / "path")}
    launcher = command(str(folder / "blobs.npz"), folder, *words, base=base)
    return subprocess.run(launcher, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own_code")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    save_npz(folder / "blobs.npz")
    ended = launch(folder)
    assert ended.returncode == 0 and "has changed" not in ended.stdout, ended.stdout + ended.stderr
    return folder


@pytest.fixture
def place(trained, monkeypatch):
    """The folder of the trained runs, whose code is as it was again after the test."""
    monkeypatch.setenv("NNET_PLUGINS", str(trained / "plug"))
    monkeypatch.syspath_prepend(trained / "path")
    yield trained
    for name, content in FILES.items():
        (trained / name).write_text(content)


def to_tanh(path: Path) -> None:
    path.write_text(path.read_text().replace("ReLU", "Tanh"))


def said(folder: Path, capsys, *words: str, base: str = RUNS) -> str:
    """What the program says in this process."""
    assert run_experiments.main(command(str(folder / "blobs.npz"), folder, *words, base=base)[2:]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_status_and_plan_say_which_file_has_changed_since_runs_were_trained(place, capsys, name):
    for words in (["--status"], ["--plan"]):
        assert "note" not in said(place, capsys, *words)
    to_tanh(place / OF_NETWORKS[name])
    for words in (["--status"], ["--plan"]):
        assert f"note: {name} has changed since 1 of these runs were trained; they are kept" in said(
            place, capsys, *words
        )


def test_status_says_that_an_evaluation_has_changed(place, capsys):
    with open(place / "plug/evaluations/my_measure.py", "a") as file:
        file.write("# changed\n")
    expected = "note: evaluations/my_measure.py has changed since 5 of these runs were measured"
    assert expected in said(place, capsys, "--status")
    assert expected not in said(place, capsys, "--status", base=RUNS.replace("--evaluations my_measure", ""))


def test_runs_on_the_programs_own_networks_ask_for_no_file(place, capsys, monkeypatch):
    monkeypatch.setattr(own_code, "now", lambda plug_ins: pytest.fail("files were read"))
    base = RUNS.replace(ARCHITECTURES, "mlp_small").replace("--evaluations my_measure", "")
    assert "1 runs: 1 finished" in said(place, capsys, "--status", base=base)
    (run,) = (run_file.read(path) for path in (place / "results/blobs/runs").glob("mlp_small-*.json"))
    assert "own_code" not in run["provenance"]


def test_a_changed_network_is_not_measured_nor_mixed_unsaid_and_the_others_go_on(place):
    folders = ["--output-dir", "more", "--checkpoint-dir", "weights"]
    shutil.copytree(place / "results", place / "more")
    shutil.copytree(place / "checkpoints", place / "weights")
    to_tanh(place / OF_NETWORKS["my_network.py"])
    to_tanh(place / OF_NETWORKS["architectures/one_file.py"])
    ended = launch(place, "--alpha-tests", "0", "0.5", "1", *folders, "--seeds", "0", "1")
    assert ended.returncode == 1
    note = (
        "architectures/one_file.py and my_network.py have changed since 2 of these runs were trained; they are kept as "
        "they are, and new measurements of a changed network are refused. To train them again, give the plug-in another"
    )
    assert note in ended.stdout
    for name, file in (("with_elsewhere", "my_network.py"), ("one_file", "architectures/one_file.py")):
        (failure,) = (place / "more/blobs/failures").glob(f"{name}-*.txt")
        assert f"Refused: {file} has changed since {name}-" in failure.read_text()
    assert len(list((place / "more/blobs/failures").iterdir())) == 2
    makers = (place / "more/blobs/makers.txt").read_text()
    assert makers.count("own_code: ") == 2 and "own_code: architectures/one_file.py " in makers
    loaded = loading.load(place / "more").set_index("run_id")
    of_seeds = loaded[loaded.arch == "with_elsewhere"]
    assert of_seeds["own_code"].nunique() == 2 and of_seeds["own_code"].str.contains("my_network.py ").all()
    assert loaded[loaded.arch == "with_path"]["own_code"].nunique() == 1
    assert loaded[loaded.arch == "mlp_small"]["own_code"].isna().all()


def test_kept_weights_of_other_code_are_not_used_in_another_folder(place):
    base = RUNS.replace(ARCHITECTURES, "with_beside")
    shutil.copytree(place / "checkpoints", place / "kept")
    to_tanh(place / OF_NETWORKS["_my_beside_network.py"])
    ended = launch(place, "--output-dir", "again", "--checkpoint-dir", "kept", "--engine", "serial", base=base)
    assert ended.returncode == 0
    assert "is not used: _my_beside_network.py has changed since they were trained" in ended.stderr
    assert "has changed" not in launch(place, "--output-dir", "again", "--status", base=base).stdout


def test_a_network_that_is_loaded_into_other_code_is_warned_of(place, capsys):
    to_tanh(place / OF_NETWORKS["architectures/one_file.py"])
    (path,) = (place / "results/blobs/runs").glob("one_file-*.json")
    campaign.load_model(path.stem, str(place / "results"), str(place / "checkpoints"))
    assert "warning: architectures/one_file.py has changed since one_file-" in capsys.readouterr().err
