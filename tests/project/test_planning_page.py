"""The page on planning gives the costs of the committed campaigns."""

import json
import re

import pandas as pd

from tests.conftest import ROOT
from tests.project.pages import RESULTS, core_hours, planned_hours, section

PAGE = "docs/planning.md"


def test_planned_and_taken_core_hours_are_those_of_the_committed_campaigns():
    rows = re.findall(
        r"^\| `(.+)` \| (\d+) \| (.+) \| (.+) \| (.+) \|$", section(PAGE, "What the committed campaigns took"), re.M
    )
    committed = {str(path.parent.relative_to(RESULTS)) for path in RESULTS.rglob("results_per_run.csv")}
    assert {row[0] for row in rows} >= {
        name for name in committed if f"!/results/{name}/" in (ROOT / ".gitignore").read_text()
    }
    for name, count, processor, planned, taken in rows:
        folder = RESULTS / name
        runs, hours = pd.read_csv(folder / "results_per_run.csv"), planned_hours(folder)
        expected = "–" if hours is None else f"{hours:.1f}"
        assert (int(count), planned, taken) == (len(runs), expected, f"{core_hours(folder):.1f}"), name
        made_on = {
            json.loads(path.read_text())["provenance"]["cpu_model"] for path in (RESULTS / name / "runs").iterdir()
        }
        assert all(set(processor.split()) <= {*re.findall(r"\w+", model)} for model in made_on), name
