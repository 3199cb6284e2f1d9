"""campaign.evaluate_model: any network on any images, as a campaign measures its own."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import campaign
from nnet.checks import ConfigError
from nnet.data import prepared
from nnet_models import train_and_evaluate
from tests.conftest import blobs, save_npz, small_run
from tests.nnet import plain_loop

ALPHAS = (0.0, 0.1, 0.6)


class Mixed(nn.Module):
    """A small network of kinds that users bring: convolution, batch normalisation, dropout, attention, a token."""

    def __init__(self, channels: int = 1, classes: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, classes)

    def forward(self, images):
        rows = torch.relu(self.norm(self.conv(images))).mean(3).transpose(1, 2)
        rows = torch.cat([self.token.expand(len(rows), -1, -1), rows], 1)
        return self.head(self.drop(rows + self.attention(rows, rows, rows)[0])[:, 0])


class Recurrent(nn.Module):
    """The last state of a GRU, N×T×C to logits."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 8, 2, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, sequences):
        return self.head(self.gru(sequences)[0][:, -1])


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Images uint8 and labels."""
    images, labels = blobs(60, seed=1)
    return torch.from_numpy(images), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """A network in training mode, with batch statistics and one frozen layer."""
    torch.manual_seed(0)
    network = Mixed()
    for _ in range(20):
        network(torch.rand(30, 1, 8, 8))
    network.head.eval()
    network.conv.requires_grad_(False)
    return network


def assert_rows_are(table, expected: dict, evaluation: str = "weight_noise") -> None:
    rows = table[table["evaluation"] == evaluation].set_index("alpha_test")
    assert list(rows.index) == list(expected)
    for alpha, (accuracy, loss) in expected.items():
        assert rows.loc[alpha, "acc"] == pytest.approx(accuracy, abs=1e-12), alpha
        assert rows.loc[alpha, "loss"] == pytest.approx(loss, rel=1e-4), alpha
        assert rows.loc[alpha, "drop"] == pytest.approx(expected[0.0][0] - accuracy, abs=1e-12), alpha


def test_the_rows_are_those_of_a_plain_loop(model, data):
    table = campaign.evaluate_model(model, data, alpha_tests=ALPHAS, noise_samples=3, seed=5, batch_size=7)
    weights = ["conv.weight", "attention.in_proj_weight", "attention.out_proj.weight", "head.weight"]
    images, labels = data
    assert_rows_are(table, plain_loop.sweep(model, weights, images / 255, labels, ALPHAS, 3, seed=5))
    assert list(table["noise_samples"]) == [1, 3, 3]
    assert table.attrs["not_noised"] == ["token"]


def test_sequences_are_measured_with_noise_on_every_weight_of_a_recurrent_network():
    torch.manual_seed(0)
    network, x, y = Recurrent(), torch.randn(40, 6, 3), torch.arange(40) % 4
    table = campaign.evaluate_model(network, (x, y), alpha_tests=ALPHAS, noise_samples=2)
    expected = plain_loop.sweep(network, plain_loop.weights_by_hand(network), x, y, ALPHAS, 2)
    assert_rows_are(table, expected)
    assert len({loss for _, loss in expected.values()}) == 3


def test_the_network_is_as_it_was(model, data):
    before = copy.deepcopy(model)
    with torch.no_grad():
        campaign.evaluate_model(model, data, ["worst_case", "random_corners", "landscape"], alpha_tests=ALPHAS)
    with pytest.raises(ConfigError):
        campaign.evaluate_model(model, (data[0].expand(-1, 3, -1, -1), data[1]))
    for name, tensor in before.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    assert [module.training for module in model.modules()] == [module.training for module in before.modules()]
    flags = [[parameter.requires_grad for parameter in network.parameters()] for network in (model, before)]
    assert flags[0] == flags[1]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_evaluations_their_options_and_their_columns(model, data):
    options = {"worst_case": {"zetas": (0, 0.3), "test_attack_steps": 2}, "landscape": {"points": 8, "directions": 2}}
    table = campaign.evaluate_model(model, data, ["worst_case", "landscape"], alpha_tests=(0, 0.2), options=options)
    assert list(table["evaluation"]) == 2 * ["weight_noise"] + 8 * ["landscape"] + 2 * ["worst_case"]
    worst = table[table["evaluation"] == "worst_case"]
    assert worst["loss"].iloc[1] > worst["loss"].iloc[0] == table["loss"].iloc[0]
    assert table.attrs["columns"]["landscape_slope"] > 0


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y, folder: (x / 255, y),
        lambda x, y, folder: [x.numpy(), y.numpy().astype(np.int32)],
        lambda x, y, folder: save_npz(folder / "all.npz", x_test=x.numpy(), y_test=y.numpy()),
        lambda x, y, folder: folder / save_npz(
            folder / "test.npz", x_train=None, y_train=None, x_test=x.numpy()[:, 0], y_test=y.numpy()
        ),
    ],
    ids=["float32", "arrays", "npz", "npz of test images N×H×W"],
)  # fmt: skip
def test_every_form_of_the_same_images_gives_the_same_rows(model, data, tmp_path, form):
    given = dict(alpha_tests=(0, 0.3), noise_samples=2)
    expected = campaign.evaluate_model(model, data, **given)
    assert expected.equals(campaign.evaluate_model(model, form(*data, tmp_path), **given))


def test_a_dataset_by_name_resized_and_repeated_to_three_channels():
    torch.manual_seed(0)
    network = Mixed(channels=3, classes=10)
    table = campaign.evaluate_model(network, "digits", alpha_tests=(0,), image_size=12, channels=3)
    images = prepared.load("digits", 12, "data")
    x = images.x_test.expand(-1, 3, -1, -1) / 255
    assert_rows_are(table, plain_loop.sweep(network, [], x, images.y_test, (0.0,), 1))


def test_a_quick_look_takes_a_balanced_part_of_the_images(model, data):
    seen = []
    handle = model.register_forward_hook(lambda _, inputs, output: seen.append(len(output)))
    campaign.evaluate_model(model, data, alpha_tests=(0,), max_test_samples=9)
    handle.remove()
    assert seen == [2, 9]  # two images show whether the network takes them


def test_a_network_of_a_campaign_gives_the_rows_of_its_run_file(npz, tmp_path):
    measured = dict(alpha_tests=ALPHAS, evaluations=("random_corners",), max_test_samples=30, seed=3)
    cfg = small_run(npz, arch="cnn", checkpoint_dir=str(tmp_path), **measured)
    result = train_and_evaluate(cfg)
    from nnet.record import kept

    network = kept.load_model(cfg.weights_file)
    table = campaign.evaluate_model(
        network, npz, ["random_corners"], alpha_tests=ALPHAS, noise_samples=cfg.noise_samples, seed=3,
        max_test_samples=30, channels=3, batch_size=32,
    )  # fmt: skip
    assert table.astype(object).where(table.notna(), None).to_dict("records") == result["sweep"]


WRONG = {
    "no network": (dict(model=len), "model must be a torch.nn.Module; got builtin_function_or_method"),
    "half": (dict(model=Mixed().half()), "must have float32 weights, as model.float.. gives; it has torch.float16"),
    "no weights": (dict(model=nn.Flatten()), "weight noise would change nothing"),
    "spared": (dict(model=nn.Sequential(nn.Linear(8, 3), nn.ParameterList([torch.ones(9, 9)]))), "would spare .*1.0"),
    "channels": (dict(model=Mixed(channels=3)), r"does not take inputs of shape \(1, 8, 8\) .*; channels=3 repeats"),
    "classes": (dict(model=Mixed(classes=2)), "the model has 2 classes, but the data have the label 2"),
    "logits": (dict(model=nn.Conv2d(1, 3, 3)), r"must return logits of shape 2×classes; it returns \(2, 3, 6, 6\)"),
    "lists": (dict(model=nn.GRU(8, 3), data=(torch.rand(5, 4, 8), torch.zeros(5, dtype=int))), "it returns tuple"),
    "range": (dict(data=(torch.rand(6, 1, 8, 8) * 255, torch.zeros(6, dtype=int))), r"must be in \[0, 1\].*reach from"),
    "nan": (dict(data=(torch.full((6, 1, 8, 8), torch.nan), torch.zeros(6, dtype=int))), "not finite"),
    "double": (dict(data=(torch.rand(6, 1, 8, 8).double(), torch.zeros(6, dtype=int))), "they are float64 of shape"),
    "flat": (dict(data=(torch.rand(6, 64), torch.zeros(6, dtype=int))), r"float32 of shape \(6, 64\)"),
    "labels": (dict(data=(torch.rand(6, 1, 8, 8), torch.zeros(5, dtype=int))), "6 whole numbers from 0 up, one per"),
    "negative": (dict(data=(torch.rand(2, 1, 8, 8), torch.tensor([0, -1]))), "the smallest -1"),
    "soft": (dict(data=(torch.rand(2, 1, 8, 8), torch.rand(2))), "whole numbers.*they are float32"),
    "three": (dict(data=(torch.rand(2, 1, 8, 8),) * 3), "data must be .images, labels., .*got tuple of length 3"),
    "words": (dict(data=("a", "b")), "the images of data must be a tensor or an array; got str"),
    "name": (dict(data="mnits"), "unknown data 'mnits'.*did you mean 'mnist'"),
    "file": (dict(data="missing.npz"), "there is no file missing.npz"),
    "size": (dict(image_size=8), "image_size is for a dataset's name or an .npz file"),
    "evaluation": (dict(evaluations=["worst"]), "unknown evaluation 'worst'"),
    "text": (dict(evaluations="worst_case"), "evaluations must be a list of names"),
    "strengths": (dict(alpha_tests=(0.1,)), "alpha_tests must contain 0"),
    "option": (dict(options={"worst_case": {"zetas": (0, 1)}}), "options of 'worst_case' have no effect"),
    "precision": (dict(precision="fp8"), "unknown sweep_precision 'fp8'"),
    "batch": (dict(batch_size=0), "batch_size must be at least 1"),
    "repeated": (dict(channels=1.5), "channels must be a whole number"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_sentence(model, data, case):
    given, message = WRONG[case]
    with pytest.raises(ConfigError, match=message) as raised:
        campaign.evaluate_model(**{"model": model, "data": data, "alpha_tests": (0, 0.1)} | given)
    assert "\n" not in str(raised.value)


def test_tensors_that_are_spared_on_purpose_are_accepted():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 3))
    network.register_parameter("scale", nn.Parameter(torch.ones(30, 30)))
    data = (torch.rand(9, 4, 8), torch.arange(9) % 3)
    pooled = nn.Sequential(nn.Flatten(), nn.Linear(32, 8), network)
    with pytest.raises(ConfigError, match=r"2\.scale.*not_noised"):
        campaign.evaluate_model(pooled, data)
    table = campaign.evaluate_model(pooled, data, alpha_tests=(0, 0.1), not_noised=["*.scale"])
    assert len(table) == 2 and table.attrs["not_noised"] == ["2.scale"]
