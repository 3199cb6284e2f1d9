"""What is printed at the end of a campaign."""

import sys
from pathlib import Path

from campaign.analysis import report
from campaign.machine.console import say
from campaign.planning.survey import Campaign
from campaign.store.folder import Store
from nnet.config import TrainConfig

LISTED = 10


def report_on(campaign: Campaign, made: list[dict]) -> int:
    """Print what the tables show and what failed. Returns the exit code."""
    for store, of_store in zip(campaign.stores.values(), made, strict=True):
        say(report.text(store.folder, of_store))
    for folder in sorted({config.checkpoint_dir for config in campaign.configs if config.checkpoint_dir}):
        say(f"trained weights: {Path(folder)}")
    failures = campaign.failures()
    _list(failures, campaign.stores)
    under_way = len(campaign.runs) - campaign.finished() - len(failures) - len(campaign.left_out)
    if under_way:
        say(f"{under_way} run(s) are under way in other shards; see --status")
    return 1 if failures or campaign.left_out else 0


def _list(failures: dict[TrainConfig, str], stores: dict[str, Store]) -> None:
    for config, reason in list(failures.items())[:LISTED]:
        path = stores[config.dataset_name].failure_file(config.run_id)
        say(f"failed: {config.run_id}: {reason}; see {path}", sys.stderr)
    if len(failures) > LISTED:
        say(f"… and {len(failures) - LISTED} more", sys.stderr)
    if failures:
        say("--retry-failed tries them again", sys.stderr)
