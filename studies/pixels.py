"""How does accuracy on clean images fall when pixels of the training images are corrupted?

python run_experiments.py --study pixels --dataset mnist --epochs 20      # 105 runs
"""

from campaign.grid.lists import repeats

BLOCK = dict(
    dataset="digits",
    arch="pixel_mlp",
    regime="clean",
    activation=["relu", "tanh", "sigmoid"],  # a panel each in the figures
    p=[0, 0.1, 0.2, 0.4, 0.6, 0.8, 1],
    seed=repeats(5),  # the same for all combinations, so that comparisons are paired
    epochs=5,
    alpha_tests=(0,),
    output_dir="results/pixels",
    checkpoint_dir=None,
)
REFERENCE = {"p": 0}
