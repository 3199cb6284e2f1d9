"""The Python and the plug-ins that README.md and docs/ show work as they are printed."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import run_experiments
from tests.conftest import ROOT
from tests.project.pages import blocks, commands, examples, plug_ins, untitled, write_plug_ins

EXAMPLES, PLUG_INS = examples(), plug_ins()
CONTRACTS = [
    *("tests/nnet/test_registry.py", "tests/campaign/analysis/test_questions.py", "tests/studies/test_studies.py"),
    *(f"tests/nnet/{name}/test_{name}.py" for name in ("architectures", "datasets", "regimes", "evaluations")),
]


def done(command: list[str], folder, **environment: str) -> str:
    """The output of a program that ends well."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    result = subprocess.run(
        [sys.executable, *command], cwd=folder, env=outside | environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def words(page: str, beginning: str) -> list[str]:
    """The words after `python` of the one command of a page that begins so."""
    (command,) = [one.words for one in commands() if one.page == page and " ".join(one.words[1:]).startswith(beginning)]
    return command[1:]


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with every plug-in, the activation and the optimizer of the pages."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("nnet", "campaign", "studies", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nnet_models.py", "run_experiments.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    (copy / "results").symlink_to(ROOT / "results")
    for path, text in PLUG_INS.items():
        (copy / path).write_text(text)
    (entries,) = [block for block in blocks(ROOT / "docs/extending.md", "python") if "in ACTIVATIONS" in block]
    for path, table, entry in re.findall(r"^# (\S+), in (\w+): .*\n(.*)$", entries, re.M):
        text = (copy / path).read_text()
        assert text.count(f"\n{table} = {{\n") == 1
        (copy / path).write_text(text.replace(f"\n{table} = {{\n", f"\n{table} = {{\n    {entry}\n"))
    return copy


def test_the_pages_show_a_plug_in_of_each_kind():
    assert {path.split("/")[-2] for path in PLUG_INS} == {
        *("architectures", "datasets", "regimes", "evaluations", "questions", "studies"),
    }


def test_the_plug_ins_run_together_from_a_folder_of_the_users(tmp_path):
    write_plug_ins(tmp_path / "plug_ins")
    script, *flags = words("docs/extending.md", "run_experiments.py linear")
    output = done([str(ROOT / script), *flags], tmp_path, NNET_PLUGINS=str(tmp_path / "plug_ins"))
    assert "stripes: 12 of 12 runs" in output and "FAILED" not in output
    assert re.search(r"training took \d+ s in all", output)
    runs = [json.loads(path.read_text()) for path in (tmp_path / "results/stripes/runs").iterdir()]
    assert {run["architecture"] for run in runs} == {"linear", "mlp_small"}
    assert {str(run["config"]["options"]) for run in runs} == {"{}", "{'smoothed': {'smoothing': 0.2}}"}
    folder = tmp_path / "results/stripes"
    per_run, sweep = (pd.read_csv(folder / f"{name}.csv") for name in ("results_per_run", "sweep"))
    assert per_run.loc[per_run["architecture"] == "mlp_small", "acc_0"].min() > 0.9
    assert sweep.loc[sweep["evaluation"] == "pruning", "alpha_test"].tolist() == 12 * [0.5, 0.9]
    assert len((folder / "training_time.csv").read_text().splitlines()) == 13
    done(
        ["-m", "campaign.analysis.figures", "stripes"],
        tmp_path,
        NNET_PLUGINS=str(tmp_path / "plug_ins"),
        PYTHONPATH=str(ROOT),
    )
    assert (folder / "figures/training_time.png").is_file()


def test_new_plug_ins_pass_the_contract_tests_without_an_edit(extended):
    names = "smoothed or [linear] or -linear] or pruning or stripes or training_time or width_and_dropout"
    command = ["-m", "pytest", "-v", "-k", names, *CONTRACTS]
    output = done(command, extended)
    passed = set(re.findall(r"\[([^\[\]]+)\] PASSED", output))
    assert {"linear", "stripes", "smoothed", "pruning", "training_time", "width_and_dropout"} <= passed, output
    assert {"smoothed-mlp_small", "smoothed-cnn", "training_time-mnist"} <= passed, output


def test_the_activation_and_the_optimizer_train_a_network(extended):
    settings = "activation='silu', optimizer='adamw', epochs=3, alpha_tests=(0,)"
    code = f"from nnet_models import *; print(train_and_evaluate(TrainConfig({settings}))['acc_0'])"
    assert float(done(["-c", code], extended)) > 0.5


def test_the_readmes_study_works_at_the_first_try(tmp_path, monkeypatch, capsys):
    text = EXAMPLES["width.py"]
    assert len(text.splitlines()) < 20
    (tmp_path / "width.py").write_text(text)
    _, *flags = words("README.md", "run_experiments.py --study width.py")
    monkeypatch.chdir(tmp_path)
    assert run_experiments.main(flags) == 0
    assert "digits: 12 of 12 runs" in capsys.readouterr().out
    assert len(list((tmp_path / "results/width/digits/runs").iterdir())) == 12


def test_the_readmes_experiment_runs_once_and_draws(tmp_path, monkeypatch, capsys):
    text = EXAMPLES["experiment.py"]
    assert len([line for line in text.split("__main__")[1].splitlines()[1:] if line]) <= 10
    (tmp_path / "experiment.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    for expected in ("9 runs: 0 finished, 9 to do", "9 runs: 9 finished, 0 to do"):
        runpy.run_path(str(tmp_path / "experiment.py"), run_name="__main__")
        assert expected in capsys.readouterr().out
    plt.close("all")
    assert (tmp_path / "drop.png").stat().st_size > 5000


@pytest.mark.parametrize(("page", "text"), [*untitled(), ("docs/extending.md", EXAMPLES["lists.py"])])
def test_the_other_python_of_a_page_runs(page, text, capsys):
    if "to_xarray" in text:
        pytest.importorskip("xarray")
    exec(compile(text, page, "exec"), {"__name__": "__main__"})
    assert "train_and_evaluate" not in text or float(capsys.readouterr().out.split()[0]) > 0.7


def test_the_example_of_a_kept_network_prints_the_size_of_its_weights(tmp_path, monkeypatch, capsys):
    (tmp_path / "first_layer.py").write_text(EXAMPLES["first_layer.py"])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(tmp_path / "first_layer.py"), run_name="__main__")
    assert re.search(r"^tensor\(0\.\d+, grad_fn", capsys.readouterr().out, re.M)
