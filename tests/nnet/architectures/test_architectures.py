import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from nnet import registry
from nnet.activations import ACTIVATIONS
from nnet.architectures.parts import standardize
from nnet.architectures.parts.fast import MONOTONE
from nnet_models import ARCH_NAMES, build_model, get_activation
from tests.conftest import sample_shape

COUNTS = {
    "mlp_small": 636_554,
    "mlp_medium": 1_338_634,
    "mlp_large": 3_068_170,
    "cnn": 62_090,
    "resnet18": 11_181_642,
    "pixel_mlp": 235_146,
    "pixel_mlp_large": 1_462_538,
    "pixel_cnn": 421_642,
    "pixel_cnn_large": 241_546,
}


AT_32 = {
    "baby_cnn": (20_714, 205_124),
    "tiny_cnn": (545_098, 556_708),
    "simple_cnn": (22_954_506, 23_000_676),
    "cifar_resnet18": (11_173_962, 11_220_132),
}
"""Parameters for 10 and for 100 classes on images of 3×32×32 pixels."""


@pytest.mark.parametrize("arch", AT_32)
def test_parameter_counts_of_the_study_of_adaptive_noise(arch):
    for classes, count in zip((10, 100), AT_32[arch], strict=True):
        model = build_model(arch, image_shape=(3, 32, 32), num_classes=classes)
        assert sum(parameter.numel() for parameter in model.parameters()) == count
        assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(("stem_pool", "sizes"), [(True, [16, 8, 4, 2]), (False, [32, 16, 8, 4])])
def test_the_stages_of_cifar_resnet18(stem_pool, sizes):
    model = build_model("cifar_resnet18", image_shape=(3, 32, 32), stem_pool=stem_pool).eval()
    found = {}
    for name, module in model.named_modules():
        if name.rsplit(".")[-1] in ("layer1", "layer2", "layer3", "layer4"):
            module.register_forward_hook(lambda _, __, out, name=name: found.update({name: tuple(out.shape[1:])}))
    model(torch.rand(1, 3, 32, 32))
    assert list(found.values()) == [(64 * 2**n, size, size) for n, size in enumerate(sizes)]
    with pytest.raises(ValueError, match="stem_pool must be True or False"):
        build_model("cifar_resnet18", stem_pool="yes")


@pytest.mark.parametrize("arch", AT_32)
def test_standardisation_is_inside_the_network_and_saved_with_it(arch):
    model = build_model(arch, image_shape=(3, 32, 32)).eval()
    images = torch.rand(4, 3, 32, 32)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.0]
    before = model((images - torch.tensor(mean)[:, None, None]) / torch.tensor([0.2, 0.25, 1.0])[:, None, None])
    standardize.fit(model, mean, std)
    torch.testing.assert_close(model(images), before, rtol=1e-4, atol=1e-4)
    again = build_model(arch, image_shape=(3, 32, 32)).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(images), model(images))


@pytest.mark.parametrize("arch", COUNTS)
def test_parameter_count(arch):
    channels = registry.constant("architectures", arch, "CHANNELS", 1)
    model = build_model(arch, image_shape=(channels, 28, 28))
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[arch]


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_every_architecture_maps_samples_to_logits_without_memory_of_other_samples(arch):
    """No state is kept between two calls, and the answer for one sample does not depend on its batch mates."""
    torch.manual_seed(0)
    shape = sample_shape(arch)
    model = build_model(arch, image_shape=shape, num_classes=7).eval()
    samples = torch.rand(5, *shape)
    outputs = model(samples)
    assert outputs.shape == (5, 7)
    alone = model(samples[2:3])
    torch.testing.assert_close(alone, outputs[2:3], rtol=1e-4, atol=1e-5)
    assert torch.equal(model(samples), outputs) and torch.equal(model(samples[2:3]), alone)


