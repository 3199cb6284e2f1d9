"""The rooms of a source tree and the imports between them.

    python -m tests.rooms [FOLDER]      prints rooms, arrows, arrows up and circles of `nnet` and of `campaign`

A room is a file or a folder directly below a package: `nnet/config.py`, `nnet/regimes/`. An arrow from one room to
another means that a file of the first imports a file of the second, at its top or inside a function.
"""

import ast
import itertools
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

FLOORS = {
    "nnet": (
        ("files", "random", "checks", "console", "registry", "options", "processor"),
        ("perturbations", "datasets", "activations", "optimizers", "identity"),
        ("config",),
        ("training",),
        ("regimes",),
        ("architectures",),
        ("record",),
        ("data",),
        ("evaluations",),
        ("foreign",),
    ),
    "campaign": (
        ("machine", "grid"),
        ("engines",),
        ("store",),
        ("planning", "analysis"),
        ("running", "exporters"),
        ("commands",),
    ),
}
"""The rooms of each package, from the ground up. A room imports from its own floor and from those below."""

Arrows = dict[tuple[str, str], set[str]]
"""(importing room, imported room) → the lines that say so, as "file:line module"."""


def sources(root: Path, package: str) -> list[Path]:
    """The package's Python files."""
    return sorted((root / package).rglob("*.py"))


def imports(path: Path) -> list[tuple[str, int]]:
    """Every module and every name that the file imports, with its line; `from a import b` counts as `a.b`."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return names


def room_of(root: Path, path: Path) -> str:
    """The room of a file; a package's own `__init__.py` is the room ""."""
    place = path.relative_to(root).parts[1]
    return "" if place == "__init__.py" else place.removesuffix(".py")


def rooms(root: Path, package: str) -> set[str]:
    """The names of the package's rooms."""
    return {room_of(root, path) for path in sources(root, package)} - {""}


def arrows(root: Path, package: str) -> Arrows:
    """The imports between the package's rooms."""
    known, lines = rooms(root, package), {}
    for path in sources(root, package):
        for name, line in imports(path):
            parts = name.split(".")
            if parts[0] == package and parts[1] in known and parts[1] != room_of(root, path):
                place = f"{path.relative_to(root)}:{line} {name}"
                lines.setdefault((room_of(root, path), parts[1]), set()).add(place)
    return {pair: places for pair, places in lines.items() if pair[0]}


def circle(pairs) -> list[str] | None:
    """Rooms that import each other in a circle, or None."""
    sorter = TopologicalSorter()
    for importing, imported in pairs:
        sorter.add(importing, imported)
    try:
        sorter.prepare()
    except CycleError as error:
        return error.args[1]
    return None


def upward(pairs, floors) -> list[tuple[str, str]]:
    """The arrows that run up: by the floors where they are known, else the fewest whose removal leaves no circle."""
    floor = {room: number for number, names in enumerate(floors) for room in names}
    if all(room in floor for pair in pairs for room in pair):
        return [pair for pair in pairs if floor[pair[0]] < floor[pair[1]]]
    for count in itertools.count():
        for removed in itertools.combinations(pairs, count):
            if circle(set(pairs) - set(removed)) is None:
                return list(removed)
    raise AssertionError("an empty set of arrows has no circle")


def circles(pairs) -> list[set[str]]:
    """The largest groups of rooms in which every room reaches every other."""
    reach = {room: {room} for pair in pairs for room in pair}
    for _ in reach:
        for importing, imported in pairs:
            reach[importing] |= reach[imported]
    groups = {frozenset(other for other in reach[room] if room in reach[other]) for room in reach}
    return [set(group) for group in groups if len(group) > 1]


def main() -> None:
    """Print one row per package."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    print(f"{'package':10} {'rooms':>6} {'arrows':>7} {'up':>4} {'circles':>8}")
    for package, floors in FLOORS.items():
        pairs = sorted(arrows(root, package))
        up = upward(pairs, floors)
        print(f"{package:10} {len(rooms(root, package)):6} {len(pairs):7} {len(up):4} {len(circles(pairs)):8}")
        for group in circles(pairs):
            print(f"  circle: {', '.join(sorted(group))}")
        for importing, imported in up:
            print(f"  up: {importing} imports {imported}")


if __name__ == "__main__":
    main()
