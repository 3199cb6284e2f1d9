"""Weight noise against a plain reference that shares no code with it but the names of the random streams."""

import hashlib
import statistics

import pytest
import torch
from torch import nn

from nnet.evaluations.parts import points
from nnet.random.normals import Normals
from nnet_models import build_model, evaluate
from tests.conftest import blobs, learn
from tests.nnet.evaluations.measurements import measured_of, trained_of

ALPHAS = (0.0, 0.05, 0.3, 2.0)


@pytest.fixture(scope="module", params=["cnn", "mlp_small", "pnn_resnet18"])
def trained(request):
    """A network that has learnt the blobs, and a test set whose last batch is short."""
    torch.manual_seed(0)
    narrow = {"nfilters": 8} if request.param == "pnn_resnet18" else {}
    count, steps, rate, contrast = (120, 30, 3e-3, 60) if narrow else (300, 25, 3e-3, 20)
    model = build_model(request.param, image_shape=(3, 8, 8), num_classes=3, **narrow)
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
                sizes = {"tensor_std": torch.std, "magnitude": torch.abs, "range": lambda weight: weight.abs().max()}
                scale = sizes[noise_model](clean[name])
                noisy[name] = clean[name] + alpha * scale * normal
            model.load_state_dict(noisy)
            with torch.no_grad():
                accuracies.append((model(x).argmax(1) == y).sum().item() / len(y))
        result[alpha] = accuracies
    model.load_state_dict(clean)
    return result


def sweep(trained, alphas=ALPHAS, draws=4, noise_model="tensor_std", seed=2, measure=None, known=()) -> dict:
    """The run file of a network that weight noise alone was measured on."""
    asked = dict(alpha_tests=alphas, noise_samples=draws, noise_model=noise_model)
    return measured_of(trained_of(trained, measure=measure, seed=seed), "weight_noise", known, **asked)


def ours(trained, **changed) -> list[dict]:
    return points.table_rows(sweep(trained, **changed))


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude", "range"])
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


def test_more_draws_and_strengths_add_points_and_compute_none_twice(trained):
    calls = []
    batches = list(zip(trained[1].split(128), trained[2].split(128), strict=True))

    def counted(network):
        calls.append(evaluate(network, batches))
        return calls[-1]

    few = sweep(trained, alphas=(0.0, 1.0), draws=2, measure=counted)["measurements"]
    assert len(calls) == 1 + 2
    more = sweep(trained, alphas=(0.0, 0.3, 1.0), draws=3, measure=counted, known=few)["measurements"]
    assert len(calls) == 3 + 3 + 1  # three draws at the new strength, one more at the other
    (whole,) = sweep(trained, alphas=(0.0, 0.3, 1.0), draws=3)["measurements"]
    assert more[0]["points"] == whole["points"] and few[0]["points"][0] in whole["points"]
    assert sweep(trained, alphas=(0.0, 1.0), draws=1, measure=counted, known=more)["measurements"] == more
    assert len(calls) == 7


def test_a_mean_is_that_of_a_plain_loop_bit_for_bit(trained):
    model, x, y = trained
    batches = list(zip(x.split(128), y.split(128), strict=True))
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    clean = [weight.data for weight in weights]
    values = []
    for draw in range(3):
        stream = plain_stream(2, "sweep", draw)
        for weight in weights:
            spread = 0.3 * weight.data.double().std(correction=1)
            weight.data = stream.draw(weight.shape).added_to(
                weight.data, spread.float(), 0.0, torch.empty_like(weight.data)
            )
        values.append(evaluate(model, batches))
        for weight, was in zip(weights, clean, strict=True):
            weight.data = was
    row = ours(trained, draws=3)[2]
    assert row["alpha_test"] == 0.3
    assert row["acc"] == statistics.fmean(accuracy for accuracy, _ in values)
    assert row["loss"] == pytest.approx(statistics.fmean(loss for _, loss in values), rel=1e-6)


def test_alpha_zero_is_evaluated_once(trained):
    calls = []

    def count(network):
        calls.append(1)
        return 0.5, 1.0

    rows = ours(trained, alphas=(0.0, 0.1, 0.2), draws=5, measure=count)
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
        sweep((model, torch.zeros(1), torch.zeros(1)), (0.0, 0.1, 0.5), 1, "magnitude", seed=4, measure=remember)
        assert torch.equal(model.weight, clean)
    assert all(torch.equal(first, again) for first, again in zip(seen[:3], seen[3:], strict=True))
    assert torch.equal(seen[0], clean) and (seen[1][:5] == 0).all()
    for level, noisy in ((0.1, seen[1]), (0.5, seen[2])):
        deviation = (noisy[5:] - clean[5:]) / clean[5:]
        assert deviation.std().item() == pytest.approx(level, rel=0.02)
        assert deviation.mean().item() == pytest.approx(0, abs=4 * level / deviation.numel() ** 0.5)
