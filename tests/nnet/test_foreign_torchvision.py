"""Weights of a file measured end to end, from the command line and from Python, against a plain loop."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torchvision import models

import campaign
import run_experiments
from nnet.record.provenance import weights_sha256
from tests.conftest import blobs
from tests.nnet import plain_loop

IMAGENET = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
SIZE = 32
NETWORKS = {"resnet18": (), "vit_b_16": ("class_token", "encoder.pos_embedding")}
"""What noise spares of them beside vectors."""
ALPHAS, DRAWS, CLASSES = (0.0, 0.2), 2, 3
BOTH = pytest.mark.parametrize("given", ["resnet18", pytest.param("vit_b_16", marks=pytest.mark.long)], indirect=True)


class Standardised(nn.Module):
    """A network as its user has it: pixels in [0, 1] are standardised before it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images):
        mean, std = (values[:, None, None] for values in IMAGENET)
        return self.network((images - mean) / std)


def trained_elsewhere(name: str) -> nn.Module:
    torch.manual_seed(0)
    more = {"image_size": SIZE} if name.startswith("vit") else {}
    network = models.get_model(name, weights=None, num_classes=CLASSES, **more)
    if name == "vit_b_16":
        nn.init.normal_(network.heads.head.weight, std=0.1)  # torchvision initialises it with zeros
    else:
        network(torch.rand(8, 3, SIZE, SIZE))  # statistics of its own
    return network.eval()


@pytest.fixture(scope="module")
def given(request, tmp_path_factory):
    """The name of a network, the network, an .npz file, and a file of its weights."""
    folder = tmp_path_factory.mktemp(request.param)
    network = trained_elsewhere(request.param)
    arrays = {}
    for part, count in (("train", 6), ("test", 12)):
        arrays[f"x_{part}"], arrays[f"y_{part}"] = blobs(count, channels=3, size=(SIZE, SIZE))
    np.savez(folder / "photos.npz", **arrays)
    torch.save(network.state_dict(), folder / "weights.pth")
    return request.param, network, folder


@pytest.fixture(scope="module")
def expected(given):
    """α → (accuracy, loss)."""
    _, network, folder = given
    with np.load(folder / "photos.npz") as file:
        images, labels = torch.from_numpy(file["x_test"]) / 255, torch.from_numpy(file["y_test"])
    weights = [f"network.{name}" for name in plain_loop.weights_by_hand(network)]
    values = plain_loop.sweep(Standardised(network), weights, images, labels, ALPHAS, DRAWS)
    assert len({loss for _, loss in values.values()}) == len(ALPHAS)
    return values


def assert_rows_are(rows: list[dict], expected: dict) -> None:
    assert [row["alpha_test"] for row in rows] == list(expected)
    for row in rows:
        accuracy, loss = expected[row["alpha_test"]]
        assert row["acc"] == pytest.approx(accuracy, abs=1e-9)
        assert row["loss"] == pytest.approx(loss, rel=1e-3)


@BOTH
def test_from_python(given, expected):
    _, network, folder = given
    table = campaign.evaluate_model(
        Standardised(network), folder / "photos.npz", alpha_tests=ALPHAS, noise_samples=DRAWS
    )
    assert_rows_are(table.to_dict("records"), expected)
    spared = [f"network.{name}" for name in NETWORKS[given[0]]]
    assert table.attrs["not_noised"] == spared


@pytest.mark.timeout(600)
@BOTH
def test_from_the_command_line(given, expected, monkeypatch, capsys):
    name, network, folder = given
    monkeypatch.chdir(folder)
    flags = ["--options", f"torchvision_model.name={name}", f"torchvision_model.input_size={SIZE}"]
    flags += ["--initial-weights", "weights.pth", "--epochs", "0", "--dataset", "photos.npz", "--image-size", "none"]
    flags += ["--alpha-tests", *map(str, ALPHAS), "--noise-samples", str(DRAWS), "--engine", "serial"]
    assert run_experiments.main(["torchvision_model", *flags]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    for spared in NETWORKS[name]:
        assert spared in printed
    (path,) = (folder / "results/photos/runs").glob("*.json")  # seeds and regimes of a file are one network
    run = json.loads(path.read_text())
    assert run["not_noised"] == list(NETWORKS[name]) and run["history"] == []
    assert run["sha256"]["weights"] == run["sha256"]["initial_weights"] == weights_sha256(network)
    assert_rows_are(pd.read_csv(folder / "results/photos/sweep.csv").to_dict("records"), expected)
