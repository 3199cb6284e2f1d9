"""What a campaign adds to the time of its runs: submitting, collecting, writing.

    python -m benchmarks.overhead --json results/benchmarks.json

A campaign of runs that do nothing, through the whole runner: claims, workers, run files flushed to the disk, log,
tables. And how long it takes to build so many configurations and to see which are done.
"""

import argparse
import io
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import run_experiments
from benchmarks.report import write_section
from campaign.commands.command_line import Settings
from campaign.grid.block import Launch
from campaign.planning import survey
from campaign.running import runner
from nnet.config import TrainConfig

P_COUNT, REPEATS = 10, 40


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, default=2, help="default 2")
    parser.add_argument("--json", type=Path, help="file whose section `overhead` is replaced")
    arguments = parser.parse_args()
    start = time.perf_counter()
    configs = large_study()
    building = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        campaign = survey.survey(configs, Launch(folder, max_workers=arguments.workers))
        surveyed = time.perf_counter() - start
        start = time.perf_counter()
        with mock.patch.object(runner, "tasks", SimpleNamespace(train=nothing)), redirect_stdout(io.StringIO()):
            assert runner.run(campaign) == 0
        seconds = time.perf_counter() - start
        assert campaign.finished() == len(configs)
    found = {"runs": len(configs), "workers": arguments.workers, "building_s": building, "surveyed_s": surveyed}
    found |= {"campaign_s": seconds, "ms_per_run": 1e3 * seconds / len(configs)}
    print("{runs} configurations: built in {building_s:.2f} s, surveyed after {surveyed_s:.2f} s".format(**found))
    print("{runs} runs that do nothing: {campaign_s:.1f} s, {ms_per_run:.2f} ms a run".format(**found))
    if arguments.json is not None:
        write_section(arguments.json, "overhead", found)


def large_study() -> list[TrainConfig]:
    """3 activations × 2 networks × 10 p × 40 repeats."""

    def large(block: Settings) -> Settings:
        block.architectures, block.ps = ["pixel_mlp_large", "pixel_cnn_large"], [n / P_COUNT for n in range(P_COUNT)]
        block.repeats = REPEATS
        return block

    return run_experiments.pixels_study(large)


def nothing(config: TrainConfig) -> dict:
    """What a run returns, without a run."""
    row = {"alpha_test": 0.0, "noise_samples": 1, "acc": 0.5, "acc_std": None, "loss": 1.0, "drop": 0.0}
    return {
        "run_id": config.run_id, "dataset": config.dataset_name, "architecture": config.arch, "regime": config.regime,
        "seed": config.seed, "alpha_train": config.alpha_train, "noise_model": config.noise_model,
        "activation": config.activation, "p": config.p, "epochs": config.epochs, "acc_0": 0.5, "acc_01": None,
        "drop_at_01": None, "test_loss": 1.0, "train_loss": 1.0, "status": "ok", "train_seconds": 0.0,
        "sweep_seconds": 0.0, "diverged_epoch": None, "sweep": [row], "history": [], "config": config.science(),
        "provenance": {}, "sha256": {},
    }  # fmt: skip


if __name__ == "__main__":
    main()
