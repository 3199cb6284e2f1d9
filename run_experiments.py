"""Campaigns: edit the block of a study, then run `python run_experiments.py --study NAME`."""

import dataclasses
import sys
from collections.abc import Callable, Iterable

from campaign.analysis import pnn
from campaign.commands import job_script, plan, status
from campaign.commands.command_line import CommandLine, Settings
from campaign.commands.sanity import sanity
from campaign.commands.verify import verify
from campaign.engines.cluster import options as cluster
from campaign.grid import lists
from campaign.machine import signals
from campaign.planning.survey import prepare, survey
from campaign.running import runner
from nnet.config import TrainConfig

LAUNCH = dict(  # how the runs of every study are done; none of it may change a result but the number of threads
    engine="process",  # one worker process per slot; "serial" runs in this process, for debugging
    max_workers=None,  # runs at the same time; None takes one per usable core
    memory_check=True,  # start fewer workers where their memory would not suffice
    run_timeout_s=None,  # seconds after which a run is ended and fails; None lets it take its time
    epoch_checkpoint_s=60,  # seconds between the epochs after which an unfinished run is kept, to go on from there
    cpu_threads_per_worker=1,  # threads of one run; another number may change the last bits of a result
    use_cuda=False,  # train on the GPU; needs max_workers=1
    data_dir=None,  # folder of the image files; None takes NNET_DATA_DIR where that is set, else data
)


def as_it_stands(block: Settings) -> Settings:
    """The block of a study when no command line changes it."""
    return block


def weight_noise_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """How robust are networks to noise on their weights, and does training with noise help?"""
    block = Settings(
        dataset="digits",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        architectures=["mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18"],  # networks to train
        regimes=["clean", "noisy"],  # how weights are updated; clean runs once per seed, whatever alpha_train says
        alpha_train=[0.2],  # strengths of weight noise in training, relative to the weights
        noise_model="tensor_std",  # what alpha is relative to: a tensor's std, or "magnitude" of each weight
        ps=[0.0],  # probabilities that an input pixel is corrupted in training
        corruption="replacement",  # a corrupted pixel becomes U(0, 1); "additive" adds sigma·(U(0, 1) - 1/2) and clips
        corrupt_test=False,  # evaluate on clean test images, or on images corrupted like those of training
        seeds=[0, 1, 2],  # one run per seed; standard errors are over seeds
        repeats=None,  # instead of seeds: so many, drawn from the master seed
        master_seed=0,  # seed from which the seeds of the repeats are drawn
        epochs=10,  # passes through the training images
        batch_size=128,  # images per update
        optimizer="adam",  # adam or sgd, otherwise with PyTorch's defaults
        learning_rate=1e-3,  # step size of the optimizer
        momentum=0.0,  # momentum of sgd
        nesterov=False,  # Nesterov's momentum in place of the classical one
        lr_schedule="constant",  # constant, cosine_restarts (with lr_restart_epochs), steps (with lr_milestones)
        lr_restart_epochs=None,  # epochs between two restarts
        lr_milestones=[],  # epochs, counted from 1, from each of which on the rate of steps is smaller
        lr_factor=0.2,  # what steps multiplies it with
        weight_decay=0.0,  # L2 penalty of the optimizer
        activations=["relu"],  # relu, tanh, sigmoid, leaky_relu, gelu, and more; resnet18 has relu only
        alpha_tests=[0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],  # strengths of weight noise at evaluation, 0 among them
        noise_samples=5,  # noise draws per alpha_test
        image_size=28,  # pixels to which images are resized; None keeps the dataset's own size
        dropout=0.0,  # probability that a hidden value is dropped in training, for perceptrons and CNNs
        augmentation="none",  # none, crop_flip, or dataset: what is usual for it
        max_train_samples=None,  # train on the first so many images of a stratified shuffle; None takes all
        validation_share=0.0,  # share of the training images that is held back to watch training
        evaluations=[],  # what else is measured: worst_case, random_corners, landscape, quantization
        smoothed_accuracy=False,  # note the test accuracy of every epoch, and what a published program showed for it
        precision="fp32",  # arithmetic of training: fp32, or bf16 (bfloat16: faster on some processors, less exact)
        sweep_precision="fp32",  # arithmetic of evaluation: fp32 or bf16
        options={},  # further settings of a regime, an architecture or the corruption, by name
        output_dir="results",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir="checkpoints",  # trained weights go to <checkpoint_dir>/<dataset>/; None keeps none
        **LAUNCH,
    )
    return lists.configurations(overridden(block))


