"""What every question keeps to, whatever it asks; and that a question is one file."""

import functools
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from matplotlib.figure import Figure

from campaign.analysis import questions, report, tables
from campaign.store.folder import Store
from nnet import registry
from tests.campaign.analysis.drawing import runs, stored
from tests.conftest import ROOT

COMMITTED = ["mnist"]
NAMES = registry.names(questions.KIND)


@functools.cache
def committed(folder: str) -> tuple[questions.Runs, dict[str, pd.DataFrame]]:
    """The runs of a committed campaign, and all its tables."""
    results = list(Store(ROOT / "results" / folder).results().values())
    return tables.runs_of(results), tables.read(ROOT / "results" / folder)


@pytest.mark.parametrize("name", NAMES)
def test_every_question_is_documented_and_empty_without_runs(name):
    question = registry.load(questions.KIND, name)
    assert question.__doc__.strip()
    assert registry.constant(questions.KIND, name, "TABLES") == question.TABLES
    nothing = tables.build([])
    assert question.tables(tables.runs_of([])) == {}
    assert question.figures(nothing) == {} and question.report(nothing) == ""
    assert questions.texts_of(question, nothing) == {}


@pytest.mark.parametrize("folder", COMMITTED)
@pytest.mark.parametrize("name", NAMES)
def test_every_question_answers_from_committed_runs(name, folder):
    question = registry.load(questions.KIND, name)
    seen, made = committed(folder)
    answers = question.tables(seen)
    assert answers.keys() <= set(question.TABLES)
    assert all(isinstance(table, pd.DataFrame) and len(table) for table in answers.values())
    made = made | answers
    drawn = question.figures(made)
    assert all(isinstance(figure, Figure) for figure in drawn.values())
    if answers:
        assert drawn
    assert isinstance(question.report(made), str)
    assert all(isinstance(text, str) for text in questions.texts_of(question, made).values())


def test_no_two_questions_write_the_same_table():
    names = [*tables.NAMES, *questions.table_names()]
    assert len(set(names)) == len(names)


def test_the_tables_of_questions_are_written_without_matplotlib():
    code = "import sys; from campaign.analysis import tables; tables.build([]); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_table_that_a_question_does_not_declare_is_left_out_with_a_warning(monkeypatch, capsys):
    monkeypatch.setattr(registry.load(questions.KIND, "weight_noise"), "TABLES", ())
    monkeypatch.setattr(questions, "failed", set())
    assert "differences" not in tables.build(runs(2))
    assert "weight_noise gives a table 'differences' that is not in its TABLES" in capsys.readouterr().err


def test_a_question_that_fails_ends_no_campaign_and_says_so_once(tmp_path, monkeypatch, capsys):
    def broken(_):
        raise KeyError("no such column")

    monkeypatch.setattr(registry.load(questions.KIND, "weight_noise"), "tables", broken)
    monkeypatch.setattr(registry.load(questions.KIND, "pixels"), "report", broken)
    monkeypatch.setattr(questions, "failed", set())
    for _ in range(2):
        folder = stored(tmp_path / "digits", runs(2)).folder
        assert (folder / "results_summary.csv").exists()
        report.text(folder, tables.read(folder))
    printed = capsys.readouterr().err
    for name in ("weight_noise", "pixels"):
        assert printed.count(f"question '{name}' failed and is left out") == 1
    assert "KeyError: 'no such column'" in printed


def test_a_question_that_cannot_be_loaded_is_left_out(tmp_path, monkeypatch, capsys):
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions/half.py").write_text("def tables(")
    code = "from campaign.analysis import tables; print(sorted(tables.build([])))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NNET_PLUGINS": str(tmp_path)},
    )
    assert done.returncode == 0 and "results_per_run" in done.stdout
    assert "question 'half' is left out: " in done.stderr and "half.py, line 1" in done.stderr


def test_the_report_has_the_paragraphs_of_all_questions(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.load(questions.KIND, "pixels"), "report", lambda tables: "nothing about pixels")
    shown = report.text(tmp_path / "digits", tables.build(runs()))
    assert "nothing about pixels" in shown and "of the variance over seeds" in shown
    assert "mean drop at α_test = 0.1" in shown and "differences.csv" in shown


TRIAL = '''"""How fast do runs train

Seconds of training.
"""

import pandas as pd

from campaign.analysis import panels

TABLES = ("speed",)


def tables(runs):
    if runs.per_run.empty:
        return {}
    return {"speed": runs.per_run.groupby(["dataset", "architecture"])["train_seconds"].mean().reset_index()}


def figures(tables):
    if "speed" not in tables:
        return {}
    figure = panels.new_figure(3)
    figure.subplots().bar(tables["speed"]["architecture"], tables["speed"]["train_seconds"])
    return {"speed": panels.describe(figure, tables["speed"], "seconds of training")}


def report(tables):
    return f"mean seconds: {tables['speed']['train_seconds'].mean():g}" if "speed" in tables else ""
'''
PRUNING = '''"""Accuracy with the smallest weights set to zero."""

from nnet.evaluations import base

FIGURE = {"axis": "share of weights set to zero", "quantity": "drop", "beside": {"quantization": "weights of few bits"}}


class Evaluation(base.Evaluation):
    """Only its figure matters here."""
'''
SCRIPT = """
import json
from pathlib import Path

import IPython.display

from campaign.analysis import figures, report, tables
from campaign.store.folder import Store
from tests.campaign.analysis.test_evaluations import measured

store = Store(Path("results/digits"))
for seed in (0, 1):
    run = measured(seed, names=("quantization",))
    del run["measurements"][0]["points"][1:]
    weight_noise, rounded = run["measurements"]
    store.save(run | {"measurements": [weight_noise, rounded, rounded | {"evaluation": "pruning"}]})
made = tables.write(store)
print(report.text(store.folder, made))
pictures = {path.stem for path in figures.save_all(store.folder)}
assert pictures == {"speed", "pruning"}
pruning = figures.draw("evaluations", tables.read(store.folder))["pruning"]
assert pruning.get_supxlabel() == "share of weights set to zero"
assert "weights of few bits" in [text.get_text() for text in pruning.legends[0].get_texts()]

shown = []
IPython.display.display = lambda *items: shown.extend(items)
cells = json.loads(Path("analysis.ipynb").read_text())["cells"]
scope = {}
for cell in cells:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), scope)
texts = [item.data for item in shown if isinstance(item, IPython.display.Markdown)]
assert any(text.startswith("## How fast do runs train") for text in texts), texts
assert any(text.startswith("`speed.csv`: 1 row") for text in texts), texts
assert len([item for item in shown if isinstance(item, IPython.display.Image)]) == len(pictures)
"""


def test_a_question_and_an_evaluation_with_a_picture_are_one_file_each(tmp_path):
    for name in ("nnet", "campaign", "studies", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "analysis.ipynb", tmp_path)
    (tmp_path / "campaign/analysis/questions/speed.py").write_text(TRIAL)
    (tmp_path / "nnet/evaluations/pruning.py").write_text(PRUNING)
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mean seconds: 3" in done.stdout and "speed.csv" in done.stdout
    assert (tmp_path / "results/digits/speed.csv").read_text().startswith("dataset,architecture,train_seconds")
