"""Lists of runs: from the config block, from a product of settings, and from other lists."""

import dataclasses
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence

from campaign.commands.command_line import Settings
from nnet import registry
from nnet.checks import whole_number
from nnet.config import CORRUPTIONS, TrainConfig, default_data_dir, plug_ins

LISTS = ("architectures", "regimes", "alpha_train", "ps", "activations", "alpha_tests")
FIELDS = [item.name for item in dataclasses.fields(TrainConfig)]
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
    combinations = itertools.product(
        settings.architectures,
        settings.activations,
        settings.regimes,
        settings.alpha_train,
        settings.ps,
        seeds(settings),
    )
    configs = [_config(settings, *combination) for combination in combinations]
    return join(configs)


def product(base: TrainConfig, **settings: object) -> list[TrainConfig]:
    """Every combination of these settings on top of `base`, each run once: a list varies, any other value is for all.

    An option goes to the runs whose regime, architecture, evaluation or corruption has it. Raises ValueError, in one
    sentence, for a name that is no field of `TrainConfig`, an empty list, an option that no run has, and whatever
    `TrainConfig` refuses.
    """
    lists = {name: value if isinstance(value, list) else [value] for name, value in settings.items()}
    return split([base], **lists)


def join(*grids: Iterable[TrainConfig]) -> list[TrainConfig]:
    """The runs of all grids, each once, in the order in which they come first."""
    return list({config.run_id: config for config in itertools.chain(*grids)}.values())


def select(configs: Iterable[TrainConfig], **wanted: object) -> list[TrainConfig]:
    """The runs that have every one of these settings or options, options at their default included.

    Raises ValueError for a name that no run knows.
    """
    settings = [(config, _settings_of(config)) for config in configs]
    _check_known(wanted, {name for _, known in settings for name in known} or wanted)
    return [
        config for config, known in settings if all(name in known and known[name] == wanted[name] for name in wanted)
    ]


def configure(
    configs: Iterable[TrainConfig], where: Mapping[str, object] | None = None, **changes: object
) -> list[TrainConfig]:
    """A new grid in which the runs that `where` fits have these settings instead, and the others are as they were.

    `options` are added to those that a run has. Raises ValueError as `product` does.
    """
    return split(configs, where, **{name: [value] for name, value in changes.items()})


def split(
    configs: Iterable[TrainConfig], where: Mapping[str, object] | None = None, **lists: list
) -> list[TrainConfig]:
    """A new grid in which each run that `where` fits is replaced by one per combination of the values in `lists`.

    The others are as they were; each run once. Raises ValueError as `product` does.
    """
    configs = list(configs)
    chosen = {config.run_id for config in select(configs, **(where or {}))}
    for name, values in lists.items():
        _check_list(name, values, distinct=False)
    points = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    return _changed([(config, point) for config in configs for point in (points if config.run_id in chosen else [{}])])


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


def _settings_of(config: TrainConfig) -> dict:
    return config.options_and_defaults() | {name: getattr(config, name) for name in FIELDS}


def _changed(points: Sequence[tuple[TrainConfig, dict]]) -> list[TrainConfig]:
    """Each run with its changes, whose options go to the runs that know them; each run once."""
    wanted = {option for _, changes in points for option in changes.get("options", {})}
    configs = []
    for config, changes in points:
        _check_known(changes, FIELDS)
        fields = {name: getattr(config, name) for name in FIELDS} | changes
        known = _known_options(*(fields[name] for name in ("regime", "arch", "evaluations", "corruption")))
        options = config.options | changes.get("options", {})
        fields["options"] = {name: value for name, value in options.items() if name in known}
        configs.append(TrainConfig(**fields))
        wanted -= known
    if wanted:
        raise ValueError(f"no run has the option {min(wanted)!r}")
    return join(configs)


def _check_known(names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"no run has a setting {name!r}; choose from {sorted(known)}")


def _known_options(regime: str, arch: str, evaluations: Iterable[str], corruption: str) -> set[str]:
    named = plug_ins([regime], [arch], evaluations)
    known = {option for kind, name in named for option in registry.option_names(kind, name)}
    return known | {*CORRUPTIONS.get(corruption, ())}


def _check_list(name: str, values: list, distinct: bool = True) -> None:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{name} must be a list; got {values!r}")
    if not values:
        raise ValueError(f"{name} is empty; give at least one")
    if distinct and len(set(values)) < len(values):
        raise ValueError(f"{name} has duplicates: {list(values)}")


def _check_options(settings: Settings) -> None:
    named = plug_ins(settings.regimes, settings.architectures, settings.evaluations)
    for kind, name in named:
        registry.require(kind, name, kind.removesuffix("s"))
    registry.check_options(settings.options, *named, more=CORRUPTIONS.get(settings.corruption, ()))


def _augmentation(settings: Settings) -> str:
    """The one that is set, or what the dataset's file states, or none."""
    if settings.augmentation != "dataset":
        return settings.augmentation
    known = settings.dataset in registry.names("datasets")
    return registry.constant("datasets", settings.dataset, "AUGMENTATION", "none") if known else "none"


def _config(
    settings: Settings, arch: str, activation: str, regime: str, alpha: float, p: float, seed: int
) -> TrainConfig:
    known = _known_options(regime, arch, settings.evaluations, settings.corruption)
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
        lr_milestones=tuple(settings.lr_milestones),
        lr_factor=settings.lr_factor,
        weight_decay=settings.weight_decay,
        dropout=settings.dropout,
        augmentation=_augmentation(settings),
        max_train_samples=settings.max_train_samples,
        validation_share=settings.validation_share,
        smoothed_accuracy=settings.smoothed_accuracy,
        alpha_tests=tuple(settings.alpha_tests),
        noise_samples=settings.noise_samples,
        evaluations=tuple(settings.evaluations),
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
