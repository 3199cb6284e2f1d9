"""How many weights and masks perturbative networks have."""

import pytest
import torch

from nnet_models import build_model

RGB = (3, 32, 32)


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
