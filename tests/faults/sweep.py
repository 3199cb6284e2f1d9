"""Every file operation of a small campaign fails, is shortened or kills the launcher, one after the other.

    python -m tests.faults.sweep FOLDER [STEP [FIRST]]

A campaign of four made-up runs is launched in a process forked for each case: one run is finished, one lacks points,
one has a damaged file, one has none. After the fault the same command runs without one. Prints JSON: how many
operations, modes, errnos and cases there were, and which cases gave a traceback, lost something, or differ.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import run_experiments
from campaign.analysis import tables
from campaign.engines.workers import tasks
from campaign.store import claims, run_file
from tests.campaign.stub import run_of
from tests.faults.shim import Shim

ERRNOS = ("ENOSPC", "EIO", "EMFILE", "EDQUOT", "ENOLCK", "EACCES", "ESTALE", "EINVAL", "ENOSYS")
BASE = "mlp_small --regimes clean --epochs 2 --noise-samples 1 --engine serial --checkpoint-dir none"
FIRST, ALL = ("0", "0.5"), ("0", "0.5", "1")
PATIENCE_S = 100


def made_up(config, known=None):
    """A result that depends on the configuration alone."""
    return run_of(config, hashlib.sha256(config.run_id.encode()).digest()[0] / 255, known)


def remembered(build: Callable) -> Callable:
    """The same function, which computes the tables of the same runs once: they are not what is tried here."""
    known: dict[str, dict] = {}

    def of(found, read, *compared):
        key = repr([*sorted(repr((one.cells, one.numbers, vars(one.shape))) for one in found), compared])
        if key not in known:
            known[key] = build(found, read, *compared)
        return known[key]

    return of


def launch(folder: Path, seeds: int, strengths: tuple[str, ...]) -> int:
    """A campaign with stub runs in this process."""
    tasks.train = made_up
    tasks.pilot = tasks.look = lambda config: {"data_sha256": "", "machine": {}, "not_noised": [], "cost": None}
    os.environ["NNET_CACHE_DIR"] = str(folder / "cache")
    words = [*BASE.split(), "--output-dir", str(folder / "results"), "--seeds", *map(str, range(seeds))]
    return run_experiments.main([*words, "--alpha-tests", *strengths])


def forked(action: Callable[[], int], said: Path) -> int:
    """The exit code of an action in a process of its own, minus the signal that ended it; `said`: what it printed."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE_S)
        code, printed = 99, io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                code = action()
            except BaseException:  # noqa: BLE001 - the traceback is what is looked for
                traceback.print_exc(file=printed)
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, printed.getvalue().encode())
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepared(folder: Path) -> tuple[Path, Path]:
    """A folder with an unfinished campaign, and one in which nobody disturbed it."""
    before, undisturbed = folder / "before", folder / "undisturbed"
    assert forked(lambda: launch(before, 2, FIRST), folder / "said") == 0
    first, second = sorted((before / "results/digits/runs").iterdir())
    assert forked(lambda: launch(before, 3, ALL), folder / "said") == 0
    (third,) = {*first.parent.iterdir()} - {first, second}
    third.write_bytes(third.read_bytes()[:-40])
    lacking = run_file.read(second)
    for measurement in lacking["measurements"]:
        measurement["points"] = measurement["points"][:2]
    run_file.write(second, lacking)
    shutil.copytree(before, undisturbed)
    tables.made = remembered(tables.made)
    with contextlib.redirect_stdout(io.StringIO()):
        assert launch(undisturbed, 4, ALL) == 0  # in this process, for what the forked ones remember
    return before, undisturbed


