"""Every benchmark can be imported and uses names that exist, and the plain programs learn."""

import ast
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import plain_programs
from tests.conftest import ROOT, blobs, write_idx

NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "__init__")


def used_names(module: ModuleType):
    """(object, attribute) of every `name.attribute` and `patch.object(name, "attribute")` in the module's text."""
    known = vars(module)
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            yield known[node.value.id], node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("patch.object"):
            owner, attribute = node.args[:2]
            yield eval(ast.unparse(owner), dict(known)), ast.literal_eval(attribute)


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_uses_names_that_exist(name):
    module = importlib.import_module(f"benchmarks.{name}")
    assert [f"{owner}.{attribute}" for owner, attribute in used_names(module) if not hasattr(owner, attribute)] == []


@pytest.fixture(scope="module")
def tiny_mnist(tmp_path_factory) -> Path:
    """A folder with MNIST's four files: 320 and 30 images of ten classes that a network can tell apart."""
    folder = tmp_path_factory.mktemp("mnist")
    for split, count in (("train", 320), ("t10k", 30)):
        images, labels = blobs(count, size=(28, 28), classes=10, seed=count)
        write_idx(folder / f"MNIST/raw/{split}-images-idx3-ubyte", images[:, 0])
        write_idx(folder / f"MNIST/raw/{split}-labels-idx1-ubyte", labels)
    return folder


@pytest.mark.parametrize(
    "program",
    [
        ("noise", "--arch", "mlp_small", "--alpha", "0.05", "--epochs", "4"),
        ("noise", "--arch", "cnn", "--alpha", "0.05", "--epochs", "6", "--train-samples", "256"),
        ("pixels", "--model", "cnn", "--p", "0.1", "--epochs", "6"),
    ],
    ids=" ".join,
)
def test_a_plain_program_learns_and_prints_its_figures(program, tiny_mnist, capsys):
    plain_programs.main([*program, "--data-dir", str(tiny_mnist)])
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["train_s", "sweep_s", "accuracy"]
    assert figures["train_s"] > 0 and figures["sweep_s"] > 0 and figures["accuracy"] > 0.5
