"""The one rule for flags: override a line in which the parts of a study agree, else keep the parts that have it."""

import dataclasses

import pytest

from campaign.grid import block as blocks
from campaign.grid import lists, study
from campaign.grid.study import Study
from nnet.checks import ConfigError

PARTS = [
    dict(regime=["clean", "sam"], batch_size=32),
    dict(regime="clean", dropout=0.3, batch_size=32),
    dict(regime="noisy", alpha_train=0.3, batch_size=64),
    dict(regime="beta", alpha_train=0.3, batch_size=64, options={"beta": {"beta_robustness": 0.1, "attack_size": 0.2}}),
    dict(regime="beta", alpha_train=0, batch_size=64, options={"beta": {"beta_robustness": 0.25, "attack_size": 0.2}}),
]
MINE = Study("mine", dict(arch="cnn", seed=[0, 1], lr_milestones=(3,), lr_schedule="steps"), PARTS, {"regime": "clean"})


def cells(flags, mine=MINE) -> list[tuple]:
    configs = blocks.expand({}, mine, flags).configs
    found = [(c.regime, c.dropout, c.alpha_train, c.options_of("beta").get("beta_robustness")) for c in configs]
    return list(dict.fromkeys(found))


ALL = [
    ("clean", 0, 0, None), ("sam", 0, 0, None), ("clean", 0.3, 0, None), ("noisy", 0, 0.3, None), ("beta", 0, 0.3, 0.1),
    ("beta", 0, 0, 0.25),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", [5, 6, 7]), ("arch", "mlp_small"), ("epochs", [4, 5]), ("lr_milestones", (2, 4)), ("dataset", "mnist")],
)
def test_a_flag_overrides_a_line_in_which_the_parts_agree(name, value):
    configs = blocks.expand({}, MINE, {name: value}).configs
    assert {getattr(config, name) for config in configs} == set(value if isinstance(value, list) else [value])
    assert cells({name: value}) == ALL


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ({"regime": "clean"}, [0, 2]),
        ({"regime": ["beta", "sam"]}, [1, 4, 5]),
        ({"dropout": 0.3}, [2]),
        ({"batch_size": 64}, [3, 4, 5]),
        ({"alpha_train": 0.3}, [0, 1, 2, 3, 4]),  # a regime without weight noise has no alpha_train to differ in
        ({"alpha_train": [0, 0.3]}, [0, 1, 2, 3, 4, 5]),
        ({"options": {"beta": {"beta_robustness": 0.25}}}, [0, 1, 2, 3, 5]),  # other regimes do not know the option
        ({"regime": "clean", "dropout": 0}, [0]),
    ],
)
def test_a_flag_keeps_the_runs_that_have_its_value_where_the_parts_differ(flags, kept):
    assert cells(flags) == [ALL[index] for index in kept]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"regime": ["clean", "awp"]}, r"no runs with regime 'awp'; choose from \['clean', 'sam', 'noisy', 'beta'\]"),
        ({"batch_size": 16}, r"no runs with batch_size 16; choose from \[32, 64\]"),
        ({"alpha_train": 0.7}, r"no runs with alpha_train 0.7; choose from \[0.3, 0\]"),
        (
            {"options": {"beta": {"beta_robustness": 0.3}}},
            r"no runs with beta.beta_robustness 0.3; choose from \[0.1, 0.25\]",
        ),
    ],
)
def test_a_value_that_no_part_has_is_refused_with_the_choices(flags, message):
    with pytest.raises(ConfigError, match=message):
        cells(flags)


def test_an_option_is_a_line_of_its_own_in_every_dict_of_options():
    configs = blocks.expand({}, MINE, {"options": {"beta": {"attack_steps": 2}}}).configs
    beta = lists.select(configs, regime="beta")
    assert {config.options["beta"]["attack_steps"] for config in beta} == {2}
    assert {config.options["beta"]["beta_robustness"] for config in beta} == {0.1, 0.25}
    varied = Study("mine", dict(regime="adaptive", options=[{"adaptive": {"window": 3}}, {"adaptive": {"window": 4}}]))
    lower, wider = ({"options": {"adaptive": option}} for option in ({"low_update": 0.1}, {"window": 9}))
    assert [c.options["adaptive"] for c in blocks.expand({}, varied, lower).configs] == [
        {"window": 3, "low_update": 0.1}, {"window": 4, "low_update": 0.1},
    ]  # fmt: skip
    assert [c.options["adaptive"] for c in blocks.expand({}, varied, wider).configs] == [{"window": 9}]


