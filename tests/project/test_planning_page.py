"""The page on planning gives the costs of the committed campaigns."""

import json
import re

import pandas as pd

from tests.conftest import ROOT
from tests.project.pages import RESULTS

PAGE = (ROOT / "docs/planning.md").read_text()


def section(title: str) -> str:
    """The part of the page under a title."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_planned_and_taken_core_hours_are_those_of_the_committed_campaigns():
    rows = re.findall(
        r"^\| `(.+)` \| (\d+) \| (.+) \| (.+) \| (.+) \|$", section("What the committed campaigns took"), re.M
    )
    committed = {str(path.parent.relative_to(RESULTS)) for path in RESULTS.rglob("results_per_run.csv")}
    assert {row[0] for row in rows} >= {
        name for name in committed if f"!/results/{name}/" in (ROOT / ".gitignore").read_text()
    }
    for name, count, processor, planned, taken in rows:
        runs = pd.read_csv(RESULTS / name / "results_per_run.csv")
        estimates = json.loads((RESULTS / name / "campaign.json").read_text())["seconds"]
        hours = (runs["train_seconds"] + runs["sweep_seconds"]).sum() / 3600
        expected = f"{sum(estimates.values()) / 3600:.1f}" if len(estimates) == len(runs) else "–"
        assert (int(count), planned, taken) == (len(runs), expected, f"{hours:.1f}"), name
        made_on = {
            json.loads(path.read_text())["provenance"]["cpu_model"] for path in (RESULTS / name / "runs").iterdir()
        }
        assert all(set(processor.split()) <= {*re.findall(r"\w+", model)} for model in made_on), name