def pixels_block() -> Settings:
    """What `pixels_study` and `large_pixels_study` begin with."""
    return Settings(
        dataset="digits",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        architectures=["pixel_mlp"],  # networks to train
        regimes=["clean"],  # how weights are updated
        alpha_train=[0.0],  # strengths of weight noise in training, for regimes that have it
        noise_model="tensor_std",  # what alpha is relative to
        ps=[0, 0.1, 0.2, 0.4, 0.6, 0.8, 1],  # probabilities that an input pixel is corrupted in training
        corruption="replacement",  # a corrupted pixel becomes U(0, 1); "additive" adds sigma·(U(0, 1) - 1/2) and clips
        corrupt_test=False,  # evaluate on clean test images, or on images corrupted like those of training
        seeds=None,  # one run per seed; None draws the seeds of the repeats
        repeats=5,  # runs of every combination; the same seeds for all, so that comparisons are paired
        master_seed=0,  # seed from which the seeds of the repeats are drawn
        epochs=5,  # passes through the training images
        batch_size=128,  # images per update
        optimizer="adam",  # adam or sgd, otherwise with PyTorch's defaults
        learning_rate=1e-3,  # step size of the optimizer
        momentum=0.0,  # momentum of sgd
        nesterov=False,  # Nesterov's momentum in place of the classical one
        lr_schedule="constant",  # constant, cosine_restarts (with lr_restart_epochs), steps (with lr_milestones)
        lr_restart_epochs=None,  # epochs between two restarts
        lr_milestones=[],  # epochs, counted from 1, from each of which on the rate of steps is smaller
        lr_factor=0.2,  # what steps multiplies it with
        weight_decay=0.0,  # L2 penalty of the optimizer
        activations=["relu", "tanh", "sigmoid"],  # a panel each in the figures
        alpha_tests=[0],  # strengths of weight noise at evaluation, 0 among them
        noise_samples=5,  # noise draws per alpha_test above 0
        image_size=28,  # pixels to which images are resized; None keeps the dataset's own size
        dropout=0.0,  # probability that a hidden value is dropped in training, for perceptrons and CNNs
        augmentation="none",  # none, crop_flip, or dataset: what is usual for it
        max_train_samples=None,  # train on the first so many images of a stratified shuffle; None takes all
        validation_share=0.0,  # share of the training images that is held back to watch training
        evaluations=[],  # what else is measured: worst_case, random_corners, landscape, quantization
        smoothed_accuracy=False,  # note the test accuracy of every epoch, and what a published program showed for it
        precision="fp32",  # arithmetic of training: fp32 or bf16
        sweep_precision="fp32",  # arithmetic of evaluation: fp32 or bf16
        options={},  # further settings of a regime, an architecture or the corruption, by name
        output_dir="results/pixels",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir=None,  # folder of the trained weights; None keeps none
        **LAUNCH,
    )


def pixels_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """How does accuracy on clean images fall when pixels of the training images are corrupted?"""
    return lists.configurations(overridden(pixels_block()))


def large_pixels_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """The same for two larger networks on MNIST, each with epochs and batches of its own: 2,400 runs for many cores."""
    large = dataclasses.replace(pixels_block(), dataset="mnist", ps=[n / 10 for n in range(10)], repeats=40)
    mlp = dataclasses.replace(large, architectures=["pixel_mlp_large"], epochs=15, batch_size=512)
    cnn = dataclasses.replace(large, architectures=["pixel_cnn_large"], epochs=20, batch_size=256)
    return lists.configurations(overridden(mlp)) + lists.configurations(overridden(cnn))


