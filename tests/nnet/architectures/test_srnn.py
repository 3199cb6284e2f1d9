"""The spiking network against a plain loop, a step by hand, and what the published one promises."""

import math

import pytest
import torch
from torch.nn import functional

from nnet import registry
from nnet.architectures.parts.spiking import Constants, spike_rates
from nnet.optimizers import OPTIMIZERS
from nnet.training.loss import loss_of
from nnet_models import TrainConfig, build_model, train_and_evaluate

USUAL = Constants(math.exp(-1 / 20), math.exp(-1 / 98), 0.01, 2.0, 2, 0.3)


class Step(torch.autograd.Function):
    @staticmethod
    def forward(context, u):
        context.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(context, gradient):
        (u,) = context.saved_tensors
        return gradient * 0.3 * torch.clamp(1 - u.abs(), min=0)


def plain_spikes(currents, weight, scale, constants=USUAL):
    """The equations of the paper, step by step: spikes B×T×n, potentials and adaptations."""
    off_diagonal = weight * (1 - torch.eye(len(weight), dtype=weight.dtype))
    z = v = b = r = torch.zeros_like(scale)
    spikes, potentials, adaptations = [], [], []
    for step in range(currents.shape[1]):
        b = constants.decay_adaptation * b + (1 - constants.decay_adaptation) * z
        level = constants.threshold + constants.beta * b
        drive = currents[:, step] + (scale * z) @ off_diagonal
        v = constants.decay * v + (1 - constants.decay) * drive - z * level
        z = (r <= 0.1).to(v.dtype) * Step.apply((v - level) / level)
        r = (r + constants.refractory * z.detach() - 1).clamp(0, constants.refractory)
        spikes.append(z)
        potentials.append(v)
        adaptations.append(b)
    return torch.stack(spikes, 1), torch.stack(potentials, 1), torch.stack(adaptations, 1)


def drawn(dtype, samples=6, steps=40, units=24):
    torch.manual_seed(0)
    currents = torch.randn(samples, steps, units, dtype=dtype) * 0.3
    weight = torch.randn(units, units, dtype=dtype) / units**0.5
    scale = functional.dropout(torch.ones(samples, units, dtype=dtype), 0.2)
    return currents.requires_grad_(), weight.requires_grad_(), scale


@pytest.mark.parametrize("plain_layers", [False, True])
@pytest.mark.parametrize("refractory", [1, 2, 4])
def test_rates_and_gradients_are_those_of_the_plain_loop(refractory, plain_layers, monkeypatch):
    if plain_layers:
        monkeypatch.setenv("NNET_PLAIN", "1")
    currents, weight, scale = drawn(torch.float64)
    constants, found = USUAL._replace(refractory=refractory), []
    for rates in (
        spike_rates(currents, weight, scale, constants),
        plain_spikes(currents, weight, scale, constants)[0].mean(1),
    ):
        loss = (rates * torch.linspace(-1, 1, rates.numel(), dtype=rates.dtype).view_as(rates)).sum()
        found.append([rates.detach(), *torch.autograd.grad(loss, (currents, weight))])
    assert torch.equal(found[0][0], found[1][0]) and 0.02 < found[0][0].mean() < 0.4
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)
    assert found[0][2].abs().max() > 0 and (found[0][2].diagonal() == 0).all()
    with torch.inference_mode():
        assert torch.equal(spike_rates(currents, weight, scale, constants), found[0][0])


def test_in_single_precision_rates_are_those_of_the_plain_loop():
    currents, weight, scale = drawn(torch.float32)
    rates, plain = spike_rates(currents, weight, scale, USUAL), plain_spikes(currents, weight, scale)[0].mean(1)
    assert (rates != plain).float().mean() < 0.02  # a spike in a hundred may be a step late
    torch.testing.assert_close(rates.mean(), plain.mean(), rtol=1e-2, atol=1e-4)


def test_three_steps_by_hand():
    """One unit, no input after the first step; its spike resets V, raises B, and silences it for one step."""
    decay, slow = USUAL.decay, USUAL.decay_adaptation
    currents = torch.tensor([[[1.0], [1.0], [1.0]]], dtype=torch.float64)
    zero, one = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    spikes, potentials, adaptations = plain_spikes(currents, zero, one)
    v1 = 1 - decay
    b2 = 1 - slow
    v2 = decay * v1 + (1 - decay) - (0.01 + 2 * b2)
    b3 = slow * b2
    v3 = decay * v2 + (1 - decay)
    assert potentials.flatten().tolist() == pytest.approx([v1, v2, v3], rel=1e-12)
    assert adaptations.flatten().tolist() == pytest.approx([0, b2, b3], rel=1e-12)
    assert v1 > 0.01 and v2 > 0.01 + 2 * b2 and v3 > 0.01 + 2 * b3  # above the threshold in all three steps
    assert spikes.flatten().tolist() == [1, 0, 1]
    assert spike_rates(currents, zero, one, USUAL).item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("refractory", [1, 2, 3])
