"""The lines that both studies of analog devices share."""

SHARED = dict(
    dataset="cifar10",
    image_size=32,
    seed=[0, 1, 2],  # two as published
    optimizer="sgd",
    momentum=0.9,
    nesterov=True,
    learning_rate=0.1,
    lr_schedule="steps",
    lr_factor=0.2,
    weight_decay=5e-4,
    weight_clip=2.0,
    augmentation="crop_flip_cutout",
    alpha_tests=(0, 0.026, 0.037, 0.056, 0.075, 0.11),  # η as published
    evaluations=(
        *("pcm", "stuck_at", "bit_flips", "quantization"),
        *("worst_case", "random_corners", "interval_bounds", "layers"),
    ),
    checkpoint_dir="checkpoints",  # for measurements that come later
)
"""The lines of the block that are the same in both studies."""

ALWAYS = {
    "layers": {"noise_model": "range", "alphas": (0, 0.056, 0.11, 0.2)},
    "interval_bounds": {"zetas": (0, 1e-7, 1e-6, 1e-5, 1e-4)},  # nothing is certified beyond
}
MEASURED = [
    ALWAYS | {"weight_noise": {"noise_model": "range"}, "pcm": {"drift_compensation": True}},
    ALWAYS | {"weight_noise": {"noise_model": "magnitude"}, "pcm": {"drift_compensation": False}},
]
"""Each network is measured with both noise models, and on devices with and without drift compensation."""


def parts(eta: list[float], eta_relative: list[float], beta: list[float], attack_size: float) -> list[dict]:
    """The training methods that are compared.

    `eta`, `eta_relative`: strengths of weight noise relative to the largest weight of a tensor and to each weight;
    `beta`, `attack_size`: weight β of the robustness term and size ζ of its attack.
    """
    attack = {"attack_size": attack_size, "attack_steps": 3}
    robust = [{"beta": attack | {"beta_robustness": weight}} for weight in beta]
    return [
        dict(regime="clean"),
        dict(regime="clean", weight_clip=None),
        dict(regime="noisy", noise_model="range", alpha_train=eta),
        dict(regime="noisy", noise_model="magnitude", alpha_train=eta_relative),
        dict(regime="noisy", alpha_train=1, options={"noisy": {"device": "pcm"}}),
        dict(regime="beta", alpha_train=0, options=robust),
        dict(regime="beta", noise_model="range", alpha_train=eta, options=robust),
        dict(regime="awp", options={"awp": attack | {"gamma": 1}}),  # at 0.1 the weights would hardly move
        dict(regime="sam"),
    ]
