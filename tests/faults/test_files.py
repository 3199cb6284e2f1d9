"""Files that are damaged, missing, foreign or malicious, and disks that fail."""

import ctypes
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from tests.conftest import flipped
from tests.faults.launching import KEPT, LONG, RUNS, assert_same, end, kill, wait_for

STUB = {"STUB": "1"}
QUICK = f"{RUNS} --engine serial"


class Bomb:
    """What would run a program if it were unpickled."""

    def __reduce__(self):
        return os.system, ("touch exploded",)


DAMAGE = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "cut by two bytes": lambda content: content[:-2],
    "flipped at the beginning": lambda content: flipped(content, 30),
    "flipped in the middle": lambda content: flipped(content, len(content) // 2),
    "flipped at the end": lambda content: flipped(content, len(content) - 5),
    "zeros": lambda content: bytes(len(content)),
    "something else": lambda content: b"{}\n",
    "a pickle": lambda content: pickle.dumps(Bomb()),
}


def damage(path, how: str) -> None:
    path.write_bytes(DAMAGE[how](path.read_bytes()))


def damage_each(folder) -> dict:
    """Damage the files of a folder in their order, each in another way; path by kind of damage."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".json", ".pt"))
    paths = dict(zip(DAMAGE, files, strict=True))
    for how, path in paths.items():
        damage(path, how)
    return paths


@pytest.mark.long
def test_damaged_run_files_are_set_aside_and_their_runs_done_again(place, undisturbed):
    seeds = len(DAMAGE) + 1
    shutil.copytree(undisturbed(seeds), place.results)
    last = max((place.results / "runs").iterdir())
    kept = last.rename(place.folder / last.name)
    damaged = {path: path.read_bytes() for path in damage_each(place.results / "runs").values()}
    kept.rename(last)
    code, printed, _ = place.launch(seeds=seeds)
    assert code == 0 and f"{seeds} runs: 1 finished, {seeds - 1} to do" in printed
    for path, content in damaged.items():
        assert f"note: {path.name} was damaged: it is kept as" in printed
        assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    assert_same(place.results, undisturbed(seeds))
    assert f"{seeds} runs: {seeds} finished, 0 to do" in place.launch(seeds=seeds)[1]


@pytest.mark.long
def test_a_run_file_under_another_runs_name_is_damaged(place, undisturbed):
    shutil.copytree(undisturbed(4), place.results)
    first, second, *_ = sorted((place.results / "runs").iterdir())
    shutil.copy(first, second)
    code, printed, _ = place.launch()
    assert code == 0 and f"{second.name} was damaged" in printed
    assert_same(place.results, undisturbed(4))


@pytest.mark.long
@pytest.mark.parametrize("how", ["empty", "truncated", "flipped in the middle", "something else"])
def test_damaged_or_missing_tables_and_notes_are_written_again_and_nothing_is_trained(place, undisturbed, how):
    shutil.copytree(undisturbed(4), place.results)
    for path in [*place.results.glob("*.csv"), *place.results.glob("*.json"), place.results / "campaign.log"]:
        damage(path, how)
    (place.results / "claims/another-run.json").write_text("{")
    code, printed, _ = place.launch()
    assert code == 0 and "4 runs: 4 finished, 0 to do" in printed
    (place.results / "claims/another-run.json").unlink()
    assert_same(place.results, undisturbed(4))
    for path in [path for path in place.results.iterdir() if path.name != "runs"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "4 runs: 4 finished, 0 to do" in place.launch()[1]
    assert_same(place.results, undisturbed(4))


def unfinished(place, seeds: int = 2) -> list:
    """A campaign that was killed when all its runs had kept some epochs; the paths of these."""
    launcher = place.start(*KEPT, "--max-workers", str(seeds), seeds=seeds, base=LONG)
    wait_for(lambda: len(list((place.results / "partial").glob("*.pt"))) == seeds)
    kill(launcher.pid)
    end(launcher)
    for path in (place.results / "partial").glob(".*"):
        path.unlink()
    return sorted((place.results / "partial").glob("*.pt"))


@pytest.mark.long
def test_an_unfinished_run_goes_on_after_the_epoch_that_it_kept(place, undisturbed):
    kept = unfinished(place)
    before = torch.load(kept[0], weights_only=True)["seconds"]
    code, printed, complaint = place.launch(*KEPT, seeds=2, base=LONG)
    assert code == 0 and "2 runs: 0 finished, 2 to do, 2 of them partly done" in printed and complaint == ""
    assert len(place.log("resume")) == 2
    assert_same(place.results, undisturbed(2, LONG))
    run = json.loads((place.results / "runs" / f"{kept[0].stem}.json").read_text())
    assert run["train_seconds"] > before > 0


@pytest.mark.long
def test_damaged_epoch_checkpoints_are_ignored_with_a_warning(place, undisturbed):
    seeds = len(DAMAGE)
    unfinished(place, seeds)
    damage_each(place.results / "partial")
    code, _, complaint = place.launch(*KEPT, seeds=seeds, base=LONG)
    warning = "is damaged: its check sum is wrong; the run starts from its beginning"
    assert code == 0 and complaint.count(warning) == seeds
    assert_same(place.results, undisturbed(seeds, LONG))
    assert not (place.folder / "exploded").exists()


@pytest.mark.long
def test_the_epoch_checkpoint_of_another_run_is_ignored_with_a_warning(place, undisturbed):
    first, second = unfinished(place)
    shutil.copy(first, second)
    code, _, complaint = place.launch(*KEPT, seeds=2, base=LONG)
    warning = "was written by another run: run_id, config changed; the run starts from its beginning"
    assert code == 0 and warning in complaint
    assert_same(place.results, undisturbed(2, LONG))


@pytest.mark.long
def test_the_epoch_checkpoint_of_other_code_is_ignored_with_a_warning(place, undisturbed, tmp_path_factory):
    from tests.faults.launching import Place, copy_project

    edited = Place(copy_project(tmp_path_factory.mktemp("edited")), place.folder)
    unfinished(place)
    with open(edited.project / "nnet/evaluations/parts/measuring.py", "a") as file:
        file.write("# a change\n")
    code, _, complaint = edited.launch(*KEPT, seeds=2, base=LONG)
    assert code == 0 and complaint.count("was written by another run: code changed") == 2
    assert_same(place.results, undisturbed(2, LONG))


CACHED = {
    "empty": "y_test.npy",
    "truncated": "x_train.npy",
    "flipped in the middle": "x_test.npy",
    "zeros": "about.json",
}


@pytest.mark.long
@pytest.mark.parametrize(("how", "name"), CACHED.items())
def test_damaged_cached_data_are_prepared_again_with_a_warning(place, undisturbed, how, name):
    undisturbed(4)
    cache = place.folder / "cache"
    shutil.copytree(os.environ["NNET_CACHE_DIR"], cache)
    (path,) = cache.glob(f"digits-28-*/{name}")
    damage(path, how)
    code, _, complaint = place.launch("--max-workers", "2", NNET_CACHE_DIR=str(cache))
    assert code == 0 and complaint.count("are damaged; they are prepared again") == 1
    assert_same(place.results, undisturbed(4))


@pytest.mark.parametrize(
    ("how", "sticky", "step"),
    [("ENOSPC", False, 1), *[pytest.param(how, True, 4, marks=pytest.mark.long) for how in ("EIO", "EROFS")]],
)
@pytest.mark.parametrize(
    "call", ["replace", *[pytest.param(call, marks=pytest.mark.long) for call in ("fsync", "open")]]
)
def test_an_error_of_the_disk_at_any_write_stops_the_campaign_and_loses_nothing(
    place, undisturbed, call, how, sticky, step
):
    stopped = 0
    for number in range(1, 80, step):
        failpoint = {"call": call, "number": number, "how": how, "sticky": sticky}
        code, _, complaint = place.launch(seeds=3, base=QUICK, FAILPOINT=failpoint, **STUB)
        assert "Traceback" not in complaint
        if code == 0:
            break
        stopped += 1
        assert code == 1 and "stopped: cannot write in results/digits" in complaint
        assert "of 3 runs are finished and kept; the same command goes on from here" in complaint
        assert not list(place.results.rglob("*.tmp")) and not list(place.results.glob("failures/*"))
    assert stopped >= 1 and code == 0
    assert_same(place.results, undisturbed(3, QUICK, **STUB))


def exchange(one: Path, other: Path) -> None:
    """Let two names change places at once, so that nobody finds one of them missing."""
    current_folder, exchanging = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    library = ctypes.CDLL(None, use_errno=True)
    failed = library.renameat2(current_folder, bytes(one), current_folder, bytes(other), exchanging)
    assert not failed, os.strerror(ctypes.get_errno())


@pytest.mark.long
def test_a_folder_that_vanishes_stops_the_campaign_with_a_sentence(place, undisturbed):
    launcher = place.start(*KEPT, seeds=6, base=LONG)
    wait_for(place.finished)
    in_the_way = place.folder / "a file"
    in_the_way.touch()
    exchange(place.results, in_the_way)
    code, _, complaint = end(launcher)
    assert code == 1 and "stopped: cannot write in" in complaint and "Traceback" not in complaint
    exchange(place.results, in_the_way)
    assert place.launch(*KEPT, seeds=6, base=LONG)[0] == 0
    assert_same(place.results, undisturbed(6, LONG))


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "*", "a\nb", ""])
def test_names_do_not_leave_their_folders(place, name):
    outside = place.folder / "outside/runs"
    outside.mkdir(parents=True)
    (outside / "secret.json").write_text("{}")
    code, _, complaint = place.launch("--verify", name)
    assert code == 2 and complaint.startswith("error: there is no finished run") and complaint.count("\n") == 1
    code, _, complaint = place.launch("--dataset", f"{name}.npz")
    assert code == 2 and complaint.count("\n") == 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["=1+1", "@home", "a" * 81, "a b", ".hidden", "-rf"])
def test_a_dataset_file_whose_name_is_no_folders_name_is_refused(place, npz, name):
    shutil.copy(npz, place.folder / f"{name}.npz")
    code, _, complaint = place.launch(f"--dataset={place.folder / name}.npz")
    assert code == 2 and "becomes a folder's" in complaint and complaint.count("\n") == 1
    assert not (place.folder / "results").exists()
