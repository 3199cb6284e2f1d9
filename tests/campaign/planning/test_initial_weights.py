"""A launch with files of weights: all of them are tried before anything is started, and it says what noise spares."""

import dataclasses
import json

import pytest
import torch

import campaign
import run_experiments
from nnet.checks import ConfigError
from nnet_models import build_model
from tests.conftest import save_npz


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a dataset and weights of three networks, the last of another kind."""
    save_npz(tmp_path / "blobs.npz")
    for number, arch in enumerate(("pixel_mlp", "pixel_mlp", "pixel_cnn")):
        torch.manual_seed(number)
        torch.save(build_model(arch, image_shape=(1, 8, 8), num_classes=3).state_dict(), tmp_path / f"{number}.pt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def launch(*flags: str) -> int:
    given = [
        "pixel_mlp",
        "--dataset",
        "blobs.npz",
        "--image-size",
        "8",
        "--alpha-tests",
        "0",
        "0.2",
        "--engine",
        "serial",
    ]
    return run_experiments.main([*given, *flags])


def test_a_file_that_does_not_fit_is_found_before_anything_is_started(folder, capsys):
    for _ in range(2):  # the second time the costs are remembered
        assert launch("--initial-weights", "0.pt", "1.pt", "2.pt", "--epochs", "0") == 2
        error = capsys.readouterr().err
        assert "2.pt does not fit pixel_mlp: 0.weight has the shape" in error and "Traceback" not in error
        assert not (folder / "results").exists()
        assert launch("--initial-weights", "0.pt", "1.pt", "--epochs", "0", "--plan") == 0
        capsys.readouterr()


def test_a_file_is_tried_though_the_costs_of_its_kind_follow_from_others(folder, capsys):
    files = ("0.pt", "1.pt", "2.pt")  # the pair of sam and quantization needs no pilot of its own
    grid = [("clean", ("quantization",)), ("sam", ()), ("sam", ("quantization",))]
    base = campaign.TrainConfig(dataset="blobs.npz", image_size=8, arch="pixel_mlp", epochs=1, alpha_tests=(0,))
    configs = [
        dataclasses.replace(base, regime=regime, evaluations=evaluations, initial_weights=file)
        for (regime, evaluations), file in zip(grid, files, strict=True)
    ]
    with pytest.raises(ConfigError, match="2.pt does not fit pixel_mlp"):
        campaign.run(configs, output_dir="results", engine="serial")
    assert not (folder / "results").exists()


def test_each_file_is_one_network_whatever_the_seeds_and_regimes(folder, capsys):
    assert launch("--initial-weights", "0.pt", "1.pt", "--epochs", "0", "--seeds", "0-4") == 0
    runs = [json.loads(path.read_text()) for path in (folder / "results/blobs/runs").iterdir()]
    assert sorted(run["config"]["initial_weights"] for run in runs) == ["0.pt", "1.pt"]
    assert all(run["sha256"]["weights"] == run["sha256"]["initial_weights"] for run in runs)
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("  measured: acc") == 2 and "trained: acc" not in printed.out
    assert launch("--initial-weights", "0.pt", "--epochs", "0", "--status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["finished"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--epochs", "0"), "epochs 0 trains nothing: give initial_weights"),
        (("--initial-weights", "missing.pt"), "initial_weights: there is no file missing.pt"),
        (("--initial-weights", "blobs.npz"), "must be a file whose name ends with .pt or .pth or .safetensors"),
        (("--arch", "torchvision_model", "--options", "torchvision_model.name=resnet8"), "nearest names are resnet"),
        (("--arch", "torchvision_model", "--options", "torchvision_model.nam=x"), "unknown option 'nam'"),
    ],
)
def test_wrong_input_starts_nothing(folder, capsys, flags, message):
    words = [*flags]
    if words[0] == "--arch":
        words = words[2:]
        code = run_experiments.main(["torchvision_model", "--dataset", "blobs.npz", "--engine", "serial", *words])
    else:
        code = launch(*words)
    assert code == 2 and message in capsys.readouterr().err
    assert not (folder / "results").exists()


def test_a_launch_says_what_noise_spares_and_which_images_are_resized_twice(folder, capsys):
    small = ["--dataset", "blobs.npz", "--epochs", "1", "--seeds", "0", "--regimes", "clean", "--engine", "serial"]
    assert run_experiments.main(["lenet", *small, "--options", "lenet.nfilters=2", "--plan"]) == 0
    assert "weight noise never changes these tensors of lenet: 1.masks.noise, " in capsys.readouterr().out
    options = ["torchvision_model.name=shufflenet_v2_x0_5", "torchvision_model.input_size=32"]
    flags = ["torchvision_model", *small, "--options", *options, "--plan"]
    for size, said in (("8", True), ("none", False)):
        assert run_experiments.main([*flags, "--image-size", size]) == 0
        assert ("resized to 8×8 pixels, then by torchvision_model" in capsys.readouterr().out) == said
