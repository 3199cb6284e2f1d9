"""Check the tables of the small pixel-corruption campaign on MNIST: `python .ci/check_pixels.py <folder>`."""

import sys
from pathlib import Path

import pandas as pd

folder = Path(sys.argv[1])
runs = pd.read_csv(folder / "results_per_run.csv")
summary = pd.read_csv(folder / "results_summary.csv").set_index(["activation", "p"])
assert len(runs) == 18 and (runs["status"] == "ok").all(), runs
assert set(summary["evaluation"]) == {"weight_noise"} and set(summary["alpha_test"]) == {0}
assert len(summary) == 9 and (summary["n_seeds"] == 2).all() and summary["stderr_acc"].notna().all()
for activation in ("relu", "tanh", "sigmoid"):
    clean, half, random = (summary.loc[(activation, p), "mean_acc"] for p in (0, 0.5, 1))
    assert clean > half > random and clean > 0.5 and random < 0.3, summary["mean_acc"]
print("the tables are as expected")
