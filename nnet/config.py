"""TrainConfig: everything that defines one run, checked when it is made. Importing it does not import torch."""

import dataclasses
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nnet import checks, registry
from nnet.activations import check_activation

NOISE_MODELS = ("tensor_std", "magnitude")
CORRUPTIONS = {"replacement": (), "additive": ("sigma",)}
"""The options of each corruption of pixels; it needs them all."""
AUGMENTATIONS = ("none", "crop_flip")
OPTIMIZERS = ("adam", "sgd")
LR_SCHEDULES = ("constant", "cosine_restarts", "steps")
SMALLEST_PEAK = 1e-5
"""What the maximum of the learning rate decays to under `cosine_restarts`."""
PRECISIONS = ("fp32", "bf16")
OPERATION = {"operation": True}
YOUNGER = {"younger": True}
"""Marks a science field that came after the first results: at its default it is left out of `run_id`."""
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def default_data_dir() -> str:
    """The folder of the image files: `NNET_DATA_DIR` where that is set, else `data`."""
    return os.environ.get("NNET_DATA_DIR", "data")


@dataclass(frozen=True)
class TrainConfig:
    """One run. The fields are science (they may change the result and make up `run_id`) or operation (they may not).

    Values are checked and brought to one form, so that equal runs have equal identities; a regime without
    weight noise has `alpha_train` 0, whatever is given. Raises ValueError, in one sentence, for a wrong value.
    """

    dataset: str = "digits"
    """Name of a dataset, or the path of an .npz file; its default is the one that needs no download."""
    image_size: int | None = 28
    """Height and width in pixels to which images are resized; None keeps the dataset's own size. Default 28."""
    arch: str = "mlp_small"
    """Name of an architecture."""
    activation: str = "relu"
    """Name of an activation function: relu, tanh, sigmoid, leaky_relu (slope 0.1), gelu, lrelu (slope 0.01), prelu (one
    slope that is learnt, from 0.25 on), rrelu (slopes drawn from 1/8 to 1/3), elu or selu. Default relu."""
    regime: str = "clean"
    """Name of the rule by which weights are updated. Default clean."""
    alpha_train: float = 0.0
    """Strength of weight noise in training, relative to the weights (see noise_model), ≥ 0. Default 0."""
    noise_model: str = "tensor_std"
    """What α is relative to, in training and in the sweep: tensor_std or magnitude. Default tensor_std."""
    p: float = 0.0
    """Probability that an input pixel is corrupted in training, 0 to 1. Default 0."""
    corruption: str = "replacement"
    """How a pixel is corrupted: replacement (it becomes U(0, 1)) or additive (σ·(U(0, 1) - ½) is added to it and the
    sum clipped to [0, 1]; σ ≥ 0 is the option `sigma`, in units of pixels). Default replacement."""
    corrupt_test: bool = field(default=False, metadata=YOUNGER)
    """Evaluate on test images that are corrupted like those of training, by one fixed draw per seed. Default no."""
    seed: int = 0
    """Seed of every random stream of the run. Default 0."""
    epochs: int = 10
    """Passes through the training images. Default 10."""
    batch_size: int = 128
    """Images per update. Default 128."""
    optimizer: str = "adam"
    """adam or sgd, otherwise with PyTorch's defaults. Default adam."""
    learning_rate: float = 1e-3
    """Step size of the optimizer, > 0; of `cosine_restarts` the first and largest. Default 0.001."""
    momentum: float = field(default=0.0, metadata=YOUNGER)
    """Momentum of sgd, 0 to 1 (exclusive). Default 0."""
    nesterov: bool = field(default=False, metadata=YOUNGER)
    """Nesterov's momentum (Sutskever et al. 2013) in place of the classical one. Default no."""
    lr_schedule: str = field(default="constant", metadata=YOUNGER)
    """constant, or cosine_restarts: from a maximum to 10⁻⁶ in `lr_restart_epochs`, again and again, while the maximum
    falls in a straight line to 10⁻⁵ at the last restart (after Loshchilov and Hutter 2017); or steps: multiplied with
    `lr_factor` at the beginning of each epoch of `lr_milestones`. Default constant."""
    lr_restart_epochs: int | None = field(default=None, metadata=YOUNGER)
    """Epochs between two restarts of `cosine_restarts`, fewer than `epochs`. Default None."""
    lr_milestones: tuple[int, ...] = field(default=(), metadata=YOUNGER)
    """Epochs, counted from 1 and ascending, from each of which on `steps` has a smaller rate; those after the last
    epoch of the run have no effect. Default none."""
    lr_factor: float = field(default=0.2, metadata=YOUNGER)
    """What `steps` multiplies the learning rate with, above 0. Default 0.2."""
    weight_decay: float = 0.0
    """L2 penalty of the optimizer, ≥ 0. Default 0."""
    dropout: float = field(default=0.0, metadata=YOUNGER)
    """Probability that a hidden value of a linear layer, or a flattened one, is dropped in training, 0 to 1,
    exclusive, while the others are scaled by 1/(1 − dropout). For architectures whose file says `DROPOUT`. Default
    0."""
    augmentation: str = field(default="none", metadata=YOUNGER)
    """What is done to a training image each time that it is seen: none, or crop_flip (a random crop of the image
    padded by 4 black pixels, and a mirror image half of the time). Default none."""
    max_train_samples: int | None = None
    """Train on the first so many images of a fixed, stratified shuffle; None takes all. Default None."""
    validation_share: float = field(default=0.0, metadata=YOUNGER)
    """Share of the training images that are not trained on but watched: the last ones of that shuffle, whatever
    `max_train_samples` says. 0 to 0.5. Default 0."""
    smoothed_accuracy: bool = field(default=False, metadata=YOUNGER)
    """After every epoch note the accuracy on the test images, and beside it the running value that a published program
    reported for it (see nnet/evaluations/parts/running_accuracy.py). Nothing is chosen by them. Default no."""
    max_test_samples: int | None = field(default=None, metadata=YOUNGER)
    """Test on so many images, a fixed subset in which each class has its share; None takes all. Default None."""
    alpha_tests: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    """Strengths of weight noise at evaluation, ≥ 0, with 0 among them; kept in ascending order."""
    noise_samples: int = 5
    """Noise draws per α_test. Default 5."""
    evaluations: tuple[str, ...] = field(default=(), metadata=YOUNGER)
    """Names of what else is measured of the trained network, like worst_case; kept in alphabetical order. Default
    nothing."""
    precision: str = "fp32"
    """Arithmetic of training: fp32, or bf16 (bfloat16 by autocast; weights stay in fp32). Default fp32."""
    sweep_precision: str = "fp32"
    """Arithmetic of evaluation, at every α_test: fp32 or bf16. Default fp32."""
    options: dict = field(default_factory=dict, hash=False)
    """Further settings by name, of the regime, the architecture, an evaluation or the corruption, whichever has such an
    option."""

    cpu_threads: int = field(default=1, metadata=OPERATION)
    """Threads of torch in this run; another number may change the last bits of the result. Default 1."""
    use_cuda: bool = field(default=False, metadata=OPERATION)
    """Train on the GPU. Default no."""
    data_dir: str = field(default_factory=default_data_dir, metadata=OPERATION)
    """Folder of the image files. Default NNET_DATA_DIR where that is set, else data."""
    checkpoint_dir: str | None = field(default=None, metadata=OPERATION)
    """Folder for the trained weights, <checkpoint_dir>/<dataset>/<run_id>.pt; None keeps none. Default None."""
    epoch_checkpoint_dir: str | None = field(default=None, metadata=OPERATION)
    """Folder for the state of the unfinished run, which is kept in <dataset>/partial/<run_id>.pt. Default None."""
    epoch_checkpoint_s: float = field(default=60.0, metadata=OPERATION)
    """Seconds after which the end of an epoch is kept there; 0 keeps every epoch. Default 60."""

    def __post_init__(self):
        self._check_names()
        for name in (
            *("alpha_train", "p", "learning_rate", "momentum", "weight_decay", "dropout", "validation_share"),
            "lr_factor",
            "epoch_checkpoint_s",
        ):
            self._set(name, checks.number(name, getattr(self, name)))
        if self.p > 1:
            raise ValueError(f"p is a probability, 0 to 1; got {self.p}")
        if self.learning_rate == 0:
            raise ValueError("learning_rate must be above 0")
        self._set("seed", checks.whole_number("seed", self.seed))
        for name in ("epochs", "batch_size", "noise_samples", "cpu_threads"):
            self._set(name, checks.whole_number(name, getattr(self, name), smallest=1))
        for name in ("image_size", "max_train_samples", "max_test_samples"):
            if getattr(self, name) is not None:
                self._set(name, checks.whole_number(name, getattr(self, name), smallest=1))
        for name in ("corrupt_test", "nesterov", "smoothed_accuracy"):
            checks.switch(name, getattr(self, name))
        if self.validation_share > 0.5:
            raise ValueError(f"validation_share is at most 0.5; got {self.validation_share}")
        self._check_optimization()
        if self.dropout >= 1:
            raise ValueError(f"dropout is 0 to 1, exclusive; got {self.dropout}")
        if self.dropout > 0 and not registry.constant("architectures", self.arch, "DROPOUT", False):
            raise ValueError(f"{self.arch} has no dropout")
        self._set("alpha_tests", checks.strengths("alpha_tests", self.alpha_tests))
        self._set("data_dir", str(self.data_dir))
        if not registry.constant("regimes", self.regime, "USES_ALPHA_TRAIN", True):
            self._set("alpha_train", 0.0)

    def _check_names(self) -> None:
        self._check_dataset()
        registry.check("architectures", self.arch, "architecture")
        registry.check("regimes", self.regime, "regime")
        check_activation(self.activation, self.arch)
        self._set("evaluations", checks.names("evaluations", self.evaluations))
        for name in self.evaluations:
            registry.check("evaluations", name, "evaluation")
        choices = {
            "noise_model": NOISE_MODELS,
            "corruption": CORRUPTIONS,
            "optimizer": OPTIMIZERS,
            "lr_schedule": LR_SCHEDULES,
            "augmentation": AUGMENTATIONS,
            "precision": PRECISIONS,
            "sweep_precision": PRECISIONS,
        }
        for name, known in choices.items():
            checks.choice(name, getattr(self, name), known)
        self._check_options()

    def _check_optimization(self) -> None:
        if self.momentum >= 1:
            raise ValueError(f"momentum is 0 to 1, exclusive; got {self.momentum}")
        if self.momentum > 0 and self.optimizer != "sgd":
            raise ValueError(f"momentum is sgd's; {self.optimizer} has none")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        self._check_steps()
        restart = self.lr_restart_epochs
        if self.lr_schedule != "cosine_restarts":
            if restart is not None:
                raise ValueError(f"lr_restart_epochs has no effect with lr_schedule {self.lr_schedule!r}")
            return
        if restart is None:
            raise ValueError(f"lr_schedule {self.lr_schedule!r} needs lr_restart_epochs")
        self._set("lr_restart_epochs", checks.whole_number("lr_restart_epochs", restart, smallest=1))
        if restart >= self.epochs:
            raise ValueError(f"lr_restart_epochs must be below epochs; got {restart} of {self.epochs}")
        if self.learning_rate < SMALLEST_PEAK:
            raise ValueError(f"{self.lr_schedule} falls to {SMALLEST_PEAK:g}: learning_rate must not be below")

    def _check_steps(self) -> None:
        if not isinstance(self.lr_milestones, tuple | list):
            raise ValueError(f"lr_milestones must be a list of epochs; got {self.lr_milestones!r}")
        milestones = [checks.whole_number("lr_milestones", epoch, smallest=2) for epoch in self.lr_milestones]
        if milestones != sorted(set(milestones)):
            raise ValueError(f"lr_milestones must ascend; got {milestones}")
        self._set("lr_milestones", tuple(milestones))
        if self.lr_factor == 0:
            raise ValueError("lr_factor must be above 0")
        steps = self.lr_schedule == "steps"
        if steps and not milestones:
            raise ValueError("lr_schedule 'steps' needs lr_milestones")
        if not steps and (milestones or self.lr_factor != TrainConfig.lr_factor):
            name = "lr_milestones" if milestones else "lr_factor"
            raise ValueError(f"{name} has no effect with lr_schedule {self.lr_schedule!r}")

    def _check_options(self) -> None:
        if not isinstance(self.options, dict):
            raise ValueError(f"options must be a dict of settings by name; got {self.options!r}")
        needed = CORRUPTIONS[self.corruption]
        own = {name: value for name, value in self.options.items() if name not in needed}
        registry.check_options(own, *self.plug_ins(), more=needed)
        missing = [name for name in needed if name not in self.options]
        if missing:
            raise ValueError(f"corruption {self.corruption!r} needs the option {missing[0]!r}")
        self._set("options", self.options | {name: checks.number(name, self.options[name]) for name in needed})

    def _check_dataset(self) -> None:
        self._set("dataset", str(self.dataset))
        if not self.dataset.endswith(".npz"):
            if self.dataset not in registry.names("datasets"):
                raise ValueError(
                    f"unknown dataset {self.dataset!r}; choose from {registry.names('datasets')} "
                    "or give the path of an .npz file"
                )
        elif not Path(self.dataset).is_file():
            raise ValueError(f"there is no file {self.dataset}")
        elif not SAFE_NAME.fullmatch(self.dataset_name):
            raise ValueError(
                f"the name of {self.dataset!r} becomes a folder's: use at most 80 letters, digits, '.', '_' and '-'"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def dataset_name(self) -> str:
        """The dataset's name in tables and folders: for an .npz file, its name without folder and suffix."""
        return Path(self.dataset).stem if self.dataset.endswith(".npz") else self.dataset

    @functools.cached_property
    def run_id(self) -> str:
        """A readable prefix and a hash of the science alone: `mlp_small-noisy-a0.05-seed0-3f9a2c1b`."""
        text = json.dumps(self.science(), sort_keys=True, allow_nan=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.arch}-{self.regime}-a{self.alpha_train:g}-seed{self.seed}-{digest}"

    @property
    def partial_file(self) -> str | None:
        """The file for the state of the unfinished run, or None."""
        if self.epoch_checkpoint_dir is None:
            return None
        return str(Path(self.epoch_checkpoint_dir) / self.dataset_name / "partial" / f"{self.run_id}.pt")

    def options_and_defaults(self) -> dict:
        """The options, with the defaults of those that one of `plug_ins` knows and that are not set.

        A default that is no literal stands as None.
        """
        known = {}
        for kind, name in self.plug_ins():
            known |= registry.option_defaults(kind, name)
        return known | self.options

    def plug_ins(self) -> list[tuple[str, str]]:
        """(kind, name) of each plug-in that may have options."""
        return plug_ins([self.regime], [self.arch], self.evaluations)

    def science(self) -> dict:
        """The JSON-able fields that may change the result, the younger ones where they are not at their default.

        An .npz file stands there by its name and the SHA-256 of its content: it may move, but not change.
        """
        fields = [item for item in dataclasses.fields(self) if not item.metadata.get("operation")]
        science = {
            item.name: getattr(self, item.name)
            for item in fields
            if not (item.metadata.get("younger") and getattr(self, item.name) == item.default)
        }
        science |= {name: list(value) for name, value in science.items() if isinstance(value, tuple)}
        if self.dataset.endswith(".npz"):
            science |= {"dataset": self.dataset_name, "dataset_sha256": _sha256_of_file(self.dataset)}
        return science


def plug_ins(regimes: Iterable[str], architectures: Iterable[str], evaluations: Iterable[str]) -> list[tuple[str, str]]:
    """(kind, name) of each of these, which are the plug-ins that may have options."""
    named = {"regimes": regimes, "architectures": architectures, "evaluations": evaluations}
    return [(kind, name) for kind, names in named.items() for name in names]


def _sha256_of_file(path: str) -> str:
    status = os.stat(path)
    return _sha256_of_version(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256_of_version(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
