"""Check the tables of the small MNIST campaign: `python .ci/check_campaign.py <folder>`."""

import sys
from pathlib import Path

import pandas as pd

folder = Path(sys.argv[1])
runs = pd.read_csv(folder / "results_per_run.csv")
sweep = pd.read_csv(folder / "sweep.csv")
summary = pd.read_csv(folder / "results_summary.csv")
assert len(runs) == 8 and (runs["status"] == "ok").all(), runs
assert len(sweep) == 8 * 7 and len(summary) == 4 * 7
assert set(sweep["evaluation"]) == {"weight_noise"} and set(sweep["settings"]) == {'{"max_test_samples": 2000}'}
assert (sweep["noise_samples"] == 5 - 4 * (sweep["alpha_test"] == 0)).all()
assert (sweep["acc_min"] <= sweep["acc"]).all() and sweep.loc[sweep["alpha_test"] == 0, "drop"].eq(0).all()
assert (summary["n_seeds"] == 2).all() and summary["stderr_acc"].notna().all()
assert runs["acc_0"].between(0.8, 1).all(), runs["acc_0"]
means = runs.groupby(["architecture", "regime", "alpha_train"])["acc_0"].mean()
clean = summary[summary["alpha_test"] == 0].set_index(["architecture", "regime", "alpha_train"])["mean_acc"]
assert (means - clean).abs().max() < 1e-12
columns = (folder / "COLUMNS.md").read_text()
assert all(f"- `{name}`: " in columns for table in (runs, sweep, summary) for name in table)
print("the tables are as expected")
