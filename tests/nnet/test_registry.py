import ast
import subprocess
import sys

import pytest

from nnet import registry
from tests.conftest import ROOT

LAYERS = {"nnet": 0, "nnet_models": 1, "campaign": 2, "run_experiments": 3}
PLUG_INS = ("nnet.architectures", "nnet.datasets", "nnet.regimes", "nnet.evaluations", "campaign.engines")
SOURCES = sorted(
    path.relative_to(ROOT) for pattern in ("*.py", "nnet/**/*.py", "campaign/**/*.py") for path in ROOT.glob(pattern)
)


def imported(path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_go_one_way(path):
    layer = LAYERS[path.parts[0].removesuffix(".py")]
    for name in imported(path):
        assert LAYERS.get(name.split(".")[0], 0) <= layer, f"{path} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_plug_ins_never_import_each_other(path):
    package = ".".join(path.parts[:-1])
    if package not in PLUG_INS or path.stem in ("base", "__init__"):
        return
    others = {f"{package}.{other.stem}" for other in (ROOT / path).parent.glob("*.py") if other.stem != "base"}
    assert not imported(path) & others


def test_names_are_file_names_or_variants():
    assert {"clean", "noisy"} <= set(registry.names("regimes")) and "base" not in registry.names("regimes")
    assert {"cifar10", "digits", "fashion_mnist", "mnist"} <= set(registry.names("datasets"))
    assert {"mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18"} <= set(registry.names("architectures"))
    assert {"process", "serial"} <= set(registry.names("campaign.engines"))


@pytest.mark.parametrize("kind", ["architectures", "datasets", "regimes", "evaluations", "campaign.engines"])
def test_every_plug_in_loads(kind):
    export = {"architectures": "build", "datasets": "read", "regimes": "Regime", "evaluations": "Evaluation"}.get(
        kind, "run"
    )
    for name in registry.names(kind):
        assert hasattr(registry.load(kind, name), export)


def test_the_launcher_never_imports_torch(npz, tmp_path):
    program = f"""
import sys
import run_experiments
flags = "mlp_small --dataset {npz} --image-size 8 --epochs 1 --output-dir {tmp_path} --checkpoint-dir none"
if __name__ == "__main__":
    assert run_experiments.main(flags.split()) == 0
    assert "torch" not in sys.modules, "torch was imported"
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
