"""What a person sees when a campaign has ended."""

from pathlib import Path

from campaign.machine import exits
from campaign.machine.console import complain, say
from campaign.planning.campaign import Campaign

LISTED = 10


def report(campaign: Campaign, reports: list[str]) -> int:
    """Print what the tables of each store say (`reports`), and which runs failed. Returns the exit code."""
    for text in reports:
        say(text)
    for folder in sorted({config.checkpoint_dir for config in campaign.configs if config.checkpoint_dir}):
        say(f"trained weights: {Path(folder)}")
    failures = campaign.failures()
    for config, reason in list(failures.items())[:LISTED]:
        path = campaign.stores[config.dataset_name].failure_file(config.run_id)
        complain(f"failed: {config.run_id}: {reason}; see {path}")
    if len(failures) > LISTED:
        complain(f"… and {len(failures) - LISTED} more")
    if failures:
        complain("--retry-failed tries them again")
    under_way = len(campaign.runs) - campaign.finished() - len(failures) - len(campaign.left_out)
    if under_way:
        say(f"{under_way} run(s) are under way in other shards; see --status")
    return exits.FAILED if failures or campaign.left_out else 0
