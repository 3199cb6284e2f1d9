"""What tables and figures could say wrongly: names that look like values, legends, means, results of several makers."""

import json

import pandas as pd
import pytest
from matplotlib.figure import Figure

from campaign.analysis import figures, loading, makers, panels, questions, reading, report, tables
from campaign.analysis.statistics import share_of_draws
from campaign.store.completeness import completeness
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import CLEAN, drawn, legends, runs, stored
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
    assert figures.draw("weight_noise", read)["accuracy"].get_label().startswith(f"{name}: ")


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
    assert "of different makers" in panels.caption(figure)
    loaded = loading.load(tmp_path)
    assert loaded[name].value_counts().to_dict() == {ONE[name]: 3, value: 1}
    assert loaded[f"measured_{name}"].dropna().to_list() == [str(ONE[name])]
    assert len(loading.load(tmp_path, where={name: value})) == 1
    assert name not in tables.read(folder)["results_per_run"]  # the tables stay as they are
    for path in (folder / "runs").glob("*-seed3-*.json"):
        path.unlink()
    tables.write(Store(store.folder))
    assert makers.kept(folder) == "" and not (folder / makers.FILE).exists()


def test_the_committed_results_have_one_maker():
    assert makers.note(map(makers.all_of, Store(ROOT / "results/mnist").results().values())) == ""


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
    assert list(lines) == [CLEAN, "SAM"] == list(legends(figure))
    for label, start in ((CLEAN, 61), ("SAM", 71)):
        x, y, bars = lines[label]
        assert list(x) == list(strengths)
        assert list(y) == pytest.approx([start - 10 * place for place in range(len(strengths))])
        assert list(bars) == pytest.approx([1.0] * len(strengths))  # 2 points between two seeds
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ticks
    assert axis in figure.get_supxlabel() and "accuracy" in figure.get_supylabel()
    assert "n = 2 seeds" in panels.caption(figure) and "4 of 4 runs" in panels.caption(figure)


def test_a_drop_that_rounds_to_zero_has_no_sign():
    made = []
    for seed in (0, 1):
        cfg = TrainConfig(seed=seed, evaluations=("layers",))
        at = [point(0.2, 0.9 + shift, part=part) for part, shift in (("a", 1e-5), ("b", -1e-5), ("c", 0.002))]
        made.append(also(result(seed, evaluations=("layers",)), measurement(cfg, at, "layers")))
    (axes,) = figures.draw("evaluations", tables.build(made))["layers"].axes
    assert [text.get_text().split(" ")[0] for text in axes.texts] == ["0.00", "0.00", "−0.20"]
