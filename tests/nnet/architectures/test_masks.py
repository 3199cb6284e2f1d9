"""Perturbative networks against loops and closed forms written here."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.activations import get_activation
from nnet.architectures.parts import masks
from nnet.architectures.parts.initialise import initialise
from nnet.architectures.parts.mask_options import Options
from nnet.architectures.parts.masks import PerturbLayer, combined
from nnet.perturbations.tensors import weight_tensors
from nnet_models import build_model
from tests.nnet.architectures.test_architectures import PLAIN

RGB, GREY = (3, 32, 32), (1, 28, 28)
OF_STUDY = ("perturb_resnet18", "cifarnet", "lenet")
ACTIVATIONS = ("relu", "lrelu", "prelu", "rrelu", "elu", "selu", "tanh", "sigmoid")


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


@pytest.mark.parametrize("trained", [False, True])
def test_masks_are_no_weights_that_weight_noise_touches(trained):
    model = build_model("lenet", "relu", RGB, nfilters=6, nmasks=2, train_masks=trained)
    shapes = [tuple(weight.shape) for weight in weight_tensors(model)]
    assert shapes == [(6, 2, 1, 1)] * 3 + [(128, 96), (10, 128)]


@pytest.mark.parametrize("nmasks", [1, 4])
def test_channels_share_masks_or_have_their_own(nmasks):
    alike = [made(nmasks=nmasks, unique_masks=unique, level=2.0) for unique in (True, False)]
    for unique, layer in zip((True, False), alike, strict=True):
        noise = layer.masks.noise.expand(-1, 3, -1, -1, -1)
        assert torch.equal(noise[:, 0], noise[:, 1]) is not unique


def test_masks_have_a_stream_of_their_own():
    def state(arch="perturb_resnet18", seed=3, **options):
        torch.manual_seed(seed)
        options = dict(nfilters=4, first_filter_size=3, level=0.5, nmasks=2) | options
        return build_model(arch, "relu", (3, 8, 8), **options).state_dict()

    first = state()
    assert all(torch.equal(tensor, first[name]) for name, tensor in state().items())
    assert any(not torch.equal(tensor, first[name]) for name, tensor in state(seed=4).items() if "noise" in name)
    louder = state(level=0.9)
    assert all(torch.equal(tensor, first[name]) for name, tensor in louder.items())
    for changed in (dict(nmasks=5), dict(nmasks=1), dict(noise_type="normal"), dict(unique_masks=False)):
        of_masks = ("noise", "conv.weight", "conv.bias") if "nmasks" in changed else ("noise",)
        other = state(**changed)
        kept = [name for name in first if not name.endswith(of_masks)]
        assert len(kept) > 80 and all(torch.equal(other[name], first[name]) for name in kept)
    assert all(torch.equal(tensor, first[name]) for name, tensor in state(train_masks=True).items())
    mixed = state(mix_maps=True)
    assert all(torch.equal(mixed[name], tensor) for name, tensor in first.items())


def test_dropout_changes_no_initial_weight():
    def weights(dropout):
        torch.manual_seed(3)
        return [tensor for tensor in build_model("lenet", nfilters=4, dropout=dropout).parameters()]

    assert all(torch.equal(*pair) for pair in zip(weights(0.0), weights(0.3), strict=True))


def test_initial_weights_have_the_deviation_of_the_study():
    model = build_model("perturb_resnet18", "relu", (3, 8, 8), nfilters=64, first_filter_size=3)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert convolutions[0].weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.06)
    assert convolutions[-1].weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    grouped = made(channels=32, width=128, size=(2, 2), nmasks=16).conv
    assert grouped.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.06)
    assert grouped.bias.abs().max() <= 16**-0.5 and grouped.bias.abs().max() > 0.9 * 16**-0.5


COUNTS = {
    "1": ("pnn_resnet18", dict(nfilters=44), 5_284_982, 0),
    "2": ("noiseresnet18", dict(nfilters=128, first_filter_size=7), 5_640_074, 68_608),
    "3": ("noiseresnet18", dict(nfilters=128, first_filter_size=3), 5_624_714, 1_097_728),
    "4": ("perturb_resnet18", dict(nfilters=128, first_filter_size=3, filter_size=1), 5_611_146, 0),
    "5": ("perturb_resnet18", dict(nfilters=128), 5_608_202, 1_100_800),
    "old 6": ("perturb_resnet18", dict(nfilters=128, first_filter_size=3), 5_611_146, 1_097_728),
    "6": (
        "perturb_resnet18",
        dict(nfilters=128, first_filter_size=3, nmasks=64, mix_maps=True),
        6_813_834,
        70_254_592,
    ),
    "7, 8": (
        "perturb_resnet18",
        dict(nfilters=128, first_filter_size=3, nmasks=64, unique_masks=False),
        1_220_234,
        412_672,
    ),
    "7' and 8'": (
        "perturb_resnet18",
        dict(nfilters=128, first_filter_size=3, nmasks=64, unique_masks=False, mix_maps=True),
        6_813_834,
        412_672,
    ),
}


def counted(arch: str, shape=RGB, **options) -> tuple[int, int]:
    """Weights and masks; on the meta device, which has no memory."""
    with torch.device("meta"):
        model = build_model(arch, "relu", shape, **options)
    named = [*model.named_parameters(), *model.named_buffers()]
    masks = sum(tensor.numel() for name, tensor in named if name.endswith("noise"))
    trained = sum(parameter.numel() for name, parameter in model.named_parameters() if not name.endswith("noise"))
    return trained, masks


@pytest.fixture
def undrawn(monkeypatch):
    """Networks that are only counted need no numbers."""
    for arch in ("perturb_resnet18", "pnn_resnet18", "noiseresnet18", "perturb_cnn"):
        monkeypatch.setattr(f"nnet.architectures.{arch}.initialise", lambda network, seed: network)
        monkeypatch.setattr(f"nnet.architectures.{arch}.draw_seed", lambda: 0)


@pytest.mark.parametrize("experiment", COUNTS)
def test_parameter_counts_of_the_published_experiments(experiment, undrawn):
    arch, options, weights, masks = COUNTS[experiment]
    assert counted(arch, **options) == (weights, masks)
    if masks and arch == "perturb_resnet18":
        assert counted(arch, **options, train_masks=True) == (weights, masks)


@pytest.mark.parametrize("f", [6, 12])
def test_parameter_counts_in_closed_form(f, undrawn):
    resnet, m = "perturb_resnet18", 2
    inner = 340 * f * f
    assert counted("pnn_resnet18", nfilters=f) == (2724 * f * f + 257 * f + 10, 0)
    assert counted(resnet, nfilters=f, first_filter_size=3, filter_size=3) == (2724 * f * f + 257 * f + 10, 0)
    assert counted(resnet, nfilters=f, first_filter_size=1, filter_size=1) == (inner + 294 * f + 10, 0)
    assert counted(resnet, nfilters=f) == (inner + 294 * f + 10, 8576 * f + 3072)
    few = 42 * f * f + 60 * f * (m + 3) + 137 * f + 10
    assert counted(resnet, nfilters=f, first_filter_size=3, nmasks=m) == (few, 8576 * f * m)
    mixed = counted(resnet, nfilters=f, first_filter_size=3, nmasks=m, mix_maps=True, unique_masks=False)
    assert mixed == (few + inner + 180 * f, 6448 * m)
    assert counted("noiseresnet18", nfilters=f, first_filter_size=3) == (inner + 423 * f + 10, 8576 * f)
    assert counted("noiseresnet18", nfilters=f) == (inner + 543 * f + 10, 536 * f)
    assert counted("cifarnet", nfilters=f, first_filter_size=3, filter_size=3) == (45 * f * f + 4135 * f + 3338, 0)
    assert counted("cifarnet", nfilters=f, first_filter_size=3, filter_size=1) == (5 * f * f + 4140 * f + 3338, 0)
    assert counted("cifarnet", nfilters=f) == (5 * f * f + 4117 * f + 3338, 3072 + 1664 * f)
    assert counted("cifarnet", nfilters=f, nmasks=m) == (6 * f * (m + 3) + 4096 * f + 3338, m * (3072 + 1664 * f))
    assert counted("lenet", nfilters=f, first_filter_size=3, filter_size=3) == (18 * f * f + 2081 * f + 1674, 0)
    assert counted("lenet", nfilters=f) == (2 * f * f + 2060 * f + 1674, 3072 + 320 * f)
    assert counted("lenet", nfilters=f, nmasks=m) == (3 * f * (m + 3) + 2048 * f + 1674, m * (3072 + 320 * f))


def trained_step(arch: str, activation: str, shape: tuple, **options) -> None:
    model = build_model(arch, activation, shape, nfilters=3, **options)
    logits = model(torch.rand(3, *shape))
    assert logits.shape == (3, 10)
    functional.cross_entropy(logits, torch.tensor([0, 3, 9])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("sizes", [*itertools.product((0, 1, 3), repeat=2)], ids=str)
@pytest.mark.parametrize("arch", OF_STUDY)
def test_every_network_takes_a_step(arch, sizes):
    first, other = sizes
    for shape, activation, pooling in itertools.product((RGB, GREY), ("relu", "prelu"), ("max", "avg")):
        options = dict(first_filter_size=first, filter_size=other, pooling=pooling)
        trained_step(arch, activation, shape, **options)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("arch", OF_STUDY)
def test_every_activation_takes_a_step(arch, activation):
    for nmasks in (1, 2):
        trained_step(arch, activation, (3, 12, 12), nmasks=nmasks, mix_maps=nmasks == 2, train_masks=nmasks == 2)


@pytest.mark.parametrize("shape", [RGB, GREY, (3, 8, 8), (2, 13, 30), (3, 64, 40)])
@pytest.mark.parametrize("arch", [*OF_STUDY, "pnn_resnet18", "noiseresnet18"])
def test_images_of_every_size_fit(arch, shape):
    trained_step(arch, "relu", shape)
    if arch != "pnn_resnet18":
        trained_step(arch, "relu", shape, first_filter_size=7)
    if arch in OF_STUDY:
        trained_step(arch, "relu", shape, first_filter_size=5, filter_size=5)


WRONG = [
    (dict(nfilters=128, nmasks=2), "nfilters 128 is no multiple.*first_filter_size 3"),
    (dict(filter_size=2), "unknown filter_size 2"),
    (dict(filter_size=7), "unknown filter_size 7"),
    (dict(first_filter_size=4), "unknown first_filter_size 4"),
    (dict(noise_type="gaussian"), "unknown noise_type 'gaussian'.*uniform.*normal"),
    (dict(pooling="min"), "unknown pooling 'min'"),
    (dict(nmasks=0), "nmasks must be at least 1"),
    (dict(nfilters=0), "nfilters must be at least 1"),
    (dict(level=-1), "level must be finite and not negative"),
    (dict(level="loud"), "level must be a number"),
    (dict(train_masks=1), "train_masks must be True or False"),
    (dict(depth=3), "unknown option 'depth'"),
    (dict(first_filter_size=3, use_act=True), "'use_act' has no effect without masks in the first layer"),
    (dict(first_filter_size=3, filter_size=1, nmasks=4), "'nmasks' has no effect without masks in any layer"),
]


@pytest.mark.parametrize("arch", OF_STUDY)
@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options_are_one_sentence_at_construction(arch, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        build_model(arch, "relu", RGB, **options)
    assert "\n" not in str(caught.value)


def test_wrong_names_of_the_other_networks():
    with pytest.raises(ValueError, match="unknown activation 'swish'"):
        build_model("lenet", "swish")
    with pytest.raises(ValueError, match=r"unknown first_filter_size 5; choose from \[3, 7\]"):
        build_model("noiseresnet18", first_filter_size=5)
    for arch, wrong in (("noiseresnet18", 3.0), ("perturb_resnet18", 3.0), ("lenet", True)):
        with pytest.raises(ValueError, match="first_filter_size must be a whole number; got"):
            build_model(arch, first_filter_size=wrong)
    with pytest.raises(ValueError, match="level must be a number; got True"):
        build_model("lenet", level=True)
    with pytest.raises(ValueError, match="unknown option 'level' for pnn_resnet18"):
        build_model("pnn_resnet18", level=1)
    with pytest.raises(ValueError, match="noiseresnet18 cannot have activation 'tanh'"):
        build_model("noiseresnet18", "tanh")


def test_some_options_are_those_of_the_first_layer_alone():
    options = dict(nfilters=3, level=0.5, scale_noise=4.0, nmasks=1)
    for use_act in (False, True):
        layers = [
            module
            for module in build_model("perturb_resnet18", "tanh", (3, 8, 8), use_act=use_act, **options).modules()
            if isinstance(module, PerturbLayer)
        ]
        assert [layer.masks.level for layer in layers] == [2.0] + [0.5] * 16
        with_activation = [isinstance(layer.activation_of_sums, nn.Tanh) for layer in layers]
        assert with_activation == [use_act] + [True] * 16


@pytest.mark.parametrize("most", [1, 30, 500, 10**6])
@pytest.mark.parametrize(("channels", "width", "unique"), [(3, 6, True), (4, 4, False), (1, 5, True)])
@pytest.mark.parametrize("activation", ["relu", "prelu", "tanh"])
def test_the_sums_in_parts_equal_all_at_once_in_value_and_gradient(
    monkeypatch, most, channels, width, unique, activation
):
    monkeypatch.setattr(masks, "MOST_NUMBERS", most)
    act = get_activation(activation)().double()
    torch.manual_seed(0)
    x = torch.randn(5, channels, 4, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(1, channels if unique else 1, 7, 4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(width, 7, 1, 1, dtype=torch.float64, requires_grad=True)
    slope = list(act.parameters())
    sums = PLAIN[activation](x[:, :, None] + 0.3 * noise) if not slope else act(x[:, :, None] + 0.3 * noise)
    plain = functional.conv2d(sums.flatten(1, 2), weight, groups=channels)
    above = torch.randn_like(plain)
    results = []
    for outputs in (combined(x, noise, weight, 0.3, act), plain):
        results.append([outputs, *torch.autograd.grad(outputs, [x, noise, weight, *slope], above)])
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_in_parts_only_parts_are_in_memory(monkeypatch):
    sizes = []

    def watched(sums):
        sizes.append(sums.numel())
        return sums.relu()

    monkeypatch.setattr(masks, "MOST_NUMBERS", 1000)
    x = torch.randn(6, 4, 5, 5, requires_grad=True)
    outputs = combined(x, torch.randn(1, 4, 16, 5, 5), torch.randn(8, 16, 1, 1), 0.5, watched)
    kept = set()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.add(tensor.numel()) or tensor, lambda t: t):
        outputs = combined(x, torch.randn(1, 4, 16, 5, 5), torch.randn(8, 16, 1, 1), 0.5, watched)
    before = len(sizes)
    outputs.sum().backward()
    assert max(sizes) <= 1000 and len(sizes) == before + 6 * 2
    assert not kept or max(kept) <= 1000


def test_activations_that_draw_are_drawn_again_in_the_backward_pass(monkeypatch):
    monkeypatch.setattr(masks, "MOST_NUMBERS", 500)
    x = -torch.rand(4, 3, 5, 5, dtype=torch.float64) - 1
    x.requires_grad_()
    weight = torch.ones(3, 8, 1, 1, dtype=torch.float64)
    outputs = combined(x, torch.zeros(1, 3, 8, 5, 5, dtype=torch.float64), weight, 1.0, nn.RReLU())
    (gradient,) = torch.autograd.grad(outputs.sum(), x)  # Σ_m slope_m, and the output is x·Σ_m slope_m
    torch.testing.assert_close(gradient * x, outputs)


@pytest.mark.parametrize(("first", "other", "sees"), [(3, 0, 10), (3, 1, 10), (0, 0, 8), (1, 1, 8)])
def test_how_many_pixels_a_unit_of_the_last_stage_sees(first, other, sees):
    options = dict(nfilters=3, first_filter_size=first, filter_size=other, pooling="avg")
    options |= dict(use_act=True) if first == 0 else {}
    model = build_model("perturb_resnet18", "sigmoid", RGB, **options).double().eval()
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.fill_(3.0)  # so that no rectifier after a sum is shut
    last = model[:10](x)
    assert last.shape[2:] == (4, 4)
    (gradient,) = torch.autograd.grad(last[0, :, 2, 2].sum(), x)
    rows, columns = gradient[0].abs().sum(0).nonzero().unbind(1)
    assert (len(rows.unique()), len(columns.unique())) == (sees, sees)
