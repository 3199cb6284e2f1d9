"""Networks and evaluations of a user's that do what none of the program's own do."""

import sys

import pytest
import torch

from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet_models import train_and_evaluate
from tests.conftest import small_run

NETWORK = """
import torch
from torch import nn

{first}

class Net(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.hidden, self.last = nn.Linear(inputs, 8), nn.Linear(8, classes)
        {more}

    def forward(self, images):
        return self.last(torch.relu(self.hidden(images.flatten(1))))


def build(image_shape, num_classes, make_activation):
    return Net(image_shape[0] * image_shape[1] * image_shape[2], num_classes)
"""
PLAIN = {"first": "", "more": ""}
NETWORKS = {
    "odd_plain": PLAIN,
    "odd_unused_head": PLAIN | {"more": "self.auxiliary = nn.Linear(8, 2)"},
    "odd_unused_scale": PLAIN | {"more": "self.scale = nn.Parameter(torch.ones(3))"},
    "odd_frozen": PLAIN | {"more": "self.hidden.weight.requires_grad_(False)"},
    "odd_double": PLAIN | {"first": "torch.set_default_dtype(torch.float64)"},
    "odd_draws": PLAIN | {"first": "torch.manual_seed(5); torch.rand(3); torch.set_num_threads(2)"},
    "odd_lazy_layer": PLAIN | {"more": "self.hidden = nn.LazyLinear(8)"},
    "odd_double_inside": PLAIN | {"more": "self.double().register_forward_pre_hook(lambda _, x: (x[0].double(),))"},
    "odd_transposed": PLAIN | {"more": "self.hidden.weight = nn.Parameter(torch.randn(inputs, 8).t())"},
    "odd_tied": PLAIN | {"more": "self.again = self.hidden"},
    "odd_whole": PLAIN | {"more": "self.codes = nn.Parameter(torch.ones(3, 3).int(), requires_grad=False)"},
}
EVALUATIONS = {
    "odd_lazy": """
from nnet.evaluations import base

DRAWS = "draws"


class Options:
    draws: int = 3

    def __init__(self, draws=3):
        self.draws = draws


class Evaluation(base.Evaluation):
    def measure(self, points):
        yield [self.row(0.0, 0, self.trained.clean)]
"""
}
REGIMES = {
    "clean": {}, "noisy": {}, "sam": {}, "sam adaptive": {"adaptive": True}, "awp": {"attack_steps": 2},
    "beta": {"attack_steps": 2}, "beta all": {"attack_steps": 2, "attack_all": True, "start_noise": 0.01},
    "adaptive": {"mode": "static", "static_noise": "gradient"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def plugins(tmp_path, monkeypatch):
    """A folder of the user's with these files."""
    files = {f"architectures/{name}.py": NETWORK.format(**parts) for name, parts in NETWORKS.items()}
    files |= {f"evaluations/{name}.py": text for name, text in EVALUATIONS.items()}
    for name, text in files.items():
        path = tmp_path / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path / "plugins"))
    yield
    for kind, names in (("architectures", NETWORKS), ("evaluations", EVALUATIONS)):
        for name in names:
            sys.modules.pop(f"nnet.{kind}.{name}", None)


def run(npz, arch: str, regime: str = "clean", **changed) -> dict:
    """A small run of this network; the regime is named with the key of its options."""
    owner, its_options = regime.split()[0], REGIMES[regime]
    options = {owner: its_options} if its_options else {}
    fields = dict(arch=arch, regime=owner, alpha_train=0.1, alpha_tests=(0, 0.2), options=options, weight_decay=0.01)
    return train_and_evaluate(small_run(npz, **fields | changed))


@pytest.mark.parametrize("regime", REGIMES)
def test_parameters_that_are_unused_or_frozen_are_left_alone_by_every_regime(npz, regime):
    for arch in ("odd_unused_head", "odd_unused_scale", "odd_frozen"):
        assert run(npz, arch, regime)["status"] == "ok", arch


@pytest.mark.parametrize("arch", ["odd_double_inside", "odd_transposed", "odd_tied"])
def test_networks_that_are_made_unusually_are_trained_and_measured(npz, arch):
    for regime in ("noisy", "beta", "sam"):
        assert run(npz, arch, regime, epochs=1)["status"] == "ok", regime
    result = run(npz, arch, evaluations=("bit_flips", "layers", "quantization", "stuck_at"), epochs=1)
    assert len({row["evaluation"] for row in result["sweep"]}) == 5


def test_an_unused_scale_changes_no_other_bit_of_training(npz):
    for regime in ("sam", "awp", "beta"):
        plain, unused = (run(npz, arch, regime) for arch in ("odd_plain", "odd_unused_scale"))
        assert [row["train_loss"] for row in plain["history"]] == [row["train_loss"] for row in unused["history"]]
        assert plain["acc_0"] == unused["acc_0"]


def test_every_evaluation_measures_networks_with_unused_and_frozen_parameters(npz):
    names = [name for name in registry.names("evaluations") if name not in EVALUATIONS]
    for arch in ("odd_unused_head", "odd_frozen"):
        result = run(npz, arch, evaluations=names, epochs=1)
        assert {row["evaluation"] for row in result["sweep"]} == {*names}, arch


@pytest.mark.parametrize("arch", ["odd_double", "odd_draws"])
def test_what_a_file_does_to_torch_when_it_is_imported_changes_no_run(npz, arch):
    before = torch.get_default_dtype(), torch.get_num_threads()
    expected = run(npz, "odd_plain", "noisy")["sha256"]
    try:
        first, again = run(npz, arch, "noisy")["sha256"], run(npz, arch, "noisy")["sha256"]
        assert first == again == expected
        assert (torch.get_default_dtype(), torch.get_num_threads()) == before
    finally:
        torch.set_default_dtype(before[0])


def test_numbers_that_noise_cannot_change_are_refused_in_one_sentence(npz):
    with pytest.raises(ConfigError, match=r"give the layer of hidden\.weight its size"):
        run(npz, "odd_lazy_layer")
    with pytest.raises(ConfigError, match=r"the parameter codes has torch\.int32"):
        run(npz, "odd_whole")


def test_weights_of_half_precision_are_measured(npz):
    from nnet.perturbations.magnitude import standard_deviation

    weights = torch.linspace(-1, 1, 50)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        assert standard_deviation(weights.to(dtype)) == pytest.approx(weights.std().item(), rel=1e-2)


def test_an_evaluation_that_leaves_points_out_fails_instead_of_being_measured_for_ever(npz):
    cfg = TrainConfig(evaluations=("odd_lazy",))
    assert cfg.measuring()["options"]["odd_lazy"] == {"draws": 3}
    with pytest.raises(RuntimeError, match="the evaluation odd_lazy gave no rows at 2 of its points"):
        run(npz, "odd_plain", evaluations=("odd_lazy",))
