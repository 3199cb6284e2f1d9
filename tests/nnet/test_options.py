"""Options belong to their owner: what is set, what is refused, and what every owner states."""

import json
from fractions import Fraction

import numpy as np
import pytest

from nnet import options as by_owner
from nnet import registry
from nnet.checks import ConfigError, canonical
from nnet.config import TrainConfig

OWNERS = [(kind, owner) for owner, kind in by_owner.every_owner().items() if by_owner.names_of(kind, owner)]
PLUG_INS = [(kind, owner) for kind, owner in OWNERS if kind != by_owner.CORRUPTION]


def test_options_are_those_of_their_owner():
    options = {"beta": {"attack_size": 0.3}, "worst_case": {"restarts": 3}, "additive": {"sigma": 0.2}}
    config = TrainConfig(regime="beta", evaluations=("worst_case",), corruption="additive", options=options)
    assert config.options == options and config.options_of("beta") == {"attack_size": 0.3}
    assert config.options_of("weight_noise") == config.options_of("mlp_small") == {}
    config.options_of("beta")["attack_size"] = 9
    assert config.options == options
    assert config.all_options()["beta"].items() >= {"attack_size": 0.3, "attack_steps": 10}.items()
    assert config.all_options().keys() == {"beta", "additive", "weight_noise", "worst_case"}


def test_an_owner_that_sets_nothing_is_left_out():
    assert TrainConfig(regime="beta", options={"beta": {}, "mlp_small": {}}).options == {}


