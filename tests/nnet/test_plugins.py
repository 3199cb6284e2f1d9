"""Plug-ins in a folder of the user's, `NNET_PLUGINS`: used without touching the repository, and never in its way."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.record import provenance
from nnet_models import train_and_evaluate
from tests.conftest import ROOT

FILES = {
    "architectures/my_family.py": """
from torch import nn

VARIANTS = {"my_thin": {"width": 4}, "my_wide": {"width": 8}}


def build(image_shape, num_classes, make_activation, width):
    channels, height, side = image_shape
    hidden = nn.Linear(channels * height * side, width)
    return nn.Sequential(nn.Flatten(), hidden, make_activation(), nn.Linear(width, num_classes))
""",
    "datasets/my_stripes.py": """
import numpy as np


def read(data_dir):
    labels = np.arange(60) % 3
    images = np.zeros((60, 6, 6), np.uint8)
    images[np.arange(60), :, labels * 2] = 255
    return images, labels, images[:30], labels[:30]
""",
    "datasets/my_floats.py": """
import numpy as np


def read(data_dir):
    images, labels = np.zeros((6, 1, 4, 4)), np.arange(6) % 2
    return images, labels, images, labels
""",
    "regimes/my_rule.py": """
from dataclasses import dataclass

from nnet.checks import between, check_fields, setting
from nnet.regimes import base

USES_ALPHA_TRAIN = False


@dataclass(frozen=True)
class Options:
    shrink: float = setting(0.9, between(0, 1))

    def __post_init__(self):
        check_fields(self)


class Regime(base.Regime):
    def __init__(self, cfg, model, optimizer, options):
        super().__init__(cfg, model, optimizer)
        self.options = options
""",
    "evaluations/my_measure.py": """
from nnet.evaluations import base


class Evaluation(base.Evaluation):
    def measure(self, points):
        for _, draw in points:
            yield [self.row(0.0, draw, self.trained.clean)]
""",
    "engines/my_engine.py": "NEEDS = ()\n",
    "questions/my_question.py": """
TABLES = ()


def tables(runs):
    return {}


def figures(tables):
    return {}


def report(tables):
    return f"my question: {len(tables['results_per_run'])} runs"
""",
    "studies/my_study.py": "BLOCK = dict(dataset='my_stripes', arch='my_thin', epochs=1)\n",
    "regimes/my_broken.py": "from nnet.regimes import base\n\nclass Regime(base.Regime)\n    pass\n",
    "regimes/_helper.py": "VALUE = 3\n",
    "regimes/base.py": "",
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The user's folder; modules and packages are as before at the end."""
    for name, text in FILES.items():
        path = tmp_path / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path / "plugins"))
    before = set(sys.modules)
    yield tmp_path / "plugins"
    for name in set(sys.modules) - before:
        if ".my_" in name:
            del sys.modules[name]


def small(**changed) -> TrainConfig:
    fields = dict(dataset="my_stripes", image_size=6, arch="my_thin", regime="my_rule", evaluations=["my_measure"])
    return TrainConfig(**fields | dict(epochs=2, batch_size=16, alpha_tests=(0, 0.1), noise_samples=2) | changed)


def test_plug_ins_of_every_kind_are_found_and_used(folder):
    assert {"my_thin", "my_wide", "mlp_small"} <= set(registry.names("architectures"))
    for kind, name in {"campaign.engines": "my_engine", "campaign.analysis.questions": "my_question"}.items():
        assert name in registry.names(kind) and registry.load(kind, name).__name__ == f"{kind}.{name}"
    assert registry.load("studies", "my_study").BLOCK["arch"] == "my_thin"
    assert registry.option_defaults("regimes", "my_rule") == {"shrink": 0.9}
    result = train_and_evaluate(small(options={"my_rule": {"shrink": 0.5}}))
    assert result["status"] == "ok" and result["architecture"] == "my_thin" and result["regime"] == "my_rule"
    assert "my_measure" in [row.get("evaluation") for row in result["sweep"]]
    with pytest.raises(ConfigError, match="shrink must be between 0 and 1; got 2"):
        train_and_evaluate(small(options={"my_rule": {"shrink": 2}}))


