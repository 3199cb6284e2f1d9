"""The chapter of docs/performance.md on spiking networks."""

from benchmarks.markdown import ratio, table

NAMES = {
    "srnn": "`srnn`",
    "plain loop": "`srnn` as a loop of PyTorch's operations",
    "snntorch": "snnTorch, `RLeaky`",
    "norse": "Norse, `LSNNRecurrent`",
}
"""The networks of the section, in the order of the table."""


def chapter(section: dict) -> str:
    """The table, and how the libraries' layers differ from `srnn`."""
    rows = {(row["dataset"], row["network"], row["what"]): row for row in section["rows"]}
    parts = dict.fromkeys((row["dataset"], row["what"]) for row in section["rows"])
    measured = {row["network"] for row in section["rows"]}
    lines = [
        [NAMES[name], *(_cell(rows[dataset, name, what]) for dataset, what in parts)]
        for name in NAMES
        if name in measured
    ]
    versions = " and ".join(f"{name} {version}" for name, version in section["versions"].items())
    return f"""
A training step and an evaluation of {section["batch"]} sequences by a recurrent layer of 256 spiking units, on one
core: milliseconds of `srnn`, and how many times as long the others take ({versions}; medians of {section["rounds"]}
rounds).

{table(("network", *(f"{dataset}, {what}" for dataset, what in parts)), lines)}

The libraries' layers have as many units but are not the same: `LSNNRecurrent` has adaptive units without a refractory
step; `RLeaky` has units without adaptation, which are less work.
"""


def _cell(row: dict) -> str:
    return f"{row['ms']:.1f} ms" if row["network"] == "srnn" else ratio(row, 1)
