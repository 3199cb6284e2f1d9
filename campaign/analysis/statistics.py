"""Standard errors, intervals and paired differences over seeds."""

import functools
import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

COMPARED = {"regime": ("regime", "alpha_train", "noise_model", "options")}
"""The settings in which a pair may differ, by what is compared; anything else is compared alone.

Of `options`, a pair of regimes may differ only in the options of the regimes.
"""
OTHER_OPTIONS = "other options"
MEASURED = ("run_id", "noise_samples", "acc", "acc_std", "acc_min", "loss", "drop")
"""The columns of sweep.csv that are no settings: rows are compared whatever their number of draws."""
DIFFERENCE = ("n_seeds", "mean_difference", "stderr_difference", "low", "high")


def standard_error(std: float | pd.Series, n: int | pd.Series) -> float | pd.Series:
    """std/√n. `std` is the sample standard deviation (ddof = 1) over n seeds, so it is NaN for n = 1."""
    return std / np.sqrt(n)


def confidence_interval(values: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of independent values, one per seed; (NaN, NaN) for fewer than two values."""
    values = values.dropna()
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    half = stdtrit(n - 1, (1 + level) / 2) * standard_error(values.std(), n)
    return values.mean() - half, values.mean() + half


def pairs(
    rows: pd.DataFrame, columns: Sequence[str], by: str = "regime", reference: object = "clean"
) -> tuple[pd.DataFrame, list[str]]:
    """Each row whose `by` is not `reference`, joined with the reference row that agrees in all else, seed included.

    `rows`: settings and measured `columns`; `by`: one of these settings, or an option of architectures (then only rows
    of architectures whose runs differ in it take part). Returns the pairs, each of `columns` once as it is and once as
    <name>_reference, and the names of the settings that distinguish groups of pairs over seeds.
    """
    if by == "regime" and "options" in rows:
        rows = rows.assign(**{OTHER_OPTIONS: _options_of_no_regime(rows)})
    if by not in rows:
        rows = _with_option(rows, by)
    compared = [name for name in COMPARED.get(by, (by,)) if name in rows]
    shared = [name for name in rows if name not in (*compared, *MEASURED, *columns)]
    references = rows.loc[rows[by] == reference, [*shared, *columns]]
    others = rows.loc[rows[by] != reference, [*shared, *compared, *columns]]
    settings = [name for name in [*shared, *compared] if name not in ("seed", OTHER_OPTIONS)]
    return others.merge(references, on=shared, suffixes=("", "_reference")), settings


def paired_differences(
    sweep: pd.DataFrame, column: str = "acc", by: str = "regime", reference: object = "clean"
) -> pd.DataFrame:
    """`column` of each other value of `by` minus that of `reference`, seed by seed, with 95 % intervals.

    `sweep`: rows of sweep.csv, or the result of `campaign.analysis.tables.with_settings` if runs differ in more than
    its columns; `by`: a setting or an option of architectures, as in `pairs`. Runs of one seed share initial weights,
    batch order and test noise, so the difference is taken between runs that agree in everything else, at the same point
    of the same evaluation with the same settings. One row per setting and point: `n_seeds`, `mean_difference`,
    `stderr_difference`, `low`, `high` (Student t; empty for a single seed). No rows if nothing can be paired.
    """
    if sweep.empty or (by not in sweep and "options" not in sweep):
        return pd.DataFrame(columns=list(DIFFERENCE))
    paired, settings = pairs(sweep, [column], by, reference)
    return over_seeds(paired.assign(difference=paired[column] - paired[f"{column}_reference"]), settings)


def over_seeds(rows: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """Mean, standard error and 95 % interval of the column `difference`, for each group of rows of equal `settings`."""
    settings = list(settings)
    cells = [
        dict(zip(settings, key, strict=True)) | _difference(group["difference"])
        for key, group in rows.groupby(settings, sort=True, dropna=False)
    ]
    return pd.DataFrame(cells, columns=[*settings, *DIFFERENCE])


def _options_of_no_regime(rows: pd.DataFrame) -> list[str]:
    """The options of each row, JSON, without those of its regime."""
    return [_without(options, regime) for regime, options in zip(rows["regime"], rows["options"], strict=True)]


@functools.cache
def _without(options: str, owner: str) -> str:
    return json.dumps({name: values for name, values in json.loads(options).items() if name != owner}, sort_keys=True)


def _with_option(rows: pd.DataFrame, option: str) -> pd.DataFrame:
    """The rows of architectures with this option: its value in a column, and the other options in `options`."""
    owned = [
        (architecture, json.loads(text))
        for architecture, text in zip(rows["architecture"], rows["options"], strict=True)
    ]
    values = [options.get(owner, {}).pop(option, None) for owner, options in owned]
    others = [json.dumps({owner: its for owner, its in options.items() if its}, sort_keys=True) for _, options in owned]
    return rows.assign(**{"options": others, option: values})[[value is not None for value in values]]


def _difference(values: pd.Series) -> dict:
    values = values.dropna()
    error = standard_error(values.std(), len(values)) if len(values) else math.nan
    return dict(zip(DIFFERENCE, (len(values), values.mean(), error, *confidence_interval(values)), strict=True))


def share_of_draws(sweep: pd.DataFrame, alpha_test: float = 0.1) -> float:
    """The share of the variance over seeds at one α_test that comes from the noise draws: 0 to 1, NaN if unknown.

    `sweep`: the result of `campaign.analysis.tables.with_settings`. A seed's accuracy is a mean over K draws; their
    spread within a seed (acc_std²/K, averaged over the seeds of a cell) is compared with the spread of these means over
    seeds. Both are averaged over the same cells, those with at least two seeds, each cell counting once.
    """
    rows = sweep[(sweep["alpha_test"] == alpha_test) & (sweep["noise_samples"] > 1)].dropna(subset=["acc", "acc_std"])
    settings = [name for name in rows if name not in (*MEASURED, "seed")]
    cells = rows.assign(draws=rows["acc_std"] ** 2 / rows["noise_samples"]).groupby(settings, dropna=False)
    variances = pd.DataFrame({"total": cells["acc"].var(), "draws": cells["draws"].mean()}).dropna()
    total, draws = variances["total"].mean(), variances["draws"].mean()
    return min(1.0, draws / total) if total > 0 else math.nan