WRONG = {
    r'options must be a dict of options by owner, like {"beta": {"attack_size": 0.1}}; got \[3\]': [3],
    r'write options={"beta": {"attack_size": 0.1}}, or --options beta.attack_size=0.1; .* of beta, awp': {
        "attack_size": 0.1
    },
    r'no owner has an option .depth.; options belong to their owner, like {"beta": {"attack_size": 0.1}}$': {
        "depth": 3
    },
    "the options of 'beta' must be a dict by name; got 3": {"beta": 3},
    "unknown owner of options 'betta'; choose from .*; did you mean 'beta'": {"betta": {"attack_size": 0.1}},
    "options of 'awp' have no effect: this run does not have 'awp' as its regime; its options belong to": {"awp": {}},
    "options of 'cnn' have no effect: this run does not have 'cnn' as its architecture": {"cnn": {}},
    "options of 'worst_case' have no effect: .* as its evaluation": {"worst_case": {"restarts": 2}},
    "options of 'additive' have no effect: .* as its corruption": {"additive": {"sigma": 2}},
    "unknown option 'atack_size' of beta; choose from .*; did you mean 'attack_size'": {"beta": {"atack_size": 0.1}},
    "unknown option 'gamma' of beta; .*; 'gamma' is an option of awp": {"beta": {"gamma": 0.1}},
    "unknown option 'gamma' of mlp_small; it has no options; 'gamma' is an option of awp": {"mlp_small": {"gamma": 1}},
    "the option 'warmup' must be a number, text, .*; got {1}": {"beta": {"warmup": {1}}},
    "the option 'warmup' must be finite; got nan": {"beta": {"warmup": float("nan")}},
    "the option 'warmup' must have texts as keys; got 3": {"beta": {"warmup": {3: 4}}},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_options_are_refused_in_one_sentence(message):
    with pytest.raises(ConfigError, match=message) as caught:
        TrainConfig(regime="beta", options=WRONG[message])
    assert "\n" not in str(caught.value)


def test_additive_corruption_needs_its_sigma():
    options = {"additive": {"sigma": 1}}
    additive = TrainConfig(p=1, corruption="additive", options=options)
    assert additive.options == options and additive.run_id != TrainConfig(p=1).run_id
    with pytest.raises(ConfigError, match="corruption 'additive' needs the option 'sigma'"):
        TrainConfig(corruption="additive")
    with pytest.raises(ConfigError, match="sigma must be finite and not negative; got -0.1"):
        TrainConfig(corruption="additive", options={"additive": {"sigma": -0.1}})


def test_two_owners_of_one_name_are_refused(tmp_path, monkeypatch):
    (tmp_path / "regimes").mkdir()
    (tmp_path / "regimes/landscape.py").write_text("USES_ALPHA_TRAIN = False\n")
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    with pytest.raises(ConfigError, match="rename 'landscape': both the evaluations and the regimes have it"):
        TrainConfig(regime="landscape", evaluations=("landscape",))


def test_no_two_owners_have_one_name():
    kinds = ("regimes", "architectures", "evaluations")
    every = [name for kind in kinds for name in registry.names(kind)] + [*by_owner.CORRUPTIONS]
    every += [name for name in registry.names("datasets") if registry.option_names("datasets", name)]
    assert sorted(by_owner.every_owner()) == sorted(every) == sorted(set(every))


@pytest.mark.parametrize(("kind", "owner"), PLUG_INS)
def test_every_default_is_a_literal_in_canonical_form(kind, owner):
    """So that the launcher, which does not import plug-ins, knows what a run is when an option is left out."""
    options = registry.make_options(kind, owner, {})["options"]
    defaults = by_owner.defaults_of(kind, owner)
    assert defaults == {name: canonical(value) for name, value in vars(options).items()}
    assert registry.option_names(kind, owner) == [*vars(options)]


@pytest.mark.parametrize(("kind", "owner"), PLUG_INS)
def test_an_option_at_its_default_is_the_option_left_out(kind, owner, sequences):
    field = {"regimes": "regime", "architectures": "arch", "evaluations": "evaluations", "datasets": "dataset"}[kind]
    run = {field: [owner] if field == "evaluations" else owner}
    has_sequences = kind in ("architectures", "datasets") and registry.constant(kind, owner, "INPUT") == "sequences"
    others = {"dataset": sequences, "arch": "srnn"} if has_sequences else {}
    left_out = TrainConfig(**others | run)
    written_out = TrainConfig(**others | run, options={owner: by_owner.defaults_of(kind, owner)})
    assert (written_out.run_id, written_out.training()) == (left_out.run_id, left_out.training())
    assert written_out.measuring() == left_out.measuring()


FORMS = [
    (True, True), (np.True_, True), (None, None), ("1", "1"), (np.str_("a"), "a"), (2.0, 2), (-0.0, 0), (0.5, 0.5),
    (np.float32(0.1), 0.1), (np.float64(0.1), 0.1), (np.float16(0.1), 0.1), (np.int64(3), 3), (np.array(2.0), 2),
    (np.array([[1, 2.5]], "f4"), [[1, 2.5]]), ((1.0, (True, "a")), [1, [True, "a"]]), ({"a": (1.0,)}, {"a": [1]}),
    (10**30, 10**30), (Fraction(1, 4), 0.25), ([], []), (np.array([]), []),
]  # fmt: skip


@pytest.mark.parametrize(("value", "form"), FORMS, ids=str)
def test_a_value_has_one_form(value, form):
    found = canonical(value)
    assert json.dumps(found) == json.dumps(form) and canonical(found) == found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1}, "x must be a number, text, truth value, None, list or dict; got {1}"),
        ([{1}], "x must be a number, text"),
        (b"a", "x must be a number, text"),
        (1j, "x must be a number, text"),
        (np.datetime64("2020-01-01"), "x must be a number, text"),
        (float("inf"), "x must be finite; got inf"),
        (np.float32("nan"), "x must be finite; got nan"),
        (Fraction(10**400), "x must be finite"),
        ({1: 2}, "x must have texts as keys; got 1"),
    ],
    ids=str,
)
def test_what_has_no_form_is_refused_in_one_sentence(value, message):
    with pytest.raises(ConfigError, match=message):
        canonical(value, "x")
