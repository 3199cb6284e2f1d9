"""Campaigns through a real Dask scheduler."""

import re
import shutil
import signal
import subprocess
import time

import pytest
import torch

from campaign.engines import dask as dask_engine
from nnet.files import checkpoint
from nnet.files.host import HOST
from tests.cluster.conftest import Dask, busy_workers
from tests.conftest import ROOT, flipped
from tests.faults.launching import LONG, RUNS, assert_same, end, kill, run_files, session, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
ENGINE = ("--engine", "dask", "--scheduler")
KEEP = ("--epoch-checkpoint-s", "0")


def test_run_files_and_weights_are_those_of_the_engine_process(place, dask, undisturbed):
    dask.workers(2)
    wait_for_workers(dask, place)
    code, printed, complaint = place.launch(*ENGINE, str(dask.file), "--checkpoint-dir", "weights")
    assert (code, complaint) == (0, dask.warning)
    assert "on 2 worker(s)" in printed
    assert_same(place.results, undisturbed(4))
    assert len(list((place.folder / "weights/digits").iterdir())) == 4


def wait_for_workers(dask, place, number: int = 2) -> None:
    """Wait until the scheduler knows this many workers."""
    from distributed import Client

    with Client(scheduler_file=str(dask.file), set_as_default=False) as client:
        client.wait_for_workers(number, timeout=60)


def test_a_worker_killed_in_the_middle_of_a_run_costs_that_run_alone(place, dask, undisturbed):
    nannies = dask.workers(2)
    wait_for_workers(dask, place)
    launcher = place.start(*ENGINE, str(dask.file), *KEEP, base=LONG)
    wait_for(lambda: list((place.results / "partial").glob("*.epoch")))
    kill(busy_workers(nannies)[0])
    code, printed, complaint = end(launcher)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(4, LONG))
    assert len(place.log("died")) == 1 and "its worker died with its process, its job or its machine" in printed
    assert len(place.log("start")) + len(place.log("resume")) == 5  # the others were started once


def test_the_scheduler_is_killed_and_the_campaign_resumed(place, dask, undisturbed):
    dask.workers(2)
    wait_for_workers(dask, place)
    launcher = place.start(*ENGINE, str(dask.file), *KEEP, base=LONG)
    wait_for(place.finished, 120)
    kill(dask.processes[0].pid)
    code, _, complaint = end(launcher)
    assert code == 1 and "stopped: the Dask scheduler is gone" in complaint
    assert "the same command goes on from here" in complaint and "Traceback" not in complaint
    assert not place.started() and len(place.finished()) < 4
    dask.scheduler()
    dask.workers(2)
    wait_for_workers(dask, place)
    code, _, complaint = place.launch(*ENGINE, str(dask.file), *KEEP, base=LONG)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(4, LONG))


def unshared(folder) -> tuple[str, ...]:
    """A command prefix: as on a machine where this folder is empty. Skips where that cannot be had."""
    hide = f'mount -t tmpfs none {folder} && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", hide, "sh")
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        pytest.skip("no folder can be hidden from a worker here (unshare --mount)")
    return prefix


def test_two_workers_without_a_shared_folder(place, dask, npz, tmp_path):
    warning, hidden = dask.warning, tmp_path / "launcher"
    hidden.mkdir()
    shutil.copy(npz, hidden / "blobs.npz")
    here = place.folder
    words = ("--dataset", str(hidden / "blobs.npz"), "--image-size", "8", *KEEP)
    place.folder = hidden
    assert place.launch(*words, "--output-dir", "local", "--checkpoint-dir", "local_weights")[0] == 0
    place.folder = here
    for number in (1, 2):
        dask.workers(1, "--name", str(number), before=unshared(hidden), NNET_CACHE_DIR=str(tmp_path / f"cache{number}"))
    wait_for_workers(dask, place)
    place.folder = hidden
    far = (*words, *ENGINE, str(here / "scheduler.json"), "--output-dir", "far", "--checkpoint-dir", "far_weights")
    code, _, complaint = place.launch(*far)
    assert code == 0, complaint
    assert run_files(hidden / "far/blobs") == run_files(hidden / "local/blobs") != {}
    weights = {path: path.stat().st_mtime_ns for path in (hidden / "far_weights/blobs").iterdir()}
    for path in weights:
        there, here_too = checkpoint.load(path), checkpoint.load(hidden / "local_weights/blobs" / path.name)
        assert there["run"]["sha256"] == here_too["run"]["sha256"]
        assert all(torch.equal(there["model"][name], tensor) for name, tensor in here_too["model"].items())
    code, printed, complaint = place.launch(*far, "--noise-samples", "3")  # weights are sent, nothing is trained
    assert (code, complaint) == (0, warning) and "4 to be measured with 2 more draws" in printed
    assert {path: path.stat().st_mtime_ns for path in (hidden / "far_weights/blobs").iterdir()} == weights
    assert_measure_only_as_on_one_machine(
        place, far, (*words, "--output-dir", "local", "--checkpoint-dir", "local_weights")
    )
    for number in (1, 2):  # the data were sent once to each, and nothing else is left there
        left = [path.name for path in (tmp_path / f"cache{number}/away").rglob("*") if path.is_file()]
        assert left == ["blobs.npz"]


