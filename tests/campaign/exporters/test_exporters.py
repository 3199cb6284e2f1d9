"""Finished runs in other programs: what every exporter keeps to, and what TensorBoard and MLflow then hold."""

import re
import sys

import pytest

import run_experiments
from campaign.exporters import base
from campaign.store.folder import Store
from nnet import registry
from tests.campaign.analysis.making import also, point, result

NAMES = registry.names(base.KIND)
WORDS = ["mlp_small", "--regimes", "clean", "noisy", "--seeds", "0", "1"]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages


def made() -> list[dict]:
    """Three of the four runs of `WORDS`, with two epochs each and a further evaluation."""
    runs = []
    for seed, regime in ((0, "clean"), (1, "clean"), (0, "noisy")):
        run = result(seed, (0.9, 0.8 + 0.01 * seed), regime=regime, alpha_train=0.2)
        history = [{"epoch": epoch, "train_loss": seed + 1 / epoch, "flags": ["low_update"]} for epoch in (1, 2)]
        layers = {"evaluation": "layers", "points": [point(0.2, 0.7, part="1"), point(0.2, 0.6, part="3")]}
        runs.append(also(run | {"history": history}, run["measurements"][0] | layers))
    return runs


@pytest.fixture
def results(tmp_path):
    store = Store(tmp_path / "results/digits")
    for run in made():
        store.save(run)
    return str(tmp_path / "results")


def export(name: str, folder, results: str, *words: str) -> int:
    return run_experiments.main([*WORDS, "--output-dir", results, "--export", name, str(folder), *words])


def needed(name: str) -> None:
    for package in registry.constant(base.KIND, name, "PACKAGES"):
        pytest.importorskip(package)


@pytest.mark.parametrize("name", NAMES)
def test_an_exporter_states_its_packages_and_what_shows_its_files(name):
    exporter = registry.load(base.KIND, name)
    assert exporter.__doc__.strip() and callable(exporter.export)
    for constant in ("PACKAGES", "SHOW"):
        assert registry.constant(base.KIND, name, constant) == getattr(exporter, constant)
    assert "{folder}" in exporter.SHOW and isinstance(exporter.PACKAGES, tuple)


@pytest.mark.parametrize("name", NAMES)
def test_a_package_that_is_missing_is_one_sentence(name, results, tmp_path, monkeypatch, capsys):
    package = registry.constant(base.KIND, name, "PACKAGES")[0]
    monkeypatch.setitem(sys.modules, package, None)
    assert export(name, tmp_path / "there", results) == 2
    sentence = f"error: --export {name} needs the package {package}: pip install -r requirements-export.txt\n"
    assert capsys.readouterr().err == sentence and not (tmp_path / "there").exists()


@pytest.mark.parametrize("name", NAMES)
def test_finished_runs_are_exported_and_what_else_the_folder_holds_is_left_alone(name, results, tmp_path, capsys):
    needed(name)
    (tmp_path / "there").mkdir()
    (tmp_path / "there/notes.txt").write_text("mine")
    assert export(name, tmp_path / "there", results) == 0
    printed = capsys.readouterr().out
    assert f"3 of 4 runs exported to {tmp_path / 'there'}" in printed and "to see them: " in printed
    assert (tmp_path / "there/notes.txt").read_text() == "mine" and len(list((tmp_path / "there").iterdir())) > 1
    assert sorted(path.name for path in (tmp_path / "results/digits/runs").iterdir()) == sorted(
        f"{run['run_id']}.json" for run in made()
    )


def test_an_exported_run_has_its_settings_its_curves_and_its_figures():
    run = base.Run.of(made()[1])
    assert run.settings["learning_rate"] == 0.001 and run.settings["max_test_samples"] == "none"
    assert run.settings["weight_noise.noise_model"] == "tensor_std" and run.settings["alpha_tests"] == "[0, 0.1]"
    assert run.history == {"train_loss": {1: 2, 2: 1.5}}
    assert run.figures["acc_0"] == 0.9 and run.figures["acc_01"] == pytest.approx(0.81) and "seed" not in run.figures
    assert run.points["weight_noise/0.1/acc"] == pytest.approx(0.81) and run.points["layers/3 0.2/acc"] == 0.6


