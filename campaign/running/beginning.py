"""What a launch says and records before it works."""

from campaign.machine.console import say
from campaign.planning import plan
from campaign.planning.campaign import Campaign
from campaign.running.folders import Folders
from campaign.store import run_file
from campaign.store.folder import Store
from campaign.store.log import Log


def begin(campaign: Campaign, logs: dict[str, Log], folders: Folders) -> None:
    """Print and record what is to be done; `logs`: by dataset. Raises CannotWrite."""
    found = plan.found(campaign)
    for line in [found, *(f"note: {note}" for note in campaign.notes)]:
        say(line)
    for name, store in campaign.stores.items():
        _remember(campaign, name, store)
        logs[name].add("launch", detail=found)
        for path in store.set_aside_damaged():
            say(f"note: {path.stem} was damaged: it is kept as {path}, and its run is repeated")
            logs[name].add("damaged", path.name.split(".json")[0], f"set aside as {path.name}")
    for note in folders.lacks():
        say(f"note: {note}")


def _remember(campaign: Campaign, name: str, store: Store) -> None:
    """Write campaign.json of one dataset."""
    runs = [run_id for run_id, (config, *_) in campaign.runs.items() if config.dataset_name == name]
    mine = {*runs}
    parts = {run_id: of_run for run_id, of_run in campaign.parts().items() if run_id in mine}
    store.remember_campaign(
        runs,
        campaign.reference,
        resolution=campaign.resolution,
        seconds={run_id: sum(of_run) for run_id, of_run in parts.items()},
        training={run_id: training for run_id, (training, _) in parts.items()},
        spent={run_id: run_file.seconds(run) for run_id, run in store.outlines().items() if run_id in mine},
        threads=campaign.wide(name),
    )
