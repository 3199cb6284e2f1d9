"""Every reader answers to damaged, foreign and hostile files with the value or with one sentence."""

import random

import pytest

from tests.conftest import ROOT
from tests.faults.readers import give, readers, variant

READERS = readers()
CORPUS = sorted((ROOT / "tests/faults/corpus").glob("*"))
"""What a fuzzer found, each in a file <reader>-<number>; see `tests.faults.fuzz`."""
VARIANTS = {"run": 10}


@pytest.mark.parametrize("name", READERS)
def test_a_sound_file_is_read(tmp_path, name):
    path = tmp_path / READERS[name].name
    path.write_bytes(READERS[name].sound)
    READERS[name].read(path)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_the_fuzzer_found_is_refused_in_one_sentence(tmp_path, path):
    give(READERS[path.name.split("-")[0]], path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_a_file_with_chance_damage_is_read_or_refused_in_one_sentence(tmp_path, name):
    for seed in range(VARIANTS.get(name, 40)):
        give(READERS[name], variant(READERS[name], random.Random(seed)), tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 1000, b"[" * 100_000, b"PK\x05\x06" + bytes(18), b"\x80\x02}.", b"{}\n"]
)
@pytest.mark.parametrize("name", READERS)
def test_another_kind_of_file_is_refused_in_one_sentence(tmp_path, name, content):
    give(READERS[name], content, tmp_path)
