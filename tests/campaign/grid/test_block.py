import dataclasses
import random

import pytest

import run_experiments
from campaign.commands.command_line import Settings
from campaign.grid import lists

BASE = Settings(
    dataset="digits", architectures=["mlp_small", "cnn"], regimes=["clean", "noisy"], alpha_train=[0.1, 0.2],
    noise_model="tensor_std", ps=[0.3], corruption="replacement", corrupt_test=True, seeds=[0, 1, 2], repeats=None,
    master_seed=0, epochs=3, batch_size=64, optimizer="sgd", learning_rate=0.01, momentum=0.9, nesterov=True,
    lr_schedule="cosine_restarts", lr_restart_epochs=2, lr_milestones=[], lr_factor=0.2, weight_decay=0.1,
    activations=["relu", "tanh"], alpha_tests=[0, 0.1], noise_samples=4, image_size=20, dropout=0.3,
    augmentation="crop_flip", max_train_samples=100, validation_share=0.2, evaluations=["landscape"],
    smoothed_accuracy=True, precision="bf16", sweep_precision="fp32", options={},
    engine="process", max_workers=None, memory_check=True, run_timeout_s=None, epoch_checkpoint_s=30,
    cpu_threads_per_worker=2, use_cuda=False, data_dir="/data", output_dir="results", checkpoint_dir="/checkpoints",
)  # fmt: skip


def make(**changed):
    return lists.configurations(dataclasses.replace(BASE, **changed))


def test_every_combination_once_and_clean_once_per_seed():
    configs = make()
    assert len(configs) == len({config.run_id for config in configs}) == 2 * 2 * 3 * (1 + 2)
    clean = [config for config in configs if config.regime == "clean"]
    assert len(clean) == 2 * 2 * 3 and {config.alpha_train for config in clean} == {0.0}


def test_every_setting_reaches_the_runs():
    config = next(config for config in make() if config.regime == "noisy" and config.seed == 2)
    assert (config.epochs, config.batch_size, config.learning_rate, config.weight_decay) == (3, 64, 0.01, 0.1)
    assert (config.p, config.alpha_tests, config.noise_samples, config.image_size) == (0.3, (0, 0.1), 4, 20)
    assert (config.optimizer, config.momentum, config.nesterov) == ("sgd", 0.9, True)
    assert (config.lr_schedule, config.lr_restart_epochs) == ("cosine_restarts", 2)
    (stepped, *_) = make(lr_schedule="steps", lr_restart_epochs=None, lr_milestones=[2, 3], lr_factor=0.5)
    assert (stepped.lr_schedule, stepped.lr_milestones, stepped.lr_factor) == ("steps", (2, 3), 0.5)
    assert (config.dropout, config.augmentation, config.validation_share) == (0.3, "crop_flip", 0.2)
    assert config.smoothed_accuracy
    assert (config.corruption, config.corrupt_test) == ("replacement", True)
    assert (config.max_train_samples, config.cpu_threads, config.use_cuda) == (100, 2, False)
    assert config.evaluations == ("landscape",)
    assert (config.precision, config.sweep_precision) == ("bf16", "fp32")
    assert (config.data_dir, config.checkpoint_dir) == ("/data", "/checkpoints")
    assert (config.epoch_checkpoint_dir, config.epoch_checkpoint_s) == ("results", 30)


def test_the_settings_are_not_changed():
    before = dataclasses.asdict(BASE)
    make()
    assert dataclasses.asdict(BASE) == before


@pytest.mark.parametrize(
    "name", ["architectures", "regimes", "alpha_train", "ps", "seeds", "activations", "alpha_tests"]
)
def test_empty_and_duplicate_lists_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is empty"):
        make(**{name: []})
    with pytest.raises(ValueError, match=f"{name} has duplicates"):
        make(**{name: getattr(BASE, name) + getattr(BASE, name)[:1]})


