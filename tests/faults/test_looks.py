"""What a figure could say wrongly: labels, legends, colours, hollow points."""

import pytest

from campaign.analysis import figures, panels, questions, tables
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import CLEAN, drawn, legends, plain, runs
from tests.campaign.analysis.making import also, measurement, point, result


def test_figures_of_different_values_have_different_labels():
    rates = [0.3, 0.1 * 3, 0.0012345678, 0.0012345679]
    made = tables.build([result(0, learning_rate=rate) for rate in rates])
    labels = list(drawn(figures.draw("weight_noise", made)["accuracy"].axes[0]))
    assert labels == [f"{CLEAN}, learning rate = {rate!r}" for rate in sorted(rates)]
    alphas = [0.2, 0.1 + 0.1 + 1e-9]
    made = tables.build([result(0, regime="noisy", alpha_train=alpha) for alpha in alphas])
    assert len({*drawn(figures.draw("weight_noise", made)["accuracy"].axes[0])}) == 2


def looks(figure) -> list[tuple[str, str, str, str]]:
    """(panel, label, colour, marker) of every line with error bars that has points."""
    return [
        (axes.get_title(), plain(container.get_label()), container[0].get_color(), container[0].get_marker())
        for axes in figure.axes for container in axes.containers
        if hasattr(container, "has_yerr") and container[0] is not None and len(container[0].get_xdata())
    ]  # fmt: skip


def mixed() -> list[dict]:
    """Networks with different methods: no panel shows all of them."""
    few = [result(seed, arch="cnn", regime=regime, alpha_train=0.3) for seed in (0, 1) for regime in ("clean", "noisy")]
    arms = [dict(regime="noisy", alpha_train=0.05), dict(regime="sam"), dict(regime="clean")]
    many = [result(seed, (0.9, 0.7), arch="mlp_medium", **arm) for seed in (0, 1) for arm in arms]
    names = ("quantization",)
    cfg = TrainConfig(arch="mlp_medium", regime="sam", evaluations=names)
    bits = measurement(cfg, [point(1.0, 0.5), point(8.0, 0.9)], "quantization")
    sam = next(item for item in many if item["regime"] == "sam" and item["seed"] == 0)
    return [*few, *(also(item, bits) if item is sam else item for item in many)]


def test_one_legend_says_of_every_panel_what_it_shows():
    for name, figure in figures.draw("weight_noise", tables.build(mixed())).items():
        (legend,) = figure.legends
        said = legends(figure)
        assert len(said) == len(legend.get_texts())
        for _, label, colour, _ in looks(figure):
            assert said[label] == colour.lower(), name
    differences = figures.draw("weight_noise", tables.build(mixed()))["paired_difference"]
    assert {(panel, label) for panel, label, *_ in looks(differences)} == {
        ("CNN", "trained with noise, α_train = 0.3"), ("MLP 512-256", "trained with noise, α_train = 0.05"),
        ("MLP 512-256", "SAM"),
    }  # fmt: skip


def test_a_method_keeps_its_colour_and_marker_in_all_figures():
    made = tables.build(mixed())
    seen: dict[str, set] = {}
    for question in ("weight_noise", "evaluations"):
        for figure in figures.draw(question, made).values():
            for _, label, *look in looks(figure):
                seen.setdefault(label, set()).add(tuple(look))
    assert len(seen) == 4 and all(len(its) == 1 for its in seen.values())
    assert len(set.union(*seen.values())) == 4


MASKS = "perturb_resnet18"


def test_options_that_are_compared_keep_the_look_of_their_method():
    masks = [
        result(seed, (0.9, 0.8), arch=MASKS, options={MASKS: {"level": level}})
        for seed in (0, 1) for level in (0, 0.1, 0.3)
    ]  # fmt: skip
    made = tables.build(masks, {"level": 0})
    drawings = figures.draw("weight_noise", made)
    accuracy = {label: look for _, label, *look in looks(drawings["accuracy"])}
    differences = {label: look for _, label, *look in looks(drawings["paired_difference"])}
    assert len(differences) == 2 and differences.items() <= accuracy.items()


def test_the_landscape_names_the_slope_of_every_network():
    slopes = {("cnn", "clean"): 1.0, ("cnn", "sam"): 2.0, ("mlp_small", "clean"): 3.0, ("mlp_small", "sam"): 4.0}
    made = []
    for (arch, regime), slope in slopes.items():
        cfg = TrainConfig(arch=arch, regime=regime, evaluations=("landscape",))
        line = [point(float(place), 0.5) for place in range(-2, 3)]
        run = result(arch=arch, regime=regime, evaluations=("landscape",))
        made.append(also(run, measurement(cfg, line, "landscape", {"landscape_slope": slope})))
    figure = figures.draw("evaluations", tables.build(made))["landscape"]
    assert list(legends(figure)) == [
        f"{CLEAN}: slope 1.000 (CNN), 3.000 (MLP 256-128)", "SAM: slope 2.000 (CNN), 4.000 (MLP 256-128)"
    ]  # fmt: skip


def hollow(figure) -> bool:
    lines = [line for axes in figure.axes for line in axes.lines]
    its = [line for line in lines if isinstance(line.get_marker(), str)]  # not the gap of a broken axis
    return any(line.get_markerfacecolor() == "white" and len(line.get_xdata()) for line in its)


@pytest.mark.parametrize("results", [runs(), runs()[:-1], runs()[3:], mixed(), [*runs(2), result(7, diverged=True)]])
def test_a_caption_explains_hollow_points_where_there_are_some_and_nowhere_else(results):
    made = tables.build(results)
    for question in questions.modules():
        for name, figure in figures.draw(question, made).items():
            assert ("hollow" in panels.caption(figure)) == hollow(figure), name
