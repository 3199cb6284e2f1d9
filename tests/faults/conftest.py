"""One copy of the project for all tests of faults, and campaigns that nobody disturbs to compare with."""

from pathlib import Path

import pytest

import run_experiments
from campaign.engines.workers import tasks
from campaign.planning import costs
from tests.campaign.stub import run_of
from tests.faults.launching import RUNS, Place, copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def place(project, tmp_path) -> Place:
    return Place(project, tmp_path)


@pytest.fixture(scope="session")
def undisturbed(project, tmp_path_factory):
    """The results of a campaign without faults, made once for each list of runs."""
    made = {}

    def results(seeds: int = 4, base: str = RUNS, **environment: object) -> Path:
        key = (seeds, base, *environment)
        if key not in made:
            place = Place(project, tmp_path_factory.mktemp("undisturbed"))
            code, _, complaint = place.launch(seeds=seeds, base=base, **environment)
            assert code == 0, complaint
            made[key] = place.results
        return made[key]

    return results


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Launches one made-up run in this process, in a moment; returns the exit code."""
    monkeypatch.setattr(tasks, "train", run_of)
    monkeypatch.setattr(costs, "measure", lambda *_: costs.Costs())
    folders = ["--output-dir", str(tmp_path / "results"), "--checkpoint-dir", "none"]
    return lambda *words: run_experiments.main(
        ["mlp_small", "--regime", "clean", "--seed", "0", "--engine", "serial", *folders, *words]
    )
