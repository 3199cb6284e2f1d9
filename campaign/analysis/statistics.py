"""Standard errors, intervals, tests and paired differences over seeds."""

import functools
import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr, stdtrit

from campaign.grid.settings import RESOLUTION

COMPARED = {
    "regime": ("regime", "alpha_train", "noise_model", "options"),
    "architecture": ("architecture", "options"),
}
"""The settings in which a pair may differ, by what is compared; anything else is compared alone.

Of `options`, a pair of regimes may differ only in the options of the regimes, and architectures likewise.
"""
OTHER_OPTIONS = "other options"
MEASURED = ("run_id", "noise_samples", "acc", "acc_std", "acc_min", "loss", "drop")
"""The columns of sweep.csv that are no settings: rows are compared whatever their number of draws."""
DIFFERENCE = (
    *("n_seeds", "mean_difference", "stderr_difference", "low", "high"),
    *("p_value", "p_holm", "resolution", "more_seeds"),
)
LEVEL = 0.95
"""Confidence of all intervals."""
FAMILY = ("evaluation", "measure")
"""Rows of a table that agree in these are one family of Holm's correction."""
NO_SPREAD = 1e-12
"""Differences of accuracies that spread less than this over seeds differ by rounding alone."""


def standard_error(std: float | pd.Series, n: int | pd.Series) -> float | pd.Series:
    """std/√n. `std` is the sample standard deviation (ddof = 1) over n seeds, so it is NaN for n = 1."""
    return std / np.sqrt(n)


def confidence_interval(values: pd.Series) -> tuple[float, float]:
    """The 95 % interval of the mean of independent values, one per seed; (NaN, NaN) for fewer than two values."""
    values = values.dropna()
    half = half_width(values.std(), len(values))
    return values.mean() - half, values.mean() + half


def half_width(std: float | pd.Series, n: int | pd.Series) -> float | pd.Series:
    """Half of the 95 % interval (Student's t) of the mean of n seeds with sample standard deviation `std`."""
    return stdtrit(n - 1, (1 + LEVEL) / 2) * standard_error(std, n)


def p_value(mean: pd.Series, std: pd.Series, n: pd.Series) -> pd.Series:
    """Of the two-sided t test that the mean over seeds of a paired difference is zero; NaN without spread over seeds.

    The same as `scipy.stats.ttest_rel` of the two samples, for many cells at once.
    """
    return 2 * stdtr(n - 1, -(mean.abs() / standard_error(std, n)).where(std > NO_SPREAD))


def holm(p_values: pd.Series) -> pd.Series:
    """The p values of one family after the correction of Holm (1979); NaN stays NaN and does not count.

    The k-th smallest of m is multiplied by m - k + 1; none is smaller than one before it, and none is above 1.
    """
    ordered = p_values.dropna().sort_values()
    factors = np.arange(len(ordered), 0, -1)
    return (ordered * factors).cummax().clip(upper=1).reindex(p_values.index)


def more_seeds(std: pd.Series, n: pd.Series, half: float) -> pd.Series:
    """How many seeds beyond n bring the half-width of the 95 % interval down to `half`, a share of 1.

    It is an estimate: the standard deviation over seeds may not stay at `std`. NA without spread over seeds.
    """
    enough = np.fmax(n, np.floor((ndtri((1 + LEVEL) / 2) * std / half) ** 2))  # t is wider: it takes some more
    while np.any(short := half_width(std, enough) > half):
        enough = enough + short
    return (enough - n).where(std > NO_SPREAD).astype("Int64")


def pairs(
    rows: pd.DataFrame, columns: Sequence[str], by: str = "regime", reference: object = "clean"
) -> tuple[pd.DataFrame, list[str]]:
    """Each row whose `by` is not `reference`, joined with the reference row that agrees in all else, seed included.

    `rows`: settings and measured `columns`; `by`: one of these settings, or an option, alone or as <owner>.<option>
    (then only rows of owners whose runs differ in it take part). Returns the pairs, each of `columns` once as it is and
    once as <name>_reference, and the names of the settings that distinguish groups of pairs over seeds.
    """
    if by in COMPARED and "options" in rows:
        rows = rows.assign(**{OTHER_OPTIONS: _options_of_others(rows, by)})
    if by not in rows:
        rows = _with_option(rows, by)
    compared = [name for name in COMPARED.get(by, (by,)) if name in rows]
    shared = [name for name in rows if name not in (*compared, *MEASURED, *columns)]
    is_reference = rows[by].isna() if reference is None else rows[by] == reference
    references = rows.loc[is_reference, [*shared, *columns]]
    others = rows.loc[~is_reference, [*shared, *compared, *columns]]
    settings = [name for name in [*shared, *compared] if name not in ("seed", OTHER_OPTIONS)]
    return others.merge(references, on=shared, suffixes=("", "_reference")), settings


