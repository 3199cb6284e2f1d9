"""The chapter of docs/performance.md on runs on a GPU."""

from benchmarks.markdown import table

DIGITS = {"step": 2, "point": 1}


def chapter(section: dict) -> str:
    """The table, and what limits the GPU."""
    lines = []
    for row in section["rows"]:
        cells = [_against(row, part, other) for part in DIGITS for other in ("core", "plain")]
        times = [f"{row[f'gpu_{part}_ms']:.{digits}f}" for part, digits in DIGITS.items()]
        lines.append((f"{row['architecture']}, {row['regime']}", times[0], *cells[:2], times[1], *cells[2:]))
    machine, waits = section["machine"], [row["waits"] for row in section["rows"]]
    least = min(section["rows"], key=lambda row: row["core_step_ms"] / row["gpu_step_ms"])
    head = ("", "step, ms", "one core", "plain program", "sweep point, ms", "one core", "plain program")
    return f"""
Times on one {section["device"]} (torch {machine["torch"]}), and how many times as long one core beside it
({machine["cpu_model"]}, {machine["cpu_capability"]}) and the plain program on the same GPU take. A step has 128 images
of MNIST, a sweep point 10,000; single precision, one run at a time; means of {section["rounds"]} epochs.

{table(head, lines)}

The plain program waits for its DataLoader. Here no training step waits for the GPU. A whole run waits {min(waits)}
to {max(waits)} times: the more tensors its network has, the more often. A step of {least["architecture"]}
({least["regime"]}) is only {_against(least, "step", "core")} times as fast as on one core: many cores that each train
one such network finish a campaign sooner.
"""


def _against(row: dict, part: str, other: str) -> str:
    return f"{row[f'{other}_{part}_ms'] / row[f'gpu_{part}_ms']:.1f}"
