"""The table that compares methods: accuracy under weight noise, as mean ± std (min).

After table 1 of Büchel, Faber and Muir 2022 (ICLR), but with the standard deviation over seeds, each the mean of its
draws, because draws of one network are not independent samples. The minimum is over all draws of all seeds.
"""

import pandas as pd

from campaign.analysis.labels import labels_of, spelled, varied_settings
from campaign.analysis.questions.parts import markdown
from campaign.analysis.statistics import MEASURED

KEYS = ("network", "method")


def table(sweep: pd.DataFrame) -> pd.DataFrame:
    """A row per network, method, settings of the evaluation and α_test.

    Beside `n_seeds` it has `mean`, `std` and `min` of the accuracy in %.

    `sweep`: rows under weight noise, from `campaign.analysis.tables.with_settings` and `labels.by_data`.
    """
    keys = [name for name in sweep if name not in (*MEASURED, "seed", "alpha_test")]
    varied = [name for name in varied_settings(sweep, keys) if name not in ("dataset", "architecture")]
    data = ", " + sweep["dataset"] if sweep["dataset"].nunique() > 1 else ""
    rows = sweep.assign(network=sweep["architecture"] + data, method=labels_of(sweep, varied))
    cells = rows.groupby([*KEYS, "settings", "alpha_test"])
    columns = {
        "n_seeds": cells["acc"].count(),
        "mean": 100 * cells["acc"].mean(),
        "std": 100 * cells["acc"].std(),
        "min": 100 * cells["acc_min"].min(),
    }
    return pd.DataFrame(columns).reset_index()


def as_markdown(compared: pd.DataFrame) -> str:
    """A row per network and method, a column per α_test; the best mean of a column is bold."""
    return "\n".join([markdown.table(_cells(compared, "**{}**", "±")), "", _caption(compared), ""])


def as_latex(compared: pd.DataFrame) -> str:
    """The same as a `tabular`."""
    head, *lines = [
        " & ".join(line).replace("%", r"\%").replace("_", r"\_").replace("α", r"$\alpha$") + r" \\"
        for line in _cells(compared, r"\textbf{{{}}}", r"$\pm$")
    ]
    columns = "ll" + "r" * compared["alpha_test"].nunique()
    begin, end = rf"\begin{{tabular}}{{{columns}}}", r"\end{tabular}"
    return "\n".join([f"% {_caption(compared)}", begin, r"\hline", head, r"\hline", *lines, r"\hline", end, ""])


def published_markdown(rows: pd.DataFrame | None) -> str:
    """The published accuracies beside those here: a row per method, a column per strength; "" without such runs.

    `rows`: published_insensitivity.csv.
    """
    if rows is None:
        return ""
    strengths = sorted(rows["alpha_test"].unique())
    lines = [["dataset", "method", *(f"ζ = {spelled(strength)}" for strength in strengths)]]
    for (dataset, split, method, _), cells in rows.groupby(["dataset", "split", "method", "options"], dropna=False):
        at = cells.set_index("alpha_test")
        texts = [_beside(at.loc[strength]) if strength in at.index else "" for strength in strengths]
        lines.append([f"{dataset} {split}".strip(), method, *texts])
    about = "Accuracy in %: here, mean ± standard error over seeds / published, mean ± standard deviation over draws."
    return "\n".join(["", markdown.table(lines), "", about, ""])


def _beside(row: pd.Series) -> str:
    error = f" ± {100 * row['stderr_acc']:.2f}" if pd.notna(row["stderr_acc"]) else ""
    published = f"{100 * row['published_mean']:.2f} ± {100 * row['published_std']:.2f}"
    return f"{100 * row['mean_acc']:.2f}{error} / {published}"


def _cells(compared: pd.DataFrame, bold: str, plus_minus: str) -> list[list[str]]:
    """The heading and the lines, cell by cell."""
    strengths = sorted(compared["alpha_test"].unique())
    best = compared.groupby(["network", "settings", "alpha_test"])["mean"].max()
    lines = [["network", "method", *(f"α = {spelled(strength)}" for strength in strengths)]]
    for (network, method), rows in compared.groupby(list(KEYS), sort=True):
        line = [network, method]
        at = rows.set_index("alpha_test")
        for strength in strengths:
            text = _cell(at.loc[strength], plus_minus) if strength in at.index else ""
            is_best = (
                strength in at.index and at.loc[strength, "mean"] == best[network, rows["settings"].iloc[0], strength]
            )
            line.append(bold.format(text) if is_best else text)
        lines.append(line)
    return lines


def _cell(row: pd.Series, plus_minus: str) -> str:
    spread = f" {plus_minus} {row['std']:.2f}" if pd.notna(row["std"]) else ""
    worst = f" ({row['min']:.2f})" if pd.notna(row["min"]) else ""
    return f"{row['mean']:.2f}{spread}{worst}"


def _caption(compared: pd.DataFrame) -> str:
    few, most = compared["n_seeds"].min(), compared["n_seeds"].max()
    seeds = f"n = {few}" if few == most else f"n = {few} to {most}"
    each = " in each way of measuring" if compared["settings"].nunique() > 1 else ""
    return (
        f"Accuracy in % under weight noise: mean ± standard deviation over seeds ({seeds}), in brackets the worst draw."
        f" Bold: the largest mean of a network at each strength{each}, whether or not the difference is significant."
    )
