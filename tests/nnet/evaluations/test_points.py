"""Which points a configuration asks for, which are missing, how measurements are joined, and the rows they make."""

import itertools
import json
from statistics import fmean, stdev

import pytest

from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.evaluations.parts.points import Wanted, all_missing, derived, joined, missing, table_rows, wanted

IMAGES = {"max_test_samples": None, "corrupt_test": False, "sweep_precision": "fp32"}


def config(**changed) -> TrainConfig:
    return TrainConfig(**dict(alpha_tests=(0, 0.1, 0.2), noise_samples=2) | changed)


def measurement(want: Wanted, places=None, value=lambda strength, draw: 0.9 - strength - draw / 100, **changed) -> dict:
    """A measurement of these points, all wanted ones by default, with made-up values."""
    made = [
        {"strength": strength, "draw": draw, "acc": value(strength, draw), "loss": 1 - value(strength, draw)}
        for strength, draw in sorted(want.points() if places is None else places)
    ]
    parts = {"evaluation": want.evaluation, "version": want.version, "settings": want.settings, "images_sha256": "i"}
    return parts | {"points": made, "columns": {}, "seconds": 1.5, "provenance": [{"cpu": "a"}]} | changed


def run_of(cfg: TrainConfig, measurements: list[dict]) -> dict:
    return {"asked": cfg.measuring(), "measurements": measurements}


def noise(**changed) -> Wanted:
    return wanted(config(**changed))[0]


def test_weight_noise_comes_first_and_has_one_draw_at_strength_0():
    (want,) = wanted(config())
    assert want == Wanted("weight_noise", 1, {"noise_model": "tensor_std", **IMAGES}, (0.0, 0.1, 0.2), 2)
    assert want.points() == [(0, 0), (0.1, 0), (0.2, 0), (0.1, 1), (0.2, 1)]


def test_every_evaluation_says_its_points():
    options = {"worst_case": {"zetas": [0.1, 0], "restarts": 2, "objective": "kl"}, "landscape": {"directions": 3}}
    cfg = config(evaluations=("worst_case", "quantization", "landscape"), options=options)
    by_name = {want.evaluation: want for want in wanted(cfg)}
    assert list(by_name) == ["weight_noise", "landscape", "quantization", "worst_case"]
    assert by_name["worst_case"].points() == [(0, 0), (0.1, 0), (0.1, 1)]
    assert by_name["landscape"].points() == [(None, 0), (None, 1), (None, 2)]
    assert by_name["quantization"].points() == [(float(bits), 0) for bits in range(1, 9)]
    adversary = {"objective": "kl", "test_attack_steps": 10, "test_start_noise": 0.001, "test_attack_all": False}
    assert by_name["worst_case"].settings == adversary | IMAGES
    assert by_name["landscape"].settings == {"direction_size": 0.2, "points": 50, **IMAGES}


def test_the_noise_model_is_the_configurations_unless_the_evaluation_has_its_own():
    assert noise(noise_model="magnitude").settings["noise_model"] == "magnitude"
    both = noise(noise_model="magnitude", options={"weight_noise": {"noise_model": "tensor_std"}})
    assert both.settings["noise_model"] == "tensor_std"


@pytest.mark.parametrize("name", registry.names("evaluations"))
def test_every_default_is_known_without_importing_the_evaluation(name):
    made = registry.make_options("evaluations", name, {}).get("options")
    stated = registry.option_defaults("evaluations", name)
    assert {option: getattr(made, option) for option in stated} == stated
    listed = {registry.constant("evaluations", name, variable) for variable in ("STRENGTHS", "DRAWS")} - {None}
    assert listed <= {*stated, *TrainConfig.__dataclass_fields__}


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("worst_case", "restarts", 0), ("worst_case", "restarts", "two"), ("worst_case", "zetas", "0.1")]
    + [("quantization", "bits", []), ("quantization", "bits", [3, 3]), ("random_corners", "corners", 1.5)],
)
def test_wrong_strengths_and_draws_are_said(name, option, value):
    cfg = config(evaluations=(name,), options={name: {option: value}})
    with pytest.raises(ConfigError, match=f"{name}.{option} must be"):
        wanted(cfg)


def test_only_what_was_not_measured_is_missing():
    want = noise(alpha_tests=(0, 0.1), noise_samples=1)
    known = [measurement(want)]
    assert missing(want, known) == [] and missing(want, []) == want.points()
    more = noise(alpha_tests=(0, 0.1, 0.3), noise_samples=2)
    assert missing(more, known) == [(0.3, 0), (0.1, 1), (0.3, 1)]
    assert missing(noise(alpha_tests=(0, 0.1), noise_samples=1, max_test_samples=5), known) == [(0, 0), (0.1, 0)]
    assert missing(want, [measurement(want, version=0)]) == want.points()
    assert missing(want, json.loads(json.dumps(known))) == []


