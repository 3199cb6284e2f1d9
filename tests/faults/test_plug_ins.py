"""Plug-ins that are broken, and what is no plug-in at all."""

import pytest

from nnet import registry
from nnet.config import TrainConfig
from tests.faults.launching import RUNS

BROKEN = {
    ".#my_net.py": lambda path: path.symlink_to("somebody@somewhere.12345"),
    "dangling.py": lambda path: path.symlink_to("nowhere"),
    "a_folder.py": lambda path: path.mkdir(),
    "brackets.py": lambda path: path.write_text("x = " + "-" * 100_000 + "1"),
    "dots.py": lambda path: path.write_text("x = a" + ".b" * 100_000),
    "variants.py": lambda path: path.write_text("VARIANTS = 5"),
    "numbers.py": lambda path: path.write_text("VARIANTS = {1: {}, 'two': {}}"),
    "unhashable.py": lambda path: path.write_text("VARIANTS = {[]: 1}"),
    "bytes.py": lambda path: path.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_plug_in_does_not_hide_the_others(tmp_path, monkeypatch, name):
    (tmp_path / "architectures").mkdir()
    BROKEN[name](tmp_path / "architectures" / name)
    (tmp_path / "architectures/good.py").write_text("def build(*arguments):\n    return None\n")
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    assert {"good", "mlp_small"} <= set(registry.names("architectures")) and TrainConfig(arch="mlp_small")
    assert set(registry.users_code()) >= {"architectures/good.py"}
    assert registry.option_names("architectures", "good") == []


EXITS = "import os\nos._exit(3)\n"
RAISES = "from torch import nn\nLAYER = nn.Liner\n"


@pytest.mark.long
@pytest.mark.parametrize("content", [EXITS, RAISES, "import sys\nsys.exit('no')\n"], ids=["exits", "raises", "leaves"])
def test_a_broken_plug_in_costs_its_own_runs_only(place, content):
    (place.folder / "plugins/architectures").mkdir(parents=True)
    (place.folder / "plugins/architectures/my_net.py").write_text(content)
    code, _, complaint = place.launch(seeds=2, base=f"my_net {RUNS}", NNET_PLUGINS=str(place.folder / "plugins"))
    assert code == 1, complaint
    assert len(place.finished()) == 2 and complaint.count("failed: my_net") == 2