@pytest.mark.parametrize("arch", [arch for arch in COUNTS if arch != "resnet18"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 17, 30), (4, 32, 32), (3, 96, 40)])
def test_mlps_and_cnn_take_any_image(arch, shape):
    assert build_model(arch, image_shape=shape, num_classes=3)(torch.rand(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("arch", "channels", "stages", "linear"),
    [
        *(("cnn", 3, 3, 1), ("pixel_cnn", 1, 2, 2), ("pixel_cnn_large", 1, 3, 2)),
        *(("baby_cnn", 3, 1, 1), ("tiny_cnn", 3, 2, 2), ("simple_cnn", 3, 3, 4)),
    ],
)
def test_cnns_are_stages_of_convolution_activation_pooling_and_then_linear_layers(
    arch, channels, stages, linear, activation
):
    torch.manual_seed(0)
    model = build_model(arch, activation, (channels, 28, 28)).double().eval()
    images = torch.randn(4, channels, 28, 28, dtype=torch.float64)
    convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
    *hidden, last = [layer for layer in model if isinstance(layer, nn.Linear)]
    assert (len(convolutions), len(hidden) + 1) == (stages, linear)
    plain = PLAIN.get(activation) or get_activation(activation)().eval()
    x = images
    for layer in convolutions:
        x = functional.max_pool2d(plain(functional.conv2d(x, layer.weight, layer.bias, padding=1)), 2)
    x = x.flatten(1)
    for layer in hidden:
        x = plain(functional.linear(x, layer.weight, layer.bias))
    torch.testing.assert_close(model(images), functional.linear(x, last.weight, last.bias), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [8, 28, 33, 64])
def test_resnet18_is_torchvisions(size):
    torch.manual_seed(0)
    plain = torchvision.models.resnet18(weights=None, num_classes=10)
    torch.manual_seed(0)
    model = build_model("resnet18", image_shape=(3, size, size))
    assert list(model.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True))
    images = torch.rand(6, 3, size, size, dtype=torch.float64)
    for mode in (True, False):
        outputs = [network.double().train(mode)(images) for network in (model, plain)]
        torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-9)


def test_initialisation_is_pytorchs_default():
    torch.manual_seed(3)
    plain = nn.Sequential(
        nn.Flatten(), nn.Linear(2352, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    torch.manual_seed(3)
    model = build_model("mlp_small")
    for ours, expected in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, expected)


PLAIN = {
    "relu": lambda x: x.clamp(min=0),
    "tanh": torch.tanh,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.1 * x),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "lrelu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "prelu": lambda x: torch.where(x > 0, x, 0.25 * x),
    "rrelu": lambda x: torch.where(x > 0, x, (1 / 8 + 1 / 3) / 2 * x),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "selu": lambda x: 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (x.exp() - 1)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_activation_is_the_function_of_its_name(name):
    x = torch.linspace(-3, 3, 101)
    torch.testing.assert_close(get_activation(name)().eval()(x), PLAIN[name](x))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_a_new_module_of_finite_values_and_monotone_if_it_says_so(name):
    kind, arguments = ACTIVATIONS[name]
    make = get_activation(name)
    activation = make().eval()
    assert type(activation) is getattr(nn, kind) and make() is not activation
    x = torch.linspace(-3, 3, 101)
    torch.testing.assert_close(activation(x), getattr(nn, kind)(**arguments).eval()(x))
    assert activation(x).isfinite().all()
    if type(activation) in MONOTONE:
        assert (activation(x).diff() >= 0).all()


def test_resnet18_refuses_other_activations_and_channels():
    with pytest.raises(ValueError, match="resnet18 cannot have activation 'tanh'.*relu"):
        build_model("resnet18", "tanh")
    with pytest.raises(ValueError, match="channels"):
        build_model("resnet18", image_shape=(2, 28, 28))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown architecture 'vgg'.*cnn.*mlp_large.*resnet18"):
        build_model("vgg")
    with pytest.raises(ValueError, match="unknown activation 'swish'.*relu.*tanh.*sigmoid.*leaky_relu.*gelu"):
        build_model("mlp_small", "swish")
    with pytest.raises(ValueError, match="unknown option 'depth' of mlp_small"):
        build_model("mlp_small", depth=3)


@pytest.mark.parametrize(("arch", "smallest"), [("cnn", 8), ("pixel_cnn", 4), ("pixel_cnn_large", 8)])
def test_cnns_say_when_images_are_too_small(arch, smallest):
    with pytest.raises(ValueError, match=f"at least {smallest}×{smallest}"):
        build_model(arch, image_shape=(3, smallest - 1, 28))
