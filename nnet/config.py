"""TrainConfig: everything that defines one run, checked when it is created. Importing it does not import torch."""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nnet import checks, registry
from nnet.activations import ACTIVATIONS, check_activation
from nnet.checks import ConfigError, between, check_fields, number, one_of, optional, positive, setting, switch, whole
from nnet.datasets.base import check_dataset, sha256_of_file
from nnet.optimizers import OPTIMIZERS

NOISE_MODELS = ("tensor_std", "magnitude")
CORRUPTIONS = {"replacement": (), "additive": ("sigma",)}
"""The options of each corruption of pixels; all of them must be set."""
AUGMENTATIONS = ("none", "crop_flip")
LR_SCHEDULES = ("constant", "cosine_restarts", "steps")
SMALLEST_PEAK = 1e-5
"""The maximum of the learning rate after the last restart of `cosine_restarts`."""
PRECISIONS = ("fp32", "bf16")
EVALUATIONS = checks.several(registry.name_in("evaluations"), "names", empty=True)


def default_data_dir() -> str:
    """The folder of the data files: `NNET_DATA_DIR` if that is set, else `data`."""
    return os.environ.get("NNET_DATA_DIR", "data")


def _milestones(name: str, value: object) -> tuple[int, ...]:
    epochs = checks.several(whole(2), "epochs", empty=True)(name, value)
    if list(epochs) != list(value):  # type: ignore[call-overload]
        raise ConfigError(f"{name} must ascend; got {value!r}")
    return epochs


