"""A disk that is really full: a small one in a mount namespace, or a limit on the size of files."""

import os
import resource
import shutil
import subprocess

import pytest

from tests.faults.launching import assert_same, end, run_files

NAMESPACE = ["unshare", "--mount", "--map-root-user"]
SCRIPT = """
mount -t tmpfs -o size=$SIZE none results || exit 77
"$@"; echo $? > code
cp -a results full
mount -o remount,size=100m results
"$@"; echo $? > again
cp -a results roomy
"""


def small_disk() -> bool:
    probe = [*NAMESPACE, "sh", "-c", "mount -t tmpfs none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


@pytest.mark.long
@pytest.mark.skipif(not small_disk(), reason="this machine does not let us mount a small disk")
@pytest.mark.parametrize(
    ("size", "words", "where"),
    [
        ("16k", [], "results/digits"),
        ("40k", [], "results/digits"),
        ("6m", ["--epoch-checkpoint-s", "0"], "results/digits/partial"),
        ("1500k", ["--checkpoint-dir", "results/weights"], "results/weights"),
    ],
)
def test_a_full_disk_stops_the_campaign_and_loses_nothing(place, undisturbed, size, words, where):
    (place.folder / "results").mkdir()
    shell = [*NAMESPACE, "sh", "-c", SCRIPT, "sh", *place.command("--max-workers", "2", *words)]
    done = subprocess.run(
        shell, cwd=place.folder, env=os.environ | {"SIZE": size}, capture_output=True, text=True, start_new_session=True
    )
    code, again = (int((place.folder / name).read_text()) for name in ("code", "again"))
    assert code == 1, done.stdout + done.stderr
    (stopped,) = [line for line in done.stderr.splitlines() if line.startswith("stopped: ")]
    assert "No space left on device" in stopped and "are finished and kept" in stopped
    assert "Traceback" not in done.stderr and f"cannot write in {where}" in stopped
    full = run_files(place.folder / "full/digits")
    complete = run_files(undisturbed(4))
    assert full == {name: complete[name] for name in full}
    assert not list((place.folder / "full").rglob("*.tmp")) and not list((place.folder / "full").rglob("failures/*"))
    assert again == 0
    assert_same(place.folder / "roomy/digits", undisturbed(4))


@pytest.mark.long
@pytest.mark.parametrize(
    ("limit", "words", "where", "environment"),
    [
        (1_200, [], "results/digits/runs", {"STUB": "1"}),  # a real run keeps its last state before that
        (1_000_000, ["--epoch-checkpoint-s", "0"], "results/digits/partial", {}),
    ],
)
def test_a_limit_on_the_size_of_files_is_like_a_full_disk(place, undisturbed, limit, words, where, environment):
    complete = undisturbed(4, **environment)  # the data are in the cache

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = subprocess.Popen(
        place.command("--max-workers", "2", *words), cwd=place.folder, preexec_fn=limited, text=True,
        env=os.environ | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    code, _, complaint = end(process)
    assert code == 1 and "Traceback" not in complaint
    assert f"stopped: cannot write in {where}" in complaint and "File too large" in complaint
    assert not list(place.results.rglob("*.tmp")) and not list(place.results.glob("failures/*"))
    assert place.launch(*words, **environment)[0] == 0
    assert_same(place.results, complete)


@pytest.mark.long
def test_standard_output_on_a_full_disk_does_not_end_a_campaign(place, undisturbed):
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            place.command(), cwd=place.folder, stdout=full, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        code, _, complaint = end(process)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(4))
