"""Which training lets a small residual network on CIFAR-10 survive a year on analog devices?

    python run_experiments.py --study analog_resnet_small --plan      # 27 runs

`analog_resnet` for two cores: 8 layers (one block in each stage), 20,000 images, 5 epochs, and measurements on 500
images with fewer draws.
"""

from studies.parts.analog import MEASURED, SHARED, parts

BLOCK = SHARED | dict(
    arch="resnet32",
    epochs=5,
    batch_size=128,
    lr_milestones=(4, 5),
    max_train_samples=20000,
    max_test_samples=500,
    noise_samples=3,
    options=[measured | {"resnet32": {"blocks": 1}, "pcm": measured["pcm"] | {"draws": 10}} for measured in MEASURED],
    output_dir="results/analog_resnet_small",
)
PARTS = parts(eta=[0.056], eta_relative=[0.11], beta=[0.025], attack_size=0.05)
REFERENCE = {"regime": "clean"}
