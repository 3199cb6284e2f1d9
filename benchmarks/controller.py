"""The cost of the controller of adaptive noise: its norms and flags, without any noise.

    python -m benchmarks.controller --json results/benchmarks.json

Trains each network on MNIST at 32×32 pixels on one core, several rounds, with a controller that measures every batch
and every epoch from the second on. Its noise has strength 0, and the final weights are compared with those of clean
training. The time in the controller's methods is reported as a share of the whole training, which includes evaluating
the validation images after every epoch.
"""

import dataclasses
import time
from statistics import median
from unittest import mock

import torch

import campaign.engines.workers.warm  # noqa: F401 - as in the process from which workers are forked
from benchmarks import command_line
from benchmarks.report import write_section
from nnet.regimes import adaptive
from nnet_models import TrainConfig, train_and_evaluate

OPTIONS = {"adaptive": {"min_epochs": 1, "window": 2}}
METHODS = ("start_epoch", "watch", "end_epoch")


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "controller")
    parser.add_argument("architectures", nargs="*", default=["baby_cnn", "tiny_cnn", "mlp_small"])
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--images", type=int, default=6400, help="training images; default 6400")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    torch.set_num_threads(1)
    rows = []
    for arch in arguments.architectures:
        clean = TrainConfig(
            dataset="mnist", image_size=32, arch=arch, epochs=3, max_train_samples=arguments.images,
            validation_share=0.01, alpha_tests=(0,), data_dir=arguments.data_dir,
        )  # fmt: skip
        rows.append(shares(clean, arguments.rounds))
        print("{architecture:14} {train_s:6.2f} s, controller {share:.2%} ({low:.2%} to {high:.2%})".format(**rows[-1]))
    if arguments.json is not None:
        content = {"epochs": 3, "images": arguments.images, "rounds": arguments.rounds, "rows": rows}
        write_section(arguments.json, "controller", content)


def shares(clean: TrainConfig, rounds: int) -> dict:
    """Median, smallest and largest share of the training time that is spent in the controller, over rounds."""
    reference = train_and_evaluate(clean)
    watched = dataclasses.replace(clean, regime="adaptive", options=OPTIONS)
    fractions, seconds = [], []
    for _ in range(rounds):
        spent, result = timed(watched)
        assert result["sha256"] == reference["sha256"]
        fractions.append(spent / result["train_seconds"])
        seconds.append(result["train_seconds"])
    return {
        "architecture": clean.arch,
        "train_s": median(seconds),
        "share": median(fractions),
        "low": min(fractions),
        "high": max(fractions),
    }


def timed(cfg: TrainConfig) -> tuple[float, dict]:
    """Seconds that a run spends in `METHODS` of its regime, and its result."""
    spent = []

    def timing(method):
        def measured(*arguments):
            start = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                spent.append(time.perf_counter() - start)

        return measured

    methods = {name: timing(getattr(adaptive.Regime, name)) for name in METHODS}
    with mock.patch.multiple(adaptive.Regime, **methods):
        result = train_and_evaluate(cfg)
    return sum(spent), result


if __name__ == "__main__":
    main()