def test_the_draws_of_an_evaluation_without_strengths_are_counted():
    one, three = (
        wanted(config(evaluations=("landscape",), options={"landscape": {"directions": count}}))[1] for count in (1, 3)
    )
    known = measurement(one, places=[(place, 0) for place in (-2.0, 0.0, 2.0)])
    assert missing(one, [known]) == [] and missing(three, [known]) == [(None, 1), (None, 2)]


def test_what_is_missing_is_counted_by_evaluation():
    cfg = config(evaluations=("quantization",))
    sweep, rounding = wanted(cfg)
    assert all_missing(cfg, []) == {"weight_noise": 5, "quantization": 8}
    assert all_missing(cfg, [measurement(sweep)]) == {"quantization": 8}
    assert all_missing(cfg, [measurement(rounding), measurement(sweep)]) == {}


def test_an_option_that_an_evaluation_has_had_only_since_then_is_at_its_default():
    want = noise()
    older = measurement(want, settings={name: value for name, value in want.settings.items() if name != "noise_model"})
    assert missing(want, [older]) == [] and missing(noise(noise_model="magnitude"), [older]) != []
    assert joined([older], [measurement(want)]) == [older]


def test_points_are_joined_in_any_order():
    want = noise(noise_samples=4)
    whole = measurement(want)
    parts = [measurement(want, places=want.points()[start::3]) for start in range(3)]
    for order in itertools.permutations(parts):
        (both,) = joined(joined([order[0]], [order[1]]), [order[2]])
        assert both["points"] == whole["points"] and both["seconds"] == 4.5 and both["provenance"] == [{"cpu": "a"}]
    assert joined([whole], parts) == [whole] == joined(parts[:1], [whole])


def test_measurements_have_one_order():
    cfg = config(evaluations=("quantization", "landscape"))
    all_of_them = [measurement(want, places=[(0.0, 0)]) for want in [*wanted(cfg), noise(noise_model="magnitude")]]
    names = [item["evaluation"] for item in joined([], all_of_them)]
    assert names == ["weight_noise", "weight_noise", "landscape", "quantization"]
    assert joined(all_of_them[::-1], []) == joined([], all_of_them)


def test_provenance_of_both_is_kept_and_columns_are_those_of_all_points():
    want = noise()
    old = measurement(want, places=[(0.0, 0)], columns={"slope": 1})
    new = measurement(want, places=[(0.1, 0)], provenance=[{"cpu": "b"}], columns={"slope": 2})
    (both,) = joined([old], [new])
    assert both["provenance"] == [{"cpu": "a"}, {"cpu": "b"}] and both["columns"] == {}
    assert joined([both], [old]) == [both]


def test_one_point_with_two_values_is_refused():
    want = noise()
    with pytest.raises(ValueError, match=r"weight_noise has two different values at strength 0.1, draw 1"):
        joined([measurement(want)], [measurement(want, places=[(0.1, 1)], value=lambda *_: 0.5)])


def test_a_row_has_the_mean_and_the_spread_of_the_draws():
    cfg = config(noise_samples=3)
    rows = table_rows(run_of(cfg, [measurement(noise(noise_samples=3))]))
    assert [row["alpha_test"] for row in rows] == [0, 0.1, 0.2]
    accuracies = [0.9 - 0.1 - draw / 100 for draw in range(3)]
    expected = {"evaluation": "weight_noise", "settings": "{}", "part": "", "alpha_test": 0.1, "noise_samples": 3}
    expected |= {"acc": fmean(accuracies), "acc_std": stdev(accuracies), "acc_min": min(accuracies)}
    losses = [1 - accuracy for accuracy in accuracies]
    assert rows[1] == expected | {"loss": fmean(losses), "drop": 0.9 - fmean(accuracies)}
    assert (rows[0]["noise_samples"], rows[0]["acc_std"], rows[0]["drop"]) == (1, None, 0)


def test_a_row_names_the_settings_that_are_not_at_their_default():
    cfg = config(noise_model="magnitude", max_test_samples=100)
    (want,) = wanted(cfg)
    rows = table_rows(run_of(cfg, [measurement(want)]))
    assert {row["settings"] for row in rows} == {'{"max_test_samples": 100, "noise_model": "magnitude"}'}


