"""`--export`: write finished runs for another program to show."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from campaign.exporters import base
from campaign.machine.console import say
from campaign.store.folder import Store
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig


def export(exporter: str, folder: str | Path, configs: Sequence[TrainConfig], output_dir: str | Path) -> int:
    """Write those of these runs that are finished, by an exporter, and print what shows them. Returns 0.

    A run that was exported into `folder` before is replaced. Raises ConfigError, in one sentence, for an unknown
    exporter, a missing package, a `folder` that is no folder, and if no run of the list is finished.
    """
    base.check(exporter)
    runs = list(_finished(configs, Path(output_dir)))
    asked = len({config.run_id for config in configs})
    if not runs:
        raise ConfigError(f"none of these {asked} runs is finished in {output_dir}; launch them first")
    place = Path(folder).absolute()
    if place.exists() and not place.is_dir():
        raise ConfigError(f"{folder} is a file; give a folder for --export {exporter}")
    place.mkdir(parents=True, exist_ok=True)
    registry.load(base.KIND, exporter).export(runs, place)
    say(f"{len(runs)} of {asked} runs exported to {place}")
    say(f"to see them: {registry.constant(base.KIND, exporter, 'SHOW').format(folder=place)}")
    return 0


def _finished(configs: Iterable[TrainConfig], output_dir: Path) -> Iterable[base.Run]:
    stores: dict[str, Store] = {}
    for run_id, name in {config.run_id: config.dataset_name for config in configs}.items():
        run = stores.setdefault(name, Store(output_dir / name)).result(run_id)
        if run is not None:
            yield base.Run.of(run)
