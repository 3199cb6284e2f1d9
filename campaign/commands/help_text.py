"""How `--help` shows the flags: one short line each, with the value that a setting has in the block."""

import argparse
import os
import re
from collections.abc import Mapping
from typing import Any

from campaign.grid.settings import Setting
from nnet import registry
from nnet.options import SWEEP

WIDTH, HELP_COLUMN = 100, 27
PLUG_INS = {"dataset": "datasets", "arch": "architectures", "regime": "regimes", "evaluations": "evaluations"}
PLUG_INS |= {"engine": "campaign.engines"}
"""The kind of plug-in that a setting names."""


class Formatter(argparse.HelpFormatter):
    """Flags in one short word each: `--seed N`, whatever the number of values, and `--[no-]nesterov`."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=HELP_COLUMN, width=_width())

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if isinstance(action, argparse.BooleanOptionalAction):
            return action.option_strings[0].replace("--", "--[no-]", 1)
        return super()._format_action_invocation(action)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        several = action.nargs in ("+", "*")
        return str(action.metavar) if several else super()._format_args(action, default_metavar)


def of(setting: Setting, lines: Mapping[str, Any]) -> str:
    """The help of a setting: what it is and its value; hidden if it has no line."""
    if setting.name not in lines:
        return argparse.SUPPRESS
    doc, value = re.sub(r" \([^()]*\)", "", setting.doc), _shown(lines[setting.name])
    if doc[1:2].islower():
        doc = doc[0].lower() + doc[1:]
    if setting.name in PLUG_INS:
        names = [name for name in registry.names(PLUG_INS[setting.name]) if name != SWEEP]
        doc = f"{doc.partition(';')[0]}: {', '.join(names)}"
    else:
        doc = _shortened(doc, _width() - HELP_COLUMN - len(value) - len(" []"))
    return f"{doc} [{value}]".replace("%", "%%")


def _shortened(text: str, width: int) -> str:
    """The first clauses of a sentence, as many as there is room for, at least one."""
    clauses = re.split(r"(?<=[,;:]) ", text)
    while len(clauses) > 1 and len(" ".join(clauses)) > width:
        clauses = clauses[:-1]
        clauses[-1] = clauses[-1].rstrip(",;: …") + " …"
    return " ".join(clauses)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_shown, value)) or "none"
    if isinstance(value, dict):
        options = [(owner, *item) for owner, its_options in value.items() for item in its_options.items()]
        return " ".join(f"{owner}.{name}={_shown(item)}" for owner, name, item in options) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def _width() -> int:
    return min(WIDTH, int(os.environ.get("COLUMNS", WIDTH)))
