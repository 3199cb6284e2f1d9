"""Noise on one layer at a time against NumPy."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from nnet.evaluations.layers import Options
from nnet.evaluations.parts import points
from nnet.random.normals import Normals
from nnet.random.streams import seed_of
from tests.nnet.evaluations import tiny
from tests.nnet.evaluations.measurements import measured_of, trained_of

ALPHAS = (0.0, 0.1, 0.5, 2.0)
POINTS = [(alpha, draw) for draw in range(3) for alpha in ALPHAS if draw == 0 or alpha > 0]


def plain(noise_model: str, alpha: float, draw: int, layer: int) -> tuple[float, float]:
    """Accuracy and loss of the tiny network with noise on one layer."""
    stream = Normals(seed_of(tiny.SEED, "evaluation/layers", draw))
    weights = [tiny.FIRST, tiny.SECOND]
    normals = [stream.draw(torch.Size(weight.shape)).numbers().numpy() for weight in weights]
    weight = weights[layer]
    spread = {"tensor_std": weight.std(ddof=1), "magnitude": np.abs(weight)}[noise_model]
    weights[layer] = weight + alpha * spread * normals[layer]
    return tiny.figures(*weights)


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude"])
def test_every_point_agrees_with_the_plain_reference(noise_model):
    yielded = tiny.measured("layers", POINTS, noise_model=noise_model)
    for (alpha, draw), rows in zip(POINTS, yielded, strict=True):
        assert [(row["strength"], row["draw"], row["part"]) for row in rows] == [(alpha, draw, "0"), (alpha, draw, "2")]
        for layer, row in enumerate(rows):
            assert (row["acc"], row["loss"]) == pytest.approx(plain(noise_model, alpha, draw, layer), rel=1e-4)
    assert len({row["loss"] for rows in yielded for row in rows}) == 1 + 2 * 9


def test_a_point_depends_on_no_other():
    rows = dict(zip(POINTS, tiny.measured("layers", POINTS), strict=True))
    few = [(0.5, 1), (0.1, 2)]
    assert tiny.measured("layers", few, alphas=[0.1, 0.5], draws=9) == [rows[point] for point in few]


class Recurrent(nn.Module):
    """Its recurrent module has two weight tensors."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.RNN(4, 2, batch_first=True), nn.Linear(2, 3)

    def forward(self, images):
        return self.head(self.cell(images[:, None])[0][:, -1])


def test_layers_are_named_after_their_modules():
    (rows,) = tiny.measured("layers", [(0.1, 0)], Recurrent().eval())
    assert [row["part"] for row in rows] == ["cell.weight_ih_l0", "cell.weight_hh_l0", "head"]


def test_tables_have_a_row_per_layer_and_the_noise_model_is_that_of_the_run(network):
    for noise_model, settings in (("tensor_std", {}), ("magnitude", {"noise_model": "magnitude"})):
        run = measured_of(trained_of(network), "layers", alphas=(0, 0.3), draws=2, noise_model=noise_model)
        rows = [row for row in points.table_rows(run) if row["evaluation"] == "layers"]
        places = [(row["alpha_test"], row["part"], row["noise_samples"]) for row in rows]
        parts = [row["part"] for row in rows if row["alpha_test"] == 0]
        assert len(parts) == 3 == len(set(parts))
        assert places == [(0, part, 1) for part in parts] + [(0.3, part, 2) for part in parts]
        assert {row["settings"] for row in rows} == {json.dumps(settings)}
        assert all(row["drop"] == 0 for row in rows[:3]) and len({row["loss"] for row in rows}) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": [-0.1]}, "alphas must be finite and not negative"),
        ({"alphas": 0.1}, "alphas must be a list of strengths"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"noise_model": "uniform"}, "unknown noise_model 'uniform'; choose from .*tensor_std"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**options)
