"""Which tensors weight noise reaches, which it spares, and when it spares too many."""

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from nnet import registry
from nnet.checks import ConfigError
from nnet.perturbations.tensors import check_noised, spared_tensors
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams
from nnet_models import ARCH_NAMES, build_model
from tests.conftest import sample_shape


def small_vit(classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    return VisionTransformer(
        image_size=8, patch_size=4, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=classes
    )


LAYERS = {
    "LSTM": (lambda: nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2), ()),
    "GRU": (lambda: nn.GRU(3, 4, 2, bidirectional=True), ()),
    "attention": (lambda: nn.MultiheadAttention(8, 2), ()),
    "attention of three": (
        lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=6, add_bias_kv=True), ("bias_k", "bias_v")
    ),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16), ()),
    "vit": (small_vit, ("class_token", "encoder.pos_embedding")),
}  # fmt: skip
"""Layers, and what noise spares of them beside biases and normalisation."""


def is_weight(name: str, tensor: torch.Tensor) -> bool:
    """By hand: matrices, kernels and their like; a vector belongs to a bias or to normalisation."""
    return tensor.dim() >= 2 and not name.startswith(("bias_", "class_token", "encoder.pos_embedding"))


@pytest.mark.parametrize("name", LAYERS)
def test_noise_reaches_every_weight_of_recurrent_and_attention_layers(name):
    make, spared = LAYERS[name]
    model = make()
    for parameter in model.parameters():  # torchvision initialises the last layer of a transformer with zeros
        nn.init.normal_(parameter)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    noise, plain = WeightNoise(model, "magnitude"), streams.normals(0, "sweep", 0)
    noise.draw(streams.normals(0, "sweep", 0))
    reached = []
    with noise.applied(0.2):
        for parameter in noise.weights:
            key = next(key for key, other in model.named_parameters() if other is parameter)
            numbers = plain.draw(parameter.shape).numbers()
            expected = before[key] + 0.2 * before[key].abs() * numbers
            torch.testing.assert_close(parameter.data, expected, rtol=1e-5, atol=1e-6)
            reached.append(key)
        for key, parameter in model.named_parameters():
            assert torch.equal(parameter, before[key]) == (key not in reached), key
    assert sorted(reached) == sorted(key for key, tensor in before.items() if is_weight(key, tensor))
    assert tuple(spared_tensors(model)) == spared


class Tokens(nn.Module):
    """A network with matrices that are not called weight."""

    def __init__(self, numbers: int):
        super().__init__()
        self.linear = nn.Linear(30, 30, bias=False)
        self.token = nn.Parameter(torch.randn(1, numbers))
        self.register_buffer("masks", torch.randn(2, 5))
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.register_buffer("places", torch.zeros(500, 4, dtype=torch.int64))
        self.norm = nn.LayerNorm((4, 4))
        self.offset = nn.Parameter(torch.zeros(6))


def test_tensors_of_two_dimensions_that_noise_spares_are_named():
    model = Tokens(20)
    assert check_noised(model) == ["token", "masks"]
    assert check_noised(nn.Sequential(model, model)) == ["0.token", "0.masks"]


def test_a_network_is_refused_if_more_than_a_tenth_of_its_numbers_is_spared():
    numbers = 900 + 10 + 3 + 32 + 6  # of all other tensors
    most = 93  # (93 + 10) / (951 + 93) is just below a tenth, (96 + 10) / (951 + 96) just above
    assert (most + 10) / (numbers + most) < 0.1 < (most + 3 + 10) / (numbers + most + 3)
    assert check_noised(Tokens(most)) == ["token", "masks"]
    with pytest.raises(ConfigError, match=r"spare 10% of the network's numbers.*token, masks.*NOT_NOISED"):
        check_noised(Tokens(most + 3))
    assert check_noised(Tokens(most + 3), ["tok*"]) == ["token", "masks"]
    with pytest.raises(ConfigError, match="spare 91%.*token"):
        check_noised(Tokens(10_000), ["masks"])


def test_weights_under_other_names_are_refused():
    model = nn.utils.parametrizations.weight_norm(nn.Linear(40, 40))
    with pytest.raises(ConfigError, match="original1"):
        check_noised(nn.Sequential(model, nn.Linear(40, 2)))
    with pytest.raises(ConfigError, match="weight noise would change nothing"):
        check_noised(nn.BatchNorm2d(3))


def test_few_of_many_names_are_shown():
    model = nn.Sequential(nn.Linear(2, 2), nn.ParameterList([nn.Parameter(torch.ones(3, 3 + n)) for n in range(8)]))
    with pytest.raises(ConfigError, match=r"1\.7, 1\.6, 1\.5, 1\.4, 1\.3 and others"):
        check_noised(model)


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_every_architecture_says_which_large_tensors_are_not_noised(arch):
    model = build_model(arch, image_shape=sample_shape(arch))
    accepted = registry.constant("architectures", arch, "NOT_NOISED", ())
    spared = check_noised(model, accepted)
    kinds = {name.rsplit(".")[-1] for name in spared}
    assert kinds == ({"noise"} if accepted else set())
