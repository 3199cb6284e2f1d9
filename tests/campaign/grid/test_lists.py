"""Lists of runs made in Python: combined, changed and filtered."""

import dataclasses
import itertools
import random

import pytest

from campaign.grid import lists
from nnet.checks import ConfigError
from nnet.config import TrainConfig

BASE = TrainConfig(epochs=3, noise_model="magnitude", options={})


def settings_of(configs) -> list[tuple]:
    return [(config.arch, config.regime, config.alpha_train, config.seed) for config in configs]


def test_a_product_has_every_combination_once_and_clean_once_whatever_the_noise():
    made = lists.product(
        BASE, arch=["mlp_small", "cnn"], regime=["clean", "noisy"], alpha_train=[0.1, 0.2], seed=[0, 1]
    )
    expected = [
        (arch, regime, alpha, seed)
        for arch in ("mlp_small", "cnn")
        for regime, alphas in (("clean", (0.0,)), ("noisy", (0.1, 0.2)))
        for alpha in alphas
        for seed in (0, 1)
    ]
    assert settings_of(made) == expected
    assert {config.epochs for config in made} == {3} and {config.noise_model for config in made} == {"magnitude"}
    assert BASE == TrainConfig(epochs=3, noise_model="magnitude", options={})


def test_options_go_to_the_runs_that_have_their_owner_and_a_list_of_options_varies():
    options = [{"beta": {"beta_robustness": 0.1}}, {"beta": {"beta_robustness": 0.5}}]
    made = lists.product(BASE, regime=["clean", "beta", "awp"], options=options)
    assert [(config.regime, config.options) for config in made] == [
        ("clean", {}), ("beta", options[0]), ("beta", options[1]), ("awp", {}),
    ]  # fmt: skip
    with pytest.raises(
        ValueError, match="options of 'awp' have no effect: no run of this list has 'awp' as its regime"
    ):
        lists.product(BASE, regime=["clean", "beta"], options={"awp": {"gamma": 0.1}})


def test_a_tuple_is_one_value():
    (made,) = lists.product(BASE, alpha_tests=(0, 0.3), evaluations=("landscape",))
    assert made.alpha_tests == (0, 0.3) and made.evaluations == ("landscape",)


def test_split_gives_that_many_times_more_runs_and_respects_where():
    before = lists.product(BASE, arch=["mlp_small", "cnn"], seed=[0, 1, 2])
    copy = list(before)
    whole = lists.split(before, batch_size=[32, 64], learning_rate=[0.1, 0.01])
    assert len(whole) == len(before) * 4
    part = lists.split(before, where={"arch": "cnn", "seed": 1}, batch_size=[32, 64])
    assert len(part) == len(before) + 1 and part[:4] == before[:4] and part[6] == before[5]
    assert [(config.seed, config.batch_size) for config in part[4:6]] == [(1, 32), (1, 64)]
    assert before == copy


def test_configure_changes_what_it_fits_and_not_its_input():
    before = lists.product(BASE, regime=["clean", "beta"], alpha_train=0.3, options={"beta": {"beta_robustness": 0.1}})
    copy = [dataclasses.replace(config) for config in before]
    after = lists.configure(before, where={"regime": "beta"}, alpha_train=0, options={"beta": {"attack_size": 0.2}})
    assert before == copy and after[0] == before[0]
    assert (after[1].alpha_train, after[1].options) == (0, {"beta": {"beta_robustness": 0.1, "attack_size": 0.2}})
    assert lists.configure(before, where={"attack_steps": 10}, dropout=0.3)[1].dropout == 0.3
    (clean,) = lists.configure(before, regime="clean")
    assert clean.options == {} and clean.alpha_train == 0


def test_grids_are_joined_without_duplicates_and_filtered():
    one, other = lists.product(BASE, seed=[0, 1]), lists.product(BASE, seed=[1, 2])
    assert [config.seed for config in lists.join(one, other, one)] == [0, 1, 2]
    assert lists.select(lists.join(one, other), seed=1) == [one[1]]
    assert lists.select(one, arch="cnn") == []
    with_options = lists.product(BASE, regime=["clean", "beta"], options={"beta": {"attack_steps": 3}})
    for name in ("attack_steps", "beta.attack_steps"):
        assert [config.regime for config in lists.select(with_options, **{name: 3})] == ["beta"]


def test_a_network_that_is_measured_in_several_ways_is_there_once_for_each():
    made = lists.product(BASE, seed=[0, 1], noise_samples=[5, 20])
    assert len(made) == 4 and len({config.run_id for config in made}) == 2
    assert lists.join(made, made) == made
    assert [config.noise_samples for config in lists.select(made, noise_samples=20)] == [20, 20]
    assert [c.epochs for c in lists.configure(made, where={"noise_samples": 5, "seed": 0}, epochs=7)] == [7, 3, 3, 3]
    same = [{}, {"beta": {"attack_size": 0.1}}, {"beta": {"attack_size": 0.1, "attack_steps": 10.0}}]  # defaults
    assert len(lists.product(BASE, regime="beta", options=same)) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: lists.product(BASE, depth=[1]), "unknown setting 'depth'; choose from"),
        (lambda: lists.product(BASE, epoch=1), "unknown setting 'epoch'; did you mean 'epochs'\\?"),
        (lambda: lists.product(BASE, p=[0], ps=[0]), "p and ps name the same setting"),
        (lambda: lists.split([BASE], seed=3), "seed must be a list; got 3"),
        (lambda: lists.product(BASE, options=["window"]), "options must be a dict of options by owner"),
        (lambda: lists.product(BASE, seed=[]), "seed is empty"),
        (lambda: lists.product(BASE, arch=["mlp_tiny"]), "'mlp_tiny'; choose from"),
        (lambda: lists.select([BASE], depth=1), "no run has a setting 'depth'; choose from"),
        (lambda: lists.configure([BASE], where={"depth": 1}, seed=2), "no run has a setting 'depth'"),
        (lambda: lists.split([BASE], seed=[]), "seed is empty"),
        (lambda: lists.configure([BASE], epochs=0), "epochs 0 trains nothing: give initial_weights"),
    ],
)
def test_what_is_wrong_with_a_grid_is_one_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


