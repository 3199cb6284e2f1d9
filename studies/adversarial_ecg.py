"""Does training against perturbed weights make a spiking network on heartbeats insensitive to perturbations?

    python run_experiments.py --study adversarial_ecg --plan      # 36 runs

Six methods of Büchel, Faber and Muir (ICLR 2022), table 1, on beats of other patients and on beats as published. With
`--epochs 20 --lr-milestones 16 --max-test-samples 2000 --noise-samples 20` it is shorter by a factor of ten.
"""

from studies.parts.insensitivity import SHARED, parts

BLOCK = SHARED | dict(
    dataset="ecg",
    arch="srnn",
    epochs=200,
    learning_rate=1e-3,
    lr_milestones=(151,),  # a tenth of the learning rate in the last quarter
    evaluations=("worst_case",),
    options=[{"ecg": {"split": "patients"}}, {"ecg": {"split": "beats"}}],
)
PARTS = parts(beta=0.25, beta_with_noise=0.1)
REFERENCE = {"regime": "clean"}
