"""Figures as they are printed: what the artists say is what the tables say, and every text can be read."""

import functools
import itertools

import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text

from campaign.analysis import figures, names, panels, style, tables, typesetting
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.campaign.analysis import test_baseline, test_evaluations, test_masks, test_pixels
from tests.campaign.analysis.drawing import CLEAN, NOISY, draw_all, drawn, legends, plain, runs, stored
from tests.campaign.analysis.making import measurement, point, result

STRENGTHS = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1)
METHODS = [("clean", 0.0), *(("noisy", alpha) for alpha in (0.05, 0.1, 0.2)), ("sam", 0.0), ("awp", 0.0)]


def crowded() -> list[dict]:
    """Three networks, six methods, thirteen strengths."""
    made = []
    for arch, (regime, alpha), seed in itertools.product(("mlp_small", "resnet18", "cnn"), METHODS, (0, 1, 2)):
        changed = dict(arch=arch, regime=regime, alpha_train=alpha, alpha_tests=STRENGTHS)
        at = [point(float(x), round(0.9 - 0.3 * x + 0.003 * seed + 0.01 * alpha, 4)) for x in STRENGTHS]
        run = result(seed, **changed)
        made.append(run | {"measurements": [measurement(TrainConfig(seed=seed, **changed), at)]})
    return made


def with_history() -> list[dict]:
    history = [{"epoch": e, "train_loss": 1.0, "test_acc": 0.5 + e / 100, "smoothed_acc": 0.5} for e in range(1, 5)]
    return [item | {"history": history} for item in test_masks.study()]


CAMPAIGNS = {
    "crowded": crowded,
    "pixels": test_pixels.pixel_runs,
    "evaluations": test_evaluations.campaign,
    "parts": lambda: [test_evaluations.in_parts(seed, arch) for seed in (0, 1) for arch in ("cnn", "mlp_small")],
    "masks": with_history,
    "baseline": lambda: [run for arch in ("cnn", "resnet18", "resnet32") for run in test_baseline.study(arch=arch)],
}


@pytest.fixture(scope="module", params=CAMPAIGNS)
def folder(request, tmp_path_factory):
    return stored(tmp_path_factory.mktemp(request.param), CAMPAIGNS[request.param]()).folder


@functools.cache
def every_figure(folder, width: str) -> dict:
    """All figures of one of these campaigns, drawn once for several tests, which only look at them."""
    return draw_all(folder, width)


@pytest.fixture(autouse=True)
def styled():
    """Figures are looked at in the style in which they are written."""
    with style.used(style.Style()):
        yield


def texts_of(figure) -> list[tuple]:
    """The texts that can be seen, and their boxes."""
    seen = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    unseen = hidden(figure)
    return [(text, box(text)) for text in {id(one): one for one in seen}.values() if id(text) not in unseen]


def hidden(figure) -> set[int]:
    """Labels of ticks outside the limits of their axis, which are not drawn."""
    outside = set()
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
            drawn_ticks = {id(tick) for tick in axis._update_ticks()}
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                is_in = low - 1e-9 <= tick.get_loc() <= high + 1e-9
                if not (is_in and id(tick) in drawn_ticks and tick.label1.get_visible()):
                    outside |= {id(tick.label1)}
                outside |= {id(tick.label2)}
    return outside


def box(text):
    return text.get_window_extent(typesetting.renderer(text.get_figure()))


@pytest.mark.parametrize("width", style.WIDTHS)
def test_no_text_is_cut_off_and_none_overlaps_another(folder, width):
    for name, figure in every_figure(folder, width).items():
        assert figure.get_figwidth() == style.WIDTHS[width]
        boxes = texts_of(figure)
        for text, its in boxes:
            edges = (its.x0, its.y0, figure.bbox.width - its.x1, figure.bbox.height - its.y1)
            assert min(edges) >= -0.5, (name, text.get_text(), edges)
            assert 7 <= text.get_fontsize() <= 9, (name, text.get_text())
        upright = [(text, its) for text, its in boxes if text.get_rotation() in (0, 90)]
        for (one, its), (other, others) in itertools.combinations(upright, 2):
            apart = max(its.x0, others.x0) - min(its.x1, others.x1), max(its.y0, others.y0) - min(its.y1, others.y1)
            assert max(apart) > -1, (name, one.get_text(), other.get_text())
        turned = [text for text, _ in boxes if text.get_rotation() not in (0, 90)]
        for axes in figure.axes:
            its = sorted(box(text).x1 for text in turned if text in axes.get_xticklabels())
            apart = [right - left for left, right in itertools.pairwise(its)]
            assert min(apart, default=99) >= 1.2 * style.SMALL * figure.dpi / 72, name


def test_the_legend_has_every_line_that_is_drawn_and_no_other(folder):
    for name, figure in every_figure(folder, "double").items():
        lines = [line for axes in figure.axes for line in axes.containers if isinstance(line, ErrorbarContainer)]
        labelled = [line for line in lines if not line.get_label().startswith("_")]
        if not labelled:
            continue
        said = legends(figure)
        for line in labelled:
            assert said[plain(line.get_label())] == to_hex(line[0].get_color()), name
        others = said.keys() - {plain(line.get_label()) for line in labelled}
        explained = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
        assert others <= set(map(plain, explained)) and len(figure.legends) == 1


