"""One campaign: edit the block in `main()`, then run `python run_experiments.py`."""

import dataclasses
import sys
import tempfile

from campaign import grid, interruption, runner, tables
from campaign.check import Campaign, check
from campaign.settings import Settings, parse_flags
from campaign.verify import verify

SANITY_TOLERANCE = 0.02


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign of the block below; a flag of the same name overrides a line of it for one launch.

    Returns 0 when every run is there, 1 when some run failed, 2 when the configuration is wrong (nothing was
    started), 130 when interrupted.
    """
    block = Settings(
        dataset="digits",  # digits, mnist, fashion_mnist, cifar10, or the path of an .npz file
        architectures=["mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18"],  # networks to train
        regimes=["clean", "noisy"],  # how weights are updated; clean runs once per seed, whatever alpha_train says
        alpha_train=[0.2],  # strengths of weight noise in training, relative to the weights
        noise_model="tensor_std",  # what alpha is relative to: a tensor's std, or "magnitude" of each weight
        seeds=[0, 1, 2],  # one run per seed; standard errors are over seeds
        epochs=10,  # passes through the training images
        batch_size=128,  # images per update
        optimizer="adam",  # adam or sgd, otherwise with PyTorch's defaults
        learning_rate=1e-3,  # step size of the optimizer
        weight_decay=0.0,  # L2 penalty of the optimizer
        activations=["relu"],  # relu, tanh, sigmoid, leaky_relu, gelu; resnet18 has relu only
        p=0.0,  # probability that a training pixel is replaced by U(0, 1); test images stay clean
        alpha_tests=[0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],  # strengths of weight noise at evaluation, 0 among them
        noise_samples=5,  # noise draws per alpha_test
        image_size=28,  # pixels to which images are resized; None keeps the dataset's own size
        max_train_samples=None,  # train on the first so many images of a stratified shuffle; None takes all
        precision="fp32",  # arithmetic of training: fp32, or bf16 (bfloat16: faster on some processors, less exact)
        sweep_precision="fp32",  # arithmetic of evaluation: fp32 or bf16
        options={},  # further settings of a regime or an architecture, by name
        engine="process",  # one worker process per slot; "serial" runs in this process, for debugging
        max_workers=None,  # runs at the same time; None takes one per usable core
        memory_check=True,  # start fewer workers where their memory would not suffice
        run_timeout_s=None,  # seconds after which a run is ended and fails; None lets it take its time
        epoch_checkpoint_s=60,  # seconds between the epochs after which an unfinished run is kept, to go on from there
        cpu_threads_per_worker=1,  # threads of one run; another number may change the last bits of a result
        use_cuda=False,  # train on the GPU; needs max_workers=1
        data_dir=None,  # folder of the image files; None takes NNET_DATA_DIR where that is set, else data
        output_dir="results",  # results are written to <output_dir>/<dataset>/
        checkpoint_dir="checkpoints",  # trained weights go to <checkpoint_dir>/<dataset>/; None keeps none
    )
    settings, flags = parse_flags(block, arguments)
    try:
        with interruption.handled():
            if flags.sanity:
                return sanity(settings)
            if flags.verify is not None:
                return verify(flags.verify, settings)
            campaign = check_settings(settings, flags.retry_failed)
    except (ValueError, ChildProcessError) as error:
        print(f"error: {error}".replace("\n", " "), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was started", file=sys.stderr)
        return interruption.EXIT_CODE
    return runner.run(campaign)


def check_settings(settings: Settings, retry_failed: bool = False) -> Campaign:
    """The checked campaign of these settings. Raises ValueError, in one sentence, where it is impossible."""
    return check(
        grid.weight_noise(settings),
        settings.output_dir,
        settings.engine,
        settings.max_workers,
        settings.run_timeout_s,
        retry_failed,
        settings.memory_check,
    )


def sanity(settings: Settings) -> int:
    """Train mlp_small for one epoch in both regimes and compare their drops at α_test = 0.1; nothing is kept.

    Returns 0 if the drop after training with noise is smaller or similar (tolerance 0.02), else 1.
    """
    small = dataclasses.replace(
        settings,
        architectures=["mlp_small"],
        regimes=["clean", "noisy"],
        alpha_train=settings.alpha_train[:1],
        activations=["relu"],
        epochs=1,
        alpha_tests=[0, 0.1],
        checkpoint_dir=None,
    )
    with tempfile.TemporaryDirectory() as folder:
        campaign = check_settings(dataclasses.replace(small, output_dir=folder))
        code = runner.run(campaign)
        if code != 0:
            return code
        (store,) = campaign.stores.values()
        summary = tables.read(store.folder)["results_summary"].query("alpha_test == 0.1").set_index("regime")
    clean, noisy = summary.loc["clean", "mean_drop"], summary.loc["noisy", "mean_drop"]
    good = noisy <= clean + SANITY_TOLERANCE
    verdict = "smaller or similar, as it should be" if good else "LARGER than it should be"
    print(f"\nsanity: drop at 0.1 is {clean:.4f} clean, {noisy:.4f} noisy: {verdict} (tolerance {SANITY_TOLERANCE})")
    print("nothing of this was kept")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
