"""Dropout of architectures that have it, and the published network of Fashion-MNIST."""

import pytest
import torch
from torch import nn

from nnet import registry
from nnet.architectures.parts import fast
from nnet_models import TrainConfig, build_model
from tests.conftest import sample_shape


@pytest.mark.parametrize(
    "arch", [name for name in registry.names("architectures") if registry.constant("architectures", name, "DROPOUT")]
)
def test_dropout_keeps_the_mean_of_what_it_drops(arch):
    shape = sample_shape(arch)
    torch.manual_seed(0)
    model = build_model(arch, image_shape=shape[:1] + (8, 8) if len(shape) == 3 else shape, num_classes=3, dropout=0.3)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Dropout)]
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    convolutional = any(isinstance(layer, nn.Conv2d) for layer in model.modules())
    recurrent = len(shape) == 2
    assert len(layers) == len(linear) - 1 + (convolutional or recurrent) and {layer.p for layer in layers} == {0.3}
    values = torch.rand(10)
    dropped = torch.stack([layers[0].train()(values) for _ in range(4000)])
    torch.testing.assert_close(dropped.mean(0), layers[0].eval()(values), rtol=0.1, atol=0.01)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)


def test_dropout_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match="resnet18 has no dropout"):
        TrainConfig(arch="resnet18", dropout=0.3)
    with pytest.raises(ValueError, match="resnet18 has no dropout"):
        build_model("resnet18", dropout=0.3)
    with pytest.raises(ValueError, match="dropout must be between 0 and 1, 1 excluded"):
        TrainConfig(dropout=1)


def test_the_published_network_of_fashion_mnist(npz):
    model = build_model("fmnist_cnn", image_shape=(1, 28, 28)).eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == 493_642
    sides = []
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | fast.PoolReLU):
            layer.register_forward_hook(lambda _, __, outputs: sides.append(outputs.shape[-1]))
    images = torch.rand(6, 1, 28, 28)
    outputs = model(images)
    linear = [layer.in_features for layer in model if isinstance(layer, nn.Linear)]
    assert sides == [28, 14, 11, 5] and linear == [1600, 256, 64]
    for mode in (True, False):
        model.train(mode)
        alone = torch.cat([model(image[None]) for image in images])
        torch.testing.assert_close(alone, outputs, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="at least 8×8"):
        build_model("fmnist_cnn", image_shape=(1, 7, 28))