def test_a_part_that_flags_leave_out_need_not_fit_the_other_flags():
    parts = [dict(arch="mlp_small"), dict(arch="resnet18")]
    (run,) = blocks.expand({}, Study("mine", {}, parts), {"arch": "mlp_small", "activation": "tanh"}).configs
    assert (run.arch, run.activation) == ("mlp_small", "tanh")


@pytest.mark.parametrize(
    ("name", "flags", "count"),
    [
        ("adaptive", {"optimizer": "adam"}, 60),
        ("adaptive", {"optimizer": "sgd", "momentum": 0.9}, 60),
        ("adaptive", {"regime": "clean"}, 36),
        ("adaptive", {"options": {"adaptive": {"window": 4}}}, 180),
        ("adaptive", {"options": {"adaptive": {"distribution": "uniform"}}}, 108),
        ("adversarial", {"regime": "clean", "seed": 5, "noise_samples": 10}, 2),
        (
            "adversarial",
            {"seed": [0, 1], "epochs": 1, "lr_schedule": "constant", "lr_milestones": (), "lr_factor": 0.2},
            14,
        ),
        ("pixels_large", {"arch": "pixel_cnn_large", "seed": 0}, 30),
        ("pixels_large", {"epochs": 15, "p": [0, 0.5]}, 240),
        ("pnn", {"arch": ["perturb_resnet18"]}, 15),
        ("pnn", {"batch_size": 10, "learning_rate": 1e-4}, 6),
        ("pnn_control", {"options": {"perturb_resnet18": {"pooling": "avg"}}}, 50),
        ("pnn_control", {"options": {"perturb_resnet18": {"level": 0.0}}, "arch": "perturb_resnet18"}, 5 * 4),
    ],
)
def test_flags_on_the_studies(name, flags, count):
    configs = blocks.expand({}, study.load(name), flags).configs
    assert len(configs) == len({config.run_id for config in configs}) == count
    for owner, options in flags.get("options", {}).items():
        for option, value in options.items():
            assert {config.options_of(owner).get(option, value) for config in configs} == {value}


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("pnn", {"arch": ["perturb_resnet18", "cnn"]}, "no runs with arch 'cnn'; choose from .*'perturb_resnet18'"),
        ("pnn_control", {"arch": "noiseresnet18"}, r"choose from \['pnn_resnet18', 'perturb_resnet18'\]"),
        ("pnn", {"options": {"perturb_resnet18": {"levle": 3}}}, "unknown option 'levle' .*did you mean 'level'"),
        ("pixels_large", {"epochs": 3}, r"no runs with epochs 3; choose from \[15, 20\]"),
        ("adaptive", {"learning_rate": 0.3}, r"choose from \[0.05, 0.02, 0.001\]"),
        ("adversarial", {"dropout": 0.5}, r"choose from \[0, 0.3\]"),
        ("pixels", {"options": {"adaptive": {"window": 3}}}, "'adaptive' have no effect: no run of this list"),
    ],
)
def test_what_a_study_has_not_is_refused(name, flags, message):
    with pytest.raises(ConfigError, match=message):
        blocks.expand({}, study.load(name), flags)


def test_only_comes_last():
    kept = blocks.expand(
        {}, study.load("adaptive"), {"seed": 0}, [("momentum", 0), ("distribution", "gaussian")]
    ).configs
    assert len(kept) == 4 * 2 * (1 + 2) and {config.momentum for config in kept} == {0}


def test_parts_have_no_lines_of_the_launch_and_a_reference_is_a_setting():
    with pytest.raises(ConfigError, match="output_dir has one value for all parts; set it in BLOCK"):
        blocks.expand({}, dataclasses.replace(MINE, parts=[{"output_dir": "a"}]))
    with pytest.raises(ConfigError, match="study mine: unknown line 'epoch'; did you mean 'epochs'"):
        blocks.expand({}, dataclasses.replace(MINE, parts=[{"epoch": 3}]))
    with pytest.raises(ConfigError, match="REFERENCE of the study: unknown setting 'levl'"):
        blocks.expand({}, dataclasses.replace(MINE, reference={"levl": 0}))
    assert blocks.expand({}, dataclasses.replace(MINE, reference={"seeds": 0})).reference == {"seed": 0}
    fewer = blocks.expand({}, study.load("pnn_control"), {"arch": "pnn_resnet18"})  # none of them has masks
    assert len(fewer.configs) == 5 and fewer.reference == {"level": 0}