def test_classes_of_plug_ins_can_be_pickled(folder):
    rule = registry.load("regimes", "my_rule").Regime
    assert pickle.loads(pickle.dumps(rule)) is rule
    options = registry.make_options("regimes", "my_rule", {})["options"]
    assert pickle.loads(pickle.dumps(options)) == options


@pytest.mark.long
def test_worker_processes_know_them_and_survive_a_broken_one(folder, tmp_path):
    flags = ["my_thin", "--dataset", "my_stripes", "--image-size", "6", "--regimes", "my_rule", "--epochs", "1"]
    flags += ["--evaluations", "my_measure", "--engine", "process", "--max-workers", "2", "--seeds", "0", "1"]
    command = [sys.executable, "run_experiments.py", *flags, "--output-dir", str(tmp_path / "results")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "my question: 2 runs" in done.stdout
    assert len(list((tmp_path / "results/my_stripes/runs").glob("*.json"))) == 2


def test_a_dataset_of_floats_is_refused_in_one_sentence(folder):
    with pytest.raises(ConfigError, match="^x_train of my_floats must be uint8 .* it is float64") as caught:
        prepared.load("my_floats", None, ".")
    assert "\n" not in str(caught.value)


def test_a_file_with_a_syntax_error_costs_only_its_own_runs(folder):
    assert "my_broken" in registry.names("regimes")
    assert small().run_id
    for ask in (lambda: small(regime="my_broken"), lambda: registry.load("regimes", "my_broken")):
        with pytest.raises(ConfigError, match=r"my_broken\.py, line 3 is not valid Python: expected ':'") as caught:
            ask()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("regimes/noisy.py", r"plugins/regimes/noisy.py and .*nnet/regimes/noisy.py both define 'noisy'"),
        ("architectures/my_thin.py", r"my_thin.py and .*my_family.py both define 'my_thin' among the architectures"),
    ],
)
def test_a_name_that_exists_already_is_refused_in_one_sentence(folder, name, message):
    (folder / name).write_text("")
    registry._files_in.cache_clear()
    with pytest.raises(ConfigError, match=message) as caught:
        registry.names(Path(name).parent.name)
    assert "\n" not in str(caught.value)
    registry._files_in.cache_clear()


def test_a_file_with_the_name_of_a_module_of_the_program_is_refused(folder):
    (folder / "architectures/mlp.py").write_text("VARIANTS = {'my_mlp': {}}\n")
    with pytest.raises(ConfigError, match="rename .*plugins/architectures/mlp.py: nnet.architectures.mlp is already"):
        registry.load("architectures", "my_mlp")


def test_a_folder_that_is_missing_is_refused_and_none_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="NNET_PLUGINS names '.*nowhere', which is not a folder"):
        registry.names("regimes")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNET_PLUGINS", "plug_ins")
    with pytest.raises(ConfigError, match=f"NNET_PLUGINS names 'plug_ins', which is not a folder in {tmp_path}$"):
        registry.names("regimes")
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    assert "my_rule" not in registry.names("regimes")
    monkeypatch.delenv("NNET_PLUGINS")
    assert registry.users_code() == {}


def test_the_code_of_a_run_includes_the_users_files(folder):
    code = registry.users_code()
    assert code.keys() == {name for name in FILES if not name.startswith(("engines", "questions", "studies"))}
    before = provenance.code_sha256.__wrapped__()
    (folder / "regimes/_helper.py").write_text("VALUE = 4\n")
    changed = provenance.code_sha256.__wrapped__()
    (folder / "engines/my_engine.py").write_text("NEEDS = ('dask',)\n")
    assert before != changed == provenance.code_sha256.__wrapped__()


def test_results_do_not_depend_on_where_a_plug_in_lies(folder, tmp_path, monkeypatch):
    config = small()
    (tmp_path / "moved").mkdir()
    folder.rename(tmp_path / "moved/plugins")
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path / "moved/plugins"))
    assert dataclasses.replace(config).run_id == config.run_id
