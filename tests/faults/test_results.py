"""What tables and figures could say wrongly: names that look like values, legends, means, results of several makers."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from campaign.analysis import figures, makers, questions, reading, report, tables
from campaign.analysis.statistics import share_of_draws
from campaign.store.completeness import completeness
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import drawn, runs, stored
from tests.campaign.analysis.making import also, measurement, point, result
from tests.conftest import save_npz
from tests.test_project import ROOT

NAMES = ["NA", "None", "inf", "001", "1e5", "True"]
CELLS = ["null", "NA", "007", "1.50", "false", "-", "+3", "'", "'=", "''+", "a\nb", 'a"b', "a,b", "ﬁ", " x ", "#N/A"]


@pytest.mark.parametrize("name", NAMES)
def test_a_dataset_may_have_any_name(tmp_path, name):
    npz = save_npz(tmp_path / f"{name}.npz")
    made = [item | {"architecture": name} for item in runs(2, dataset=npz)]
    folder = stored(tmp_path / "results" / name, made).folder
    read, built = tables.read(folder), tables.build(made)
    for table in read:
        assert {*read[table]["dataset"]} == {*read[table]["architecture"]} == {name}
        pd.testing.assert_frame_equal(read[table], built[table], check_dtype=False)
    assert figures.draw("weight_noise", read)["accuracy"].get_suptitle().startswith(f"{name}; ")


def test_names_of_every_column_of_text_are_read_as_they_were_written(tmp_path):
    written = pd.DataFrame({name: CELLS for name in sorted(reading.TEXT)} | {"acc": [0.1 * 3] * len(CELLS)})
    written.map(reading.no_formula).to_csv(tmp_path / "table.csv", index=False)
    read = reading.read(tmp_path / "table.csv")
    assert read.to_dict("list") == written.to_dict("list")
    assert not any(reading.no_formula(cell).startswith(reading.FORMULA) for cell in CELLS)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "run_id\n\xff"])
def test_one_bad_folder_does_not_stop_the_figures_of_others(tmp_path, capsys, monkeypatch, content):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
    for name in ("a", "c"):
        stored(tmp_path / name, runs(1))
    bad = stored(tmp_path / "b", runs(1)).folder / "results_summary.csv"
    bad.write_bytes(content.encode("latin-1"))
    assert figures.main(["--output-dir", str(tmp_path)]) == 2
    printed, complaint = capsys.readouterr()
    assert complaint.count("\n") == 1 and complaint.startswith("error: ") and str(tmp_path / "b") in complaint
    assert {line.split("/")[-3] for line in printed.splitlines()} == {"a", "c"}


def test_a_question_that_fails_in_one_folder_is_said_and_the_others_are_drawn(tmp_path, capsys, monkeypatch):
    for name in ("a", "b"):
        stored(tmp_path / name, runs(1))
    lost = tmp_path / "a/differences.csv"
    lost.write_text("measure\nacc\n")
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
    monkeypatch.setattr(questions, "failed", set())
    assert figures.main(["--output-dir", str(tmp_path)]) == 1
    printed, complaint = capsys.readouterr()
    assert "question 'weight_noise' failed" in complaint and complaint.count("left out") == 1
    assert str(tmp_path / "b/figures/accuracy.png") in printed


def test_figures_of_different_values_have_different_labels():
    rates = [0.3, 0.1 * 3, 0.0012345678, 0.0012345679]
    made = tables.build([result(0, learning_rate=rate) for rate in rates])
    labels = list(drawn(figures.draw("weight_noise", made)["accuracy"].axes[0]))
    assert labels == [f"clean, learning_rate {rate!r}" for rate in sorted(rates)]
    alphas = [0.2, 0.1 + 0.1 + 1e-9]
    made = tables.build([result(0, regime="noisy", alpha_train=alpha) for alpha in alphas])
    assert len({*drawn(figures.draw("weight_noise", made)["accuracy"].axes[0])}) == 2


def legends(figure) -> dict[str, str]:
    """label → colour, of all legends of a figure."""
    found = [axes.get_legend() for axes in figure.axes if axes.get_legend()] + figure.legends
    return {
        text.get_text(): colour_of(handle)
        for legend in found for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }  # fmt: skip


def colour_of(artist) -> str:
    colour = artist.get_facecolor() if isinstance(artist, Patch) else artist.get_color()
    return to_hex(colour if isinstance(colour, str | tuple) else np.ravel(colour)[:4].tolist())


def looks(figure) -> list[tuple[str, str, str, str]]:
    """(panel, label, colour, marker) of every line with error bars that has points."""
    return [
        (axes.get_title(), container.get_label(), container[0].get_color(), container[0].get_marker())
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
        (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend()] or figure.legends
        said = legends(figure)
        assert len(said) == len(legend.get_texts())
        for _, label, colour, _ in looks(figure):
            assert said[label] == colour.lower(), name
    differences = figures.draw("weight_noise", tables.build(mixed()))["paired_difference"]
    assert {(panel, label) for panel, label, *_ in looks(differences)} == {
        ("cnn", "noisy α = 0.3 − clean"), ("mlp_medium", "noisy α = 0.05 − clean"), ("mlp_medium", "sam − clean"),
    }  # fmt: skip


def test_a_method_keeps_its_colour_and_marker_in_all_figures():
    made = tables.build(mixed())
    seen: dict[str, set] = {}
    for question in ("weight_noise", "evaluations"):
        for figure in figures.draw(question, made).values():
            for _, label, *look in looks(figure):
                seen.setdefault(label.removesuffix(" − clean"), set()).add(tuple(look))
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
    differences = {label.split(" − ")[0]: look for _, label, *look in looks(drawings["paired_difference"])}
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
        "clean: slope 1.000 (cnn), 3.000 (mlp_small)", "sam: slope 2.000 (cnn), 4.000 (mlp_small)"
    ]  # fmt: skip


def hollow(figure) -> bool:
    lines = [line for axes in figure.axes for line in axes.lines]
    return any(line.get_markerfacecolor() == "white" and len(line.get_xdata()) for line in lines)


@pytest.mark.parametrize("results", [runs(), runs()[:-1], runs()[3:], mixed(), [*runs(2), result(7, diverged=True)]])
def test_a_title_explains_hollow_points_where_there_are_some_and_nowhere_else(results):
    made = tables.build(results)
    for question in questions.modules():
        for name, figure in figures.draw(question, made).items():
            assert ("hollow" in figure.get_suptitle()) == hollow(figure), name


def test_the_share_of_the_draws_is_that_of_cells_with_several_seeds_each_cell_once():
    def rows(method, accuracies, spread):
        return [
            dict(run_id=f"{method}{seed}", regime=method, seed=seed, alpha_test=0.1, noise_samples=4, acc=acc,
                 acc_std=spread, acc_min=0.0, loss=1.0, drop=0.0)
            for seed, acc in enumerate(accuracies)
        ]  # fmt: skip

    many, few = rows("clean", [0.5] * 9 + [0.6], 0.02), rows("noisy", [0.5, 0.7], 0.2)
    variances = 0.001, 0.02  # over seeds
    draws = 0.02**2 / 4, 0.2**2 / 4  # of a mean of four draws
    assert share_of_draws(pd.DataFrame(many + few)) == pytest.approx(sum(draws) / sum(variances))
    for alone in (rows("awp", [0.4], 0.3), rows("sam", [0.4, None], 0.3)):
        assert share_of_draws(pd.DataFrame(many + few + alone)) == pytest.approx(sum(draws) / sum(variances))


def test_a_mean_loss_is_that_of_all_seeds_or_empty():
    made = [result(seed) for seed in range(3)]
    made[1]["measurements"][0]["points"][1]["loss"] = None  # of one draw of one seed at 0.1
    cells = tables.build(made)["results_summary"].set_index("alpha_test")
    assert cells.loc[0.0, ["mean_loss", "stderr_loss"]].to_list() == [0.5, 0.0]
    assert cells.loc[0.1, ["mean_loss", "stderr_loss"]].isna().all() and set(cells["n_seeds"]) == {3}
    assert cells["mean_acc"].notna().all()


ONE = {"git_commit": "a" * 40, "git_dirty": False, "python": "3.11.7", "torch": "2.14.1", "numpy": "2.4.6"}


def made_by(item: dict, **other) -> dict:
    """The run, with its training made by this maker and its measurements by `ONE`."""
    measured = [one | {"provenance": [ONE]} for one in item["measurements"]]
    return item | {"provenance": ONE | other, "measurements": measured}


@pytest.mark.parametrize(
    "other", [{"git_commit": "b" * 40}, {"numpy": "1.26.4"}, {"python": "3.12.1"}, {"git_dirty": True}]
)
def test_results_of_several_makers_are_said_in_report_and_figures_and_told_apart_in_python(tmp_path, other):
    alike = [made_by(result(seed)) for seed in range(3)]
    folder = stored(tmp_path / "digits", alike).folder
    assert makers.kept(folder) == "" and "makers" not in completeness(folder)
    store = stored(folder, [made_by(result(3), **other)])
    name, value = next(iter(other.items()))
    made = tables.read(folder)
    assert f"{name}: {ONE[name]} (4 runs), {value} (1 runs)" in report.text(folder, made)
    assert completeness(folder) == "4 of 4 runs, of different makers, see makers.txt"
    figure = figures.draw("weight_noise", made, completeness(folder))["accuracy"]
    assert "of different makers" in " ".join(figure.get_suptitle().split())
    loaded = tables.load(tmp_path)
    assert loaded[name].value_counts().to_dict() == {ONE[name]: 3, value: 1}
    assert loaded[f"measured_{name}"].dropna().to_list() == [str(ONE[name])]
    assert len(tables.load(tmp_path, where={name: value})) == 1
    assert name not in tables.read(folder)["results_per_run"]  # the tables stay as they are
    for path in (folder / "runs").glob("*-seed3-*.json"):
        path.unlink()
    tables.write(Store(store.folder))
    assert makers.kept(folder) == "" and not (folder / makers.FILE).exists()


def test_the_committed_results_have_one_maker():
    assert makers.note(Store(ROOT / "results/mnist").results().values()) == ""


def test_a_run_with_a_failed_measurement_is_there_and_said(tmp_path):
    from campaign.engines.base import Failure

    failure = Failure("ValueError", "too hot", "Traceback …")
    store = Store(tmp_path)
    for seed in range(3):
        store.save(result(seed))
    for seed in (1, 7):
        store.fail(TrainConfig(seed=seed), failure)
    store.remember_campaign([TrainConfig(seed=seed).run_id for seed in (0, 1, 2, 7, 8)])
    assert completeness(tmp_path) == "3 of 5 runs, 1 failed, 1 pending, 1 with a failed measurement"
    store.save(result(1))
    assert completeness(tmp_path) == "3 of 5 runs, 1 failed, 1 pending"


def test_tables_that_cannot_be_read_are_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the table .*results_per_run\.csv: "):
        tables.read(tmp_path)


@pytest.fixture
def notebook_draws(monkeypatch):
    """Runs the notebook's cells down to its loop over the questions; returns all figures that it shows, by name."""

    def run(results) -> dict:
        monkeypatch.setenv("NNET_RESULTS_DIR", str(results))
        monkeypatch.delenv("NNET_DATASET", raising=False)
        drawn, shown = {}, []
        draw = figures.draw
        monkeypatch.setattr(figures, "draw", lambda *its: drawn.update(new := draw(*its)) or new)
        monkeypatch.setattr(figures, "small_png", lambda figure: shown.append(figure) or PNG)
        notebook = json.loads((ROOT / "analysis.ipynb").read_text())
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
        loop = next(place for place, cell in enumerate(cells) if "for name, question in questions.modules()" in cell)
        names: dict = {}
        for cell in cells[: loop + 1]:
            exec(cell, names)
        assert shown == list(drawn.values())
        return drawn

    return run


PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + (1).to_bytes(4, "big") * 2
TIMES, ZETAS = (25.0, 3600.0, 86400.0, 2592000.0, 31536000.0), (0.0, 0.0001, 0.001, 0.01)


@pytest.mark.parametrize(
    ("name", "strengths", "ticks", "axis"),
    [
        ("pcm", TIMES, ["25 s", "1 h", "1 d", "30 d", "1 y"], "time since the weights were programmed"),
        ("interval_bounds", ZETAS, ["0", "0.0001", "0.001", "0.01"], "certified for all weights within ζ"),
    ],
)
def test_the_notebook_draws_every_evaluation_that_runs_have(tmp_path, notebook_draws, name, strengths, ticks, axis):
    made = []
    for seed in (0, 1):
        for regime, shift in (("clean", 0.0), ("sam", 0.1)):
            cfg = TrainConfig(seed=seed, regime=regime, evaluations=(name,))
            at = [point(at, 0.6 + shift + 0.02 * seed - 0.1 * place) for place, at in enumerate(strengths)]
            made.append(also(result(seed, regime=regime, evaluations=(name,)), measurement(cfg, at, name)))
    stored(tmp_path / "digits", made)
    figure = notebook_draws(tmp_path)[name]
    figure.draw_without_rendering()
    (axes,) = figure.axes
    lines = drawn(axes)
    assert list(lines) == ["clean", "sam"] and list(legends(figure)) == ["clean", "sam"]
    for label, start in (("clean", 61), ("sam", 71)):
        x, y, bars = lines[label]
        assert list(x) == list(strengths)
        assert list(y) == pytest.approx([start - 10 * place for place in range(len(strengths))])
        assert list(bars) == pytest.approx([1.0] * len(strengths))  # 2 points between two seeds
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ticks
    assert axis in figure.get_supxlabel() and "accuracy" in figure.get_supylabel()
    assert "n = 2 seeds" in figure.get_suptitle() and "4 of 4 runs" in figure.get_suptitle()


def test_a_drop_that_rounds_to_zero_has_no_sign():
    made = []
    for seed in (0, 1):
        cfg = TrainConfig(seed=seed, evaluations=("layers",))
        at = [point(0.2, 0.9 + shift, part=part) for part, shift in (("a", 0.0001), ("b", -0.0001), ("c", 0.002))]
        made.append(also(result(seed, evaluations=("layers",)), measurement(cfg, at, "layers")))
    (axes,) = figures.draw("evaluations", tables.build(made))["layers"].axes
    assert [text.get_text().split(" ")[0] for text in axes.texts] == ["0.0", "0.0", "-0.2"]