def cases(kinds: list[str], step: int, first: int) -> Iterator[dict]:
    """What goes wrong in each case; every errno meets every kind of operation."""
    numbers, met = Counter(kinds), Counter()
    for place, kind in list(enumerate(kinds, 1))[first::step]:
        yield {"at": place, "how": "kill"}
        if kind in ("read", "write"):
            yield {"at": place, "how": "shorten"}
            yield {"at": place, "how": "shorten", "sticky": True}
        for sticky in (False, True):
            for _ in range(-(-len(ERRNOS) * step // numbers[kind])):
                name = ERRNOS[met[kind, sticky] % len(ERRNOS)]
                met[kind, sticky] += 1
                yield {"at": place, "how": "fail", "number": getattr(errno, name), "sticky": sticky}


def content(folder: Path) -> dict[str, bytes]:
    """The run files and tables of a campaign, and whatever should not be there at its end."""
    results = folder / "results/digits"
    left = ("*.csv", "COLUMNS.md", "results.json", "runs/*.json", ".*.tmp", "*/.*.tmp", "claims/*.json", "failures/*")
    return {str(path.relative_to(results)): path.read_bytes() for kind in left for path in results.glob(kind)}


def sound(folder: Path) -> dict[str, int]:
    """The number of points in each run file that can be read."""
    found = {}
    for path in (folder / "results/digits/runs").glob("*.json"):
        with contextlib.suppress(ValueError):
            found[path.stem] = run_file.points(run_file.read(path))
    return found


def tried(case: dict, folder: Path, before: Path, undisturbed: Path) -> set[str]:
    """What is wrong after one case: "traceback", "lost", "different"; nothing if all is well."""
    place, said, wrong = folder / "place", folder / "said", set()
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(before, place)

    def disturbed() -> int:
        claims.LOCK_WAIT_S = 0.05
        shim = Shim(place, **case)
        shim.install()
        code = launch(place, 4, ALL)
        shim.at = 0
        return code

    code = forked(disturbed, said)
    had, then = sound(before), sound(place)
    text = said.read_text() if code >= 0 else ""
    expected = (-signal.SIGKILL,) if case["how"] == "kill" else (0, 1, 2)
    if code not in expected or "Traceback" in text:
        wrong.add("traceback")
    if any(then.get(run_id, 0) < points for run_id, points in had.items()):
        wrong.add("lost")
    if code == 0 and then != sound(undisturbed):
        wrong.add("different")
    again = forked(lambda: launch(place, 4, ALL), folder / "again")
    if again != 0 or content(place) != content(undisturbed):
        wrong.add("different")
    if any(sound(place).get(run_id, 0) < points for run_id, points in then.items()):
        wrong.add("lost")
    if wrong:
        print(case, sorted(wrong), code, again, text[-3000:], (folder / "again").read_text()[-600:], file=sys.stderr)
    return wrong


def sweep(folder: Path, step: int = 1, first: int = 0) -> dict:
    """All cases, at every `step`-th operation from the `first` on, counted from 0."""
    folder = folder.resolve()
    before, undisturbed = prepared(folder)
    place, counted = folder / "place", folder / "counted"
    shutil.copytree(before, place)

    def counting() -> int:
        shim = Shim(place)
        shim.install()
        code = launch(place, 4, ALL)
        counted.write_text(json.dumps(shim.done))
        return code

    assert forked(counting, folder / "said") == 0
    kinds = json.loads(counted.read_text())
    todo = list(cases(kinds, step, first))
    found = Counter(wrong for case in todo for wrong in tried(case, folder, before, undisturbed))
    return {
        "operations": len(kinds), "kinds": dict(Counter(kinds)), "cases": len(todo),
        "modes": sorted({f"{case['how']}{' from there on' if case.get('sticky') else ''}" for case in todo}),
        "errnos": sorted({errno.errorcode[case["number"]] for case in todo if "number" in case}),
        "tracebacks": found["traceback"], "lost": found["lost"], "different": found["different"],
    }  # fmt: skip


if __name__ == "__main__":
    os.environ["NNET_NO_REPORT"] = "1"  # drawing takes seconds
    print(json.dumps(sweep(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
