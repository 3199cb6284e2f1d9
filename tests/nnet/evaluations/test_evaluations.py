"""Evaluations other than weight noise, against plain references."""

import copy
import dataclasses
import itertools

import pytest
import torch
from torch import nn

from nnet import registry
from nnet.evaluations import base
from nnet.evaluations.landscape import slope
from nnet.evaluations.parts import measuring, points
from nnet.evaluations.quantization import quantized
from nnet_models import TrainConfig, evaluate, train_and_evaluate
from tests.nnet.evaluations.measurements import measured_at, measured_of, numbers, rows_of, trained_of, weights_of

SMALL = {"landscape": {"directions": 2, "points": 7}}


def test_the_landscape_of_a_quadratic_loss_is_recovered():
    model = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))

    def measure(network):
        return 0.5, float((network.weight.detach() ** 2).sum())

    trained = base.Trained(model, [], measure, seed=3, precision="fp32")
    run = measured_of(trained, "landscape", directions=2, points=9)
    rows = points.table_rows(run)[1:]
    assert [row["alpha_test"] for row in rows] == [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
    weight = model.weight.detach()
    directions = [0.2 * weight.abs() * numbers("evaluation/landscape", k, model)[0].double() for k in range(2)]
    losses = [sum(((weight + row["alpha_test"] * d) ** 2).sum().item() for d in directions) / 2 for row in rows]
    assert [row["loss"] for row in rows] == pytest.approx(losses)
    smooth = [sum(losses[i : i + 5]) / 5 for i in range(5)]
    by_hand = sum(abs(b - a) for a, b in itertools.pairwise(smooth)) / 4 / 0.5
    assert run["measurements"][1]["columns"] == {"landscape_slope": pytest.approx(by_hand)}


def test_more_directions_add_lines_and_the_slope_is_that_of_all(network):
    few, more = (measured_of(trained_of(network), "landscape", directions=count, points=7) for count in (1, 3))
    grown = measured_of(trained_of(network), "landscape", few["measurements"], directions=3, points=7)
    for name in ("points", "columns"):
        assert grown["measurements"][1][name] == more["measurements"][1][name]
    assert few["measurements"][1]["columns"] != more["measurements"][1]["columns"]


def test_the_slope_of_a_constant_is_0_and_that_of_a_line_its_own():
    assert slope([0.7] * 20, 0.1) == 0
    assert slope([3 * 0.1 * place for place in range(20)], 0.1) == pytest.approx(3)


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_weights_are_rounded_to_the_nearest_of_so_many_multiples(bits):
    torch.manual_seed(0)
    weight = torch.randn(7, 30)
    most = 2 ** (bits - 1) - 1
    step = weight.abs().max().item() / most
    grid = torch.arange(-most, most + 1) * step
    rounded = quantized(weight, bits)
    assert len(rounded.unique()) <= 2**bits - 1
    torch.testing.assert_close(rounded, grid[(weight[..., None] - grid).abs().argmin(-1)])
    torch.testing.assert_close(quantized(-weight, bits), -rounded)
    assert (quantized(torch.zeros(3), bits) == 0).all()


def test_one_bit_is_a_sign_and_the_mean_size():
    weight = torch.tensor([0.5, -1.0, 2.0, -0.1])
    torch.testing.assert_close(quantized(weight, 1), torch.tensor([0.9, -0.9, 0.9, -0.9]))


def test_quantization_takes_one_scale_per_weight_tensor_and_leaves_biases_alone(network):
    rows = rows_of(network, "quantization", bits=[8, 2, 1])
    assert [row["alpha_test"] for row in rows] == [1, 2, 8]
    for row in rows:
        moved = [quantized(weight.detach(), int(row["alpha_test"])) for weight in weights_of(network[0])]
        assert (row["acc"], row["loss"]) == pytest.approx(measured_at(network, moved))


@pytest.mark.parametrize("name", registry.names("evaluations"))
def test_an_evaluation_leaves_every_bit_of_the_network_and_measures_drops_from_clean_accuracy(network, name):
    before = {key: tensor.clone() for key, tensor in network[0].state_dict().items()}
    rows = rows_of(network, name, **SMALL.get(name, {}))
    assert all(torch.equal(tensor, before[key]) for key, tensor in network[0].state_dict().items())
    assert not network[0].training and all(parameter.grad is None for parameter in network[0].parameters())
    clean = evaluate(network[0], [network[1:]])[0]
    assert all(row["drop"] == pytest.approx(clean - row["acc"]) for row in rows)
    assert rows == rows_of(network, name, **SMALL.get(name, {}))


def test_a_run_has_the_rows_of_its_evaluations_after_those_of_weight_noise(npz):
    fields = dict(dataset=npz, image_size=8, epochs=1, alpha_tests=(0, 0.3), noise_samples=2)
    plain = train_and_evaluate(TrainConfig(**fields))
    options = {name: {"zetas": [0, 0.3]} for name in ("random_corners", "worst_case")}
    options |= {"quantization": {"bits": [4]}, **SMALL}
    names = ("landscape", "quantization", "random_corners", "worst_case")
    cfg = TrainConfig(**fields, evaluations=names, options=options)
    result = train_and_evaluate(cfg)
    assert result["sweep"][:2] == plain["sweep"]
    expected = [names[0]] * 7 + [names[1]] + [names[2]] * 2 + [names[3]] * 2
    assert [row["evaluation"] for row in result["sweep"][2:]] == expected
    assert result["landscape_slope"] > 0 and result["sha256"] == plain["sha256"]
    assert result["asked"]["evaluations"] == list(names) and cfg.run_id == plain["run_id"]


def test_an_evaluation_that_changes_the_weights_is_stopped(network, monkeypatch):
    def spoiling(self, wanted):
        next(self.trained.model.parameters()).data += 1
        yield [self.row(1, 0, (0.5, 1.0))]

    monkeypatch.setattr("nnet.evaluations.quantization.Evaluation.measure", spoiling)
    trained = dataclasses.replace(trained_of(network), model=copy.deepcopy(network[0]))
    with pytest.raises(RuntimeError, match="the evaluation quantization changed the weights"):
        measured_of(trained, "quantization", bits=[1])


def test_the_order_of_evaluations_makes_no_other_run(npz):
    assert (
        TrainConfig(dataset=npz, evaluations=["worst_case", "landscape"]).run_id
        == TrainConfig(dataset=npz, evaluations=("landscape", "worst_case")).run_id
    )


@pytest.mark.parametrize(
    ("evaluations", "options", "message"),
    [
        (("worst",), {}, "unknown evaluation 'worst'; choose from .*worst_case"),
        ("worst_case", {}, "evaluations must be a list of names"),
        (("landscape", "landscape"), {}, "evaluations has duplicates"),
        (("landscape",), {"landscape": {"zetas": [0]}}, "unknown option 'zetas' of landscape"),
    ],
)
def test_wrong_evaluations_are_refused_when_a_run_is_configured(evaluations, options, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(evaluations=evaluations, options=options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("worst_case", {"zetas": [0.1]}, "zetas must contain 0"),
        ("worst_case", {"zetas": 0.1}, "zetas must be a list"),
        ("weight_noise", {"noise_model": "uniform"}, "unknown noise_model 'uniform'; choose from"),
        ("worst_case", {"objective": "madry"}, "unknown objective 'madry'; choose from"),
        ("worst_case", {"restarts": 0}, "restarts must be at least 1"),
        ("worst_case", {"test_start_noise": 0}, "test_start_noise must be above 0"),
        ("random_corners", {"corners": 1.5}, "corners must be a whole number"),
        ("landscape", {"points": 5}, "points must be at least 6"),
        ("landscape", {"direction_size": 0}, "direction_size must be above 0"),
        ("quantization", {"bits": [0]}, "bits must be at least 1"),
        ("quantization", {"bits": [17]}, "bits must be at most 16"),
        ("quantization", {"bits": 3}, "bits must be a list"),
        ("quantization", {"bits": [3, 3]}, "bits must be a list of distinct numbers"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        measuring.checked(TrainConfig(evaluations=(name,), options={name: options}))
