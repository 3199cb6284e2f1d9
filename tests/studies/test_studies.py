"""The studies and the block in `main()`: the runs that they are, and that nothing else changes them."""

import ast
import hashlib
import inspect
import json

import pytest

import run_experiments
from campaign.grid import block as blocks
from campaign.grid import lists, study
from nnet import registry
from nnet.checks import canonical
from nnet.config import TrainConfig
from nnet.identity import in_group
from tests.conftest import ROOT

COMMITTED = {  # the number of runs, and the hash of their run_ids and of each way they are measured, in order
    "the block": (30, "dacfaa749d042879"),
    "pixels": (105, "efce04bcf6a04e97"),
    "pixels_large": (2400, "da2f61020f50a778"),
    "adaptive": (180, "55d8c6a73afa1113"),
    "adversarial": (21, "1aea3ede2744b582"),
    "adversarial_ecg": (36, "52ff27206d5a3e7c"),
    "adversarial_speech": (18, "cf83ee3f434aff12"),
    "analog_resnet": (54, "14d9f17d136cb918"),
    "analog_resnet_small": (27, "f757afe8e4d62e69"),
    "pnn": (24, "d277e581eaf7ea68"),
    "pnn_control": (50, "64e6b48b79f25a62"),
}
MEASURING = [*in_group(TrainConfig, "measuring"), "noise_model"]
NAMES = [name for name in COMMITTED if name != "the block"]


def block_of_main(monkeypatch) -> dict:
    """The block as `main()` hands it over."""
    handed_over = []
    monkeypatch.setattr(run_experiments, "launch", lambda block, arguments: handed_over.append(block) or 0)
    assert run_experiments.main([]) == 0
    return handed_over[0]


@pytest.fixture
def block(monkeypatch) -> dict:
    return block_of_main(monkeypatch)


def expanded(block, name, flags=None, only=()):
    return blocks.expand(block, None if name == "the block" else study.load(name), flags, only)


@pytest.mark.parametrize("name", COMMITTED)
def test_a_study_is_the_runs_that_it_always_was(block, name):
    configs = expanded(block, name).configs
    count, digest = COMMITTED[name]
    assert len({config.run_id for config in configs}) == count
    measuring = [{field: getattr(config, field) for field in MEASURING} for config in configs]
    lines = [
        json.dumps([config.run_id, canonical(how)], sort_keys=True)
        for config, how in zip(configs, measuring, strict=True)
    ]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", registry.names("studies"))
def test_a_study_says_its_question_its_command_and_what_it_needs(name):
    module = registry.load("studies", name)
    question = module.__doc__.split("\n\n")[0]
    assert question.strip() and f"python run_experiments.py --study {name}" in module.__doc__
    assert {"dataset", "seed", "alpha_tests", "output_dir"} <= module.BLOCK.keys()
    assert isinstance(module.REFERENCE, dict) and len(module.REFERENCE) == 1


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*.py")), ids=lambda path: path.stem)
def test_a_study_imports_no_other_study(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name == "campaign.grid.lists" or name.startswith("studies.parts."), name


@pytest.mark.parametrize("name", NAMES)
def test_editing_the_block_changes_no_study_but_where_and_how_it_is_launched(block, name):
    before = expanded(block, name)
    options = {"adaptive": {"window": 3}}
    edited = block | dict(
        dataset="mnist", arch="cnn", regime="noisy", seed=[7], epochs=1, alpha_train=[0.1, 0.5], alpha_tests=(0,),
        optimizer="sgd", noise_samples=2, max_train_samples=10, augmentation="crop_flip", options=options,
    )  # fmt: skip
    assert expanded(edited, name) == before
    edited |= dict(max_workers=3, engine="serial", run_timeout_s=9, cpu_threads_per_worker=2, data_dir="/there")
    edited |= dict(output_dir="elsewhere", epoch_checkpoint_s=5)
    after = expanded(edited, name)
    assert [config.run_id for config in after.configs] == [config.run_id for config in before.configs]
    assert (after.launch.max_workers, after.launch.engine, after.launch.run_timeout_s) == (3, "serial", 9)
    assert {(c.cpu_threads, c.data_dir, c.epoch_checkpoint_s) for c in after.configs} == {(2, "/there", 5)}
    assert after.launch.output_dir == before.launch.output_dir  # a study names its own
    assert {config.epoch_checkpoint_dir for config in after.configs} == {after.launch.output_dir}


def test_the_block_has_one_commented_line_for_each_of_its_settings(block):
    source = inspect.getsource(run_experiments.main)
    (call,) = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict"
    ]
    lines = [source.splitlines()[keyword.lineno - 1] for keyword in call.keywords]
    assert len(set(lines)) == len(call.keywords) == len(block) and all("  # " in line for line in lines)
    assert len(inspect.getsource(run_experiments).splitlines()) <= 100


