"""What the controller of adaptive noise costs: its norms and flags, while it injects nothing.

    python -m benchmarks.controller --json results/benchmarks.json

Trains each network on MNIST on one core, clean and adaptive in turn, several rounds; the adaptive run measures every
batch and looks at every epoch from the second on, but its noise has strength 0. Both are evaluated on the validation
images after every epoch, and end with the same weights, which is checked.
"""

import argparse
import dataclasses
import os
from pathlib import Path
from statistics import median

import torch

import campaign.warm  # noqa: F401 - as in the process from which workers are forked
from benchmarks.report import write_section
from nnet_models import TrainConfig, train_and_evaluate

OPTIONS = {"min_epochs": 1, "window": 2}


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("architectures", nargs="*", default=["mlp_small", "baby_cnn", "tiny_cnn"])
    parser.add_argument("--rounds", type=int, default=7, help="default 7")
    parser.add_argument("--epochs", type=int, default=3, help="default 3")
    parser.add_argument("--images", type=int, default=12800, help="training images; default 12800")
    parser.add_argument("--data-dir", default=os.environ.get("NNET_DATA_DIR", "data"), help="folder with MNIST")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to be pinned to")
    parser.add_argument("--json", type=Path, help="file whose section `controller` is replaced")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    torch.set_num_threads(1)
    rows = []
    for arch in arguments.architectures:
        clean = TrainConfig(
            dataset="mnist", image_size=32, arch=arch, epochs=arguments.epochs, max_train_samples=arguments.images,
            validation_share=0.1, alpha_tests=(0,), data_dir=arguments.data_dir,
        )  # fmt: skip
        rows.append(compare(clean, arguments.rounds))
        print(
            "{architecture:10} {clean_s:6.2f} s clean, controller {share:+.1%} ({low:+.1%} to {high:+.1%})".format(
                **rows[-1]
            )
        )
    if arguments.json is not None:
        content = {"epochs": arguments.epochs, "images": arguments.images, "rounds": arguments.rounds, "rows": rows}
        write_section(arguments.json, "controller", content)


def compare(clean: TrainConfig, rounds: int) -> dict:
    """Median, smallest and largest share of the clean run's training time that the controller adds, over rounds."""
    adaptive = dataclasses.replace(clean, regime="adaptive", alpha_train=0.0, options=OPTIONS)
    warm = train_and_evaluate(adaptive)
    assert warm["status"] == "ok"
    shares, seconds = [], []
    for _ in range(rounds):
        reference, watched = train_and_evaluate(clean), train_and_evaluate(adaptive)
        assert watched["sha256"] == reference["sha256"]
        seconds.append(reference["train_seconds"])
        shares.append(watched["train_seconds"] / reference["train_seconds"] - 1)
    return {
        "architecture": clean.arch,
        "clean_s": median(seconds),
        "share": median(shares),
        "low": min(shares),
        "high": max(shares),
    }


if __name__ == "__main__":
    main()
