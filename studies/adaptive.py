"""Does noise help that is injected only while training looks stuck or overfit?

python run_experiments.py --study adaptive --plan      # 180 runs
"""

WEIGHT_NOISE = {"gradient_plateau": 1e-9, "low_update": 0, "val_plateau": 0.02}
"""With these thresholds no flag asks for gradient noise, which takes precedence; weight noise comes about as often."""
BLOCK = dict(
    dataset="cifar10",
    options=[
        {"adaptive": {"distribution": name} | flags} for name in ("gaussian", "uniform") for flags in ({}, WEIGHT_NOISE)
    ],
    arch=["baby_cnn", "tiny_cnn", "simple_cnn", "cifar_resnet18"],
    regime=["clean", "adaptive"],  # clean is the baseline of equal seed and optimizer
    alpha_train=0.2,  # largest strength of the noise, relative to gradients or weights
    seed=[0, 1, 2],
    epochs=60,
    lr_schedule="cosine_restarts",
    lr_restart_epochs=20,
    weight_decay=1e-4,
    alpha_tests=(0, 0.1, 0.2),
    image_size=32,
    augmentation="dataset",  # what is usual for it
    validation_share=0.1,
    output_dir="results/adaptive",
    checkpoint_dir="checkpoints",  # for measurements that come later
)
PARTS = [
    dict(optimizer="sgd", learning_rate=0.05),
    dict(optimizer="sgd", learning_rate=0.02, momentum=0.9, nesterov=True),
    dict(optimizer="adam", learning_rate=1e-3),
]
REFERENCE = {"regime": "clean"}
