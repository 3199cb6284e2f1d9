"""Two small networks for the tests of commands: launched in this process, one after the other."""

from pathlib import Path

import run_experiments
from campaign.store import run_file
from tests.conftest import timeless

BASE = "mlp_small --regime noisy --image-size 8 --epochs 1 --batch-size 16 --alpha-tests 0 0.1 --noise-samples 2"
ONE, TWO = ("--seeds", "0"), ("--seeds", "0", "1")


def launch(dataset: str, folder: Path, *more: str) -> int:
    """The exit code of a launch, or a command, whose results and weights lie in `folder`."""
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "checkpoints")]
    return run_experiments.main([*BASE.split(), "--dataset", dataset, "--engine", "serial", *folders, *more])


def run_paths(folder: Path) -> list[Path]:
    """The run files of the folder, sorted by name."""
    return sorted((folder / "results/blobs/runs").glob("*.json"))


def runs(folder: Path) -> list[dict]:
    """What they hold."""
    return list(map(run_file.read, run_paths(folder)))


def weights(folder: Path) -> list[Path]:
    """The files of trained weights, sorted by name."""
    return sorted((folder / "checkpoints/blobs").glob("*.pt"))


def points(run: dict, evaluation: str = "weight_noise") -> dict[tuple, dict]:
    """The points of one evaluation by strength and draw."""
    return {
        (point["strength"], point["draw"]): point
        for measurement in run["measurements"]
        if measurement["evaluation"] == evaluation
        for point in measurement["points"]
    }


def same(run: dict, other: dict) -> bool:
    """Whether two run files have the same training and the same points, whatever was asked for last."""
    bare, other_bare = (
        {name: value for name, value in timeless(one).items() if name not in ("measurements", "asked", "provenance")}
        for one in (run, other)
    )
    names = {measurement["evaluation"] for one in (run, other) for measurement in one["measurements"]}
    return bare == other_bare and all(points(run, name) == points(other, name) for name in names)


def change(path: Path, change) -> None:
    """Let `change` alter the run in a run file."""
    run = run_file.read(path)
    change(run)
    run_file.write(path, run)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
