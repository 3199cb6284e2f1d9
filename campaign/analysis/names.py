"""How figures call things: the names in labels.toml here, and over them those in a results folder's labels.toml."""

import functools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from campaign.analysis import labels
from nnet.checks import ConfigError, nearest
from nnet.files import outside

FILE = "labels.toml"
GIVEN = "given"
"""In place of a regime: what networks are called that were trained elsewhere."""
SECTIONS = ("part", "setting", *sorted({"dataset", *labels.SETTINGS}))
"""What can have names: parts of networks, settings, and the values of each setting."""


class Names:
    """Names for people, of anything; what has no name is called what it is."""

    def __init__(self, sections: Mapping[str, Mapping[str, str]], given: bool = False):
        """`sections`: names by kind of thing, such as {"regime": {"clean": "trained without noise"}}.

        `given`: no network was trained here, so that none is named after a regime.
        """
        self._sections, self._given = sections, given

    def of_given(self) -> "Names":
        """The same names where no network was trained here."""
        return Names(self._sections, given=True)

    def of(self, kind: str, value: object) -> str:
        """The name of a value of a setting, such as an architecture."""
        spelled, known = labels.spelled(value), self._sections.get(kind, {})
        if spelled not in known and kind == "dataset":  # of labels.by_data
            dataset, bracket, options = spelled.partition(" (")
            return known.get(dataset, dataset) + bracket + options
        return known.get(spelled, spelled)

    def line(self, row: pd.Series, varied: list[str]) -> str:
        """The method of a row of a summary: its regime, its α_train, and those of its settings that are `varied`.

        A network that was not trained here (0 epochs) is a given one, whatever its regime. The name of a network that
        was trained without noise leaves out the noise model.
        """
        regime = GIVEN if self._given or row.get("epochs") == 0 else row["regime"]
        noise = {"alpha_train": row["alpha_train"]} if row["alpha_train"] > 0 else {}
        settings = {**noise, **labels.said(row, varied)}
        if not noise:
            settings.pop("noise_model", None)
        shorts = Counter(name.split(".")[-1] for name in varied)
        words = [self.setting(name, value, shorts[name.split(".")[-1]] > 1) for name, value in settings.items()]
        return ", ".join([self.of("regime", regime), *words])

    def setting(self, name: str, value: object, whole: bool = False) -> str:
        """A setting and its value, "learning rate = 0.1"; the name alone of a value that has one, or is true.

        A false value is "without <setting>".

        An option without a name is called <option>, or <owner>.<option> if `whole`.
        """
        short, is_tested = name.split(".")[-1], name.startswith(f"{labels.TESTED}.")
        known = self._sections.get(short, {})
        if labels.spelled(value) in known:
            text = known[labels.spelled(value)]
        else:
            of_settings = self._sections.get("setting", {})
            usual = name.removeprefix(f"{labels.TESTED}.") if whole else of_settings.get(short, short)
            called = of_settings.get(name, usual.replace("_", " "))
            if labels.spelled(value) == "False":
                return f"measured without {called}" if is_tested else f"without {called}"
            text = called if labels.spelled(value) == "True" else f"{called} = {labels.spelled(value)}"
        return f"measured with {text}" if is_tested else text


@functools.cache
def shipped() -> Names:
    """The names that come with the program."""
    return Names(_sections(Path(__file__).with_name(FILE)))


def of_folder(folder: Path) -> Names:
    """The names for the figures of a results folder. Raises ConfigError if its labels.toml is wrong."""
    path = Path(folder) / FILE
    if not path.exists():
        return shipped()
    own, usual = _sections(path), shipped()._sections
    return Names({kind: {**usual.get(kind, {}), **own.get(kind, {})} for kind in {**usual, **own}})


def _sections(path: Path) -> dict[str, dict[str, str]]:
    try:
        sections = outside.toml(path, {str: {str: str}})
    except (OSError, outside.Unreadable) as error:
        raise ConfigError(f"cannot read the names of figures: {error}") from error
    for kind in sections:
        if kind not in SECTIONS:
            raise ConfigError(f"{path}: unknown section [{kind}]{nearest(kind, SECTIONS)}")
    return sections
