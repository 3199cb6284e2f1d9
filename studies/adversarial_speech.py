"""Does training against perturbed weights make a spiking network on spoken words insensitive to perturbations?

    python run_experiments.py --study adversarial_speech --plan      # 18 runs

Six methods of Büchel, Faber and Muir (ICLR 2022), table 1. The published AWP also attacks the input, by 0.01.
"""

from studies.parts.insensitivity import STRENGTHS, parts

BLOCK = dict(
    dataset="speech_commands",
    arch="srnn",
    noise_model="magnitude",
    seed=[0, 1, 2],
    epochs=100,
    batch_size=100,
    learning_rate=1e-3,
    lr_schedule="steps",
    lr_milestones=(81,),  # a tenth of the learning rate in the last fifth
    lr_factor=0.1,
    alpha_tests=STRENGTHS,
    noise_samples=100,
    evaluations=("worst_case",),
    output_dir="results/adversarial",
    checkpoint_dir="checkpoints",  # for measurements that come later
)
PARTS = parts(beta=0.5, beta_with_noise=0.5)
for part in PARTS:
    if part["regime"] == "awp":
        part["options"] = {"awp": {"input_size": 0.01}}
REFERENCE = {"regime": "clean"}
