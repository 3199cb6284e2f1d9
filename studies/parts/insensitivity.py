"""Table 1 of Büchel, Faber and Muir 2022 (ICLR), and what its three studies share."""

NETWORKS = {"fashion_mnist": "fmnist_cnn", "ecg": "srnn", "speech_commands": "srnn"}
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
"""The mismatch ζ: each weight w gets an error of standard deviation ζ·|w|."""
METHODS = {
    "clean": {"regime": "clean", "alpha_train": 0, "dropout": 0},
    "dropout": {"regime": "clean", "alpha_train": 0, "dropout": 0.3},
    "noisy": {"regime": "noisy", "alpha_train": 0.3, "dropout": 0},
    "awp": {"regime": "awp", "alpha_train": 0, "dropout": 0},
    "beta": {"regime": "beta", "alpha_train": 0, "dropout": 0},
    "beta with noise": {"regime": "beta", "alpha_train": 0.3, "dropout": 0},
}
"""The columns of the table that have a regime here, by the settings of their runs."""
# fmt: off
PUBLISHED = {
    "fashion_mnist": {
        "clean": [(91.3, 0.15), (90.45, 0.37), (87.93, 1.03), (82.7, 2.45), (61.14, 6.92), (36.93, 7.73)],
        "dropout": [(92.42, 0.24), (91.13, 0.85), (88.71, 1.55), (84.94, 3.06), (71.74, 5.84), (53.91, 9.03)],
        "noisy": [(92.0, 0.02), (91.94, 0.09), (91.63, 0.16), (91.01, 0.26), (87.82, 0.88), (78.48, 2.95)],
        "awp": [(92.35, 0.12), (92.19, 0.16), (91.42, 0.44), (89.88, 0.95), (82.59, 3.66), (65.38, 8.27)],
        "beta": [(92.11, 0.22), (91.59, 0.26), (90.67, 0.42), (89.64, 0.65), (85.96, 1.87), (79.39, 4.4)],
        "beta with noise": [(91.88, 0.0), (91.77, 0.12), (91.62, 0.16), (91.25, 0.22), (89.36, 0.73), (84.19, 2.63)],
    },
    "ecg": {
        "clean": [(99.07, 0.04), (98.95, 0.27), (97.22, 1.46), (92.97, 4.38), (76.55, 9.61), (58.67, 11.44)],
        "dropout": [(98.1, 0.11), (97.71, 0.34), (96.89, 0.87), (94.85, 2.47), (87.56, 6.05), (74.24, 12.58)],
        "noisy": [(99.25, 0.37), (99.09, 0.19), (99.01, 0.26), (98.59, 0.52), (94.44, 2.86), (80.0, 8.7)],
        "awp": [(99.22, 0.19), (98.93, 0.31), (97.71, 0.97), (94.6, 2.93), (80.32, 8.08), (63.44, 9.61)],
        "beta": [(99.1, 0.07), (98.96, 0.24), (98.16, 0.71), (96.34, 1.95), (86.22, 6.66), (70.07, 11.16)],
        "beta with noise": [(99.07, 0.34), (99.04, 0.27), (98.87, 0.35), (98.45, 0.45), (94.86, 2.69), (82.02, 8.4)],
    },
    "speech_commands": {
        "clean": [(80.86, 0.03), (79.72, 0.45), (76.96, 1.11), (72.31, 2.0), (57.16, 4.25), (40.7, 5.72)],
        "dropout": [(79.02, 0.36), (79.16, 0.44), (78.58, 0.67), (77.18, 0.96), (69.8, 3.13), (55.96, 5.74)],
        "noisy": [(81.33, 0.14), (81.12, 0.32), (80.1, 0.53), (78.05, 0.88), (67.41, 3.93), (49.19, 6.98)],
        "awp": [(82.38, 0.14), (82.03, 0.37), (80.58, 0.65), (77.47, 1.35), (63.98, 4.28), (44.83, 6.65)],
        "beta": [(82.48, 0.0), (82.01, 0.31), (81.24, 0.43), (79.8, 0.67), (73.4, 2.32), (60.23, 4.66)],
        "beta with noise": [(81.52, 0.05), (81.33, 0.24), (80.77, 0.35), (79.57, 0.62), (72.67, 2.75), (58.03, 6.57)],
    },
}
# fmt: on
"""Test accuracy in % of each dataset and method at each of `STRENGTHS`: mean and standard deviation over 200 draws, 100
of each of two networks (at 0 over the two networks)."""


SHARED = dict(
    noise_model="magnitude",
    seed=[0, 1, 2],
    batch_size=100,
    lr_schedule="steps",
    lr_factor=0.1,
    alpha_tests=STRENGTHS,
    noise_samples=100,
    output_dir="results/adversarial",
    checkpoint_dir="checkpoints",  # for measurements that come later
)
"""The lines of the block that are the same in all three studies."""


def parts(beta: float, beta_with_noise: float, awp_input: float = 0.0) -> list[dict]:
    """The six methods, with what differs from system to system.

    `beta`, `beta_with_noise`: β of the robustness term without and with forward noise; `awp_input`: how far AWP moves
    the input.
    """
    awp = {"options": {"awp": {"input_size": awp_input}}} if awp_input > 0 else {}
    return [
        dict(regime="clean"),
        dict(regime="clean", dropout=0.3),
        dict(regime="noisy", alpha_train=0.3),
        dict(regime="awp", **awp),
        dict(regime="beta", alpha_train=0, options={"beta": {"beta_robustness": beta}}),
        dict(regime="beta", alpha_train=0.3, options={"beta": {"beta_robustness": beta_with_noise}}),
    ]
