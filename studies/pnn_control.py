"""Do masks do anything? Pairs of runs that differ only in the level of the masks, 0 or above, on few small images.

    python run_experiments.py --study pnn_control --dataset cifar10_jpeg.npz      # 50 runs

Beside the four pairs stand networks of convolutions 1×1 and 3×3 with about as many weights (24,306 to 25,567).
"""

from studies.parts.perturbative import RECIPE, of

BLOCK = RECIPE | dict(
    seed=[0, 1, 2, 3, 4],
    epochs=10,
    batch_size=64,
    learning_rate=0.05,
    lr_milestones=(7, 9),
    image_size=16,
    max_train_samples=10_000,
    output_dir="results/pnn/control",
)
ONE_MASK = {"nfilters": 8, "first_filter_size": 3, "nmasks": 1}
EIGHT_MASKS = {"nfilters": 7, "first_filter_size": 3, "nmasks": 8, "mix_maps": True}
PAIRS = [
    masks | {"train_masks": trained, "level": level}
    for masks in (ONE_MASK, EIGHT_MASKS)
    for trained in (False, True)
    for level in (0.0, 0.5)
]
PARTS = [
    of("pnn_resnet18", {"nfilters": 3}),
    of("perturb_resnet18", {"nfilters": 8, "first_filter_size": 3, "filter_size": 1}),
    of("perturb_resnet18", *PAIRS),
]
REFERENCE = {"level": 0}
