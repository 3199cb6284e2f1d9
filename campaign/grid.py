"""From the config block to the list of runs."""

import dataclasses
import random
from collections.abc import Sequence
from itertools import product

from campaign.settings import Settings
from nnet import registry
from nnet.checked import whole_number
from nnet.config import CORRUPTIONS, TrainConfig, default_data_dir

LISTS = ("architectures", "regimes", "alpha_train", "ps", "activations", "alpha_tests")
SEED_BITS = 31
SCIENCE = [
    item.name
    for item in dataclasses.fields(TrainConfig)
    if not item.metadata.get("operation") and item.name != "options"
]


def configurations(settings: Settings) -> list[TrainConfig]:
    """Every combination of architecture, activation, regime, α_train, p and seed, each once.

    Every combination has the same seeds, so that comparisons are paired. A regime without weight noise runs once per
    (architecture, activation, p, seed), however many α_train there are. An option goes to the runs whose regime,
    architecture or corruption has it. Raises ValueError, in one sentence, for an empty list, duplicates in a list, and
    whatever `TrainConfig` refuses.
    """
    for name in LISTS:
        _check_list(name, getattr(settings, name))
    _check_options(settings)
    combinations = product(
        settings.architectures,
        settings.activations,
        settings.regimes,
        settings.alpha_train,
        settings.ps,
        seeds(settings),
    )
    configs = [_config(settings, *combination) for combination in combinations]
    return list({config.run_id: config for config in configs}.values())


def seeds(settings: Settings) -> list[int]:
    """The seeds of the repeats: those that are given, or so many as `repeats` says, drawn from the master seed.

    More repeats of one master seed begin with the same seeds. Raises ValueError for neither or both.
    """
    if (settings.seeds is None) == (settings.repeats is None):
        raise ValueError("give either seeds or repeats, and none for the other")
    if settings.seeds is not None:
        _check_list("seeds", settings.seeds)
        return settings.seeds
    repeats = whole_number("repeats", settings.repeats, smallest=1)
    draws = random.Random(whole_number("master_seed", settings.master_seed))
    drawn: dict[int, None] = {}
    while len(drawn) < repeats:
        drawn[draws.getrandbits(SEED_BITS)] = None
    return list(drawn)


def only(configs: Sequence[TrainConfig], wanted: Sequence[tuple[str, object]]) -> list[TrainConfig]:
    """The runs that have every one of these settings or options, (name, value) each; the text none stands for None.

    A run stays whose regime, architecture and corruption do not know an option, or whose regime has no weight noise
    where the α_train is wanted: it may be the baseline of others. Raises ValueError for a name that no run knows, and
    where no run is left.
    """
    known = [*SCIENCE, *sorted({name for config in configs for name in config.options_and_defaults()})]
    for name, value in wanted:
        if name not in known:
            raise ValueError(f"--only knows no setting {name!r}; choose from {known}")
        configs = [config for config in configs if _fits(config, name, value)]
        if not configs:
            raise ValueError(f"--only leaves no run: none has {name} = {value}")
    return list(configs)


def _fits(config: TrainConfig, name: str, wanted: object) -> bool:
    if name == "alpha_train" and not registry.constant("regimes", config.regime, "USES_ALPHA_TRAIN", True):
        return True
    value = getattr(config, name) if name in SCIENCE else config.options_and_defaults().get(name, wanted)
    return value == wanted or (value is None and wanted == "none")


def _check_list(name: str, values: list) -> None:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{name} must be a list; got {values!r}")
    if not values:
        raise ValueError(f"{name} is empty; give at least one")
    if len(set(values)) < len(values):
        raise ValueError(f"{name} has duplicates: {list(values)}")


def _check_options(settings: Settings) -> None:
    plug_ins = [("regimes", name) for name in settings.regimes] + [
        ("architectures", name) for name in settings.architectures
    ]
    for kind, name in plug_ins:
        registry.check(kind, name, kind.removesuffix("s"))
    registry.check_options(settings.options, *plug_ins, more=CORRUPTIONS.get(settings.corruption, ()))


def _augmentation(settings: Settings) -> str:
    """The one that is set, or what the dataset's file states, or none."""
    if settings.augmentation != "dataset":
        return settings.augmentation
    known = settings.dataset in registry.names("datasets")
    return registry.constant("datasets", settings.dataset, "AUGMENTATION", "none") if known else "none"


def _config(
    settings: Settings, arch: str, activation: str, regime: str, alpha: float, p: float, seed: int
) -> TrainConfig:
    known = {*registry.option_names("regimes", regime), *registry.option_names("architectures", arch)}
    known |= {*CORRUPTIONS.get(settings.corruption, ())}
    return TrainConfig(
        dataset=settings.dataset,
        image_size=settings.image_size,
        arch=arch,
        activation=activation,
        regime=regime,
        alpha_train=alpha,
        noise_model=settings.noise_model,
        p=p,
        corruption=settings.corruption,
        corrupt_test=settings.corrupt_test,
        seed=seed,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        lr_schedule=settings.lr_schedule,
        lr_restart_epochs=settings.lr_restart_epochs,
        weight_decay=settings.weight_decay,
        dropout=settings.dropout,
        augmentation=_augmentation(settings),
        max_train_samples=settings.max_train_samples,
        validation_share=settings.validation_share,
        alpha_tests=tuple(settings.alpha_tests),
        noise_samples=settings.noise_samples,
        precision=settings.precision,
        sweep_precision=settings.sweep_precision,
        options={name: value for name, value in settings.options.items() if name in known},
        cpu_threads=settings.cpu_threads_per_worker,
        use_cuda=settings.use_cuda,
        data_dir=default_data_dir() if settings.data_dir is None else settings.data_dir,
        checkpoint_dir=settings.checkpoint_dir,
        epoch_checkpoint_dir=settings.output_dir,
        epoch_checkpoint_s=settings.epoch_checkpoint_s,
    )