def test_error_bars_of_methods_stand_side_by_side(tmp_path):
    figure = draw_all(stored(tmp_path / "digits", crowded()).folder, only="weight_noise")["accuracy"]
    for axes in figure.axes:
        places = [line[0].get_transform().transform(line[0].get_xydata())[:, 0] for line in axes.containers]
        assert len(places) == len(METHODS)
        steps = [72 / figure.dpi * (right - left).mean() for left, right in itertools.pairwise(places)]
        assert min(steps) > 1 and sum(steps) < 10
        for _, (x, _, _) in drawn(axes).items():
            assert list(x) == list(STRENGTHS)
        (low, high), bars = axes.get_ylim(), [line[2][0].get_segments() for line in axes.containers]
        ends = [segment[:, 1] for segments in bars for segment in segments if len(segment)]
        assert all(low <= end.min() and end.max() <= high for end in ends)


def test_the_axis_is_broken_between_zero_and_the_smallest_strength(tmp_path):
    folder = stored(tmp_path / "digits", [*runs(2)]).folder
    for axes in draw_all(folder, only="weight_noise")["accuracy"].axes:
        marks = [line for line in axes.lines if line.get_gid() == panels.BREAK]
        assert len(marks) == 2 and all(0 < line.get_xdata()[0] < 0.1 for line in marks)


def test_names_are_those_of_the_users_table(tmp_path):
    folder = stored(tmp_path / "digits", runs(2)).folder
    (folder / names.FILE).write_text(
        '[architecture]\ncnn = "three convolutions"\n\n[regime]\nnoisy = "hardened"\n\n[setting]\nalpha_train = "σ"\n'
    )
    figure = draw_all(folder, only="weight_noise")["accuracy"]
    assert {axes.get_title() for axes in figure.axes} == {"three convolutions", "MLP 256-128"}
    assert list(legends(figure)) == [CLEAN, "hardened, σ = 0.2"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[regime]\nclean = 1", "another form"),
        ("[regimes]\nclean = 'none'", "did you mean 'regime'"),
        ("[regime", "not TOML"),
        ("clean = 'none'", "another form"),
    ],
)
def test_a_wrong_table_of_names_is_one_sentence(tmp_path, capsys, text, why):
    folder = stored(tmp_path / "digits", runs(1)).folder
    (folder / names.FILE).write_text(text)
    assert figures.main(["--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and names.FILE in error and why in error
    with pytest.raises(ConfigError):
        names.of_folder(folder)


def test_panels_and_lines_stand_in_the_order_of_the_configuration(tmp_path):
    store = stored(tmp_path / "digits", runs(2))
    ordered = sorted(runs(2), key=lambda run: (run["architecture"] != "mlp_small", run["regime"] != "noisy"))
    store.remember_campaign([run["run_id"] for run in ordered])
    figure = draw_all(store.folder, only="weight_noise")["accuracy"]
    assert [axes.get_title() for axes in figure.axes] == ["MLP 256-128", "CNN"]
    assert list(legends(figure)) == [NOISY, CLEAN]


def fine(drop: float) -> list[dict]:
    """Runs with test accuracies in whole images of 10,000, whose accuracy falls by this at α_test = 0.1."""
    made = []
    for seed in range(3):
        cfg = TrainConfig(seed=seed, alpha_tests=(0, 0.1))
        clean = 0.9 + seed * 0.0001
        at = [point(0.0, round(clean, 4)), point(0.1, round(clean - drop, 4))]
        made.append(result(seed) | {"measurements": [measurement(cfg, at)]})
    return made


@pytest.mark.parametrize(("drop", "is_said"), [(0.0003, True), (0.0005, True), (0.0006, False), (0.1, False)])
def test_a_figure_says_where_an_effect_is_smaller_than_the_test_images_resolve(tmp_path, drop, is_said):
    made = draw_all(stored(tmp_path / "digits", fine(drop)).folder, only="weight_noise")
    for name in ("drop", "drop_at_01"):
        said = [label for label in legends(made[name]) if "resolution of 10,000 test samples" in label]
        assert bool(said) == is_said and ("McNemar" in panels.caption(made[name])) == is_said
        bands = [patch for axes in made[name].axes for patch in axes.patches if patch.get_gid() == panels.RESOLUTION]
        assert [(band.get_y(), band.get_height()) for band in bands] == (
            [(pytest.approx(-0.06), pytest.approx(0.12))] if is_said else []
        )


def test_a_method_looks_the_same_at_both_widths(tmp_path):
    made = tables.build(runs(2))
    looks = [
        {line.get_label(): (line[0].get_color(), line[0].get_marker()) for line in figure.axes[0].containers}
        for width in style.WIDTHS for figure in figures.draw("weight_noise", made, width=width).values()
    ]  # fmt: skip
    assert all(its.items() <= looks[0].items() for its in looks)
    assert {colour for colour, _ in looks[0].values()} <= set(style.COLOURS)
