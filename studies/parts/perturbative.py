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
