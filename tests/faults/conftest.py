"""One copy of the project for all tests of faults, and campaigns that nobody disturbs to compare with."""

from pathlib import Path

import pytest

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
