"""Every result says which program, command and libraries made it."""

import shlex
import subprocess
import sys
from importlib import metadata

import pytest
import torch

import run_experiments
from nnet import VERSION
from nnet.record import libraries, provenance
from nnet_models import train_and_evaluate
from tests.conftest import ROOT, small_run

CPU = torch.device("cpu")
PLUG_IN = """
import json
import numpy as np
import yaml
from pandas.io import common


def build():
    from sklearn.datasets import load_digits
    import no_such_library
"""


def test_a_run_file_states_version_command_and_every_library_that_computes(npz):
    result = train_and_evaluate(small_run(npz, evaluations=("layers",)))
    for about in (result["provenance"], *(one for item in result["measurements"] for one in item["provenance"])):
        assert about["version"] == VERSION and about["command"] == shlex.join(sys.argv)
        for name in ("torch", "torchvision", "numpy", "numba", "scipy"):
            assert about[name].split("+")[0] == metadata.version(name).split("+")[0]  # +cu130
        assert "libraries" not in about


def test_libraries_of_plug_ins_are_those_that_their_files_import(tmp_path, monkeypatch):
    assert libraries.of([("datasets", "digits")]) == {"sklearn": metadata.version("scikit-learn")}
    assert libraries.of([("datasets", "images.npz"), ("architectures", "mlp_small")]) == {}
    (tmp_path / "architectures").mkdir()
    (tmp_path / "architectures/uses_much.py").write_text(PLUG_IN)
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    names = {"yaml": "PyYAML", "pandas": "pandas", "sklearn": "scikit-learn"}
    expected = {name: metadata.version(installed) for name, installed in names.items()}
    assert libraries.of([("architectures", "uses_much")]) == expected
    assert provenance.provenance(CPU, [("architectures", "uses_much")])["libraries"] == expected


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one committed file, in the place of this program's."""

    def git(*words: str) -> bytes:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True).stdout

    git("init", "-q")
    (tmp_path / "code.py").write_text("one = 1\n")
    git("add", ".")
    git("commit", "-qm", "first")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    for known in (provenance.commit, provenance.changes, provenance._changed_files):
        monkeypatch.setattr(provenance, known.__name__, known.__wrapped__)
    return git


def test_uncommitted_changes_have_a_hash_that_their_diff_gives(repository, tmp_path):
    assert provenance.commit()["git_dirty"] is False and provenance.changes() == {}
    (tmp_path / "notes.txt").write_text("no code")
    assert provenance.changes() == {}
    (tmp_path / "code.py").write_text("one = 2\n")
    diff = repository("diff", "HEAD", "--", "*.py")
    sha256 = subprocess.run(["sha256sum"], input=diff, capture_output=True).stdout.decode().split()[0]
    assert provenance.changes() == {"git_diff_sha256": sha256} and provenance.commit()["git_dirty"] is True
    repository("config", "diff.noprefix", "true")
    repository("config", "color.ui", "always")
    assert provenance.changes() == {"git_diff_sha256": sha256}
    (tmp_path / "new.py").write_text("two = 2\n")
    with_new = provenance.changes()["git_diff_sha256"]
    (tmp_path / "new.py").write_text("two = 3\n")
    assert len({sha256, with_new, provenance.changes()["git_diff_sha256"]}) == 3


def test_where_git_knows_nothing_there_is_no_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "_changed_files", provenance._changed_files.__wrapped__)
    assert provenance.changes.__wrapped__() == {}
    assert provenance.commit.__wrapped__() == {"git_commit": None, "git_dirty": None}


def test_version_is_printed_and_is_that_of_the_citation(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_experiments.main(["--version"]) == 0
    words = capsys.readouterr().out.split()
    assert words[:2] == ["nnet-weight-perturbations", VERSION.rstrip(",") + ("," if len(words) > 2 else "")]
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text()