def test_a_drop_is_relative_to_the_same_images():
    cfg = config(evaluations=("quantization",), max_test_samples=100)
    sweep, rounding = wanted(cfg)
    rounded = measurement(rounding, value=lambda *_: 0.5)
    on_all = measurement(noise(), value=lambda *_: 0.99)
    assert {
        row["drop"] for row in table_rows(run_of(cfg, [on_all, rounded])) if row["evaluation"] == "quantization"
    } == {None}
    rows = table_rows(run_of(cfg, [on_all, measurement(sweep), rounded]))
    assert {row["drop"] for row in rows if row["evaluation"] == "quantization"} == {0.9 - 0.5}


def test_a_loss_that_is_not_finite_in_one_draw_has_no_mean():
    sweep = measurement(noise())
    sweep["points"][1]["loss"] = None
    assert [row["loss"] is None for row in table_rows(run_of(config(), [sweep]))] == [False, True, False]


def test_an_adversary_reports_the_restart_with_the_largest_objective_and_one_without_limit_is_the_largest():
    cfg = config(evaluations=("worst_case",), options={"worst_case": {"zetas": [0, 0.1], "restarts": 3}})
    attacked = measurement(wanted(cfg)[1])
    for objectives, reported in (((1.0, 3.0, 2.0), 1), ((1.0, 3.0, None), 2)):
        for point, objective in zip(attacked["points"], (0.0, *objectives), strict=True):
            point["objective"] = objective
        _, row = table_rows(run_of(cfg, [attacked]))
        point = attacked["points"][1 + reported]
        assert (row["acc"], row["loss"], row["objective"]) == (point["acc"], point["loss"], point["objective"])
        assert row["acc_std"] is None and row["noise_samples"] == 3
        assert row["acc_min"] == min(point["acc"] for point in attacked["points"][1:])


def test_parts_have_rows_of_their_own_and_further_columns_are_means():
    want = noise()
    made = [
        {"strength": 0.1, "draw": draw, "part": part, "acc": acc, "loss": 0.1, "flips": flips}
        for draw, part, acc, flips in ((0, "b", 0.5, 1), (0, "a", 0.7, 2), (1, "b", 0.6, 4), (1, "a", 0.8, 8))
    ]
    rows = table_rows(run_of(config(), [measurement(want) | {"points": made}]))
    assert [(row["part"], row["acc"], row["flips"]) for row in rows] == [("b", fmean([0.5, 0.6]), 2.5), ("a", 0.75, 5)]
    assert missing(noise(alpha_tests=(0, 0.1), noise_samples=2), [measurement(want) | {"points": made}]) == [(0, 0)]


def test_an_older_version_has_no_rows_beside_a_newer_one():
    want = noise()
    old, new = measurement(want, version=0, value=lambda *_: 0.1), measurement(want)
    assert table_rows(run_of(config(), [old, new])) == table_rows(run_of(config(), [new]))
    assert {row["acc"] for row in table_rows(run_of(config(), [old]))} == {0.1}


def test_the_rows_of_an_evaluation_whose_file_is_gone_are_still_there():
    gone = measurement(noise(), evaluation="of_a_colleague", settings={"size": 3, **IMAGES})
    rows = table_rows(run_of(config(), [measurement(noise()), gone]))[3:]
    assert {row["settings"] for row in rows} == {'{"size": 3}'} and [row["drop"] for row in rows][0] == 0


def test_the_columns_of_a_run_follow_from_the_settings_last_asked_for():
    cfg = config(noise_model="magnitude", evaluations=("landscape",))
    sweep, line = wanted(cfg)
    other = measurement(noise(), value=lambda *_: 0.3, columns={"other": 1})
    lines = measurement(line, places=[(0.0, 0)], columns={"landscape_slope": 2.0})
    columns = derived(run_of(cfg, [measurement(sweep), other, lines]))
    expected = {"acc_0": 0.9, "acc_01": fmean([0.8, 0.79]), "test_loss": 1 - 0.9, "sweep_seconds": 4.5}
    assert columns == expected | {"drop_at_01": 0.9 - fmean([0.8, 0.79]), "landscape_slope": 2.0}
    plain = derived(run_of(config(), [measurement(sweep), other, lines]))
    assert plain["acc_0"] == 0.3 and "landscape_slope" not in plain


def test_a_run_that_was_not_measured_has_empty_columns():
    columns = derived(run_of(config(), []))
    assert columns == dict.fromkeys(("acc_0", "acc_01", "drop_at_01", "test_loss")) | {"sweep_seconds": 0}
    assert table_rows(run_of(config(), [])) == []


def test_the_clean_point_is_that_of_the_same_images():
    sweep = measurement(noise())
    assert points.clean([sweep], IMAGES, "i") == sweep["points"][0]
    assert points.clean([sweep], IMAGES, "j") is None
    assert points.clean([sweep], IMAGES | {"corrupt_test": True}, "i") is None
