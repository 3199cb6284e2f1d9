"""Which training lets a ResNet-32 on CIFAR-10 survive a year on analog devices?

    python run_experiments.py --study analog_resnet --plan      # 54 runs at full size: for many cores, or a GPU

The recipe of Büchel, Faber and Muir 2022 (ICLR) for ResNet-32. They start from trained weights at epoch 60:
`--initial-weights FILE --epochs 240 --learning-rate 0.02 --lr-milestones 61 101`. `analog_resnet_small` is a sibling
for two cores.
"""

from studies.parts.analog import MEASURED, SHARED, parts

BLOCK = SHARED | dict(
    arch="resnet32",
    epochs=300,
    batch_size=256,
    lr_milestones=(61, 121, 161),
    noise_samples=25,
    options=MEASURED,
    output_dir="results/analog_resnet",
)
PARTS = parts(eta=[0.026, 0.056, 0.11], eta_relative=[0.056, 0.11], beta=[0.025, 0.1], attack_size=0.05)
REFERENCE = {"regime": "clean"}
