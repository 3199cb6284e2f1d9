"""Imports between rooms run down, plug-ins stand alone, the launcher stays light, files and functions are short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import rooms
from tests.conftest import ROOT

TOP = ("nnet", "nnet_models", "campaign", "run_experiments")
"""From the ground up. Studies are data: the registry reads them."""
SOURCES = sorted(
    path for pattern in ("*.py", "nnet/**/*.py", "campaign/**/*.py", "studies/**/*.py") for path in ROOT.glob(pattern)
)
PLUG_IN_FOLDERS = (
    *("nnet/architectures", "nnet/datasets", "nnet/regimes", "nnet/evaluations"),
    *("campaign/engines", "campaign/analysis/questions", "campaign/exporters", "studies"),
)
LIGHT = (
    *("nnet.config.", "nnet.checks.", "nnet.registry.", "nnet.activations.", "nnet.optimizers.", "nnet.processor."),
    *("nnet.files.", "nnet.record.provenance.", "nnet.evaluations.parts.points.", "campaign."),
)
"""What the launcher may import."""
IN_WORKERS = {f"campaign.engines.workers.{name}" for name in ("preload", "warm", "tasks", "pilot")}
"""These alone of `campaign` run in workers."""
HEAVY = {"torch", "torchvision", "numba", "sklearn"}
RETURNS_A_TABLE = "nnet/foreign.py"
"""evaluate_model: a user calls it, and neither launchers nor workers import it."""
TABLES = {"pandas", "matplotlib", "scipy"}
CONSOLE = ("nnet/console.py", "campaign/machine/console.py")
"""These alone print: what they print is clean, and no reader and no encoding makes it fail."""
LINES_OF_FILE = {"run_experiments.py": 100}
"""The most lines of a file; 250 for all others."""
LINES_OF_FUNCTION = 45


def name_of(path: Path) -> str:
    """The file's path as tests and messages show it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", rooms.FLOORS)
def test_every_room_has_its_floor(package):
    known = {room for floor in rooms.FLOORS[package] for room in floor}
    assert rooms.rooms(ROOT, package) == known


@pytest.mark.parametrize("package", rooms.FLOORS)
def test_no_import_runs_up_and_no_rooms_import_each_other_in_a_circle(package):
    arrows = rooms.arrows(ROOT, package)
    up = rooms.upward(list(arrows), rooms.FLOORS[package])
    assert not [line for pair in up for line in sorted(arrows[pair])]
    assert rooms.circles(list(arrows)) == []


def test_the_science_knows_no_campaign_and_a_campaign_no_entry_file():
    wrong = []
    for path in SOURCES:
        top = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for name, line in rooms.imports(path):
            other = name.split(".")[0]
            if other == "studies" and name_of(path).startswith("campaign/analysis/questions/"):
                continue  # a question may read the data of the study that it is about
            if top in TOP and other in (*TOP, "studies", "benchmarks", "tests"):
                if other not in TOP or TOP.index(other) > TOP.index(top):
                    wrong.append(f"{name_of(path)}:{line} {name}")
    assert wrong == []


def test_plug_ins_never_import_each_other():
    wrong = []
    for folder in PLUG_IN_FOLDERS:
        package = folder.replace("/", ".")
        plug_ins = {path.stem for path in (ROOT / folder).glob("*.py")} - {"base", "__init__"}
        for path in (ROOT / folder).rglob("*.py"):
            others = {f"{package}.{other}" for other in plug_ins if path != ROOT / folder / f"{other}.py"}
            for name, line in rooms.imports(path):
                if any(f"{name}.".startswith(f"{other}.") for other in others):
                    wrong.append(f"{name_of(path)}:{line} {name}")
    assert wrong == []


def test_studies_are_data():
    allowed = ("studies.parts.", "campaign.grid.lists.")
    for path in (ROOT / "studies").rglob("*.py"):
        assert [name for name, _ in rooms.imports(path) if not name.startswith(allowed)] == [], name_of(path)
        defined = [
            node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        assert "parts" in path.parts or not defined, f"{name_of(path)} defines more than data"


def test_the_launcher_imports_neither_torch_nor_what_only_tables_and_figures_need():
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES]
    light = {name for name in modules if f"{name}.".startswith(LIGHT)} - IN_WORKERS
    program = f"""
import importlib, sys
import run_experiments
heavy = {TABLES | HEAVY} & set(sys.modules)
assert not heavy, f"run_experiments imports {{heavy}}"
for name in {sorted(light)}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # requirements-cluster.txt is optional
        assert error.name.split(".")[0] in ("dask", "distributed", "dask_jobqueue"), error
    heavy = {HEAVY} & set(sys.modules)
    assert not heavy, f"{{name}} imports {{heavy}}"
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_tables_and_figures_are_made_in_one_room():
    wrong = []
    for path in SOURCES:
        if not name_of(path).startswith("campaign/analysis/") and name_of(path) != RETURNS_A_TABLE:
            tables = TABLES - ({"scipy"} if name_of(path).startswith("nnet/datasets/") else set())  # spectra of sounds
            wrong += [
                f"{name_of(path)}:{line} {name}" for name, line in rooms.imports(path) if name.split(".")[0] in tables
            ]
    assert wrong == []


def test_only_the_console_prints():
    wrong = []
    for path in SOURCES:
        if name_of(path) in CONSOLE:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and ast.unparse(node.func)
            if called in ("print", "sys.stdout.write", "sys.stderr.write"):
                wrong.append(f"{name_of(path)}:{node.lineno} {called}")
    assert wrong == []


def functions(path: Path):
    """Functions of a file as (name, lines)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def test_files_and_functions_are_short():
    files = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    long = [f"{name}: {lines} lines" for name, lines in files.items() if lines > LINES_OF_FILE.get(name, 250)]
    long += [
        f"{name_of(path)} {function}(): {lines} lines"
        for path in SOURCES
        for function, lines in functions(path)
        if lines > LINES_OF_FUNCTION and name_of(path) != "run_experiments.py"  # its main() is the block
    ]
    assert long == []
