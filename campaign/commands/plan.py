"""`--plan`: what a campaign would take."""

import json

from campaign.machine.console import duration, say
from campaign.planning import plan
from campaign.planning.campaign import Campaign

TITLES = ("architecture", "activation", "regime", "batch", "precision", "p", "threads", "runs", "s/run", "MB")


def show(campaign: Campaign, memory_check: bool, as_json: bool) -> int:
    """Print the plan of a surveyed campaign, as a table or as JSON. No run is started, no result written. Returns 0.

    Raises ConfigError, in one sentence, if a run cannot be set up.
    """
    made = plan.make(campaign, memory_check)
    say(json.dumps(made, indent=1) if as_json else as_text(made))
    return 0


def as_text(made: dict) -> str:
    """The plan as a table."""
    lines, notes = [plan.counted(made)], [f"note: {note}" for note in made["notes"]]
    if not made["to_do"]:
        return "\n".join(lines + notes)
    rows = [TITLES]
    for kind in made["kinds"]:
        corrupted = "> 0" if kind["corrupted"] else "0"
        *names, _, threads, runs, seconds, megabytes = kind.values()
        rows.append((*names, corrupted, str(threads), str(runs), f"{seconds:.1f}", f"{megabytes:.0f}"))
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(TITLES))]
    lines += ["", *("  ".join(f"{cell!s:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)]
    single = made["wall_hours_one_thread"]
    lines += [
        "",
        f"CPU time     {made['cpu_hours']:.2f} h",
        f"wall time    {_hours(made['wall_hours'])} on {made['workers']} workers",
        *([f"one thread   {_hours(single)} if each run had one"] if single != made["wall_hours"] else []),
        f"longest run  {duration(made['longest_run_s'])}, {made['longest_run']}",
        f"memory       {made['memory_mb'] / 1024:.1f} GB at most",
        f"points       {made['points']} to compute",
    ]
    lines += [
        f"weights      {kept['mb']:.1f} MB in {kept['folder']}, where {kept['free_mb'] / 1024:.1f} GB are free"
        for kept in made["weights"]
    ]
    if made["workers"] > made["cores_of_this_machine"]:
        lines.append(
            f"note: this machine has {made['cores_of_this_machine']} usable cores; the wall time assumes a core like "
            "these for each worker"
        )
    lines += notes
    lines.append(f"costs        {made['costs']} (delete it to measure again)")
    return "\n".join(lines)


def _hours(hours: float) -> str:
    return f"{hours:.2f} h ({duration(3600 * hours)})"
