"""The folders that a campaign writes to."""

from pathlib import Path

from campaign.planning.campaign import Campaign
from nnet.files.atomic import LACKING, CannotWrite, writing
from nnet.files.temporary import remove_leftovers


class Folders:
    """The results folders of a campaign and the folders of its weights; none may vanish while it is under way."""

    def __init__(self, campaign: Campaign):
        self.stores = list(campaign.stores.values())
        kept = [config for config in campaign.configs if config.checkpoint_dir]
        self.weights = {Path(str(config.checkpoint_dir)) / config.dataset_name for config in kept}
        self.seen: set[Path] = set()
        self.lacking = set(LACKING)

    def check_there(self) -> None:
        """Raise CannotWrite if one has vanished."""
        for store in self.stores:
            store.check_there()
        gone = {folder for folder in self.seen if not folder.is_dir()}
        self.seen |= {folder for folder in self.weights if folder.is_dir()}
        if gone:
            raise CannotWrite(f"cannot write in {min(gone)}: it has vanished with the weights in it")

    def lacks(self) -> list[str]:
        """What their file systems cannot do and was done without since this was last asked, in sentences."""
        new = [sentence for what, sentence in LACKING.items() if what not in self.lacking]
        self.lacking = set(LACKING)
        return new

    def remove_leftovers(self) -> None:
        """Delete what dead workers and launchers left. Raises CannotWrite."""
        for store in self.stores:
            store.remove_leftovers()
        for folder in self.weights:
            with writing(folder):
                remove_leftovers(folder)
