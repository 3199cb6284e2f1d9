"""A fuzzer over every reader: what it finds belongs into tests/faults/corpus, where the tests read it again.

    python -m tests.faults.fuzz SECONDS [READER ...]        damage by chance, SECONDS of CPU, without further packages
    python -m tests.faults.fuzz --atheris READER [OPTIONS]  guided by coverage (pip install atheris), e.g. -runs=100000

A file with a right check sum is made by changing the content, because damage by chance comes no further than the sum.
"""

import contextlib
import io
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
GUIDES = ["nnet.files", "nnet.data", "nnet.record", "campaign.store", "campaign.engines.cluster.options", "tomllib"]
"""Modules whose coverage guides libFuzzer: with those of NumPy and torch it would not begin within minutes."""


def by_chance(seconds: float, names: list[str]) -> int:
    """Give each reader variants of a sound file in turn; returns the number of those that it did not answer rightly."""
    from tests.faults import readers

    chosen = {name: reader for name, reader in readers.readers().items() if not names or name in names}
    given, found, first = Counter(), Counter(), time.time_ns()
    finish = time.process_time() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.process_time() < finish:
            for name, reader in chosen.items():
                given[name] += 1
                content = readers.variant(reader, random.Random(first + given[name]))
                try:
                    with contextlib.redirect_stderr(io.StringIO()):
                        readers.give(reader, content, Path(folder))
                except Exception as error:  # noqa: BLE001
                    found[f"{name}: {type(error).__name__}: {str(error)[:80]}"] += 1
                    (CORPUS / f"{name}-{first + given[name]}").write_bytes(content)
    print(f"given: {dict(given)}\nfound: {dict(found)}")
    return found.total()


def with_atheris(name: str, options: list[str]) -> None:
    """Let libFuzzer change bytes for one reader, with the coverage of Python code as its guide; it ends the process."""
    import atheris
    import torchvision  # noqa: F401  # before anything is instrumented, and with it torch and NumPy

    with atheris.instrument_imports(include=GUIDES):
        from tests.faults import readers
    reader = readers.readers()[name]
    folder = Path(tempfile.mkdtemp())
    (folder / "corpus").mkdir()
    (folder / "corpus/sound").write_bytes(reader.sound)

    def one(content: bytes) -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            readers.give(reader, content, folder)

    atheris.Setup([sys.argv[0], str(folder / "corpus"), *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--atheris":
        with_atheris(sys.argv[2], sys.argv[3:])
    sys.exit(by_chance(float(sys.argv[1]), sys.argv[2:]) > 0)
