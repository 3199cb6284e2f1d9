"""Does training against perturbed weights make a spiking network on spoken words insensitive to perturbations?

    python run_experiments.py --study adversarial_speech --plan      # 18 runs

Six methods of Büchel, Faber and Muir (ICLR 2022), table 1. The published AWP also attacks the input, by 0.01.
"""

from studies.parts.insensitivity import SHARED, parts

BLOCK = SHARED | dict(
    dataset="speech_commands",
    arch="srnn",
    epochs=100,
    learning_rate=1e-3,
    lr_milestones=(81,),  # a tenth of the learning rate in the last fifth
    evaluations=("worst_case",),
)
PARTS = parts(beta=0.5, beta_with_noise=0.5, awp_input=0.01)
REFERENCE = {"regime": "clean"}