def test_a_driven_unit_is_silent_for_refractory_less_one_steps(refractory):
    currents = torch.full((1, 60, 1), 100.0, dtype=torch.float64)
    zero, one = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    constants = USUAL._replace(refractory=refractory)
    assert spike_rates(currents, zero, one, constants).item() == pytest.approx(1 / refractory)


@pytest.mark.parametrize(("shape", "classes", "count"), [((100, 2), 4, 67_076), ((98, 40), 8, 77_832)])
def test_parameter_counts_are_the_published_ones(shape, classes, count):
    model = build_model("srnn", image_shape=shape, num_classes=classes)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert {"decay", "decay_adaptation", "threshold"} <= {name for name, _ in model.named_buffers()}


def test_initial_weights_are_truncated_normal_numbers():
    torch.manual_seed(0)
    model = build_model("srnn", image_shape=(98, 40), num_classes=8)
    std = 0.87962566
    for weight, scale in (
        (model.weight_in, (2 / 296) ** 0.5),
        (model.weight_rec, 1 / 16),
        (model.readout.weight, 0.01 * std),
    ):
        assert weight.abs().max() <= 2 * scale / std + 1e-6
        values = weight[weight != 0]
        assert values.std().item() == pytest.approx(scale, rel=0.05)
    assert (model.weight_rec.diagonal() == 0).all() and (model.readout.bias == 0).all()


def test_the_rate_penalty_is_part_of_the_loss():
    torch.manual_seed(0)
    model = build_model("srnn", image_shape=(20, 2), num_classes=3, rate_penalty=0.5, target_rate=0.1)
    x, y = torch.randn(5, 20, 2) * 3, torch.arange(5) % 3
    logits = model(x)
    rates = plain_spikes(x @ model.weight_in, model.weight_rec, torch.ones(5, 256))[0].mean(1)
    expected = functional.cross_entropy(logits, y) + 0.5 * ((rates - 0.1) ** 2).sum()
    torch.testing.assert_close(loss_of(model, logits, y), expected, rtol=1e-3, atol=1e-3)
    assert expected > functional.cross_entropy(logits, y) + 0.1


def test_dropout_is_one_mask_over_all_time_steps():
    torch.manual_seed(0)
    model = build_model("srnn", image_shape=(30, 2), num_classes=3, dropout=0.5)
    masks = []
    model.dropout.register_forward_hook(lambda _, __, mask: masks.append(mask.detach()))
    x = torch.randn(4, 30, 2) * 3
    logits = model(x)
    (mask,) = masks
    assert mask.shape == (4, 256) and set(mask.unique().tolist()) == {0, 2}
    rates = spike_rates(x @ model.weight_in, model.weight_rec, mask, USUAL)
    torch.testing.assert_close(logits, model.readout(rates * mask))


def regime_options(regime):
    return {"adaptive": {"mode": "static", "static_noise": "gradient"}} if regime == "adaptive" else {}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("regime", registry.names("regimes"))
def test_the_diagonal_stays_zero_and_every_regime_learns(sequences, regime, optimizer, tmp_path):
    cfg = TrainConfig(
        dataset=sequences, arch="srnn", regime=regime, alpha_train=0.2, epochs=4, batch_size=10, optimizer=optimizer,
        learning_rate=0.01 if optimizer == "adam" else 0.3, weight_decay=1e-4, alpha_tests=(0,),
        checkpoint_dir=str(tmp_path), options={"srnn": {"units": 32}} | regime_options(regime),
    )  # fmt: skip
    result = train_and_evaluate(cfg)
    (path,) = tmp_path.rglob("*.pt")
    weight = torch.load(path, weights_only=False)["model"]["weight_rec"]
    assert (weight.diagonal() == 0).all() and weight.abs().max() > 0
    assert result["history"][-1]["train_loss"] < result["history"][0]["train_loss"]


def test_noise_on_the_diagonal_has_no_effect():
    torch.manual_seed(0)
    model = build_model("srnn", image_shape=(30, 2), num_classes=3).eval()
    x = torch.randn(4, 30, 2) * 3
    before = model(x)
    with torch.no_grad():
        model.weight_rec.fill_diagonal_(5.0)
        assert torch.equal(model(x), before)
        model.constrain()
    assert (model.weight_rec.diagonal() == 0).all()
