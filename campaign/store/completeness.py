"""How complete a results folder is, in words for a person."""

from pathlib import Path

from campaign.store import campaign_file
from campaign.store.folder import Store


def completeness(folder: Path) -> str:
    """How complete a results folder is: "143 of 150 runs, 5 failed, 2 pending, 1 with a failed measurement".

    It counts networks in the folder and runs of its latest campaign; one with a failed measurement is among the 143.
    """
    trained = {path.stem for path in (folder / "runs").glob("*.json")}
    planned = set(campaign_file.read(folder).get("runs", []))
    failed = set(Store(folder).failed())
    groups = {"failed": failed - trained, "pending": planned - trained - failed}
    groups["with a failed measurement"] = failed & trained
    parts = [f"{len(trained)} of {len(trained | failed | planned)} runs"]
    parts += [f"{len(group)} {words}" for words, group in groups.items() if group]
    parts += ["of different makers, see makers.txt"] if (folder / "makers.txt").is_file() else []
    return ", ".join(parts)