def assert_measure_only_as_on_one_machine(place, far, local):
    """Weights are sent, nothing is trained; networks without weights are left out, those of damaged ones fail."""
    weights = sorted((place.folder / "far_weights/blobs").iterdir())
    before = {path: path.read_bytes() for path in weights}
    more = ("--noise-samples", "4", "--evaluations", "quantization")
    code, printed, complaint = place.launch(*far, *more, "--measure-only")
    assert code == 0 and "4 to be measured" in printed, complaint
    assert {path: path.read_bytes() for path in sorted((place.folder / "far_weights/blobs").iterdir())} == before
    assert place.launch(*local, *more)[0] == 0
    assert run_files(place.folder / "far/blobs") == run_files(place.folder / "local/blobs")
    gone, damaged, *_ = weights
    gone.unlink()
    damaged.write_bytes(flipped(before[damaged], 3000))
    code, _, complaint = place.launch(*far, "--noise-samples", "5", "--measure-only")
    assert code == 1 and f"failed: {damaged.stem}: " in complaint and "Traceback" not in complaint
    assert not gone.exists() and {path: path.read_bytes() for path in weights[2:]} == {
        p: before[p] for p in weights[2:]
    }
    runs = run_files(place.folder / "far/blobs")
    draws = {name: len(run["measurements"][0]["points"]) for name, run in runs.items()}
    assert len({draws[path.stem] for path in weights[2:]}) == 1 == len({draws[path.stem] for path in (gone, damaged)})
    assert draws[gone.stem] < draws[weights[2].stem]


def test_a_run_that_takes_too_long_is_ended_and_says_where_it_was(place, dask):
    dask.workers(2, FAULTS=f'[{{"how": "hang", "seed": 1, "epoch": 2, "times": 1000, "folder": "{place.folder}"}}]')
    wait_for_workers(dask, place)
    code, _, complaint = place.launch(*ENGINE, str(dask.file), "--run-timeout-s", "15")
    assert code == 1 and complaint.count("failed: ") == 1
    (failure,) = (place.results / "failures").iterdir()
    text = failure.read_text()
    assert "TimedOut: it was not finished after 15 s (run_timeout_s)" in text and "train_and_evaluate" in text
    assert len(place.finished()) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_when_the_launcher_ends_its_runs_end_and_the_workers_are_free_for_the_next(place, dask, undisturbed, number):
    nannies = dask.workers(2)
    wait_for_workers(dask, place)
    launcher = place.start(*ENGINE, str(dask.file), *KEEP, base=LONG)
    wait_for(lambda: list((place.results / "partial").glob("*.epoch")))
    before = set(busy_workers(nannies))
    start = time.monotonic()
    kill(launcher.pid, number)
    code, _, complaint = end(launcher)
    if number == signal.SIGINT:
        assert code == 130 and time.monotonic() - start < 15 and "the same command goes on" in complaint
    wait_for(lambda: len(before & set(busy_workers(nannies))) < 2)
    wait_for_workers(dask, place)
    code, _, complaint = place.launch(*ENGINE, str(dask.file), *KEEP, base=LONG)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(4, LONG))


