"""What happened in a campaign and when: one line per event in campaign.log."""

from datetime import UTC, datetime
from pathlib import Path

from campaign.grid.shard import Shard
from campaign.machine.console import clean
from nnet.files.atomic import append


class Log:
    """`<folder>/campaign.log`, to which every launcher appends: time (UTC), what happened, run_id, detail.

    Each shard has its own file, because lines are lost if several machines append to one file on a network disk.
    """

    def __init__(self, folder: Path, shard: Shard | None = None):
        self.path = folder / (f"campaign-shard{shard.number}of{shard.count}.log" if shard else "campaign.log")

    def add(self, event: str, run_id: str = "-", detail: str = "") -> None:
        """Append one line in a single write, so that the lines of two launchers never mix. Raises CannotWrite."""
        time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        line = clean(" ".join(f"{time} {event:<9} {run_id} {detail}".split("\n"))).rstrip()
        append(self.path, f"{line}\n".encode(errors="backslashreplace"))