def paired_differences(
    sweep: pd.DataFrame,
    column: str = "acc",
    by: str = "regime",
    reference: object = "clean",
    resolution: float = RESOLUTION,
) -> pd.DataFrame:
    """`column` of each other value of `by` minus that of `reference`, seed by seed, as `over_seeds` gives it.

    `sweep`: rows of sweep.csv, or the result of `campaign.analysis.tables.with_settings` if runs differ in more than
    its columns; `by`: a setting or an option, as in `pairs`. Runs of one seed share initial weights, batch order and
    test noise, so the difference is taken between runs that agree in everything else, at the same point of the same
    evaluation with the same settings. One row per setting and point. No rows if nothing can be paired.
    """
    if sweep.empty or (by not in sweep and "options" not in sweep):
        return pd.DataFrame(columns=list(DIFFERENCE))
    paired, settings = pairs(sweep, [column], by, reference)
    differences = paired[column] - paired[f"{column}_reference"]
    return over_seeds(paired.assign(difference=differences), settings, resolution)


def over_seeds(rows: pd.DataFrame, settings: Sequence[str], resolution: float = RESOLUTION) -> pd.DataFrame:
    """What the column `difference` (1 = 100 %) says, for each group of rows of equal `settings`.

    `n_seeds`, `mean_difference`, `stderr_difference`; `low` and `high`, the 95 % interval (Student's t); `p_value`, and
    `p_holm`, corrected over the rows that `in_family` marks; `resolution` as a share, and `more_seeds`, that a
    half-width of the interval of `resolution` percentage points would take. Empty for a single seed.
    """
    settings = list(settings)
    cells = rows.astype({"difference": float}).groupby(settings, sort=True, dropna=False)["difference"]
    n, mean, std = cells.count(), cells.mean(), cells.std()
    half = half_width(std, n)
    table = pd.DataFrame({"n_seeds": n, "mean_difference": mean, "stderr_difference": standard_error(std, n)})
    table = table.assign(low=mean - half, high=mean + half, p_value=p_value(mean, std, n), resolution=resolution / 100)
    table["more_seeds"] = more_seeds(std, n, resolution / 100)
    table = table.reset_index()
    tested = table["p_value"].where(in_family(table))
    return table.assign(p_holm=tested.groupby(_family(table)).transform(holm))[[*settings, *DIFFERENCE]]


def in_family(table: pd.DataFrame) -> pd.Series:
    """Which rows of a table of differences Holm's correction counts: those of an evaluation above strength 0.

    All rows of an evaluation that has none above 0, and of a table without strengths.
    """
    above = table["alpha_test"] > 0 if "alpha_test" in table else pd.Series(True, table.index)
    return above | ~above.groupby(_family(table)).transform("any")


def _family(table: pd.DataFrame) -> pd.Series:
    """The number of each row's family."""
    names = [name for name in FAMILY if name in table]
    return table.groupby(names, dropna=False).ngroup() if names else pd.Series(0, table.index)


def _options_of_others(rows: pd.DataFrame, column: str) -> list[str]:
    """The options of each row, JSON, without those of the owner that `column` names."""
    return [_without(options, owner) for owner, options in zip(rows[column], rows["options"], strict=True)]


@functools.cache
def _without(options: str, owner: str) -> str:
    return json.dumps({name: values for name, values in json.loads(options).items() if name != owner}, sort_keys=True)


def _with_option(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of owners with this option: its value in a column, and the other options in `options`."""
    taken = [_taken(text, name) for text in rows["options"]]
    values, others = [value for value, _ in taken], [other for _, other in taken]
    return rows.assign(**{"options": others, name: values})[[value is not None for value in values]]


@functools.cache
def _taken(text: str, name: str) -> tuple[object, str]:
    """The value of an option among these, JSON by owner, None if it is not there; and the others, JSON."""
    wanted, _, option = name.rpartition(".")
    options, value = json.loads(text), None
    owner = next((owner for owner, its in options.items() if option in its and wanted in ("", owner)), None)
    if owner is not None:
        value = options[owner].pop(option)
        value = json.dumps(value) if isinstance(value, list | dict) else value
    return value, json.dumps({owner: its for owner, its in options.items() if its}, sort_keys=True)


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
