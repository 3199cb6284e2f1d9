"""Launch a campaign: edit the block in `main`, then run this file.

python run_experiments.py                             # the block below: 30 runs, some minutes on 2 cores
python run_experiments.py cnn --seed 0 1 --epochs 3   # a flag overrides a line for one launch; --help lists them
python run_experiments.py --study pixels              # studies/pixels.py instead of the block
"""

import sys
from collections.abc import Sequence

from campaign.commands.launch import launch


def main(arguments: Sequence[str] | None = None) -> int:
    """Launch the block as the command line says (None: that of this program) and return the exit code."""
    block = dict(
        # What is trained: a list varies, every combination is run; anything else, a tuple too, is one value.
        dataset="digits",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        image_size=28,  # pixels to which images are resized; None keeps their own size
        arch=["mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18"],  # networks, by name
        activation="relu",  # relu, tanh, sigmoid, leaky_relu, gelu, and more; resnet18 has relu only
        dropout=0.0,  # probability of dropping a hidden value in training, for perceptrons and CNNs
        regime=["clean", "noisy"],  # how weights are updated; clean runs once per seed, whatever alpha_train says
        alpha_train=0.2,  # strength of weight noise in training, relative to the weights
        noise_model="tensor_std",  # what alpha is relative to: also "magnitude" of each weight, "range" of a tensor
        p=0.0,  # probability that an input pixel is corrupted in training
        seed=[0, 1, 2],  # standard errors are over seeds; campaign.repeats(5) draws five from a master seed
        initial_weights=None,  # file of weights (.pt, .pth, .safetensors) to start from; None draws them
        epochs=10,  # passes through the training images; 0 only measures initial_weights
        batch_size=128,  # images per update
        optimizer="adam",  # adam or sgd, otherwise with PyTorch's defaults
        learning_rate=1e-3,  # step size of the optimizer, the first one under a schedule
        momentum=0.0,  # momentum of sgd
        lr_schedule="constant",  # constant, cosine_restarts (with lr_restart_epochs) or steps (with lr_milestones)
        weight_decay=0.0,  # L2 penalty of the optimizer
        augmentation="none",  # none, crop_flip, crop_flip_cutout, or dataset: what is usual for it
        max_train_samples=None,  # train on this many images, each class with its share; None uses all
        validation_share=0.0,  # share of the training images that is held out for validation
        precision="fp32",  # arithmetic of training: fp32, or bf16 (faster on some processors, less exact)
        options={},  # of a regime, architecture, evaluation or corruption, like {"beta": {"attack_size": 0.2}}
        # How it is measured: more of it, asked for later, trains nothing again.
        alpha_tests=(0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),  # strengths of weight noise at evaluation, 0 among them
        noise_samples=5,  # noise draws per strength
        evaluations=(),  # what else is measured: "worst_case", "random_corners", "landscape", "quantization"
        max_test_samples=None,  # test on this many images, each class with its share; None uses all
        # Where and how it is launched: only threads and use_cuda may change the last bits of a result.
        output_dir="results",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir="checkpoints",  # trained weights go to <checkpoint_dir>/<dataset>/; None keeps none
        engine="process",  # one worker process per slot; "serial" runs in this process, for debugging
        max_workers=None,  # runs at the same time; None: one per usable core
        memory_check=True,  # start fewer workers if the free memory does not suffice
        run_timeout_s=None,  # seconds after which a run is stopped and fails; None: never
        notify=None,  # shell command that is told of the end, the first failure or an interruption: "mail me@uni.org"
        epoch_checkpoint_s=60,  # least seconds between two saved states of an unfinished run
        cpu_threads_per_worker="auto",  # threads of one run; auto: several for long runs where cores would be idle
        use_cuda=False,  # train on the GPU; needs max_workers=1
        data_dir=None,  # folder of the image files; None: NNET_DATA_DIR if that is set, else data
        # Every other field of TrainConfig (nnet/config.py) may be a line here, too: corruption, lr_milestones, ...
    )
    return launch(block, arguments)


if __name__ == "__main__":
    sys.exit(main())
