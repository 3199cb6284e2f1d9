"""Perturbative networks: their random streams, steps, sizes of images and options."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts.masks import PerturbLayer
from nnet.perturbations.tensors import weight_tensors
from nnet_models import build_model

RGB, GREY = (3, 32, 32), (1, 28, 28)


OF_STUDY = ("perturb_resnet18", "cifarnet", "lenet")


ACTIVATIONS = ("relu", "lrelu", "prelu", "rrelu", "elu", "selu", "tanh", "sigmoid")


@pytest.mark.parametrize("trained", [False, True])
def test_masks_are_no_weights_that_weight_noise_touches(trained):
    model = build_model("lenet", "relu", RGB, nfilters=6, nmasks=2, train_masks=trained)
    shapes = [tuple(weight.shape) for weight in weight_tensors(model)]
    assert shapes == [(6, 2, 1, 1)] * 3 + [(128, 96), (10, 128)]


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
    with pytest.raises(ValueError, match="unknown option 'level' of pnn_resnet18"):
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
