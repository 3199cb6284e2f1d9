"""Plug-ins are found by name and read as text; what the text says is what the imported file says."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from nnet import registry
from nnet.checks import ConfigError
from tests.conftest import ROOT

EXPORTS = {"architectures": "build", "datasets": "read", "regimes": "Regime", "evaluations": "Evaluation"}
WITH_OPTIONS = [(kind, name) for kind in EXPORTS for name in registry.names(kind) if registry.option_names(kind, name)]


def test_names_are_file_names_or_variants():
    assert {"clean", "noisy"} <= set(registry.names("regimes")) and "base" not in registry.names("regimes")
    assert {"cifar10", "digits", "fashion_mnist", "mnist"} <= set(registry.names("datasets"))
    assert {"mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18"} <= set(registry.names("architectures"))
    assert {"process", "serial"} <= set(registry.names("campaign.engines"))


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_plug_in_loads(kind):
    assert [name for name in registry.names(kind) if not hasattr(registry.load(kind, name), EXPORTS[kind])] == []


def test_an_unknown_plug_in_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"unknown name among the regimes: 'niosy'; choose from \[.*; did you mean"):
        registry.load("regimes", "niosy")


@pytest.mark.parametrize(("kind", "name"), WITH_OPTIONS)
def test_options_read_as_text_are_those_of_the_class(kind, name):
    options = registry.make_options(kind, name, {})["options"]
    defaults = registry.option_defaults(kind, name)
    assert list(defaults) == registry.option_names(kind, name) == list(vars(options))
    for option, default in defaults.items():
        value = getattr(options, option)
        assert (default, type(default)) == (value, type(value)), option


def documented_settings(path: Path, name: str) -> list[tuple[str, bool, bool]]:
    """Of each field of a class of settings: its name, whether it has a rule, and whether a docstring follows."""
    (body,) = [node.body for node in ast.parse(path.read_text()).body if getattr(node, "name", None) == name]
    settings = []
    for node, following in itertools.pairwise([*body, ast.Pass()]):
        if isinstance(node, ast.AnnAssign):
            documented = isinstance(getattr(following, "value", None), ast.Constant)
            settings.append((node.target.id, "setting(" in ast.unparse(node), documented))
    return settings


def test_every_setting_has_a_rule_and_a_docstring():
    found = documented_settings(ROOT / "nnet/config.py", "TrainConfig")
    for path in (ROOT / "nnet").rglob("*.py"):
        if "class Options" in path.read_text():
            found += [(f"{path.stem}: {name}", *rest) for name, *rest in documented_settings(path, "Options")]
    assert len(found) > 90
    assert [name for name, _, documented in found if not documented] == []
    assert [name for name, ruled, _ in found if not ruled] == ["options", "data_dir"]  # dict; its default is a function


def test_a_configuration_needs_no_torch():
    program = "import sys; from nnet.config import TrainConfig; TrainConfig().run_id; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


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
