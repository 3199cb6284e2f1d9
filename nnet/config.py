"""TrainConfig: everything that defines one run, checked when it is created. Importing it does not import torch."""

import dataclasses
import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nnet import checks, registry
from nnet import options as by_owner
from nnet.activations import ACTIVATIONS, check_activation
from nnet.checks import ConfigError, between, canonical, number, one_of, optional, positive, setting, switch, whole
from nnet.datasets.base import check_dataset, check_input, input_of
from nnet.files.checked_json import digest_of
from nnet.identity import Identity, group_of, in_group, share_values
from nnet.optimizers import LR_SCHEDULES, OPTIMIZERS, USUAL_FACTOR, check_momentum, check_schedule, milestones

SCIENCE = 2
"""Part of every `run_id`: raised when a change of the program, or of a default, alters the bits of training."""
NOISE_MODELS = ("tensor_std", "magnitude", "range")
AUGMENTATIONS = ("none", "crop_flip", "crop_flip_cutout")
NEEDED_UNTRAINED = (
    *("dataset", "image_size", "arch", "activation", "dropout"),  # dropout is one of a network's numbered layers
    *("initial_weights", "epochs", "noise_model", "options"),
)
"""The training fields that have an effect where nothing is trained."""
PRECISIONS = ("fp32", "bf16")
EVALUATIONS = checks.several(registry.name_in("evaluations"), "names", empty=True)


def default_data_dir() -> str:
    """The folder of the data files: `NNET_DATA_DIR` if that is set, else `data`."""
    return os.environ.get("NNET_DATA_DIR", "data")


