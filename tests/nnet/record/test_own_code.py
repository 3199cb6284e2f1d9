"""Results say which files of the user their plug-ins are made of."""

import hashlib
import sys
from pathlib import Path

import pytest
import torch

from campaign.store.folder import Store
from nnet.config import TrainConfig
from nnet.record import own_code, provenance, unfinished
from nnet_models import train_and_evaluate
from tests.conftest import small_run

FAILS = "raise RuntimeError('nothing is imported')\n"
FILES = {
    "plug/architectures/my_net.py": "from ._block import x\nfrom nnet.architectures._more import y\nimport my_code.a\n",
    "plug/architectures/_block.py": "import json, torch, yaml\nfrom my_tool import *\n",
    "plug/architectures/_more.py": "",
    "plug/architectures/_unused.py": "",
    "plug/architectures/other.py": "def build():\n    from my_tool import x\n",
    "lib/my_tool.py": FAILS,
    "lib/my_code/__init__.py": FAILS,
    "lib/my_code/a.py": "from . import b\nfrom .c import d\nfrom ..too_far import e\n",
    "lib/my_code/b.py": FAILS,
    "lib/my_code/c/__init__.py": "not Python",
    "lib/my_code/unused.py": FAILS,
    "lib/site-packages/my_library.py": "",
}


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path / "plug"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "lib"), str(tmp_path / "lib/site-packages")])
    return tmp_path


def expected(folder: Path, *names: str) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_own_code_is_what_the_plug_in_imports_of_the_user_found_without_importing_it(files):
    before = set(sys.modules)
    plug = [f"architectures/{name}.py" for name in ("my_net", "_block", "_more")]
    lib = ["my_tool.py", *(f"my_code/{name}.py" for name in ("__init__", "a", "b", "c/__init__"))]
    found = {str(files / "plug"): expected(files / "plug", *plug), str(files / "lib"): expected(files / "lib", *lib)}
    assert own_code.now([("architectures", "my_net")]) == own_code.of([("architectures", "my_net")]) == found
    assert "plug" not in str(own_code.now([("architectures", "mlp_small"), ("datasets", "images.npz")]))
    assert not {name for name in set(sys.modules) - before if name.startswith("my_")}


def test_what_is_installed_is_not_own_code(files):
    (files / "plug/architectures/installed.py").write_text("import my_library, yaml, json, nnet.checks, campaign\n")
    found = own_code.now([("architectures", "installed")])
    assert found == {str(files / "plug"): expected(files / "plug", "architectures/installed.py")}


def test_a_process_keeps_the_code_that_it_imported_while_a_launcher_sees_the_new_one(files):
    plug_ins = [("architectures", "other")]
    before = own_code.of(plug_ins)
    assert own_code.changed(before, own_code.now(plug_ins)) == []
    (files / "lib/my_tool.py").write_text("new")
    assert own_code.of(plug_ins) == before
    assert own_code.changed(before, own_code.now(plug_ins)) == ["my_tool.py"]
    assert own_code.changed({}, own_code.now(plug_ins)) == []  # what older versions of this program have trained


def test_files_may_move(files):
    plug_ins = [("architectures", "my_net")]
    before = own_code.now(plug_ins)
    (files / "lib/my_tool.py").rename(files / "plug/my_tool.py")
    sys.path.append(str(files / "plug"))
    assert own_code.changed(before, own_code.now(plug_ins)) == []


def test_an_unfinished_run_goes_on_with_the_same_own_code_only(files):
    cpu = torch.device("cpu")
    expected = own_code.of([("architectures", "other")])
    assert unfinished.identity_of(TrainConfig(arch="other"), cpu, "")["own_code"] == expected
    assert "own_code" not in unfinished.identity_of(TrainConfig(arch="mlp_small"), cpu, "")


@pytest.mark.parametrize("damaged", [None, "x", ["x"], {"folder": "x"}, {"folder": {"name": 1}}])
def test_run_files_with_another_form_of_it_are_damaged(npz, tmp_path, damaged):
    result = train_and_evaluate(small_run(npz))
    store = Store(tmp_path)
    (tmp_path / "runs").mkdir()
    store.save(result | {"provenance": result["provenance"] | {"own_code": damaged}})
    assert Store(tmp_path).results() == {}


def test_run_files_on_the_programs_own_plug_ins_have_no_own_code(npz, files):
    result = train_and_evaluate(small_run(npz, evaluations=("layers",)))
    for about in (result["provenance"], *(one for item in result["measurements"] for one in item["provenance"])):
        assert "own_code" not in about
    assert "own_code" in provenance.provenance(torch.device("cpu"), [("architectures", "other")])
