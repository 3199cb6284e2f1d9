"""The cost of a training step with an adversary in weight space, in clean steps.

    python -m benchmarks.adversarial --json results/benchmarks.json

Trains each network on MNIST on one core with each regime in turn, for several rounds. A step of beta takes
N + 2 forward and backward passes with N = 10, one more with forward noise.
"""

import dataclasses
from statistics import median

import campaign.engines.workers.warm  # noqa: F401 - as in the process from which workers are forked
from benchmarks import command_line
from benchmarks.report import write_section
from nnet_models import TrainConfig, train_and_evaluate

ARMS = {
    "noisy": {"regime": "noisy", "alpha_train": 0.3},
    "sam": {"regime": "sam"},
    "awp": {"regime": "awp"},
    "beta": {"regime": "beta"},
    "beta with forward noise": {"regime": "beta", "alpha_train": 0.3},
}


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "adversarial")
    parser.add_argument("architectures", nargs="*", default=["fmnist_cnn", "mlp_small"])
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--images", type=int, default=2000, help="training images; default 2000")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    rows = []
    for arch in arguments.architectures:
        clean = TrainConfig(
            dataset="mnist", arch=arch, epochs=1, batch_size=100, noise_model="magnitude", alpha_tests=(0,),
            max_train_samples=arguments.images, data_dir=arguments.data_dir,
        )  # fmt: skip
        rows += costs(clean, arguments.rounds)
        for row in rows[-len(ARMS) :]:
            print(
                "{architecture:12} {arm:24} {ratio:6.2f} ({ratio_min:.2f} to {ratio_max:.2f}) clean steps".format(**row)
            )
    if arguments.json is not None:
        content = {"images": arguments.images, "rounds": arguments.rounds, "rows": rows}
        write_section(arguments.json, "adversarial", content)


def costs(clean: TrainConfig, rounds: int) -> list[dict]:
    """Median, smallest and largest cost of a step of each arm, in clean steps of the same round."""
    train_and_evaluate(clean)  # compiles what is compiled at first use
    ratios_of = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        step = train_and_evaluate(clean)["train_seconds"]
        for arm, changed in ARMS.items():
            ratios_of[arm].append(train_and_evaluate(dataclasses.replace(clean, **changed))["train_seconds"] / step)
    return [
        {
            "architecture": clean.arch,
            "arm": arm,
            "ratio": median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
        for arm, ratios in ratios_of.items()
    ]


if __name__ == "__main__":
    main()
