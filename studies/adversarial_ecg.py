"""Does training against perturbed weights make a spiking network on heartbeats insensitive to perturbations?

    python run_experiments.py --study adversarial_ecg --plan      # 36 runs

Six methods of Büchel, Faber and Muir (ICLR 2022), table 1, on beats of other patients and on beats as published. With
`--epochs 20 --lr-milestones 16 --max-test-samples 2000 --noise-samples 20` it is shorter by a factor of ten.
"""

from studies.parts.insensitivity import STRENGTHS, parts

BLOCK = dict(
    dataset="ecg",
    arch="srnn",
    noise_model="magnitude",
    seed=[0, 1, 2],
    epochs=200,
    batch_size=100,
    learning_rate=1e-3,
    lr_schedule="steps",
    lr_milestones=(151,),  # a tenth of the learning rate in the last quarter
    lr_factor=0.1,
    alpha_tests=STRENGTHS,
    noise_samples=100,
    evaluations=("worst_case",),
    options=[{"ecg": {"split": "patients"}}, {"ecg": {"split": "beats"}}],
    output_dir="results/adversarial",
    checkpoint_dir="checkpoints",  # for measurements that come later
)
PARTS = parts(beta=0.25, beta_with_noise=0.1)
REFERENCE = {"regime": "clean"}
