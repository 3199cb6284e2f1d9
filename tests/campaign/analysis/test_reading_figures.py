"""What a reader of a paper would stumble over: looks that are used twice, scales of rounding errors, missing units."""

import pandas as pd
import pytest

from campaign.analysis import figures, panels, style, tables
from campaign.analysis.looks import Looks
from campaign.analysis.questions import evaluations, weight_noise
from tests.campaign.analysis.drawing import CLEAN, NOISY, drawn, plain, runs
from tests.campaign.analysis.making import result
from tests.campaign.analysis.test_evaluations import campaign, in_parts


def test_no_two_methods_have_the_same_colour_and_marker():
    every = tables.build(runs(1))["results_summary"]
    looks = Looks(every)
    row = every.iloc[0].to_dict()
    seen = [looks.of(row | {"alpha_train": 1.0 + place}, "") for place in range(50)]
    assert len({(look.colour, look.marker) for look in seen}) == 50
    assert "#F0E442" not in style.COLOURS  # yellow on white


def test_equal_accuracies_do_not_stretch_an_axis_to_rounding_errors():
    same = [result(seed, (0.9, 0.7 + 1e-17), regime=regime) for regime in ("clean", "noisy") for seed in range(3)]
    axes = figures.draw("weight_noise", tables.build(same))["paired_difference"].axes[0]
    low, high = axes.get_ylim()
    assert low < -0.01 and high > 0.01


def test_a_map_says_its_unit_counts_nameless_layers_and_is_white_without_a_drop():
    made = tables.build([in_parts(seed) for seed in (0, 1)])
    named = {part: str(3 * place) for place, part in enumerate(dict.fromkeys(made["sweep"]["part"])) if part}
    for name in ("sweep", "results_summary"):
        made[name] = made[name].assign(part=made[name]["part"].replace(named))
    figure = evaluations.figures(made)["quantization"]
    (axes,) = figure.axes
    assert "accuracy drop (percentage points)" in figure.get_suptitle()
    rows = [text.get_text() for text in axes.get_yticklabels()]
    assert rows == [f"layer {number}" for number in range(1, len(named) + 1)]
    assert axes.images[0].get_clim()[0] == 0
    assert "counted from 1" in panels.caption(figure) and "One measurement for each seed" in panels.caption(figure)


def test_maps_of_one_architecture_stand_in_one_row():
    made = tables.build(
        [in_parts(seed, arch, p=p) for seed in (0, 1) for arch in ("cnn", "mlp_small") for p in (0, 0.1)]
    )
    places = [axes.get_subplotspec() for axes in evaluations.figures(made)["quantization"].axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_captions_say_what_alpha_is_how_many_draws_there_are_and_that_points_are_moved():
    drawing = weight_noise.figures(tables.build(runs()))
    for name in ("accuracy", "drop", "drop_at_01"):
        about = panels.caption(drawing[name])
        assert "moved sideways" in about and "α_test times that of its weight tensor" in about
    points = pd.DataFrame({"noise_samples": [1, 5, 5]})
    assert "mean over 5 random draws" in panels.of_draws(points)
    assert "5 to 10" in panels.of_draws(pd.DataFrame({"noise_samples": [1, 5, 10]}))
    assert panels.of_draws(points.head(1)) == ""
    assert "α_test = 0.1" in plain(drawing["drop_at_01"].axes[0].get_ylabel())


def test_differences_stand_in_the_order_of_the_other_figures():
    regimes = ("clean", "noisy", "awp")
    made = tables.build([result(seed, (0.9, 0.8 + seed / 100), regime=name) for name in regimes for seed in range(2)])
    with style.used(style.Style(order={"regime": regimes})):
        drawing = weight_noise.figures(made)
    in_accuracy, in_difference = (list(drawn(drawing[name].axes[0])) for name in ("accuracy", "paired_difference"))
    assert in_difference == [label for label in in_accuracy if label != CLEAN] and len(in_difference) == 2


def test_dashed_lines_end_with_the_others_and_the_caption_explains_them():
    figure = evaluations.figures(tables.build(campaign()))["worst_case"]
    for axes in figure.axes:
        most = max(x.max() for x, *_ in drawn(axes).values())
        assert all(max(line.get_xdata(), default=0) <= most for line in axes.lines if line.get_linestyle() == "--")
    assert "Dashed: every weight moved by ζ" in panels.caption(figure)


@pytest.mark.parametrize("epochs", [0, 3])
def test_a_network_that_was_not_trained_here_is_not_named_after_a_regime(epochs, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"weights")
    made = tables.build([result(0, regime="clean", epochs=epochs, initial_weights=str(tmp_path / "weights.pt"))])
    (label,) = drawn(figures.draw("weight_noise", made)["accuracy"].axes[0])
    assert label == (CLEAN if epochs else "given network") and label != NOISY
