"""The sweep against a plain reference that shares no code with it but the names of the random streams."""

import hashlib
import statistics

import pytest
import torch
from nnet.evaluations.parts.sweep import sweep
from torch import nn

from nnet.random.normals import Normals
from nnet_models import build_model, evaluate
from tests.conftest import blobs, learn

ALPHAS = (0.0, 0.05, 0.3, 2.0)


@pytest.fixture(scope="module", params=["cnn", "mlp_small", "resnet18"])
def trained(request):
    """A network that has learnt the blobs, and a test set whose last batch is short."""
    torch.manual_seed(0)
    count, steps, rate, contrast = (120, 12, 1e-3, 30) if request.param == "resnet18" else (300, 25, 3e-3, 20)
    model = build_model(request.param, image_shape=(3, 8, 8), num_classes=3)
    images, labels = blobs(count, channels=3, contrast=contrast)
    x, y = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    learn(model, x, y, steps, rate)
    for module in model.modules():  # few steps leave the running statistics far from those of the images
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(x)
    images, labels = blobs(151, channels=3, seed=7, contrast=contrast)
    return model, torch.from_numpy(images).float() / 255, torch.from_numpy(labels)


def plain_stream(seed: int, purpose: str, index: int) -> Normals:
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return Normals(int.from_bytes(digest[:8], "big") // 2)


def plain_draw(stream: Normals, shapes) -> list[torch.Tensor]:
    """A standard normal number for each element of tensors of these shapes, one tensor after the other."""
    return [stream.draw(shape).numbers() for shape in shapes]


def plain_sweep(model, x, y, alphas, draws, noise_model, seed):
    """One network, one α and one draw at a time: a copy of the weights, noise on it, all images at once."""
    clean = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    skipped = (nn.BatchNorm2d, nn.LayerNorm)
    names = [f"{path}.weight" for path, module in model.named_modules() if not isinstance(module, skipped)]
    names = [name for name in names if name in clean]
    model.eval()
    result = {}
    for alpha in alphas:
        accuracies = []
        for draw in range(draws if alpha > 0 else 1):
            normals = plain_draw(plain_stream(seed, "sweep", draw), [clean[name].shape for name in names])
            noisy = {name: tensor.clone() for name, tensor in clean.items()}
            for name, normal in zip(names, normals, strict=True):
                scale = clean[name].std() if noise_model == "tensor_std" else clean[name].abs()
                noisy[name] = clean[name] + alpha * scale * normal
            model.load_state_dict(noisy)
            with torch.no_grad():
                accuracies.append((model(x).argmax(1) == y).sum().item() / len(y))
        result[alpha] = accuracies
    model.load_state_dict(clean)
    return result


def ours(trained, alphas=ALPHAS, draws=4, noise_model="tensor_std", seed=2):
    model, x, y = trained
    batches = list(zip(x.split(128), y.split(128), strict=True))
    return sweep(model, lambda network: evaluate(network, batches), alphas, draws, noise_model, seed)


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude"])
def test_accuracies_agree_with_the_plain_reference(trained, noise_model):
    model, x, y = trained
    expected = plain_sweep(model, x, y, ALPHAS, 4, noise_model, seed=2)
    rows = ours(trained, noise_model=noise_model)
    assert [row["alpha_test"] for row in rows] == list(ALPHAS)
    for row in rows:
        accuracies = expected[row["alpha_test"]]
        assert row["acc"] == pytest.approx(statistics.fmean(accuracies), abs=1e-12)
        assert row["drop"] == pytest.approx(expected[0.0][0] - statistics.fmean(accuracies), abs=1e-12)
        assert row["noise_samples"] == len(accuracies)
        if len(accuracies) > 1:
            assert row["acc_std"] == pytest.approx(statistics.stdev(accuracies), abs=1e-12)


def test_noise_matters_here(trained):
    rows = ours(trained)
    assert rows[0]["acc"] > 0.9 > rows[-1]["acc"]
    assert max(row["acc_std"] for row in rows[1:]) > 0


def test_weights_are_bit_identical_afterwards(trained):
    model = trained[0]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ours(trained)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_row_does_not_depend_on_the_other_alphas(trained):
    whole = {row["alpha_test"]: row for row in ours(trained)}
    assert ours(trained, alphas=(0.0, 2.0))[1] == whole[2.0]


def test_more_draws_extend_fewer(trained):
    model, x, y = trained
    measured = []

    def measure(network):
        measured.append(evaluate(network, [(x, y)]))
        return measured[-1]

    for draws in (2, 3):
        sweep(model, measure, (0.0, 1.0), draws, "tensor_std", seed=2)
    assert measured[:3] == measured[3:6]


def test_alpha_zero_is_evaluated_once(trained):
    calls = []

    def count(network):
        calls.append(1)
        return 0.5, 1.0

    rows = sweep(trained[0], count, (0.0, 0.1, 0.2), 5, "tensor_std", seed=0)
    assert len(calls) == 1 + 2 * 5
    assert rows[0]["noise_samples"] == 1 and rows[0]["acc_std"] is None and rows[0]["drop"] == 0


def test_mismatch_is_relative_to_each_weight_and_gone_afterwards():
    """Relative deviations have mean 0 and the level as standard deviation; zeros stay; level 0 changes nothing."""
    torch.manual_seed(0)
    model = nn.Linear(400, 300)
    with torch.no_grad():
        model.weight[:5] = 0
    clean, bias = model.weight.detach().clone(), model.bias.detach().clone()
    seen = []

    def remember(network):
        seen.append(network.weight.detach().clone())
        assert torch.equal(network.bias, bias)
        return 0.5, 1.0

    for _ in range(2):
        sweep(model, remember, (0.0, 0.1, 0.5), 1, "magnitude", seed=4)
        assert torch.equal(model.weight, clean)
    assert all(torch.equal(first, again) for first, again in zip(seen[:3], seen[3:], strict=True))
    assert torch.equal(seen[0], clean) and (seen[1][:5] == 0).all()
    for level, noisy in ((0.1, seen[1]), (0.5, seen[2])):
        deviation = (noisy[5:] - clean[5:]) / clean[5:]
        assert deviation.std().item() == pytest.approx(level, rel=0.02)
        assert deviation.mean().item() == pytest.approx(0, abs=4 * level / deviation.numel() ** 0.5)
