"""The study of perturbative networks: the published experiments, and pairs of runs with masks and without."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """One experiment of the published reproduction, its flags as they are printed, and what was reported for it."""

    number: int
    published: float
    """Test accuracy on CIFAR-10 in %, of a single run, at the epoch where it was best on the test images."""
    arch: str
    options: dict
    recipe: dict = field(default_factory=dict)
    """Settings in which it differs from the others."""


BATCHES_OF_10 = {"batch_size": 10}
SLOW = {"batch_size": 10, "learning_rate": 1e-4}
SHARED_MASKS = {"nfilters": 128, "first_filter_size": 3, "nmasks": 64, "unique_masks": False}
EXPERIMENTS = (
    Experiment(1, 91.8, "pnn_resnet18", {"nfilters": 44}, BATCHES_OF_10),
    Experiment(2, 85.7, "noiseresnet18", {"nfilters": 128, "first_filter_size": 7, "level": 0.5}, SLOW),
    Experiment(3, 86.2, "noiseresnet18", {"nfilters": 128, "first_filter_size": 3, "level": 0.5}, SLOW),
    Experiment(4, 85.5, "perturb_resnet18", {"nfilters": 128, "first_filter_size": 3, "filter_size": 1}),
    Experiment(5, 72.6, "perturb_resnet18", {"nfilters": 128, "level": 0.5}),
    Experiment(6, 82.7, "perturb_resnet18", SHARED_MASKS | {"level": 0.5, "unique_masks": True, "mix_maps": True}),
    Experiment(7, 82.4, "perturb_resnet18", SHARED_MASKS | {"level": 0.5}),
    Experiment(8, 85.9, "perturb_resnet18", SHARED_MASKS | {"level": 0.5, "train_masks": True}),
)

ONE_MASK = {"nfilters": 8, "first_filter_size": 3, "nmasks": 1}
EIGHT_MASKS = {"nfilters": 7, "first_filter_size": 3, "nmasks": 8, "mix_maps": True}
CONTROL = (
    ("pnn_resnet18", {"nfilters": 3}),
    ("perturb_resnet18", {"nfilters": 8, "first_filter_size": 3, "filter_size": 1}),
    *(
        ("perturb_resnet18", {**masks, "train_masks": trained, "level": level})
        for masks in (ONE_MASK, EIGHT_MASKS)
        for trained in (False, True)
        for level in (0.0, 0.5)
    ),
)
"""Networks of 24,306 to 25,567 weights without their masks: two without masks, four pairs with level 0 and above."""