def test_the_block_is_the_default_configuration_but_for_what_varies(block):
    """So that a study, which starts from TrainConfig's defaults, and the block mean the same by a missing line."""
    varied = {"arch", "regime", "alpha_train", "seed", "checkpoint_dir", "data_dir", "cpu_threads_per_worker"}
    defaults = {setting.name: setting.default for setting in blocks.settings().values()}
    assert {name: value for name, value in block.items() if name not in varied} == {
        name: defaults[name] for name in block if name not in varied
    }


def test_the_seven_ways_of_training_of_the_adversarial_study_have_equal_seeds(block):
    configs = expanded(block, "adversarial").configs
    assert {(c.regime, c.dropout, c.alpha_train, c.options_of("beta").get("beta_robustness")) for c in configs} == {
        ("clean", 0.0, 0.0, None),
        ("clean", 0.3, 0.0, None),
        ("noisy", 0.0, 0.3, None),
        ("awp", 0.0, 0.0, None),
        ("sam", 0.0, 0.0, None),
        ("beta", 0.0, 0.0, 0.25),
        ("beta", 0.0, 0.3, 0.1),
    }
    assert {(c.arch, c.noise_model, c.noise_samples) for c in configs} == {("fmnist_cnn", "magnitude", 100)}
    assert {c.alpha_tests for c in configs} == {(0, 0.1, 0.2, 0.3, 0.5, 0.7)}
    assert {c.evaluations for c in configs} == {("landscape", "quantization", "random_corners", "worst_case")}


def test_every_run_of_the_adaptive_study_has_a_baseline_of_equal_seed_and_optimizer(block):
    configs = expanded(block, "adaptive").configs
    baselines, noisy = (lists.select(configs, regime=regime) for regime in ("clean", "adaptive"))
    assert {config.options["adaptive"]["distribution"] for config in noisy} == {"gaussian", "uniform"}
    for config in noisy:
        (same,) = lists.configure([config], regime="clean")
        assert baselines.count(same) == 1
    optimizers = {(config.optimizer, config.momentum, config.nesterov) for config in configs}
    assert optimizers == {("sgd", 0.0, False), ("sgd", 0.9, True), ("adam", 0.0, False)}


def test_the_pixel_studies_pair_their_runs_by_seed(block):
    for name, seeds, shapes in (
        ("pixels", 5, {("pixel_mlp", 5, 128)}),
        ("pixels_large", 40, {("pixel_mlp_large", 15, 512), ("pixel_cnn_large", 20, 256)}),
    ):
        configs = expanded(block, name).configs
        assert {(c.arch, c.epochs, c.batch_size) for c in configs} == shapes
        combinations = {}
        for config in configs:
            combinations.setdefault((config.arch, config.activation, config.p), []).append(config.seed)
        assert set(map(tuple, combinations.values())) == {tuple(lists.repeats(seeds))}
        assert {activation for _, activation, _ in combinations} == {"relu", "tanh", "sigmoid"}


def test_the_published_experiments_are_parts_of_one_study(block):
    pnn = registry.load("studies", "pnn")
    assert len(pnn.PARTS) == len(pnn.PUBLISHED) == 8 and all(0 < value < 100 for value in pnn.PUBLISHED)
    configs = expanded(block, "pnn").configs
    assert [(c.arch, c.batch_size, c.learning_rate) for c in configs[:6:3]] == [
        ("pnn_resnet18", 10, 1e-3), ("noiseresnet18", 10, 1e-4),
    ]  # fmt: skip
    for part in pnn.PARTS:
        assert part["options"].keys() == {part["arch"]}


KEPT = {"the block": "checkpoints", "adaptive": "checkpoints", "adversarial": "checkpoints"} | dict.fromkeys(
    ("adversarial_ecg", "adversarial_speech", "analog_resnet", "analog_resnet_small"), "checkpoints"
)


@pytest.mark.parametrize("name", COMMITTED)
def test_weights_are_kept_where_networks_are_measured_under_perturbations(block, name):
    for config in expanded(block, name).configs:
        assert config.checkpoint_dir == KEPT.get(name)
        assert (config.checkpoint_dir is not None) == (config.alpha_tests != (0,) or config.evaluations != ())
