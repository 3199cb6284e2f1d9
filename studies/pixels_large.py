"""The same question as the study pixels, for two larger networks on MNIST.

python run_experiments.py --study pixels_large --max-workers 80 --plan      # 2,400 runs for many cores
"""

from campaign.grid.lists import repeats

BLOCK = dict(
    dataset="mnist",
    regime="clean",
    activation=["relu", "tanh", "sigmoid"],
    p=[n / 10 for n in range(10)],
    seed=repeats(40),
    alpha_tests=(0,),
    output_dir="results/pixels",
    checkpoint_dir=None,  # the weights of 2,400 runs would take 8 GB
)
PARTS = [
    dict(arch="pixel_mlp_large", epochs=15, batch_size=512),
    dict(arch="pixel_cnn_large", epochs=20, batch_size=256),
]
REFERENCE = {"p": 0}