@dataclass(frozen=True)
class TrainConfig(Identity):
    """One trained network, and how it is measured.

    Each field belongs to one group, named in its metadata: `training` (the default: it may change the trained weights,
    and `run_id` is made of it), `measuring` (how the network is measured), `record` (what training notes beside) or
    `operation` (where and how the run is done). Values are checked and brought to one form, so that equal runs have
    equal identities. Where the regime has no weight noise, `alpha_train` becomes 0; where nothing is trained, settings
    without effect become their defaults. Raises ConfigError, in one sentence, for a wrong value.
    """

    dataset: str = setting("digits", check_dataset)
    """Name of a dataset, or path of an .npz file. Default digits, which needs no download."""
    image_size: int | None = setting(28, optional(whole(1)))
    """Height and width in pixels to which images are resized; None keeps their own size. Default 28. Sequences have
    None."""
    arch: str = setting("mlp_small", registry.name_in("architectures"))
    """Name of an architecture. Default mlp_small."""
    activation: str = setting("relu", one_of(ACTIVATIONS))
    """Activation function: relu, tanh, sigmoid, leaky_relu (slope 0.1), gelu, lrelu (slope 0.01), prelu (one learned
    slope, initially 0.25), rrelu (random slopes from 1/8 to 1/3), elu or selu. Default relu."""
    regime: str = setting("clean", registry.name_in("regimes"))
    """Rule of the update. Default clean."""
    alpha_train: float = setting(0.0, number)
    """Strength of weight noise in training, relative to the weights (see noise_model), ≥ 0. Default 0."""
    noise_model: str = setting("tensor_std", one_of(NOISE_MODELS))
    """What α is relative to, in training and in the sweep: tensor_std (the standard deviation of the weight tensor),
    magnitude (each weight's own size) or range (the largest size in the weight tensor). Default tensor_std."""
    p: float = setting(0.0, between(0, 1))
    """Probability that an input pixel is corrupted in training, 0 to 1. Default 0."""
    corruption: str = setting("replacement", one_of(by_owner.CORRUPTIONS))
    """How a pixel is corrupted: replacement (it becomes U(0, 1)) or additive (σ·(U(0, 1) - ½) is added, and the sum is
    clipped to [0, 1]; σ ≥ 0 is the option `sigma`, in units of pixels). Default replacement."""
    corrupt_test: bool = setting(False, switch, group="measuring")
    """Evaluate on test images that are corrupted like the training images, with one fixed draw per seed. Default no."""
    seed: int = setting(0, whole())
    """Seed of every random stream of the run. Default 0."""
    initial_weights: str | None = setting(None, optional(checks.file_with(".pt", ".pth", ".safetensors")))
    """File of a state dict (.pt, .pth or .safetensors) from which the network starts; None draws new weights. Default
    None."""
    epochs: int = setting(10, whole(0))
    """Passes through the training images; 0 only measures `initial_weights`. Default 10."""
    batch_size: int = setting(128, whole(1))
    """Images per update. Default 128."""
    optimizer: str = setting("adam", one_of(OPTIMIZERS))
    """Optimizer: adam or sgd, with PyTorch's defaults for what is not set here. Default adam."""
    learning_rate: float = setting(1e-3, positive)
    """Step size of the optimizer, > 0; for `cosine_restarts` the first and largest one. Default 0.001."""
    momentum: float = setting(0.0, between(0, 1, high_allowed=False))
    """Momentum of sgd, from 0 to below 1. Default 0."""
    nesterov: bool = setting(False, switch)
    """Use Nesterov's momentum (Sutskever et al. 2013) instead of the classical one. Default no."""
    lr_schedule: str = setting("constant", one_of(LR_SCHEDULES))
    """Learning rate over the epochs: constant; cosine_restarts (a cosine from the maximum to 10⁻⁶ every
    `lr_restart_epochs`, while the maximum falls linearly to 10⁻⁵ at the last restart; after Loshchilov and Hutter
    2017); or steps (multiplied by `lr_factor` at each epoch of `lr_milestones`). Default constant."""
    lr_restart_epochs: int | None = setting(None, optional(whole(1)))
    """Epochs between two restarts of `cosine_restarts`, fewer than `epochs`. Default None."""
    lr_milestones: tuple[int, ...] = setting((), milestones)
    """Epochs (from 2, ascending) at which the `steps` schedule multiplies the learning rate by `lr_factor`. Those later
    than the run's last epoch are ignored. Default none."""
    lr_factor: float = setting(USUAL_FACTOR, positive)
    """Factor by which `steps` multiplies the learning rate, > 0. Default 0.2."""
    weight_decay: float = setting(0.0, number)
    """L2 penalty of the optimizer, ≥ 0. Default 0."""
    weight_clip: float | None = setting(None, optional(positive))
    """Clip every weight tensor that noise perturbs to ± this many of its standard deviations, measured just before,
    ahead of the first step and after each; None clips nothing. Default None."""
    dropout: float = setting(0.0, between(0, 1, high_allowed=False))
    """Probability of dropping a hidden value of a linear layer, or a flattened one, in training, from 0 to below 1; the
    others are scaled by 1/(1 − dropout). Only for architectures whose file states `DROPOUT`. Default 0."""
    augmentation: str = setting("none", one_of(AUGMENTATIONS))
    """Change of a training image each time it is used: none; crop_flip (a random crop of the image padded by 4 black
    pixels, mirrored half of the time); or crop_flip_cutout (then a square of half its height, around a random pixel,
    takes the mean colour of the training images). Default none."""
    max_train_samples: int | None = setting(None, optional(whole(1)))
    """Train on this many images, the first of a fixed stratified shuffle; None uses all. Default None."""
    validation_share: float = setting(0.0, between(0, 0.5))
    """Share of the training images that are held out for validation, 0 to 0.5: the last ones of that shuffle,
    independent of `max_train_samples`. Default 0."""
    smoothed_accuracy: bool = setting(False, switch, group="record")
    """After each epoch, record the test accuracy and the running value that a published program reported as such (see
    nnet/evaluations/parts/running_accuracy.py). Neither influences training. Default no."""
    max_test_samples: int | None = setting(None, optional(whole(1)), group="measuring")
    """Test on this many images, a fixed stratified subset; None uses all. Default None."""
    alpha_tests: tuple[float, ...] = setting(
        (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5), checks.strengths, group="measuring"
    )
    """Strengths of weight noise at evaluation, ≥ 0, including 0; kept in ascending order."""
    noise_samples: int = setting(5, whole(1), group="measuring")
    """Noise draws per α_test. Default 5."""
    evaluations: tuple[str, ...] = setting((), EVALUATIONS, group="measuring")
    """Evaluations beside weight_noise. They are kept in alphabetical order. Default none."""
    precision: str = setting("fp32", one_of(PRECISIONS))
    """Arithmetic of training: fp32, or bf16 (bfloat16 by autocast; weights stay in fp32). Default fp32."""
    sweep_precision: str = setting("fp32", one_of(PRECISIONS), group="measuring")
    """Arithmetic of evaluation, at every α_test: fp32 or bf16. Default fp32."""
    options: dict = field(default_factory=dict, hash=False)
    """Options by owner and name, like {"beta": {"attack_size": 0.1}}: of the regime, the architecture, the corruption
    and the evaluations, among them weight_noise."""

    cpu_threads: int | Literal["auto"] = setting(1, checks.word_or("auto", whole(1)), group="operation")
    """Threads of torch per run, or auto: a campaign chooses them; another number may change the last bits of the
    result. Default 1."""
    use_cuda: bool = setting(False, switch, group="operation")
    """Train on the GPU. Default no."""
    data_dir: str = field(default_factory=default_data_dir, metadata={"group": "operation", "rule": checks.path})
    """Folder of the data files. Default NNET_DATA_DIR if that is set, else data."""
    checkpoint_dir: str | None = setting(None, optional(checks.path), group="operation")
    """Folder of the trained weights, <checkpoint_dir>/<dataset>/<run_id>.pt; None saves none. Default None."""
    epoch_checkpoint_dir: str | None = setting(None, optional(checks.path), group="operation")
    """Folder in which the state of an unfinished run is saved, as <dataset>/partial/<run_id>.pt. Default None."""
    epoch_checkpoint_s: float = setting(60.0, number, group="operation")
    """Least seconds between two saved states of an unfinished run; 0 saves after every epoch. Default 60."""

    def __post_init__(self):
        checks.check_fields(self)
        check_activation(self.activation, self.arch)
        if self.dropout > 0 and not registry.constant("architectures", self.arch, "DROPOUT", False):
            raise ConfigError(f"{self.arch} has no dropout")
        object.__setattr__(self, "evaluations", tuple(name for name in self.evaluations if name != by_owner.SWEEP))
        object.__setattr__(self, "options", by_owner.checked(self.options, self.owners()))
        by_owner.check_corruption(self.corruption, self.options_of(self.corruption))
        if self.epochs == 0:
            self._train_nothing()
        check_momentum(self.optimizer, self.momentum, self.nesterov)
        learning_rate = (self.learning_rate, self.lr_restart_epochs, self.lr_milestones, self.lr_factor)
        check_schedule(self.lr_schedule, self.epochs, *learning_rate)
        if not self.has_weight_noise:
            object.__setattr__(self, "alpha_train", 0.0)
        self._check_files()
        self._check_input()
        share_values(self)

    def _train_nothing(self) -> None:
        """Set the settings that have no effect without training to their defaults."""
        if self.initial_weights is None:
            raise ConfigError(
                "epochs 0 trains nothing: give initial_weights, a file of trained weights, or at least 1 epoch"
            )
        for item in dataclasses.fields(self):
            corrupted = self.corrupt_test and item.name in ("p", "corruption")
            if group_of(item) in ("training", "record") and item.name not in NEEDED_UNTRAINED and not corrupted:
                object.__setattr__(self, item.name, item.default)
        own = self.owners()
        object.__setattr__(
            self, "options", {owner: its_options for owner, its_options in self.options.items() if owner in own}
        )

    def _check_files(self) -> None:
        """Read the user's files, so that their identity is that of now wherever the configuration goes."""
        try:
            self.dataset_sha256, self.initial_weights_sha256  # noqa: B018 - kept from here on
        except OSError as error:
            raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error

    def _check_input(self) -> None:
        """Compare the kind of input of dataset and architecture; sequences have no size and no pixels."""
        has = input_of(self.dataset, self.dataset_sha256)
        check_input(self.arch, self.dataset_name, has)
        if has == "images":
            return
        usual = {item.name: item.default for item in dataclasses.fields(self)}
        for name in ("image_size", "p", "corrupt_test", "augmentation"):
            if getattr(self, name) not in (usual[name], None):
                raise ConfigError(f"{name} has no meaning for {self.dataset_name}: it has {has}, which have no pixels")
        object.__setattr__(self, "image_size", None)

    @property
    def run_id(self) -> str:
        """A readable prefix and a hash of the training alone: `mlp_small-noisy-a0.05-seed0-3f9a2c1b7e05d846`.

        Settings and options at their defaults are not hashed: new ones leave the identities of older runs as they are.
        """
        return self._identities[0]

    @property
    def training_sha256(self) -> str:
        """SHA-256 of `training()`, with all defaults, as sorted JSON."""
        return self._identities[1]

    @functools.cached_property
    def _identities(self) -> tuple[str, str]:
        training = self.training()
        its = training | {"options": by_owner.changed(self.options, self.training_owners())}
        hashed = {name: value for name, value in its.items() if value != DEFAULTS.get(name)} | {"SCIENCE": SCIENCE}
        prefix = f"{self.arch}-{self.regime}-a{self.alpha_train:g}-seed{self.seed}"
        return f"{prefix}-{digest_of(hashed)[:16]}", digest_of(training)

    @property
    def threads(self) -> int:
        """Threads of torch in this run: `cpu_threads`, and 1 where it is auto and no campaign has chosen."""
        return 1 if self.cpu_threads == "auto" else self.cpu_threads

    @property
    def weights_file(self) -> Path | None:
        """The file that holds the trained weights, or None."""
        if self.checkpoint_dir is None:
            return None
        return Path(self.checkpoint_dir) / self.dataset_name / f"{self.run_id}.pt"

    @property
    def partial_file(self) -> str | None:
        """The file that holds the state of the unfinished run, or None."""
        if self.epoch_checkpoint_dir is None:
            return None
        return str(Path(self.epoch_checkpoint_dir) / self.dataset_name / "partial" / f"{self.run_id}.pt")


DEFAULTS = {item.name: item.default for item in dataclasses.fields(TrainConfig)} | {"options": {}}
DEFAULTS = canonical({name: DEFAULTS[name] for name in in_group(TrainConfig, "training")})
"""The defaults of the training fields in canonical form."""
