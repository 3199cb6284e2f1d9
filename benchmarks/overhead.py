"""What a campaign adds to the time of its runs: submitting, collecting, writing.

    python -m benchmarks.overhead --json results/benchmarks.json

The 2,400 runs of the study pixels_large, doing nothing, through the whole runner: claims, workers, run files flushed to
the disk, log, tables. Also the time to build their configurations and to see which are done.
"""

import argparse
import io
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from benchmarks.report import write_section
from campaign.engines.workers import tasks
from campaign.grid import block, study
from campaign.grid.settings import Launch
from campaign.planning import survey
from campaign.running import runner
from nnet.config import TrainConfig


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, default=2, help="default 2")
    parser.add_argument("--json", type=Path, help="file whose section `overhead` is replaced")
    arguments = parser.parse_args()
    start = time.perf_counter()
    configs = block.expand({}, study.load("pixels_large")).configs
    building = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        campaign = survey.survey(configs, Launch(folder, max_workers=arguments.workers))
        surveyed = time.perf_counter() - start
        start = time.perf_counter()
        with mock.patch.object(tasks, "train", nothing), redirect_stdout(io.StringIO()):
            assert runner.run(campaign) == 0
        seconds = time.perf_counter() - start
        assert campaign.finished() == len(configs)
    figures = {"runs": len(configs), "workers": arguments.workers, "building_s": building, "surveyed_s": surveyed}
    figures |= {"campaign_s": seconds, "ms_per_run": 1e3 * seconds / len(configs)}
    print("{runs} configurations: built in {building_s:.2f} s, surveyed after {surveyed_s:.2f} s".format(**figures))
    print("{runs} runs that do nothing: {campaign_s:.1f} s, {ms_per_run:.2f} ms a run".format(**figures))
    if arguments.json is not None:
        write_section(arguments.json, "overhead", figures)


def nothing(config: TrainConfig) -> dict:
    """The result of a run, without the run."""
    row = {"alpha_test": 0.0, "noise_samples": 1, "acc": 0.5, "acc_std": None, "loss": 1.0, "drop": 0.0}
    return {
        "run_id": config.run_id, "dataset": config.dataset_name, "architecture": config.arch, "regime": config.regime,
        "seed": config.seed, "alpha_train": config.alpha_train, "noise_model": config.noise_model,
        "activation": config.activation, "p": config.p, "epochs": config.epochs, "acc_0": 0.5, "acc_01": None,
        "drop_at_01": None, "test_loss": 1.0, "train_loss": 1.0, "status": "ok", "train_seconds": 0.0,
        "sweep_seconds": 0.0, "diverged_epoch": None, "sweep": [row], "history": [], "config": config.training(),
        "provenance": {}, "sha256": {},
    }  # fmt: skip


if __name__ == "__main__":
    main()