def adaptive_block() -> Settings:
    """What `adaptive_study` begins with, for each of its optimizers."""
    return Settings(
        dataset="cifar10",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        architectures=["baby_cnn", "tiny_cnn", "simple_cnn", "cifar_resnet18"],  # networks to train
        regimes=["clean", "adaptive"],  # how weights are updated; clean is the baseline of equal seed and optimizer
        alpha_train=[0.2],  # largest strengths of the noise, relative to the gradients or weights
        noise_model="tensor_std",  # what alpha is relative to at evaluation
        ps=[0.0],  # probabilities that an input pixel is corrupted in training
        corruption="replacement",  # a corrupted pixel becomes U(0, 1); "additive" adds sigma·(U(0, 1) - 1/2) and clips
        corrupt_test=False,  # evaluate on clean test images, or on images corrupted like those of training
        seeds=[0, 1, 2],  # one run per seed; standard errors are over seeds
        repeats=None,  # instead of seeds: so many, drawn from the master seed
        master_seed=0,  # seed from which the seeds of the repeats are drawn
        epochs=60,  # passes through the training images
        batch_size=128,  # images per update
        optimizer="sgd",  # adam or sgd; the study has both
        learning_rate=0.05,  # first and largest step size; the study has one for each optimizer
        momentum=0.0,  # momentum of sgd
        nesterov=False,  # Nesterov's momentum in place of the classical one
        lr_schedule="cosine_restarts",  # constant, cosine_restarts (with lr_restart_epochs), steps (with lr_milestones)
        lr_restart_epochs=20,  # epochs between two restarts
        lr_milestones=[],  # epochs, counted from 1, from each of which on the rate of steps is smaller
        lr_factor=0.2,  # what steps multiplies it with
        weight_decay=1e-4,  # L2 penalty of the optimizer
        activations=["relu"],  # relu, tanh, sigmoid, leaky_relu, gelu, and more; cifar_resnet18 has relu only
        alpha_tests=[0, 0.1, 0.2],  # strengths of weight noise at evaluation, 0 among them
        noise_samples=5,  # noise draws per alpha_test
        image_size=32,  # pixels to which images are resized; None keeps the dataset's own size
        dropout=0.0,  # probability that a hidden value is dropped in training, for perceptrons and CNNs
        augmentation="dataset",  # none, crop_flip, or dataset: what is usual for it
        max_train_samples=None,  # train on the first so many images of a stratified shuffle; None takes all
        validation_share=0.1,  # share of the training images that is held back to watch training
        evaluations=[],  # what else is measured: worst_case, random_corners, landscape, quantization
        smoothed_accuracy=False,  # note the test accuracy of every epoch, and what a published program showed for it
        precision="fp32",  # arithmetic of training: fp32 or bf16
        sweep_precision="fp32",  # arithmetic of evaluation: fp32 or bf16
        options={},  # further settings of a regime, an architecture or the corruption, by name
        output_dir="results/adaptive",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir=None,  # folder of the trained weights; None keeps none
        **LAUNCH,
    )


