"""The promises of README.md and packages.md, kept by running them."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from campaign.analysis import tables
from campaign.store.folder import Store, completeness
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with the README's four plug-ins."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("nnet", "campaign", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nnet_models.py", "run_experiments.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    plug_ins = [block for block in blocks("python") if block.startswith("# nnet/")]
    assert len(plug_ins) == 4
    for block in plug_ins:
        path = block.splitlines()[0].removeprefix("# ")
        (copy / path).write_text(block.split("\n", 1)[1])
    return copy


def test_the_readmes_plug_ins_run(extended):
    (command,) = blocks("sh")
    flags = shlex.split(command.replace("\\\n", ""))[1:]
    done = subprocess.run([sys.executable, *flags], cwd=extended, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "stripes: 12 of 12 runs" in done.stdout and "FAILED" not in done.stdout
    runs = [json.loads(path.read_text()) for path in (extended / "results/stripes/runs").iterdir()]
    assert {run["architecture"] for run in runs} == {"linear", "mlp_small"}
    assert {str(run["config"]["options"]) for run in runs} == {"{}", "{'smoothing': 0.2}"}
    assert min(run["acc_0"] for run in runs if run["architecture"] == "mlp_small") > 0.9
    assert all([row["alpha_test"] for row in run["sweep"] if "evaluation" in row] == [0.5, 0.9] for run in runs)


def test_new_plug_ins_pass_the_contract_tests_without_an_edit(extended):
    contracts = [
        "tests/nnet/test_registry.py",
        *(f"tests/nnet/{name}/test_{name}.py" for name in ("architectures", "regimes", "evaluations")),
    ]
    command = [sys.executable, "-m", "pytest", "-v", "-k", "smoothed or linear or pruning", *contracts]
    done = subprocess.run(command, cwd=extended, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    for passed in ("[pruning]", "[smoothed]", "[linear]", "[smoothed-linear]", "[beta-linear]", "[smoothed-resnet18]"):
        assert f"{passed} PASSED" in done.stdout


def test_the_readmes_python_example_runs(tmp_path):
    (example,) = [block for block in blocks("python") if not block.startswith("#")]
    done = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=True)
    accuracy, _ = map(float, done.stdout.split())
    assert accuracy > 0.7


def test_the_readmes_experiment_runs_once_and_draws(tmp_path):
    (example,) = [block for block in blocks("python") if block.startswith("# experiment.py")]
    (tmp_path / "experiment.py").write_text(example)
    assert len([line for line in example.split("__main__")[1].splitlines()[1:] if line]) <= 10
    for expected in ("9 runs: 0 finished, 9 to do", "9 runs: 9 finished, 0 to do"):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "experiment.py"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    assert (tmp_path / "drop.png").stat().st_size > 5000


@pytest.mark.parametrize("page", ["README.md", "packages.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / target).exists(), target


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


def test_the_readme_shows_the_committed_benchmarks():
    found = json.loads((ROOT / "results/benchmarks.json").read_text())
    section = README.split("## How fast it is")[1]
    for row in found["throughput"]["rows"]:
        assert f"{row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f})" in section, row
    for row in found["precision"]["rows"]:
        for name in ("acc_0", "drop_at_0.5"):
            difference = {key: 100 * value for key, value in row[name].items()}
            assert "{mean_difference:+.2f} ({low:+.2f} to {high:+.2f})".format(**difference) in section, row
    for row in found["adversarial"]["rows"]:
        assert f"{row['ratio']:.1f} ({row['ratio_min']:.1f} to {row['ratio_max']:.1f})" in section, row
    for row in found["perturbation"]["rows"]:
        assert f"| {row['case']} | {row['in_parts_step_s']:.2f} s, {row['in_parts_peak_mb']:.0f} MB |" in section, row
    assert row["case"] == "F = 128, M = 64, B = 16" and row["in_parts_peak_mb"] < 2000
    cluster = found["cluster"]
    assert f"add {cluster['ms_per_run']:.2f} ms to a run" in section and cluster["ms_per_run"] < 10
    assert f"has {cluster['launcher_mb']:.0f} MB, of which Dask takes {cluster['dask_mb']:.0f}" in section
    for row in found["controller"]["rows"]:
        assert f"{100 * row['share']:.2f} %" in section, row
    assert all(section_of["machine"]["git_dirty"] is False for section_of in found.values())


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


def test_the_committed_control_of_masks_is_complete_and_says_what_the_readme_says():
    folder = ROOT / "results/pnn/control/cifar10_jpeg"
    made = tables.read(folder)
    runs = made["results_per_run"]
    assert re.fullmatch(r"(\d+) of \1 runs", completeness(folder)) and set(runs["status"]) == {"ok"}
    assert len(runs) == 10 * 5 and set(runs.groupby(["architecture", "options"])["seed"].nunique()) == {5}
    differences = made["level_differences"]
    assert len(differences) == 4 and set(differences["n_seeds"]) == {5}
    section = README.split("## Masks of noise in the layers")[1].split("\n## ")[0]
    for row in differences.to_dict("records"):
        mean, low, high = (100 * row[name] for name in ("mean_difference", "low", "high"))
        assert f"{mean:+.1f} ({low:+.1f} to {high:+.1f})" in section, row
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


@pytest.mark.parametrize("place", ["mlp_small mlp_medium", "--study pixels --dataset mnist", "--study adversarial"])
def test_the_committed_campaigns_are_those_of_the_readmes_commands(place):
    commands = re.findall(r"^    \S*python run_experiments\.py((?:.*\\\n)*.*)$", README, re.M)
    (command,) = [text for text in commands if text.strip().startswith(place) and "--plan" not in text]
    command = [sys.executable, "run_experiments.py", *shlex.split(command.replace("\\\n", "")), "--plan"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert re.fullmatch(r"(\d+) runs: \1 finished, 0 to do\n", done.stdout), done.stdout + done.stderr


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
