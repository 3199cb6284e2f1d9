"""The chapter of docs/performance.md on spiking networks."""

from benchmarks.markdown import ratio, table

NAMES = {"srnn": "`srnn`", "plain loop": "`srnn` as a loop of PyTorch's operations", "snntorch": "snnTorch, `RLeaky`"}
NAMES["norse"] = "Norse, `LSNNRecurrent`"


def chapter(section: dict) -> str:
    """The table, and what the networks of the libraries do otherwise."""
    rows = {(row["dataset"], row["network"], row["what"]): row for row in section["rows"]}
    parts = dict.fromkeys((row["dataset"], row["what"]) for row in section["rows"])
    networks = [name for name in NAMES if any(name == network for _, network, _ in rows)]
    lines = [
        [NAMES[name], *(_cell(rows[dataset, name, what], name == "srnn") for dataset, what in parts)]
        for name in networks
    ]
    versions = " and ".join(f"{name} {version}" for name, version in section["versions"].items())
    return f"""
A training step and an evaluation of {section["batch"]} sequences by a recurrent layer of 256 spiking units, on one
core: milliseconds of `srnn`, and how many times as long the others take ({versions}; medians of {section["rounds"]}
rounds).

{table(("network", *(f"{dataset}, {what}" for dataset, what in parts)), lines)}

The layers of the libraries are of the same size, but not the same: `LSNNRecurrent` has adaptive units without a
refractory step, `RLeaky` has units without adaptation, which is less work.
"""


def _cell(row: dict, is_ours: bool) -> str:
    return f"{row['ms']:.1f} ms" if is_ours else ratio(row, 1)