def test_repeats_have_seeds_of_the_master_seed_the_same_for_every_combination():
    configs = make(ps=[0, 0.5], seeds=None, repeats=4, master_seed=7)
    combinations = {}
    for config in configs:
        combinations.setdefault(
            (config.arch, config.activation, config.regime, config.alpha_train, config.p), []
        ).append(config.seed)
    assert len(combinations) == 2 * 2 * 3 * 2
    draws = random.Random(7)
    assert set(map(tuple, combinations.values())) == {tuple(draws.getrandbits(31) for _ in range(4))}
    more = dataclasses.replace(BASE, seeds=None, repeats=9, master_seed=7)
    assert lists.seeds(more)[:4] == next(iter(combinations.values())) and len(set(lists.seeds(more))) == 9
    assert not set(lists.seeds(more)) & set(lists.seeds(dataclasses.replace(more, master_seed=8)))


def test_seeds_and_repeats_exclude_each_other():
    for wrong in (dict(repeats=3), dict(seeds=None)):
        with pytest.raises(ValueError, match="give either seeds or repeats"):
            make(**wrong)
    for wrong, message in (
        (0, "at least 1; got 0"),
        (2.5, "a whole number; got 2.5"),
        ("3", "a whole number; got '3'"),
    ):
        with pytest.raises(ValueError, match=f"repeats must be {message}"):
            make(seeds=None, repeats=wrong)
    with pytest.raises(ValueError, match="master_seed must be a whole number; got None"):
        make(seeds=None, repeats=2, master_seed=None)
    with pytest.raises(ValueError, match="ps must be a list; got 0.5"):
        make(ps=0.5)


def test_sigma_goes_to_additive_corruption():
    configs = make(corruption="additive", options={"sigma": 0.5})
    assert all(config.options == {"sigma": 0.5} for config in configs)
    with pytest.raises(ValueError, match="unknown option 'sigma'"):
        make(options={"sigma": 0.5})


def test_the_studies_of_the_program_are_lists_of_configurations():
    weights, pixels = run_experiments.weight_noise_study(), run_experiments.pixels_study()
    assert len(weights) == 5 * 2 * 3 and {config.p for config in weights} == {0}
    assert len(pixels) == 3 * 7 * 5 and len({config.seed for config in pixels}) == 5
    assert {config.activation for config in pixels} == {"relu", "tanh", "sigmoid"}
    assert {config.p for config in pixels} == {0, 0.1, 0.2, 0.4, 0.6, 0.8, 1}
    assert {(config.arch, config.epochs, config.alpha_tests) for config in pixels} == {("pixel_mlp", 5, (0.0,))}
    large = run_experiments.large_pixels_study()
    assert len({config.run_id for config in large}) == 2400 and len({config.seed for config in large}) == 40
    shapes = {(config.arch, config.epochs, config.batch_size) for config in large}
    assert shapes == {("pixel_mlp_large", 15, 512), ("pixel_cnn_large", 20, 256)}


def test_an_option_that_nobody_has_is_refused():
    with pytest.raises(ValueError, match="unknown option 'gamma'.*known options"):
        make(options={"gamma": 0.1})


def test_the_augmentation_may_be_what_is_usual_for_the_dataset(npz):
    for dataset, usual in (("digits", "none"), ("mnist", "none"), ("cifar10", "crop_flip"), (npz, "none")):
        assert {config.augmentation for config in make(dataset=dataset, augmentation="dataset")} == {usual}


