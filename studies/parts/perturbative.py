"""The recipe of the published reproduction of perturbative networks, for both studies of masks."""

RECIPE = dict(
    dataset="cifar10",
    regime="clean",
    optimizer="sgd",
    momentum=0.9,
    nesterov=True,
    lr_schedule="steps",
    lr_factor=0.2,
    weight_decay=1e-4,  # trained masks have it too
    alpha_tests=(0,),
    checkpoint_dir=None,
)


def of(arch: str, *options: dict, **lines: object) -> dict:
    """The part of a study that trains this architecture with each of these options of it, by name."""
    owned = [{arch: its_options} for its_options in options]
    return lines | {"arch": arch, "options": owned if len(owned) > 1 else owned[0]}