def test_a_local_cluster_of_its_own_leaves_nothing_behind_when_it_is_interrupted(place, undisturbed):
    launcher = place.start("--engine", "dask", "--max-workers", "2", *KEEP, base=LONG)
    wait_for(lambda: list((place.results / "partial").glob("*.epoch")))
    for pid in session(launcher.pid):  # as a terminal does it: to the whole group
        kill(pid, signal.SIGINT)
    code, _, complaint = end(launcher)
    assert code == 130 and "Traceback" not in complaint
    assert place.launch("--engine", "dask", "--max-workers", "2", *KEEP, base=LONG)[0] == 0
    assert_same(place.results, undisturbed(4, LONG))


def test_what_cannot_work_is_one_sentence(place, dask):
    code, printed, complaint = place.launch(*ENGINE, str(dask.file))
    assert code == 2 and printed == "" and "has no worker of one thread (--nthreads 1)" in complaint
    for number, content in enumerate(("{}", "xx", "[]", '{"address": "nonsense"}', '{"address": 3}')):
        (place.folder / f"{number}.json").write_text(content)
    (place.folder / "5.json").write_text("[" * 200_000)
    for wrong in ("nowhere.json", *(f"{number}.json" for number in range(6)), "ucx://a:1", "tcp://127.0.0.1"):
        with pytest.raises(ValueError, match="scheduler is an address like tcp://host:8786 or a scheduler file; got"):
            dask_engine.capacity(dask_engine.Options(str(place.folder / wrong) if "://" not in wrong else wrong), 1)
    code, printed, complaint = place.launch(*ENGINE, "tls://127.0.0.1:1")
    assert (code, printed) == (2, "") and complaint.count("\n") == 1 and "certificates" in complaint
    (place.folder / "cluster.toml").write_text("[dask]\nscheduler = 5\n")
    code, _, complaint = place.launch("--engine", "dask")
    assert code == 2 and re.match("error: scheduler is an address like tcp://host:8786 or a scheduler file", complaint)
    (place.folder / "cluster.toml").unlink()
    assert place.launch("--engine", "process", "--scheduler", "x")[2] == (
        "error: unknown option 'scheduler' of process; it has no options\n"
    )


def test_workers_of_another_version_are_not_used_and_nobody_waits_for_them(place, dask, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(place.project, other)
    with open(other / "nnet/checks.py", "a") as file:
        file.write("# another version\n")
    dask.workers(1)
    wait_for_workers(dask, place, 1)
    place.project = other
    code, _, complaint = place.launch(*ENGINE, str(dask.file))
    assert code == 1 and "Traceback" not in complaint
    assert "stopped: no worker can be used: " in complaint and "has another version of this program" in complaint


def documented(folder) -> dict[str, str]:
    """The variables that docs/cluster.md sets for TLS, with keys in `folder`. Skips where none can be made."""
    if shutil.which("openssl") is None:
        pytest.skip("no certificate can be made here (openssl)")
    lines = re.search(r"```bash\n(umask 077\n.*?)```", (ROOT / "docs/cluster.md").read_text(), re.DOTALL)[1]
    command = ["sh", "-ec", f"{lines}\nenv -0"]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in output.split("\0") if line.startswith("DASK_"))


@pytest.mark.parametrize("own", [True, False], ids=["own_scheduler", "of_the_campaign"])
def test_tls_is_spoken_with_the_keys_that_dasks_settings_name(place, undisturbed, tmp_path, monkeypatch, own):
    for name, value in documented(tmp_path).items():
        monkeypatch.setenv(name, value)
    words = ("--max-workers", "2")
    if own:
        dask = Dask(place)
        dask.scheduler()
        dask.workers(2)
        words = ("--scheduler", str(dask.file))
        assert '"address": "tls://' in dask.file.read_text()
        wait_for(lambda: "has no worker" not in place.launch("--engine", "dask", *words, "--plan")[2])
    code, _, complaint = place.launch("--engine", "dask", *words)
    assert (code, complaint) == (0, "")
    if own:
        dask.close()
    assert_same(place.results, undisturbed(4))
    assert oct((tmp_path / "keys").stat().st_mode)[-3:] == "700"
    assert oct((tmp_path / "keys/key.pem").stat().st_mode)[-3:] == "600"


def test_runs_on_workers_are_claimed_by_the_launcher(place, dask):
    dask.workers(1)
    wait_for_workers(dask, place, 1)
    launcher = place.start(*ENGINE, str(dask.file), base=RUNS)
    wait_for(place.started)
    assert f"{HOST}, process {launcher.pid}" in place.launch("--status")[1]
    assert end(launcher)[0] == 0
