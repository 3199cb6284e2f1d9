"""Layers of perturbative networks against loops and closed forms written here."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.activations import get_activation
from nnet.architectures.parts.initialise import initialise
from nnet.architectures.parts.mask_options import Options
from nnet.architectures.parts.masks import PerturbLayer
from nnet_models import build_model


def made(channels=3, width=6, size=(5, 4), activation="relu", first=False, seed=0, **options) -> PerturbLayer:
    layer = PerturbLayer(channels, width, size, get_activation(activation), Options(**options), first)
    initialise(nn.Sequential(layer), seed)
    for parameter in layer.norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return layer.double()


def loop(layer: PerturbLayer, x: torch.Tensor, level: float, activation) -> torch.Tensor:
    """Σ over masks, or over channels where there is one mask, image by image and output by output."""
    noise, weight, bias = layer.masks.noise.detach(), layer.conv.weight.detach(), layer.conv.bias.detach()
    (batch, channels, *size), outputs, masks = x.shape, len(weight), noise.shape[2]
    z = torch.zeros(batch, outputs, *size, dtype=x.dtype)
    for image, output in itertools.product(range(batch), range(outputs)):
        z[image, output] = bias[output]
        of = range(channels) if masks == 1 else [output // (outputs // channels)]
        for channel, mask in itertools.product(of, range(masks)):
            shifted = x[image, channel] + level * noise[0, channel if noise.shape[1] > 1 else 0, mask]
            factor = weight[output, channel, 0, 0] if masks == 1 else weight[output, mask, 0, 0]
            z[image, output] += factor * activation(shifted)
    return z


def normalised(norm: nn.BatchNorm2d, z: torch.Tensor) -> torch.Tensor:
    """Batch normalisation of a fresh layer, by its definition."""
    mean, variance = 0.0, 1.0
    if norm.training:
        mean, variance = (z.mean((0, 2, 3), keepdim=True), z.var((0, 2, 3), keepdim=True, unbiased=False))
    gamma, beta = (parameter.detach()[:, None, None] for parameter in (norm.weight, norm.bias))
    return (z - mean) / (variance + norm.eps) ** 0.5 * gamma + beta


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("noise_type", ["uniform", "normal"])
@pytest.mark.parametrize(("nmasks", "unique", "mix", "use_act"), [*itertools.product((1, 4), *[(True, False)] * 3)])
def test_a_layer_is_the_loop_over_masks(nmasks, unique, mix, use_act, noise_type, training):
    options = dict(nmasks=nmasks, unique_masks=unique, mix_maps=mix, use_act=use_act, noise_type=noise_type, level=0.7)
    layer = made(**options, first=True).train(training)
    x = torch.randn(4, 3, 5, 4, dtype=torch.float64)
    outputs = layer(x)
    z = loop(layer, x, 0.7, torch.relu if use_act else lambda shifted: shifted)
    layer.norm.reset_running_stats()
    expected = normalised(layer.norm, z).relu()
    if mix:
        convolution, norm, _ = layer.mix
        norm.reset_running_stats()
        summed = torch.einsum("bchw,oc->bohw", expected, convolution.weight.detach()[:, :, 0, 0])
        expected = normalised(norm, summed + convolution.bias.detach()[:, None, None]).relu()
    torch.testing.assert_close(outputs, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("nmasks", "unique"), [(1, True), (1, False), (4, True), (4, False)])
def test_shapes_and_values_of_weights_and_masks(nmasks, unique):
    options = dict(channels=4, width=8, size=(32, 32), nmasks=nmasks, unique_masks=unique)
    uniform, normal = (made(**options, noise_type=kind) for kind in ("uniform", "normal"))
    assert uniform.conv.weight.shape == ((8, 4, 1, 1) if nmasks == 1 else (8, nmasks, 1, 1))
    assert uniform.masks.noise.shape == normal.masks.noise.shape == (1, 4 if unique else 1, nmasks, 32, 32)
    assert -1 <= uniform.masks.noise.min() < -0.97 and 0.97 < uniform.masks.noise.max() <= 1
    assert uniform.masks.noise.std().item() == pytest.approx(3**-0.5, rel=0.05)
    assert normal.masks.noise.std().item() == pytest.approx(1, rel=0.06)
    assert Options(level=0.5).noise_std == pytest.approx(0.2887, abs=1e-4)
    assert Options(level=0.5, noise_type="normal").noise_std == 0.5


@pytest.mark.parametrize(("nmasks", "mix"), [(4, False), (4, True), (1, False)])
def test_what_channels_an_output_sees(nmasks, mix):
    layer = made(activation="tanh", nmasks=nmasks, mix_maps=mix, level=1.0).eval()
    x = torch.randn(8, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    outputs = layer(x)
    for output in range(6):
        (gradient,) = torch.autograd.grad(outputs[:, output].sum(), x, retain_graph=True)
        seen = set(gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist())
        assert len(seen) > 1 if mix or nmasks == 1 else seen == {output // 2}


@pytest.mark.parametrize("nmasks", [1, 4])
def test_without_a_level_it_is_a_convolution_of_the_activation(nmasks):
    layer = made(nmasks=nmasks, level=0.0, activation="tanh")
    x = torch.randn(4, 3, 5, 4, dtype=torch.float64)
    weight = layer.conv.weight
    if nmasks == 1:
        z = functional.conv2d(x.tanh(), weight, layer.conv.bias)
    else:
        z = functional.conv2d(x.tanh(), weight.sum(1, keepdim=True), layer.conv.bias, groups=3)
    torch.testing.assert_close(layer(x), normalised(layer.norm, z).tanh(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("nmasks", [1, 4])
def test_without_an_activation_masks_are_a_bias(nmasks):
    layer = made(nmasks=nmasks, first=True, level=0.8)
    x = torch.randn(4, 3, 5, 4, dtype=torch.float64)
    zero = torch.zeros_like(x)
    linear = functional.conv2d(x, layer.conv.weight.view(6, -1, 1, 1).sum(1, keepdim=True), groups=3)
    if nmasks == 1:
        linear = functional.conv2d(x, layer.conv.weight)
    assert (layer._weighed(x) - layer._weighed(zero) - linear).abs().max() < 1e-12


def stepped(layer: PerturbLayer, weight_decay: float = 0.5) -> None:
    """A step with momentum and a large weight decay."""
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=weight_decay)
    layer(torch.randn(4, 3, 5, 4, dtype=torch.float64)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("nmasks", [1, 4])
@pytest.mark.parametrize("trained", [False, True])
def test_masks_stay_as_they_are_unless_they_are_trained(nmasks, trained, tmp_path):
    layer = made(nmasks=nmasks, train_masks=trained)
    before = layer.masks.noise.detach().clone()
    layer(torch.rand(3, 3, 5, 4, dtype=torch.float64))
    layer.eval()(torch.rand(2, 3, 5, 4, dtype=torch.float64))
    assert torch.equal(layer.masks.noise, before)
    stepped(layer.train())
    assert torch.equal(layer.masks.noise, before) is not trained
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other = made(nmasks=nmasks, train_masks=trained, seed=1)
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(other.masks.noise, layer.masks.noise)
    assert ("masks.noise" in dict(layer.named_parameters())) is trained


@pytest.mark.parametrize("nmasks", [1, 4])
def test_channels_share_masks_or_have_their_own(nmasks):
    alike = [made(nmasks=nmasks, unique_masks=unique, level=2.0) for unique in (True, False)]
    for unique, layer in zip((True, False), alike, strict=True):
        noise = layer.masks.noise.expand(-1, 3, -1, -1, -1)
        assert torch.equal(noise[:, 0], noise[:, 1]) is not unique


def test_initial_weights_have_the_deviation_of_the_study():
    model = build_model("perturb_resnet18", "relu", (3, 8, 8), nfilters=64, first_filter_size=3)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert convolutions[0].weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.06)
    assert convolutions[-1].weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    grouped = made(channels=32, width=128, size=(2, 2), nmasks=16).conv
    assert grouped.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.06)
    assert grouped.bias.abs().max() <= 16**-0.5 and grouped.bias.abs().max() > 0.9 * 16**-0.5
