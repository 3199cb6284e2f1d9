"""Networks of torchvision by name: what they compute, and which names and sizes they take."""

import pytest
import torch
from torch.nn import functional
from torchvision import models

from nnet.architectures import torchvision_model
from nnet.checks import ConfigError
from nnet_models import build_model

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def standardised(images: torch.Tensor, mean=IMAGENET[0], std=IMAGENET[1]) -> torch.Tensor:
    return (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def build(shape=(3, 28, 28), classes=10, **options):
    return build_model("torchvision_model", image_shape=shape, num_classes=classes, **options).eval()


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_a_network_of_torchvision_behind_its_standardisation(name):
    torch.manual_seed(0)
    plain = models.get_model(name, weights=None, num_classes=7).eval()
    torch.manual_seed(0)
    model = build((3, 224, 224), 7, name=name)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), plain.parameters(), strict=True))
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(model(images), plain(standardised(images)), rtol=1e-5, atol=1e-5)


def test_standardisation_and_size_are_those_of_the_published_weights():
    preparation = build(name="efficientnet_v2_l")._forward_pre_hooks.values()
    assert [(item.size, item.mean, item.std) for item in preparation] == [(480, [0.5] * 3, [0.5] * 3)]


@pytest.mark.parametrize(("options", "size"), [({}, 224), ({"input_size": 64}, 64)])
def test_images_of_another_size_are_resized_inside(options, size):
    model, seen = build((3, 32, 40), name="resnet18", **options), []
    model.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.rand(2, 3, 32, 40)
    model(images)
    resized = functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
    torch.testing.assert_close(seen[0], standardised(resized))


def test_a_transformer_of_a_small_input_size_is_torchvisions():
    torch.manual_seed(0)
    plain = models.vit_b_16(weights=None, image_size=32, num_classes=5).eval()
    torch.manual_seed(0)
    model = build((3, 32, 32), 5, name="vit_b_16", input_size=32)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), plain(standardised(images)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_further_outputs_in_training_have_one(name):
    model = build(name=name, classes=4).train()
    assert model(torch.rand(2, 3, 28, 28)).shape == (2, 4)
    published = models.get_model(name, weights=None, num_classes=4, init_weights=False).state_dict()
    assert list(torchvision_model.published(published)) == list(model.state_dict())
    assert len(published) > len(model.state_dict())


def test_the_published_names_of_densenet_are_translated():
    own = build(name="densenet121").state_dict()
    former = {name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): own[name] for name in own}
    assert "features.denseblock1.denselayer1.norm.1.weight" in former
    assert list(torchvision_model.published(former)) == list(own)


def test_an_unknown_name_is_answered_with_the_nearest_ones():
    with pytest.raises(ConfigError, match="no classification network 'resnett50'; the nearest names are resnet50"):
        build(name="resnett50")
    with pytest.raises(ConfigError, match="nearest names are resnet18"):
        build(name="qqqq")
    with pytest.raises(ConfigError, match="fcn_resnet50"):  # segmentation
        build(name="fcn_resnet50")
    with pytest.raises(ConfigError, match="name must be a text"):
        build(name=18)


def test_sizes_and_channels_that_a_network_cannot_take_are_refused():
    with pytest.raises(ConfigError, match="vit_b_16 cannot have an input_size of 30 pixels"):
        build(name="vit_b_16", input_size=30)
    with pytest.raises(ConfigError, match="alexnet cannot have an input_size of 32 pixels"):
        build(name="alexnet", input_size=32)
    with pytest.raises(ConfigError, match="input_size must be at least 1"):
        build(input_size=0)
    with pytest.raises(ConfigError, match="1 or 3 channels; these have 2"):
        build((2, 28, 28))
    with pytest.raises(ConfigError, match="activation 'tanh'"):
        build_model("torchvision_model", "tanh")