OLDER = {"architectures": "arch", "regimes": "regime", "activations": "activation", "ps": "p", "seeds": "seed"}


OLDER |= {"architecture": "arch", "alpha_test": "alpha_tests", "evaluation": "evaluations"}


@pytest.mark.parametrize("word", OLDER)
def test_older_words_of_settings_are_understood(word):
    value = {"arch": "cnn", "regime": "noisy", "activation": "tanh", "p": 0.5, "seed": 3}.get(OLDER[word])
    value = {"alpha_tests": (0, 0.3), "evaluations": ("landscape",)}.get(OLDER[word], value)
    assert lists.product(BASE, **{word: value}) == lists.product(BASE, **{OLDER[word]: value}) != [BASE]
    both = lists.join([BASE], lists.configure([BASE], **{word: value}))
    assert lists.select(both, **{word: value}) == both[1:]
    assert lists.configure(both, where={word: value}, epochs=2)[0] == BASE
    if OLDER[word] not in ("alpha_tests", "evaluations"):
        assert lists.only(both, [(word, value)])[-1:] == both[1:]


def test_the_seeds_of_repeats_are_drawn_from_the_master_seed():
    draws = random.Random(7)
    assert lists.repeats(4, 7) == [draws.getrandbits(31) for _ in range(4)]
    assert lists.repeats(9, 7)[:4] == lists.repeats(4, 7) and len(set(lists.repeats(9, 7))) == 9
    assert not set(lists.repeats(9, 7)) & set(lists.repeats(9, 8)) and lists.repeats(3) == lists.repeats(3, 0)
    for wrong, message in (
        (0, "at least 1; got 0"),
        (2.5, "a whole number; got 2.5"),
        ("3", "a whole number; got '3'"),
    ):
        with pytest.raises(ConfigError, match=f"repeats must be {message}"):
            lists.repeats(wrong)
    with pytest.raises(ConfigError, match="master_seed must be a whole number; got None"):
        lists.repeats(2, None)


def test_the_augmentation_may_be_what_is_usual_for_the_dataset(npz):
    usual = {"digits": "none", "mnist": "none", "cifar10": "crop_flip", npz: "none"}
    made = lists.product(dataset=[*usual], augmentation="dataset")
    assert {config.dataset: config.augmentation for config in made} == usual


def test_only_keeps_the_runs_with_these_settings_and_those_that_have_no_such_option():
    configs = lists.product(
        BASE, arch=["mlp_small", "cnn"], regime=["clean", "adaptive"], alpha_train=[0.1, 0.2], p=[0, 0.3], seed=[0, 1],
        max_train_samples=100, options={"adaptive": {"window": 4}},
    )  # fmt: skip
    kept = lists.only(configs, [("p", 0.3), ("arch", "cnn"), ("adaptive.window", 4)])
    assert kept == [config for config in configs if config.p == 0.3 and config.arch == "cnn"]
    assert {config.regime for config in lists.only(configs, [("window", 5)])} == {"clean"}
    assert lists.only(configs, [("mode", "adaptive"), ("max_train_samples", 100), ("nesterov", False)]) == configs
    default = lists.product(BASE, regime=["clean", "adaptive"], alpha_train=[0.1, 0.2])
    assert lists.only(default, [("window", 5), ("max_train_samples", "none")]) == default
    assert {config.regime for config in lists.only(default, [("window", 4)])} == {"clean"}
    strong = lists.only(default, [("alpha_train", 0.2)])
    assert {(config.regime, config.alpha_train) for config in strong} == {("clean", 0.0), ("adaptive", 0.2)}
    assert lists.only(configs, []) == configs
    with pytest.raises(ConfigError, match="--only: unknown setting 'depth'; choose from .*window"):
        lists.only(configs, [("depth", 4)])
    with pytest.raises(ConfigError, match="--only leaves no run: none has seed = 9"):
        lists.only(configs, [("seed", 9)])


def test_no_two_grids_share_what_can_be_changed():
    options = {"beta": {"beta_robustness": 0.1}}
    made = lists.product(BASE, regime="beta", seed=[0, 1], options=options)
    options["beta"]["beta_robustness"] = 0.9
    made[0].options["beta"]["beta_robustness"] = 0.5
    assert [config.options["beta"]["beta_robustness"] for config in made] == [0.5, 0.1]
    assert len({id(config.options["beta"]) for config in itertools.chain(made, lists.configure(made, epochs=2))}) == 4
