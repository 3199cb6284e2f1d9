"""The committed results, the notebook and the list of packages are complete and fit one another."""

import json
import re
import shutil

import pytest

from campaign.analysis import tables
from campaign.store.completeness import completeness
from campaign.store.folder import Store
from tests.conftest import ROOT


def test_packages_md_and_requirements_name_the_same_versions():
    pins, only_pip = {}, ("requirements-sequences.txt", "requirements-export.txt")
    for name in ("requirements.txt", "requirements-cluster.txt", *only_pip):
        lines = (ROOT / name).read_text().splitlines()
        pins[name] = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    every = {package: version for of_file in pins.values() for package, version in of_file.items()}
    page = (ROOT / "packages.md").read_text()
    assert dict(re.findall(r"^\| ([a-z0-9-]+) \| ([\d.]+) \|", page, re.M)) == every
    conda = dict(re.findall(r'([a-z][a-z0-9-]*)=(\d+\.\d+[\d.]*)(?==cpu|"|\s)', page.split("## conda")[1]))
    assert {name.replace("pytorch", "torch"): version for name, version in conda.items() if name != "python"} == {
        package: every[package] for package in every if not any(package in pins[name] for name in only_pip)
    } | {"torch": conda["pytorch"]}


def test_the_committed_campaign_on_mnist_is_complete_and_as_good_as_it_should_be():
    folder = ROOT / "results/mnist"
    made = tables.read(folder)
    runs = made["results_per_run"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder))
    assert len(runs) == 12 and set(runs["status"]) == {"ok"} and set(runs["epochs"]) == {3}
    cells = runs.groupby(["architecture", "regime"])
    assert set(cells["seed"].nunique()) == {3} and len(cells) == 4
    assert cells["acc_0"].mean()["mlp_small", "clean"] > 0.9 and cells["acc_0"].mean()["cnn", "clean"] > 0.95
    layers = tables.of(made["sweep"], "layers")
    assert set(layers.groupby("architecture")["part"].nunique()) == {3, 4}
    for path in (folder / "runs").iterdir():
        run = json.loads(path.read_text())
        assert run["form"] == 2 and run["config"]["max_train_samples"] == 10000
        assert run["provenance"]["git_dirty"] is False


@pytest.mark.parametrize(
    ("name", "count", "epochs", "seeds"),
    [
        ("cifar10_jpeg", 24, 10, 3),
        ("weight_noise/mnist", 60, 10, 5),
        ("pixels/mnist", 165, 20, 5),
        ("adversarial/fashion_mnist", 21, 3, 3),
        ("adversarial/ecg", 36, 8, 3),
        ("adversarial/speech_commands", 18, 40, 3),
        ("analog_resnet_small/cifar10_jpeg", 27, 5, 3),
    ],
)
def test_a_committed_campaign_is_complete_and_of_one_clean_commit(name, count, epochs, seeds):
    folder = ROOT / "results" / name
    runs = tables.read(folder)["results_per_run"]
    assert completeness(folder) == f"{count} of {count} runs"
    assert set(runs["status"]) == {"ok"} and set(runs["epochs"]) == {epochs}
    assert set(runs.groupby(["architecture", "regime"])["seed"].nunique()) == {seeds}
    made = [json.loads(path.read_text())["provenance"] for path in (folder / "runs").iterdir()]
    assert len({about["git_commit"] for about in made}) == 1 and not any(about["git_dirty"] for about in made)


ADVERSARIAL = ("fashion_mnist", "ecg", "speech_commands")
COMMITTED = [
    "mnist",
    "cifar10_jpeg",
    "adaptive/cifar10_jpeg",
    *(f"adversarial/{name}" for name in ADVERSARIAL),
    "pnn/control/cifar10_jpeg",
    "analog_resnet_small/cifar10_jpeg",
    "weight_noise/mnist",
    "pixels/mnist",
]


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_tables_follow_from_the_committed_runs(tmp_path, name):
    folder = ROOT / "results" / name
    shutil.copytree(folder / "runs", tmp_path / "runs")
    shutil.copy(folder / "campaign.json", tmp_path)
    tables.write(Store(tmp_path))
    files = {path.name for path in folder.iterdir() if path.is_file() and path.suffix not in (".log", ".html", ".toml")}
    assert files == {path.name for path in tmp_path.iterdir() if path.is_file()}
    for name in files:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize("name", COMMITTED)
def test_commands_in_committed_captions_work_from_the_projects_folder(name):
    captions = [*(ROOT / "results" / name / "figures").glob("*.txt")]
    assert captions and not [path.name for path in captions if re.search(r"[ =]/\w", path.read_text())]


def test_the_notebook_was_executed_without_error_and_shows_the_committed_campaign():
    text = (ROOT / "analysis.ipynb").read_text()
    assert len(text) < 300_000
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert len([output for output in outputs if "image/png" in output.get("data", {})]) == 5
    shown = "".join("".join(output.get("data", {}).get("text/markdown", "")) for output in outputs)
    for part in ("## Accuracy under weight noise", "**Figure 5.** ", "**Numbers.**", "**What this does not show.**"):
        assert part in shown
    assert any("mnist: " in "".join(output.get("text", "")) for output in outputs)
    assert not re.search(r"\btorch\b", "".join("".join(cell["source"]) for cell in code))
