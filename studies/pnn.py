"""Do the eight published experiments on perturbative networks give the published accuracies?

python run_experiments.py --study pnn --plan      # 24 runs at full size: for a GPU, or weeks of many cores
"""

from studies.parts.perturbative import RECIPE

BLOCK = RECIPE | dict(
    seed=[0, 1, 2],  # the published figures are of one
    epochs=150,
    batch_size=16,
    learning_rate=1e-3,
    lr_milestones=(60, 90, 120, 160),
    image_size=32,
    augmentation="dataset",  # what is usual for it
    smoothed_accuracy=True,
    output_dir="results/pnn",
)
LEVEL = {"nfilters": 128, "level": 0.5}
SHARED_MASKS = LEVEL | {"first_filter_size": 3, "nmasks": 64, "unique_masks": False}
PARTS = [
    dict(arch="pnn_resnet18", options={"nfilters": 44}, batch_size=10),
    dict(arch="noiseresnet18", options=LEVEL | {"first_filter_size": 7}, batch_size=10, learning_rate=1e-4),
    dict(arch="noiseresnet18", options=LEVEL | {"first_filter_size": 3}, batch_size=10, learning_rate=1e-4),
    dict(arch="perturb_resnet18", options={"nfilters": 128, "first_filter_size": 3, "filter_size": 1}),
    dict(arch="perturb_resnet18", options=LEVEL),
    dict(arch="perturb_resnet18", options=SHARED_MASKS | {"unique_masks": True, "mix_maps": True}),
    dict(arch="perturb_resnet18", options=SHARED_MASKS),
    dict(arch="perturb_resnet18", options=SHARED_MASKS | {"train_masks": True}),
]
PUBLISHED = [91.8, 85.7, 86.2, 85.5, 72.6, 82.7, 82.4, 85.9]
"""Test accuracy of each part on CIFAR-10 in %: one run, at the epoch that was best on the test images."""
REFERENCE = {"regime": "clean"}
