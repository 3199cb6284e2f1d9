"""From the block to runs: what lines mean."""

import copy

import pytest

from campaign.grid import block as blocks
from campaign.grid.study import Study
from nnet.checks import ConfigError
from nnet.config import TrainConfig

BLOCK = dict(
    dataset="digits", arch=["mlp_small", "cnn"], regime=["clean", "noisy"], alpha_train=[0.1, 0.2], p=0.3,
    corrupt_test=True, seed=[0, 1, 2], epochs=3, batch_size=64, optimizer="sgd", learning_rate=0.01, momentum=0.9,
    nesterov=True, lr_schedule="cosine_restarts", lr_restart_epochs=2, weight_decay=0.1, activation=["relu", "tanh"],
    alpha_tests=(0, 0.1), noise_samples=4, image_size=20, dropout=0.3, augmentation="crop_flip", max_train_samples=100,
    validation_share=0.2, evaluations=("landscape",), smoothed_accuracy=True, precision="bf16", epoch_checkpoint_s=30,
    cpu_threads=2, data_dir="/data", checkpoint_dir="/checkpoints", output_dir="out", max_workers=7,
)  # fmt: skip


def make(**changed):
    return blocks.expand(BLOCK | changed).configs


def test_every_combination_once_and_clean_once_per_seed():
    configs = make()
    assert len(configs) == len({config.run_id for config in configs}) == 2 * 2 * 3 * (1 + 2)
    clean = [config for config in configs if config.regime == "clean"]
    assert len(clean) == 2 * 2 * 3 and {config.alpha_train for config in clean} == {0.0}


def test_every_line_reaches_the_runs_or_the_launch():
    runs = blocks.expand(BLOCK)
    varied = {name for name, value in BLOCK.items() if isinstance(value, list)}
    for config in runs.configs:
        for name in BLOCK.keys() - varied - {"output_dir", "max_workers"}:
            assert getattr(config, name) == BLOCK[name], name
    for name in varied - {"alpha_train"}:
        assert {getattr(config, name) for config in runs.configs} == set(BLOCK[name])
    assert {config.epoch_checkpoint_dir for config in runs.configs} == {"out"}
    assert runs.launch == blocks.Launch(output_dir="out", max_workers=7) and runs.reference is None


def test_a_missing_line_is_the_default_of_the_configuration_or_the_launch(monkeypatch, tmp_path):
    monkeypatch.setenv("NNET_DATA_DIR", str(tmp_path))
    for data_dir in ({}, {"data_dir": None}):
        runs = blocks.expand(data_dir)
        assert runs.configs == [TrainConfig(epoch_checkpoint_dir="results", data_dir=str(tmp_path))]
        assert runs.launch == blocks.Launch()


def test_any_line_may_vary():
    made = make(
        learning_rate=[0.1, 0.01], batch_size=[32, 64], alpha_tests=[(0,), (0, 0.5)], dataset=["digits", "mnist"]
    )
    assert len(made) == 2 * 2 * 2 * 2 * len(make())
    assert {config.alpha_tests for config in made} == {(0,), (0, 0.5)}


def test_nothing_that_is_handed_over_is_changed():
    block = BLOCK | {"options": {"additive": {"sigma": 0.1}}, "corruption": "additive"}
    parts = [{"options": {"additive": {"sigma": 0.2}}}, {}]
    before = copy.deepcopy((block, parts))
    blocks.expand(block, Study("mine", block, parts), {"options": {"landscape": {"points": 16}}})
    assert (block, parts) == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": []}, "seed is empty"),
        ({"seed": [1, 1]}, "seed has duplicates"),
        ({"arch": ["cnn", "cnn"]}, "arch has duplicates"),
        ({"epoch": 3}, "the block: unknown line 'epoch'; did you mean 'epochs'"),
        ({"zzz": 3}, "the block: unknown line 'zzz'; choose from"),
        ({"architectures": ["cnn"]}, "arch and architectures name the same setting"),
        ({"alpha_tests": [0, 0.1]}, r"a tuple; write \(0, 0.1\) for one value"),
        ({"evaluations": ["landscape"]}, r"a tuple; write \('landscape',\) for one value"),
        ({"output_dir": ["a", "b"]}, "output_dir has one value for all runs"),
        ({"max_workers": [1, 2]}, "max_workers has one value for all runs"),
        ({"options": "window=3"}, "options must be a dict"),
        (
            {"options": {"gamma": 0.1}},
            r'the block: options belong to their owner: write options={"awp": {"gamma": 0.1}}',
        ),
        (
            {"options": {"awp": {"gamma": 0.1}}},
            "options of 'awp' have no effect: no run of this list has 'awp' as its reg",
        ),
        ({"options": {"additive": {"sigma": 0.5}}}, "options of 'additive' have no effect: no run of this list"),
        ({"options": {"apw": {"gamma": 0.1}}}, "unknown owner of options 'apw'; choose from .*; did you mean 'awp'"),
        ({"options": {"landscape": {"pionts": 5}}}, "unknown option 'pionts' of landscape; .*did you mean 'points'"),
        ({"memory_check": "no"}, "memory_check must be True or False"),
    ],
)
def test_a_wrong_line_is_one_sentence(wrong, message):
    with pytest.raises(ConfigError, match=message):
        make(**wrong)


def test_options_go_to_the_runs_that_have_their_owner():
    everyone, adaptive = {"additive": {"sigma": 0.5}, "landscape": {"points": 16}}, {"adaptive": {"window": 3}}
    configs = make(corruption="additive", options=everyone | adaptive, regime=["clean", "adaptive"])
    for config in configs:
        assert config.options == (everyone | adaptive if config.regime == "adaptive" else everyone)
