"""A small campaign launched on the command line or in this process, and its run files."""

import subprocess
import sys
from pathlib import Path

import run_experiments
from campaign.store import run_file
from tests.conftest import ROOT, timeless

SMALL = "mlp_small cnn --image-size 8 --epochs 2 --batch-size 16 --seeds 0 1 --alpha-tests 0 0.1 0.5 --noise-samples 2"


def command(dataset: str, folder: Path, *more: str, base: str = SMALL) -> list[str]:
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "checkpoints")]
    return [sys.executable, str(ROOT / "run_experiments.py"), *base.split(), "--dataset", dataset, *folders, *more]


def launch(dataset: str, folder: Path, *more: str, **keywords) -> subprocess.CompletedProcess:
    return subprocess.run(command(dataset, folder, *more, **keywords), cwd=folder, capture_output=True, text=True)


def called(dataset: str, folder: Path, *more: str, base: str = SMALL) -> int:
    """The same launch in this process; serial, unless `more` says otherwise."""
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "checkpoints")]
    return run_experiments.main([*base.split(), "--dataset", dataset, *folders, "--engine", "serial", *more])


def run_files(folder: Path, name: str = "blobs") -> dict[str, dict]:
    """Every run file without its timings."""
    return {path.name: timeless(run_file.read(path)) for path in (folder / "results" / name / "runs").iterdir()}