def test_only_keeps_the_runs_with_these_settings_and_those_that_have_no_such_option():
    configs = make(regimes=["clean", "adaptive"], options={"window": 4}, ps=[0, 0.3])
    kept = lists.only(configs, [("p", 0.3), ("arch", "cnn"), ("window", 4)])
    assert kept == [config for config in configs if config.p == 0.3 and config.arch == "cnn"]
    assert {config.regime for config in lists.only(configs, [("window", 5)])} == {"clean"}
    assert lists.only(configs, [("mode", "adaptive"), ("max_train_samples", 100), ("nesterov", True)]) == configs
    default = make(regimes=["clean", "adaptive"], max_train_samples=None)
    assert lists.only(default, [("window", 5), ("max_train_samples", "none")]) == default
    assert {config.regime for config in lists.only(default, [("window", 4)])} == {"clean"}
    strong = lists.only(default, [("alpha_train", 0.2)])
    assert {(config.regime, config.alpha_train) for config in strong} == {("clean", 0.0), ("adaptive", 0.2)}
    assert lists.only(configs, []) == configs
    with pytest.raises(ValueError, match="--only knows no setting 'depth'; choose from .*window"):
        lists.only(configs, [("depth", 4)])
    with pytest.raises(ValueError, match="--only leaves no run: none has seed = 9"):
        lists.only(configs, [("seed", 9)])


def overriding(**changed):
    return lambda block: dataclasses.replace(block, **changed)


def test_the_axes_of_the_adaptive_study_survive_flags():
    longer = run_experiments.adaptive_study(overriding(options={"window": 4}))
    assert len(longer) == 4 * 3 * 3 * 3 and all(config.options.get("window", 4) == 4 for config in longer)
    uniform = run_experiments.adaptive_study(overriding(options={"distribution": "uniform"}))
    assert len(uniform) == 4 * 3 * 3 * 2
    assert {config.optimizer for config in run_experiments.adaptive_study(overriding(optimizer="adam"))} == {"adam"}
    sgd = run_experiments.adaptive_study(overriding(optimizer="sgd"))
    assert {(config.optimizer, config.momentum) for config in sgd} == {("sgd", 0.0), ("sgd", 0.9)}
    clean = run_experiments.adaptive_study(overriding(regimes=["clean"]))
    assert len(clean) == 4 * 3 * 3 and {config.regime for config in clean} == {"clean"}


def test_the_adversarial_study_compares_seven_ways_of_training_on_equal_seeds():
    configs = run_experiments.adversarial_study()
    assert {(c.regime, c.dropout, c.alpha_train, c.options.get("beta_robustness")) for c in configs} == {
        ("clean", 0.0, 0.0, None),
        ("clean", 0.3, 0.0, None),
        ("noisy", 0.0, 0.3, None),
        ("awp", 0.0, 0.0, None),
        ("sam", 0.0, 0.0, None),
        ("beta", 0.0, 0.0, 0.25),
        ("beta", 0.0, 0.3, 0.1),
    }
    assert len(configs) == 7 * 3 and {(c.arch, c.noise_model, c.noise_samples) for c in configs} == {
        ("fmnist_cnn", "magnitude", 100)
    }
    assert {c.alpha_tests for c in configs} == {(0, 0.1, 0.2, 0.3, 0.5, 0.7)}
    assert {c.evaluations for c in configs} == {("landscape", "quantization", "random_corners", "worst_case")}
    fewer = run_experiments.adversarial_study(overriding(regimes=["clean"], seeds=[5], noise_samples=10))
    assert [(c.regime, c.dropout, c.seed, c.noise_samples) for c in fewer] == [
        ("clean", 0, 5, 10),
        ("clean", 0.3, 5, 10),
    ]


def test_the_adaptive_study_has_a_baseline_of_equal_seed_and_optimizer_for_every_run():
    configs = run_experiments.adaptive_study()
    assert len(configs) == len({config.run_id for config in configs}) == 4 * 3 * 3 * 3
    baselines = [config for config in configs if config.regime == "clean"]
    noisy = [config for config in configs if config.regime == "adaptive"]
    assert {config.options["distribution"] for config in noisy} == {"gaussian", "uniform"}
    for config in noisy:
        same = dataclasses.replace(config, regime="clean", options={})
        assert baselines.count(same) == 1
    optimizers = {(config.optimizer, config.momentum, config.nesterov) for config in configs}
    assert optimizers == {("sgd", 0.0, False), ("sgd", 0.9, True), ("adam", 0.0, False)}