def test_tensorboard_reads_what_was_exported_once(results, tmp_path):
    needed("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        assert export("tensorboard", tmp_path / "there", results) == 0
    folders = {path.parent.name: path.parent for path in (tmp_path / "there/digits").rglob("events*")}
    assert set(folders) == {run["run_id"] for run in made()}
    read = EventAccumulator(str(folders[made()[1]["run_id"]])).Reload()
    curve = [(event.step, event.value) for event in read.Scalars("history/train_loss")]
    assert curve == [(1, 2.0), (2, 1.5)]
    for name, value in (("figures/acc_01", 0.81), ("weight_noise/0.1/acc", 0.81), ("layers/1 0.2/acc", 0.7)):
        (event,) = read.Scalars(name)
        assert event.step == 2 and event.value == pytest.approx(value)
    contents = read.PluginTagToContent("hparams")
    assert b"figures/acc_01" in contents["_hparams_/experiment"]  # a figure is found under the name of its scalar
    assert b"regime" in contents["_hparams_/session_start_info"] and b"epochs" not in b"".join(contents.values())


def test_mlflow_reads_what_was_exported_once(results, tmp_path):
    needed("mlflow")
    for _ in range(2):
        assert export("mlflow", tmp_path / "there", results) == 0
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/there/mlflow.db")
    experiment = client.get_experiment_by_name("digits").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert set(runs) == {run["run_id"] for run in made()}
    run = runs[made()[1]["run_id"]]
    assert run.info.status == "FINISHED" and run.data.params["learning_rate"] == "0.001"
    assert run.data.metrics["acc_01"] == pytest.approx(0.81) and run.data.metrics["layers/3 0.2/acc"] == 0.6
    curve = client.get_metric_history(run.info.run_id, "history/train_loss")
    assert sorted((metric.step, metric.value) for metric in curve) == [(1, 2.0), (2, 1.5)]


MINE = """'One line per run.'

PACKAGES = ()
SHOW = "cat {folder}/runs.txt"


def export(runs, folder):
    lines = [f"{run.run_id} {run.figures['acc_01']:.2f}" for run in runs]
    (folder / "runs.txt").write_text("\\n".join(lines))
"""


def test_an_exporter_of_ones_own_is_one_file(results, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine/exporters").mkdir(parents=True)
    (tmp_path / "mine/exporters/lines.py").write_text(MINE)
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path / "mine"))
    assert export("lines", tmp_path / "there", results) == 0
    assert f"to see them: cat {tmp_path}/there/runs.txt" in capsys.readouterr().out
    written = dict(line.split() for line in (tmp_path / "there/runs.txt").read_text().splitlines())
    assert written[made()[1]["run_id"]] == "0.81" and len(written) == 3


def test_a_file_that_is_no_database_is_refused_and_kept(results, tmp_path, capsys):
    needed("mlflow")
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mlflow.db").write_text("a list of things to do")
    assert export("mlflow", tmp_path / "there", results) == 2
    assert re.search("^error: .*mlflow.db is no database of MLflow", capsys.readouterr().err)
    assert (tmp_path / "there/mlflow.db").read_text() == "a list of things to do"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--export", "tensorbord", "there"], "unknown exporter 'tensorbord'; choose from .* did you mean"),
        (["--export", "tensorboard"], "--export: expected 2 arguments"),
        (["--export", "tensorboard", "file"], "file is a file; give a folder"),
        (["--export", "tensorboard", "there", "--epochs", "7"], "none of these 4 runs is finished in .*results"),
        (["--export", "tensorboard", "there", "--plan"], "--plan does not go with --export"),
    ],
)
def test_wrong_words_are_refused_in_one_sentence(words, sentence, results, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(base, "find_spec", lambda package: "as if it were installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert run_experiments.main([*WORDS, "--output-dir", results, *words]) == 2
    assert re.search(f"^error: .*{sentence}", capsys.readouterr().err) and not (tmp_path / "there").exists()
