"""What a person sees, and the command of `--notify` reads, when a campaign has ended."""

import os
from collections.abc import Iterable
from pathlib import Path

from campaign.machine import exits
from campaign.machine.console import complain, say
from campaign.planning.campaign import Campaign
from nnet.files.host import HOST
from nnet.record import provenance

LISTED = 10


def report(campaign: Campaign, reports: list[str]) -> tuple[int, str]:
    """Print what the tables of each store say (`reports`), and which runs failed.

    Returns the exit code, and the same in one text for a command that is told of it.
    """
    folders = sorted({config.checkpoint_dir for config in campaign.configs if config.checkpoint_dir})
    said = [*reports, *(f"trained weights: {Path(folder)}" for folder in folders)]
    failures = campaign.failures()
    failed = _of_failures(campaign)
    under_way = len(campaign.runs) - campaign.finished() - len(failures) - len(campaign.left_out)
    for text in said:
        say(text)
    for text in failed:
        complain(text)
    if under_way:
        said.append(f"{under_way} run(s) are under way in other shards; see --status")
        say(said[-1])
    how = f"ended: {campaign.finished()} of {len(campaign.runs)} runs are finished"
    how += f", {len(failures)} have failed" if failures else ""
    return exits.FAILED if failures or campaign.left_out else 0, told(campaign, how, [*said, *failed])


def _of_failures(campaign: Campaign) -> list[str]:
    failures = campaign.failures()
    lines = [
        f"failed: {config.run_id}: {reason}; see {campaign.stores[config.dataset_name].failure_file(config.run_id)}"
        for config, reason in list(failures.items())[:LISTED]
    ]
    lines += [f"… and {len(failures) - LISTED} more"] if len(failures) > LISTED else []
    return lines + (["--retry-failed tries them again"] if failures else [])


def told(campaign: Campaign, what: str, more: Iterable[str] = ()) -> str:
    """What a command is told: what has happened, in the first line, where, by which command, and `more`."""
    folders = [str(store.folder.absolute()) for store in campaign.stores.values()]
    lines = [what, "", f"results: {', '.join(folders)}", f"machine: {HOST}, process {os.getpid()}"]
    lines += [f"command: {provenance.command()}"]
    lines += [f"shard: {campaign.shard}"] if campaign.shard else []
    return "\n".join([*lines, "", *more]).rstrip() + "\n"