@dataclass(frozen=True)
class TrainConfig:
    """One run. Its fields are science (they may change the result and make up `run_id`) or operation (they may not).

    Values are checked and brought to one form, so that equal runs have equal identities. Where the regime has no
    weight noise, `alpha_train` becomes 0. Raises ConfigError, in one sentence, for a wrong value. A field marked
    `younger` was added after the first results: at its default it is left out of `run_id`.
    """

    dataset: str = setting("digits", check_dataset)
    """Name of a dataset, or path of an .npz file. Default digits, which needs no download."""
    image_size: int | None = setting(28, optional(whole(1)))
    """Height and width in pixels to which images are resized; None keeps their own size. Default 28."""
    arch: str = setting("mlp_small", registry.name_in("architectures"))
    """Name of an architecture. Default mlp_small."""
    activation: str = setting("relu", one_of(ACTIVATIONS))
    """Activation function: relu, tanh, sigmoid, leaky_relu (slope 0.1), gelu, lrelu (slope 0.01), prelu (one learned
    slope, initially 0.25), rrelu (random slopes from 1/8 to 1/3), elu or selu. Default relu."""
    regime: str = setting("clean", registry.name_in("regimes"))
    """Rule by which weights are updated. Default clean."""
    alpha_train: float = setting(0.0, number)
    """Strength of weight noise in training, relative to the weights (see noise_model), ≥ 0. Default 0."""
    noise_model: str = setting("tensor_std", one_of(NOISE_MODELS))
    """What α is relative to, in training and in the sweep: tensor_std (the standard deviation of the weight tensor) or
    magnitude (each weight's own size). Default tensor_std."""
    p: float = setting(0.0, between(0, 1))
    """Probability that an input pixel is corrupted in training, 0 to 1. Default 0."""
    corruption: str = setting("replacement", one_of(CORRUPTIONS))
    """How a pixel is corrupted: replacement (it becomes U(0, 1)) or additive (σ·(U(0, 1) - ½) is added, and the sum is
    clipped to [0, 1]; σ ≥ 0 is the option `sigma`, in units of pixels). Default replacement."""
    corrupt_test: bool = setting(False, switch, younger=True)
    """Evaluate on test images that are corrupted like the training images, with one fixed draw per seed. Default no."""
    seed: int = setting(0, whole())
    """Seed of every random stream of the run. Default 0."""
    epochs: int = setting(10, whole(1))
    """Passes through the training images. Default 10."""
    batch_size: int = setting(128, whole(1))
    """Images per update. Default 128."""
    optimizer: str = setting("adam", one_of(OPTIMIZERS))
    """Optimizer: adam or sgd, with PyTorch's defaults for what is not set here. Default adam."""
    learning_rate: float = setting(1e-3, positive)
    """Step size of the optimizer, > 0; for `cosine_restarts` the first and largest one. Default 0.001."""
    momentum: float = setting(0.0, between(0, 1, high_allowed=False), younger=True)
    """Momentum of sgd, from 0 to below 1. Default 0."""
    nesterov: bool = setting(False, switch, younger=True)
    """Use Nesterov's momentum (Sutskever et al. 2013) instead of the classical one. Default no."""
    lr_schedule: str = setting("constant", one_of(LR_SCHEDULES), younger=True)
    """Learning rate over the epochs: constant; cosine_restarts (a cosine from the maximum to 10⁻⁶ every
    `lr_restart_epochs`, while the maximum falls linearly to 10⁻⁵ at the last restart; after Loshchilov and Hutter
    2017); or steps (multiplied by `lr_factor` at each epoch of `lr_milestones`). Default constant."""
    lr_restart_epochs: int | None = setting(None, optional(whole(1)), younger=True)
    """Epochs between two restarts of `cosine_restarts`, fewer than `epochs`. Default None."""
    lr_milestones: tuple[int, ...] = setting((), _milestones, younger=True)
    """Epochs (from 2, ascending) at which the `steps` schedule multiplies the learning rate by `lr_factor`. Those later
    than the run's last epoch are ignored. Default none."""
    lr_factor: float = setting(0.2, positive, younger=True)
    """Factor by which `steps` multiplies the learning rate, > 0. Default 0.2."""
    weight_decay: float = setting(0.0, number)
    """L2 penalty of the optimizer, ≥ 0. Default 0."""
    dropout: float = setting(0.0, between(0, 1, high_allowed=False), younger=True)
    """Probability of dropping a hidden value of a linear layer, or a flattened one, in training, from 0 to below 1; the
    others are scaled by 1/(1 − dropout). Only for architectures whose file states `DROPOUT`. Default 0."""
    augmentation: str = setting("none", one_of(AUGMENTATIONS), younger=True)
    """Change of a training image each time it is used: none, or crop_flip (a random crop of the image padded by 4 black
    pixels, mirrored half of the time). Default none."""
    max_train_samples: int | None = setting(None, optional(whole(1)))
    """Train on this many images, the first of a fixed stratified shuffle; None uses all. Default None."""
    validation_share: float = setting(0.0, between(0, 0.5), younger=True)
    """Share of the training images that are held out for validation, 0 to 0.5: the last ones of that shuffle,
    independent of `max_train_samples`. Default 0."""
    smoothed_accuracy: bool = setting(False, switch, younger=True)
    """After each epoch, record the test accuracy and the running value that a published program reported as such (see
    nnet/evaluations/parts/running_accuracy.py). Neither influences training. Default no."""
    max_test_samples: int | None = setting(None, optional(whole(1)), younger=True)
    """Test on this many images, a fixed stratified subset; None uses all. Default None."""
    alpha_tests: tuple[float, ...] = setting((0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5), checks.strengths)
    """Strengths of weight noise at evaluation, ≥ 0, including 0; kept in ascending order."""
    noise_samples: int = setting(5, whole(1))
    """Noise draws per α_test. Default 5."""
    evaluations: tuple[str, ...] = setting((), EVALUATIONS, younger=True)
    """Names of further evaluations of the trained network, such as worst_case; kept in alphabetical order. Default
    none."""
    precision: str = setting("fp32", one_of(PRECISIONS))
    """Arithmetic of training: fp32, or bf16 (bfloat16 by autocast; weights stay in fp32). Default fp32."""
    sweep_precision: str = setting("fp32", one_of(PRECISIONS))
    """Arithmetic of evaluation, at every α_test: fp32 or bf16. Default fp32."""
    options: dict = field(default_factory=dict, hash=False)
    """Further settings by name, each for the regime, architecture, evaluation or corruption that has an option of this
    name."""

    cpu_threads: int = setting(1, whole(1), operation=True)
    """Threads of torch per run; another number may change the last bits of the result. Default 1."""
    use_cuda: bool = setting(False, switch, operation=True)
    """Train on the GPU. Default no."""
    data_dir: str = field(default_factory=default_data_dir, metadata={"operation": True, "rule": checks.path})
    """Folder of the data files. Default NNET_DATA_DIR if that is set, else data."""
    checkpoint_dir: str | None = setting(None, optional(checks.path), operation=True)
    """Folder of the trained weights, <checkpoint_dir>/<dataset>/<run_id>.pt; None saves none. Default None."""
    epoch_checkpoint_dir: str | None = setting(None, optional(checks.path), operation=True)
    """Folder in which the state of an unfinished run is saved, as <dataset>/partial/<run_id>.pt. Default None."""
    epoch_checkpoint_s: float = setting(60.0, number, operation=True)
    """Least seconds between two saved states of an unfinished run; 0 saves after every epoch. Default 60."""

    def __post_init__(self):
        check_fields(self)
        check_activation(self.activation, self.arch)
        if self.dropout > 0 and not registry.constant("architectures", self.arch, "DROPOUT", False):
            raise ConfigError(f"{self.arch} has no dropout")
        self._check_options()
        self._check_momentum()
        self._check_restarts()
        self._check_steps()
        if not registry.constant("regimes", self.regime, "USES_ALPHA_TRAIN", True):
            object.__setattr__(self, "alpha_train", 0.0)

    def _check_options(self) -> None:
        if not isinstance(self.options, dict):
            raise ConfigError(f"options must be a dict of settings by name; got {self.options!r}")
        needed = CORRUPTIONS[self.corruption]
        registry.check_options(self.options, *self.plug_ins(), more=needed)
        for name in needed:
            if name not in self.options:
                raise ConfigError(f"corruption {self.corruption!r} needs the option {name!r}")
        numbers = {name: number(name, self.options[name]) for name in needed}
        object.__setattr__(self, "options", self.options | numbers)

    def _check_momentum(self) -> None:
        if self.momentum > 0 and not OPTIMIZERS[self.optimizer].has_momentum:
            raise ConfigError(f"momentum needs another optimizer: {self.optimizer} has none")
        if self.nesterov and self.momentum == 0:
            raise ConfigError("nesterov needs a momentum above 0")

    def _check_restarts(self) -> None:
        restart = self.lr_restart_epochs
        if self.lr_schedule != "cosine_restarts":
            if restart is not None:
                raise ConfigError(f"lr_restart_epochs has no effect with lr_schedule {self.lr_schedule!r}")
            return
        if restart is None:
            raise ConfigError(f"lr_schedule {self.lr_schedule!r} needs lr_restart_epochs")
        if restart >= self.epochs:
            raise ConfigError(f"lr_restart_epochs must be below epochs; got {restart} of {self.epochs}")
        if self.learning_rate < SMALLEST_PEAK:
            raise ConfigError(f"lr_schedule {self.lr_schedule!r} needs a learning_rate of at least {SMALLEST_PEAK:g}")

    def _check_steps(self) -> None:
        if self.lr_schedule == "steps":
            if not self.lr_milestones:
                raise ConfigError("lr_schedule 'steps' needs lr_milestones")
        elif self.lr_milestones or self.lr_factor != TrainConfig.lr_factor:
            name = "lr_milestones" if self.lr_milestones else "lr_factor"
            raise ConfigError(f"{name} has no effect with lr_schedule {self.lr_schedule!r}")

    @property
    def dataset_name(self) -> str:
        """The dataset's name in tables and folders; for an .npz file, its name without folder and suffix."""
        return Path(self.dataset).stem if self.dataset.endswith(".npz") else self.dataset

    @functools.cached_property
    def run_id(self) -> str:
        """A readable prefix and a hash of the science alone: `mlp_small-noisy-a0.05-seed0-3f9a2c1b`."""
        text = json.dumps(self.science(), sort_keys=True, allow_nan=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.arch}-{self.regime}-a{self.alpha_train:g}-seed{self.seed}-{digest}"

    @property
    def partial_file(self) -> str | None:
        """The file that holds the state of the unfinished run, or None."""
        if self.epoch_checkpoint_dir is None:
            return None
        return str(Path(self.epoch_checkpoint_dir) / self.dataset_name / "partial" / f"{self.run_id}.pt")

    def options_and_defaults(self) -> dict:
        """The options, and the defaults of the options of `plug_ins` that are not set; None if not a literal."""
        defaults: dict[str, object] = {}
        for kind, name in self.plug_ins():
            defaults |= registry.option_defaults(kind, name)
        return defaults | self.options

    def plug_ins(self) -> list[tuple[str, str]]:
        """(kind, name) of each plug-in that may have options."""
        return plug_ins([self.regime], [self.arch], self.evaluations)

    def science(self) -> dict:
        """The JSON-able fields that may change the result; younger ones only if they are not at their default.

        An .npz file is represented by its name and the SHA-256 of its content: it may move, but not change.
        """
        fields = [item for item in dataclasses.fields(self) if not item.metadata.get("operation")]
        science = {
            item.name: getattr(self, item.name)
            for item in fields
            if not (item.metadata.get("younger") and getattr(self, item.name) == item.default)
        }
        science |= {name: list(value) for name, value in science.items() if isinstance(value, tuple)}
        if self.dataset.endswith(".npz"):
            science |= {"dataset": self.dataset_name, "dataset_sha256": sha256_of_file(self.dataset)}
        return science


def plug_ins(regimes: Iterable[str], architectures: Iterable[str], evaluations: Iterable[str]) -> list[tuple[str, str]]:
    """(kind, name) of each plug-in that may have options, from the names of each kind."""
    named = {"regimes": regimes, "architectures": architectures, "evaluations": evaluations}
    return [(kind, name) for kind, names in named.items() for name in names]
