"""A finished run as exporters get it, and which exporters there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from campaign.analysis import excerpts, loading, makers
from nnet import registry
from nnet.checks import ConfigError
from nnet.evaluations.parts import points

KIND = "campaign.exporters"
MEASURED = ("acc", "loss", "drop")
"""What is exported of a point."""


@dataclass(frozen=True)
class Run:
    """A finished run: all that is known of it, in numbers and short texts."""

    run_id: str
    dataset: str
    settings: dict[str, bool | int | float | str]
    """Settings of training and measuring, and options as <owner>.<option>; lists as text, no value as "none"."""
    makers: dict[str, str]
    """What made it: commit, libraries, processor."""
    history: dict[str, dict[int, float]]
    """Numbers by name and epoch, from 1."""
    figures: dict[str, float]
    """The numbers of its row in results_per_run.csv."""
    points: dict[str, float]
    """Means over draws, by <evaluation>/<settings, part and strength>/<acc, loss or drop>; 1 = 100 %."""

    @classmethod
    def of(cls, run: Mapping) -> "Run":
        """The run in a run file."""
        settings = {name: _word(value) for name, value in loading.settings_of(run).items() if name != "options"}
        history = [(epoch["epoch"], _numbers(epoch)) for epoch in run["history"]]
        names = dict.fromkeys(name for _, numbers in history for name in numbers if name != "epoch")
        measured = _numbers(excerpts.columns_of(run))
        return cls(
            run["run_id"],
            run["dataset"],
            settings,
            {name: str(value) for name, value in makers.columns_of(run).items()},
            {name: {epoch: numbers[name] for epoch, numbers in history if name in numbers} for name in names},
            {name: value for name, value in measured.items() if name not in settings},
            {name: value for row in points.table_rows(run) for name, value in _of_point(row).items()},
        )


def check(exporter: str) -> None:
    """Raise ConfigError, in one sentence, unless there is such an exporter and its packages are installed."""
    registry.require(KIND, exporter, "exporter")
    for package in registry.constant(KIND, exporter, "PACKAGES", ()):
        if find_spec(package) is None:
            raise ConfigError(
                f"--export {exporter} needs the package {package}: pip install -r requirements-export.txt"
            )


def _numbers(values: Mapping) -> dict[str, float]:
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _word(value: object) -> bool | int | float | str:
    """A value of a setting as exporters get it."""
    return value if isinstance(value, bool | int | float) else "none" if value is None else str(value)


def _of_point(row: Mapping) -> dict[str, float]:
    place = [row["settings"].strip("{}").replace('"', ""), row["part"], f"{row['alpha_test']:g}"]
    name = f"{row['evaluation']}/{' '.join(filter(None, place))}"
    return {f"{name}/{measure}": value for measure, value in _numbers(row).items() if measure in MEASURED}
