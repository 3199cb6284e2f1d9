"""`--card`: a trained network, measured in every way that fits it, on one page.

The network becomes a run of <output_dir>/cards/<dataset>/, so that it enters no table of a campaign. Everything else is
a launch like any other: what is measured is kept, and a later card adds to it.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from campaign.analysis.pages import card
from campaign.engines import base
from campaign.engines.workers import tasks
from campaign.grid.block import Runs
from campaign.grid.settings import Launch
from campaign.machine.console import duration, say
from campaign.machine.cores import usable_cores
from campaign.planning import early, plan
from campaign.planning.survey import prepare
from campaign.running import runner
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.evaluations.parts.wanted import WEIGHT_NOISE

FOLDER = "cards"
MOST_IMAGES = 1000
"""Test images of a card, unless the command line says otherwise."""


def lines(block: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a card, over those of the block: it trains nothing and measures in every way.

    `flags`: the settings of the command line. Raises ConfigError without a file of trained weights.
    """
    if flags.get("epochs", 0) != 0:
        raise ConfigError("--card trains nothing; leave --epochs out")
    if {**block, **flags}.get("initial_weights") is None:
        raise ConfigError("--card measures a trained network: name the file of its weights with --initial-weights")
    every = tuple(name for name in registry.names("evaluations") if name != WEIGHT_NOISE)
    return {"max_test_samples": MOST_IMAGES, "evaluations": every} | dict(flags) | {"epochs": 0}


def make(runs: Runs) -> int:
    """Measure the one network that `runs` asks for and write its card. Returns the exit code of the launch.

    Evaluations that do not fit the network are left out, and the card says why. Raises ConfigError if there are several
    networks, or if this one cannot be measured at all.
    """
    launch = dataclasses.replace(runs.launch, output_dir=str(Path(runs.launch.output_dir) / FOLDER))
    asked = dataclasses.replace(_only(runs.configs), epoch_checkpoint_dir=launch.output_dir)
    config, refused = _fitting(asked, launch)
    campaign = prepare([config], launch, retry_failed=True)
    points = plan.counts(campaign)["points"]
    about = f"{len(config.evaluations) + 1} evaluations fit this network, {points} points are to be measured"
    time = f", which takes about {duration(campaign.wall_s(campaign.estimates()))}" if points else ""
    say(f"robustness card of {asked.arch} on {asked.dataset_name}: {about}{time}")
    code = runner.run(campaign)
    (store,) = campaign.stores.values()
    run = store.result(config.run_id)
    if code == 0 and run is not None:
        clean_folder = Path(runs.launch.output_dir) / asked.dataset_name
        say(f"robustness card: {card.write(store.folder, run, refused, clean_folder)}")
    return code


def _only(configs: list[TrainConfig]) -> TrainConfig:
    if len({config.run_id for config in configs}) != 1:
        raise ConfigError(
            f"--card is about one network, and this asks for {len(configs)}: name one architecture, one dataset and "
            "one file of weights"
        )
    return configs[0]


def _fitting(config: TrainConfig, launch: Launch) -> tuple[TrainConfig, dict[str, str]]:
    """The network, measured by those of its evaluations that fit it; and why the others do not, by name.

    Raises ConfigError if the network cannot be set up without any of them, or if one that has options of the user's
    refuses them or the network.
    """
    tried = {name: _with(config, (name,)) for name in config.evaluations}
    alone = _with(config, ())
    early.check([alone])
    engine = registry.constant(base.ENGINES, launch.engine, "PILOT") or launch.engine
    workers = 1 if config.use_cuda else max(1, min(usable_cores(), len(tried)))
    with base.make(engine, tasks.look, workers) as looking:
        outcomes = {one.evaluations: outcome for one, outcome in looking.outcomes([alone, *tried.values()])}
    failures = {names: outcome for names, outcome in outcomes.items() if isinstance(outcome, base.Failure)}
    seen = outcomes[()]
    if isinstance(seen, base.Failure):
        raise ConfigError(seen.message)
    for (name,), failure in failures.items():
        if name in config.options:
            raise ConfigError(failure.message)
    refused = {name: failure.message for (name,), failure in failures.items()}
    fitting = _with(config, tuple(name for name in tried if name not in refused))
    if config.max_test_samples == MOST_IMAGES and seen["test_images"] < MOST_IMAGES:
        fitting = dataclasses.replace(fitting, max_test_samples=None)  # all images under their usual name
    return fitting, refused


def _with(config: TrainConfig, evaluations: tuple[str, ...]) -> TrainConfig:
    """The same network, measured by these of its evaluations: with the options of a card, where none are given."""
    others = {*config.evaluations} - {*evaluations}
    options = {owner: dict(its) for owner, its in config.options.items() if owner not in others}
    for name in evaluations:
        options[name] = registry.constant("evaluations", name, "CARD", {}) | options.get(name, {})
    return dataclasses.replace(config, evaluations=evaluations, options=options)