def adaptive_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """Does noise help that is injected only while training looks stuck or overfit?"""
    optimizers = (
        {"optimizer": "sgd", "learning_rate": 0.05},
        {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        {"optimizer": "adam", "learning_rate": 1e-3},
    )
    configs = []
    for optimizer in optimizers:
        block = overridden(dataclasses.replace(adaptive_block(), **optimizer))
        if block.optimizer != optimizer["optimizer"]:
            continue
        for distribution in ("gaussian", "uniform") if "adaptive" in block.regimes else ():
            options = {"distribution": distribution} | block.options
            configs += lists.configurations(dataclasses.replace(block, options=options))
        configs += lists.configurations(block) if "adaptive" not in block.regimes else []
    return lists.join(configs)


def adversarial_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """Does training against perturbed weights make networks insensitive to perturbations, random or worst-case?"""
    block = Settings(
        dataset="fashion_mnist",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        architectures=["fmnist_cnn"],  # networks to train
        regimes=["clean", "noisy", "awp", "sam", "beta"],  # how weights are updated
        alpha_train=[0.3],  # forward noise of noisy and beta; the study adds beta without it, and clean with dropout
        noise_model="magnitude",  # what alpha is relative to, in training and at evaluation
        ps=[0.0],  # probabilities that an input pixel is corrupted in training
        corruption="replacement",  # a corrupted pixel becomes U(0, 1); "additive" adds sigma·(U(0, 1) - 1/2) and clips
        corrupt_test=False,  # evaluate on clean test images, or on images corrupted like those of training
        seeds=[0, 1, 2],  # one run per seed; standard errors are over seeds
        repeats=None,  # instead of seeds: so many, drawn from the master seed
        master_seed=0,  # seed from which the seeds of the repeats are drawn
        epochs=40,  # passes through the training images; a tenth of the learning rate in the last five
        batch_size=100,  # images per update
        optimizer="adam",  # adam or sgd, otherwise with PyTorch's defaults
        learning_rate=1e-4,  # step size of the optimizer
        momentum=0.0,  # momentum of sgd
        nesterov=False,  # Nesterov's momentum in place of the classical one
        lr_schedule="steps",  # constant, cosine_restarts (with lr_restart_epochs), steps (with lr_milestones)
        lr_restart_epochs=None,  # epochs between two restarts
        lr_milestones=[36],  # epochs, counted from 1, from each of which on the rate of steps is smaller
        lr_factor=0.1,  # what steps multiplies it with
        weight_decay=0.0,  # L2 penalty of the optimizer
        activations=["relu"],  # relu, tanh, sigmoid, leaky_relu, gelu, and more
        alpha_tests=[0, 0.1, 0.2, 0.3, 0.5, 0.7],  # strengths of weight noise at evaluation, 0 among them
        noise_samples=100,  # noise draws per alpha_test
        image_size=28,  # pixels to which images are resized; None keeps the dataset's own size
        dropout=0.0,  # of all but the runs with dropout that the study adds
        augmentation="none",  # none, crop_flip, or dataset: what is usual for it
        max_train_samples=None,  # train on the first so many images of a stratified shuffle; None takes all
        validation_share=0.0,  # share of the training images that is held back to watch training
        evaluations=["worst_case", "random_corners", "landscape", "quantization"],  # what else is measured
        smoothed_accuracy=False,  # note the test accuracy of every epoch, and what a published program showed for it
        precision="fp32",  # arithmetic of training: fp32 or bf16
        sweep_precision="fp32",  # arithmetic of evaluation: fp32 or bf16
        options={},  # further settings by name; beta_robustness: 0.1 with forward noise and 0.25 without, as published
        output_dir="results/adversarial",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir=None,  # folder of the trained weights; None keeps none
        **LAUNCH,
    )
    block = overridden(block)
    runs = lists.configurations(block)
    with_noise, without = (block.options.get("beta_robustness", usual) for usual in (0.1, 0.25))
    return lists.join(
        lists.configure(runs, where={"regime": "beta"}, options={"beta_robustness": with_noise}),
        lists.configure(lists.select(runs, regime="clean"), dropout=0.3),
        lists.configure(lists.select(runs, regime="beta"), alpha_train=0, options={"beta_robustness": without}),
    )


def pnn_block() -> Settings:
    """What `pnn_study` begins with: the recipe of the published reproduction."""
    return Settings(
        dataset="cifar10",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        architectures=["pnn_resnet18", "noiseresnet18", "perturb_resnet18"],  # of the experiments, those of these
        regimes=["clean"],  # how weights are updated
        alpha_train=[0.0],  # strengths of weight noise in training, for regimes that have it
        noise_model="tensor_std",  # what alpha is relative to
        ps=[0.0],  # probabilities that an input pixel is corrupted in training
        corruption="replacement",  # a corrupted pixel becomes U(0, 1); "additive" adds sigma·(U(0, 1) - 1/2) and clips
        corrupt_test=False,  # evaluate on clean test images, or on images corrupted like those of training
        seeds=[0, 1, 2],  # one run per seed; the published figures are of one
        repeats=None,  # instead of seeds: so many, drawn from the master seed
        master_seed=0,  # seed from which the seeds of the repeats are drawn
        epochs=150,  # passes through the training images
        batch_size=16,  # images per update; experiments 1 to 3 have 10
        optimizer="sgd",  # adam or sgd
        learning_rate=1e-3,  # step size of the optimizer; experiments 2 and 3 have 1e-4
        momentum=0.9,  # momentum of sgd
        nesterov=True,  # Nesterov's momentum in place of the classical one
        lr_schedule="steps",  # constant, cosine_restarts (with lr_restart_epochs), steps (with lr_milestones)
        lr_restart_epochs=None,  # epochs between two restarts
        lr_milestones=[60, 90, 120, 160],  # epochs, counted from 1, from each of which on the rate of steps is smaller
        lr_factor=0.2,  # what steps multiplies it with
        weight_decay=1e-4,  # L2 penalty of the optimizer, for trained masks too
        activations=["relu"],  # relu, lrelu, prelu, rrelu, elu, selu, tanh, sigmoid
        alpha_tests=[0],  # strengths of weight noise at evaluation, 0 among them
        noise_samples=5,  # noise draws per alpha_test above 0
        image_size=32,  # pixels to which images are resized; None keeps the dataset's own size
        dropout=0.0,  # probability that a hidden value is dropped in training, for cifarnet and lenet
        augmentation="dataset",  # none, crop_flip, or dataset: what is usual for it
        max_train_samples=None,  # train on the first so many images of a stratified shuffle; None takes all
        validation_share=0.0,  # share of the training images that is held back to watch training
        evaluations=[],  # what else is measured: worst_case, random_corners, landscape, quantization
        smoothed_accuracy=True,  # note the test accuracy of every epoch, and what the first program showed for it
        precision="fp32",  # arithmetic of training: fp32 or bf16
        sweep_precision="fp32",  # arithmetic of evaluation: fp32 or bf16
        options={},  # further options of the architectures, for all experiments
        output_dir="results/pnn",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir=None,  # folder of the trained weights; None keeps none
        **LAUNCH,
    )


def pnn_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """The eight published experiments on perturbative networks at full size: for a GPU, or weeks of many cores."""
    configs = []
    for experiment in pnn.EXPERIMENTS:
        block = overridden(dataclasses.replace(pnn_block(), **experiment.recipe))
        check_networks(block, pnn_block().architectures)
        configs += network_runs(block, experiment.arch, experiment.options)
    return lists.configure(configs, options=block.options)


def pnn_control_study(overridden: Callable[[Settings], Settings] = as_it_stands) -> list[TrainConfig]:
    """Do masks do anything? Pairs of runs that differ in the level of the masks alone, 0 or above, on few small images.

    Beside them networks of convolutions 1×1 and 3×3, with as many weights.
    """
    block = overridden(
        dataclasses.replace(
            pnn_block(),
            architectures=["pnn_resnet18", "perturb_resnet18"],
            seeds=[0, 1, 2, 3, 4],
            epochs=10,
            batch_size=64,
            learning_rate=0.05,
            lr_milestones=[7, 9],
            image_size=16,
            augmentation="none",
            max_train_samples=10_000,
            smoothed_accuracy=False,
            output_dir="results/pnn/control",
        )
    )
    check_networks(block, dict.fromkeys(arch for arch, _ in pnn.CONTROL))
    configs = [config for arch, options in pnn.CONTROL for config in network_runs(block, arch, options)]
    return lists.configure(configs, options=block.options)


def check_networks(block: Settings, known: Iterable[str]) -> None:
    """Raise ValueError where a block has a network that is not among the `known` ones of its study."""
    for arch in block.architectures:
        if arch not in known:
            raise ValueError(f"the study has no runs of {arch!r}; choose from {list(known)}")


def network_runs(block: Settings, arch: str, options: dict) -> list[TrainConfig]:
    """The runs of a block with one of its networks and these options alone; none if it is not among them."""
    if arch not in block.architectures:
        return []
    return lists.configurations(dataclasses.replace(block, architectures=[arch], options=options))


STUDIES = {
    "weight_noise": weight_noise_study,
    "pixels": pixels_study,
    "pixels_large": large_pixels_study,
    "adaptive": adaptive_study,
    "adversarial": adversarial_study,
    "pnn": pnn_study,
    "pnn_control": pnn_control_study,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one study as the command line says; a flag overrides the line of its block of the same name for one launch.

    Returns 0 when every run is there, 1 when some run failed, 2 when the configuration is wrong (nothing was
    started), 130 when interrupted.
    """
    command = CommandLine(list(STUDIES), arguments)
    try:
        with signals.handled():
            configs = STUDIES[command.study](command.overridden)
            settings, flags = command.settings, command.flags
            if settings is None:
                raise ValueError(f"the study {command.study} must give its block to `overridden`")
            configs = lists.only(configs, flags.only)
            if flags.status:
                return status.show(configs, settings.output_dir, flags.json)
            given = {name: getattr(flags, name) for name in cluster.FLAGS}
            if flags.print_job:
                wanted = cluster.options(flags.print_job, given, flags.cluster_file)
                words = sys.argv[1:] if arguments is None else arguments
                return job_script.show(flags.print_job, configs, settings.campaign(), flags.retry_failed, wanted, words)
            options = cluster.options(settings.engine, given, flags.cluster_file)
            if flags.plan:
                campaign = survey(configs, settings.campaign(), flags.retry_failed, options)
                return plan.show(campaign, settings.memory_check, flags.json)
            if flags.sanity:
                return sanity(settings)
            if flags.verify is not None:
                return verify(flags.verify, settings.output_dir, settings.dataset, settings.data_dir)
            campaign = prepare(configs, settings.campaign(), flags.retry_failed, flags.shard, options)
    except (ValueError, ChildProcessError) as error:
        print(f"error: {error}".replace("\n", " "), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was started", file=sys.stderr)
        return signals.EXIT_CODE
    return runner.run(campaign)


if __name__ == "__main__":
    sys.exit(main())
