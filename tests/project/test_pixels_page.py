"""The page on corrupted training pixels gives the committed numbers."""

import re

import pandas as pd
import pytest
from scipy import stats

from tests.conftest import ROOT
from tests.project.pages import RESULTS, page, paired, signed

FOLDER = RESULTS / "pixels/mnist"
PAGE = "docs/studies/pixels.md"
ACTIVATIONS = ("relu", "tanh", "sigmoid")


@pytest.fixture(scope="module")
def accuracy() -> pd.Series:
    """Test accuracy on clean images, by activation, p and seed."""
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    return runs.set_index(["activation", "p", "seed"])["acc_0"].sort_index()


def test_the_table_has_means_standard_errors_and_paired_differences(accuracy):
    rows = re.findall(r"^\| ([\d.]+) \| (.+) \|$", (ROOT / PAGE).read_text(), re.M)
    assert [float(p) for p, _ in rows] == sorted(accuracy.index.unique("p"))
    for p, cells in rows:
        expected = []
        for activation in ACTIVATIONS:
            without, its = accuracy[activation, 0.0], accuracy[activation, float(p)]
            difference = signed("{:+.2f} ({:+.2f} to {:+.2f})".format(*paired(without, its)))
            expected += [f"{100 * its.mean():.2f} ± {100 * stats.sem(its):.2f}", difference if float(p) > 0 else "–"]
        assert cells.split(" | ") == expected, p


def test_the_page_gives_the_core_hours():
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    hours = (runs["train_seconds"] + runs["sweep_seconds"]).sum() / 3600
    assert f"The {len(runs)} networks took {hours:.1f} core hours" in page(PAGE)
