"""Does training against perturbed weights make networks insensitive to perturbations, random or worst-case?

    python run_experiments.py --study adversarial --plan      # 21 runs

The seven methods of Büchel, Faber and Muir (ICLR 2022), table 1.
"""

from studies.parts.insensitivity import SHARED

BLOCK = SHARED | dict(
    dataset="fashion_mnist",
    arch="fmnist_cnn",
    epochs=40,
    learning_rate=1e-4,
    lr_milestones=(36,),  # a tenth of the learning rate in the last five epochs
    evaluations=("worst_case", "random_corners", "landscape", "quantization"),
)
PARTS = [
    dict(regime="clean"),
    dict(regime="noisy", alpha_train=0.3),
    dict(regime=["awp", "sam"]),
    dict(regime="beta", alpha_train=0.3, options={"beta": {"beta_robustness": 0.1}}),  # both values as published
    dict(regime="clean", dropout=0.3),
    dict(regime="beta", alpha_train=0, options={"beta": {"beta_robustness": 0.25}}),
]
REFERENCE = {"regime": "clean"}
