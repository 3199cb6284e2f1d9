"""Standard errors, intervals and paired differences over seeds."""

import math

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

PAIRED_ON = ["dataset", "architecture", "activation", "p", "alpha_test"]


def standard_error(std: float | pd.Series, n: int | pd.Series) -> float | pd.Series:
    """std/√n; `std` is the sample standard deviation (ddof = 1) over n seeds, so that n = 1 has none (NaN)."""
    return std / np.sqrt(n)


def confidence_interval(values: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of independent values, one per seed; (NaN, NaN) for less than two."""
    values = values.dropna()
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    half = student_t.ppf((1 + level) / 2, n - 1) * standard_error(values.std(), n)
    return values.mean() - half, values.mean() + half


def paired_differences(
    sweep: pd.DataFrame, column: str = "acc", reference: str = "clean", also_paired_on: tuple[str, ...] = ()
) -> pd.DataFrame:
    """What each other regime differs by from `reference`, seed by seed, with its 95 % interval over seeds.

    `sweep`: rows of sweep.csv. Runs of one seed share initial weights, batch order and test-time noise, so
    the difference of `column` is taken within a seed. One row per regime, α_train and α_test: `n_seeds`,
    `mean_difference`, `stderr_difference`, `low`, `high` (Student t; empty for a single seed).
    """
    on = [*PAIRED_ON, *also_paired_on]
    clean = sweep[sweep["regime"] == reference].set_index([*on, "seed"])[column]
    others = sweep[sweep["regime"] != reference].set_index([*on, "seed", "regime", "alpha_train"])[column]
    joined = others.reset_index().merge(clean.rename("reference").reset_index(), on=[*on, "seed"])
    joined["difference"] = joined[column] - joined["reference"]
    rows = []
    for key, group in joined.groupby([*on, "regime", "alpha_train"], sort=True):
        values = group["difference"].dropna()
        low, high = confidence_interval(values)
        figures = {
            "n_seeds": len(values),
            "mean_difference": values.mean(),
            "stderr_difference": standard_error(values.std(), len(values)) if len(values) else math.nan,
            "low": low,
            "high": high,
        }
        rows.append(dict(zip([*on, "regime", "alpha_train"], key, strict=True)) | figures)
    return pd.DataFrame(rows)


def share_of_draws(sweep: pd.DataFrame, alpha_test: float = 0.1) -> float:
    """Which part of the variance over seeds at one α_test comes from the noise draws: 0 to 1, NaN if unknown.

    A seed's accuracy is a mean over K draws; their spread within a seed (acc_std²/K) is compared with the
    spread of these means over seeds, both averaged over the cells of the table.
    """
    rows = sweep[(sweep["alpha_test"] == alpha_test) & (sweep["noise_samples"] > 1)]
    cells = rows.groupby(["architecture", "regime", "alpha_train", "activation", "p"])
    total = cells["acc"].var().mean()
    draws = (rows["acc_std"] ** 2 / rows["noise_samples"]).mean()
    return min(1.0, draws / total) if total > 0 else math.nan
