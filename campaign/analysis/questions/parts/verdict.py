"""What a table of paired differences says as a whole, for each evaluation and measure."""

from collections.abc import Iterator

import pandas as pd

from campaign.analysis.statistics import LEVEL, in_family


def text(differences: pd.DataFrame) -> str:
    """How many intervals exclude zero, before and after Holm's correction, what is excluded, and what seeds would do.

    `differences`: differences.csv. Only rows that belong to a family of Holm's correction are counted, without the drop
    at strength 0, which is 0 for every network.
    """
    if "p_value" not in differences:
        return "differences.csv was written by an earlier version; the next launch writes it again"
    rows = differences[(differences["measure"] != "drop") | (differences["alpha_test"] > 0)]
    families = rows[in_family(rows)].groupby(["evaluation", "measure"])
    reference = differences["reference"].iloc[0]
    title = f"differences from {reference}, seed by seed, with 95 % intervals; Holm's correction in each family of rows"
    return "\n".join([title, *(line for names, rows in families for line in _lines(", ".join(names), rows))])


def _lines(name: str, rows: pd.DataFrame) -> Iterator[str]:
    tested = rows.dropna(subset="p_value")
    without = len(rows) - len(tested)
    left_out = f"left out: {without} of {len(rows)} (one seed, or the same difference for all seeds)" if without else ""
    if tested.empty:
        yield f"  {name}: no intervals; {left_out}"
        return
    excluding, left = ((tested[column] < 1 - LEVEL).sum() for column in ("p_value", "p_holm"))
    counts = f"{excluding} of {len(tested)} intervals exclude zero, {left} after Holm"
    yield f"  {name}: {'; '.join(filter(None, [counts, left_out]))}"
    limits = 100 * tested[["low", "high"]].abs().max(axis=1)
    yield f"    excluded: differences above {_in_rows(limits, '.2f', 'points')}"
    half = 100 * tested["resolution"].iloc[0]
    unit, missing = "point" if half == 1 else "points", _in_rows(tested["more_seeds"], ",.0f", "more seeds")
    yield f"    intervals of ±{half:g} {unit} take {missing}"


def _in_rows(values: pd.Series, form: str, unit: str) -> str:
    """The largest value, and that which half of the rows do not exceed."""
    every = f"{values.max():{form}} {unit} in every row"
    middle = sorted(values)[(len(values) - 1) // 2]
    return every if len(values) == 1 else f"{every}, {middle:{form}} in half of the rows"
