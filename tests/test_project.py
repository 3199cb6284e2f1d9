"""The committed results, the notebook and the list of packages are complete and fit one another."""

import json
import re
import shutil

import pytest

from campaign.analysis import tables
from campaign.store.folder import Store, completeness
from tests.conftest import ROOT


def test_packages_md_and_requirements_name_the_same_versions():
    files = ("requirements.txt", "requirements-cluster.txt")
    lines = [line for name in files for line in (ROOT / name).read_text().splitlines()]
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    page = (ROOT / "packages.md").read_text()
    assert dict(re.findall(r"^\| ([a-z-]+) \| ([\d.]+) \|", page, re.M)) == pins
    conda = dict(re.findall(r'([a-z-]+)=(\d+\.\d+[\d.]*)(?==cpu|"|\s)', page.split("## conda")[1]))
    assert {
        name.replace("pytorch", "torch"): version for name, version in conda.items() if name != "python"
    } == pins | {"torch": conda["pytorch"]}


def test_the_committed_campaign_on_mnist_is_complete_and_as_good_as_it_should_be():
    folder = ROOT / "results/mnist"
    runs = tables.read(folder)["results_per_run"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder))
    assert set(runs["status"]) == {"ok"} and set(runs["epochs"]) == {10}
    seeds = runs.groupby(["architecture", "regime"])["seed"].nunique()
    for architecture, least in {"mlp_small": 0.975, "mlp_medium": 0.975, "cnn": 0.985}.items():
        assert seeds[architecture]["clean"] >= 3 and seeds[architecture]["noisy"] >= 3
        clean = runs[(runs["architecture"] == architecture) & (runs["regime"] == "clean")]
        assert clean["acc_0"].mean() >= least
    for path in (folder / "runs").iterdir():
        run = json.loads(path.read_text())
        assert run["config"]["max_train_samples"] is None and run["provenance"]["git_dirty"] is False


def test_the_committed_campaign_on_corrupted_pixels_is_complete_and_shows_what_it_should():
    folder = ROOT / "results/pixels/mnist"
    made = tables.read(folder)
    runs, accuracy = made["results_per_run"], made["results_summary"].set_index(["activation", "p"])["mean_acc"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder)) and set(runs["status"]) == {"ok"}
    assert len(runs) == 3 * 7 * 5 and set(runs["epochs"]) == {20} and runs["seed"].nunique() == 5
    assert accuracy["relu", 0] > 0.975 and accuracy["relu", 0.1] > accuracy["relu", 0]
    for activation in ("relu", "tanh", "sigmoid"):
        assert accuracy[activation, 0.6] > accuracy[activation, 0.8] > 0.7 and accuracy[activation, 1.0] < 0.15
    for p in (0.2, 0.4, 0.6, 0.8):
        assert accuracy["relu", p] > accuracy["tanh", p] > accuracy["sigmoid", p]
    for path in (folder / "runs").iterdir():
        run = json.loads(path.read_text())
        assert run["config"]["max_train_samples"] is None and run["provenance"]["git_dirty"] is False


def test_the_committed_campaign_of_adaptive_noise_is_complete_and_the_controller_fires_and_rests():
    folder = ROOT / "results/adaptive/cifar10_jpeg"
    runs = tables.read(folder)["results_per_run"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder)) and set(runs["status"]) == {"ok"}
    cells = runs.groupby(["architecture", "optimizer", "regime"])["seed"].nunique()
    assert len(cells) == 2 * 2 * 2 and set(cells) == {3}
    for path in (folder / "runs").iterdir():
        run = json.loads(path.read_text())
        assert run["provenance"]["git_dirty"] is False
        if run["regime"] == "adaptive":
            events = [event["event"] for event in run["events"]]
            assert events.count("activation") >= 2 and events.count("rest") >= 2


def test_the_committed_campaign_of_adversaries_is_complete_and_shows_what_it_should():
    folder = ROOT / "results/adversarial/mnist"
    made = tables.read(folder)
    runs = made["results_per_run"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder)) and set(runs["status"]) == {"ok"}
    assert len(runs) == 7 * 2 and runs["seed"].nunique() == 2 and set(runs["architecture"]) == {"fmnist_cnn"}
    drops = tables.with_settings(tables.of(made["sweep"]), runs).query("alpha_test == 0.5")
    drops = drops.set_index(["seed", "regime", "alpha_train", "dropout"])["drop"]
    for seed in (0, 1):
        standard = drops[seed, "clean", 0.0, 0.0]
        assert standard == drops[seed].max()
        for regime, alpha in (("noisy", 0.3), ("beta", 0.0), ("beta", 0.3)):
            assert drops[seed, regime, alpha, 0.0] < 0.7 * standard
    worst, corners = (
        tables.of(made["sweep"], name).query("alpha_test > 0") for name in ("worst_case", "random_corners")
    )
    both = worst.merge(corners, on=["run_id", "alpha_test"], suffixes=("", "_by_chance"), validate="one_to_one")
    assert len(both) == 14 * 6 and (both["acc"] < both["acc_by_chance"]).all()
    for path in (folder / "runs").iterdir():
        run = json.loads(path.read_text())
        assert run["config"]["max_train_samples"] is None and run["provenance"]["git_dirty"] is False


def test_the_committed_control_of_masks_is_complete():
    folder = ROOT / "results/pnn/control/cifar10_jpeg"
    made = tables.read(folder)
    runs = made["results_per_run"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder)) and set(runs["status"]) == {"ok"}
    assert len(runs) == 10 * 5 and set(runs.groupby(["architecture", "options"])["seed"].nunique()) == {5}
    differences = made["level_differences"]
    assert len(differences) == 4 and set(differences["n_seeds"]) == {5}
    for path in (folder / "runs").iterdir():
        assert json.loads(path.read_text())["provenance"]["git_dirty"] is False


COMMITTED = ["mnist", "pixels/mnist", "adaptive/cifar10_jpeg", "adversarial/mnist", "pnn/control/cifar10_jpeg"]


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_tables_follow_from_the_committed_runs(tmp_path, name):
    folder = ROOT / "results" / name
    shutil.copytree(folder / "runs", tmp_path / "runs")
    shutil.copy(folder / "campaign.json", tmp_path)
    tables.write(Store(tmp_path))
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files == {path.name for path in tmp_path.iterdir() if path.is_file()}
    for name in files:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_notebook_was_executed_without_error_and_shows_the_committed_campaign():
    notebook = json.loads((ROOT / "analysis.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert len([output for output in outputs if "image/png" in output.get("data", {})]) == 20
    for name in COMMITTED:
        assert any(f"{name}: " in "".join(output.get("text", "")) for output in outputs)
    assert not re.search(r"\btorch\b", "".join("".join(cell["source"]) for cell in code))
