"""The command line: its flags are the settings of TrainConfig and Launch, and what else a launch can be asked."""

import argparse
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from campaign.commands import further_flags, help_text
from campaign.engines.cluster.options import FLAGS
from campaign.grid.lists import repeats
from campaign.grid.names import ALIASES, canonical, check_known
from campaign.grid.settings import Setting, literal, settings
from campaign.grid.shard import Shard
from nnet import options as by_owner
from nnet import registry
from nnet.checks import ConfigError

TITLES = {
    "training": "what is trained",
    "measuring": "how it is measured",
    "record": "how it is measured",
    "operation": "launch",
}
"""The section of the help that lists the settings of a group."""
COMMANDS = (
    *("plan", "status", "report", "card", "list_weights", "prune_weights", "merge", "export", "sanity", "verify"),
    "print_job",
)
"""What can be asked for instead of a launch; one at a time."""
WITH_JSON = ("plan", "status", "list_weights", "prune_weights")
"""Those that can print JSON."""
DESCRIPTION = (
    "Train many small networks in parallel and measure how perturbations change their accuracy. A flag overrides a "
    "line of the block in main(), or of the study; several values give every combination."
)


@dataclass(frozen=True)
class CommandLine:
    """What the words of a command line say."""

    lines: dict = field(default_factory=dict)
    """Settings by name, as `grid.block.expand` takes them."""
    only: list[tuple[str, Any]] = field(default_factory=list)
    study: str | None = None
    help: bool = False
    version: bool = False
    plan: bool = False
    status: bool = False
    report: bool = False
    card: bool = False
    watch: bool = False
    json: bool = False
    sanity: bool = False
    verify: str | None = None
    list_weights: bool = False
    prune_weights: bool = False
    merge: str | None = None
    export: list[str] | None = None
    """The exporter and the folder."""
    print_job: str | None = None
    retry_failed: bool = False
    measure_only: bool = False
    remeasure: str | None = None
    shard: Shard | None = None
    cluster_file: str | None = None
    cluster: dict = field(default_factory=dict)
    """The options of jobs and engines that have a flag, by name; None where it was not given."""


def parse(words: Sequence[str]) -> CommandLine:
    """The command line that these words are. Raises ConfigError, in one sentence, for wrong ones."""
    parser = _parser({})
    flags, rest = parser.parse_known_intermixed_args(words)
    if rest:
        similar = difflib.get_close_matches(rest[0], parser._option_string_actions, 1)
        hint = f"did you mean {similar[0]}?" if similar else "see --help"
        raise ConfigError(f"unrecognized arguments: {' '.join(rest)} ({hint})")
    _refuse_two_words(words)
    asked = [name for name in COMMANDS if getattr(flags, name)]
    if len(asked) > 1:
        first, second = (name.replace("_", "-") for name in asked[:2])
        raise ConfigError(f"--{first} does not go with --{second}; give one of them")
    if flags.json and not any(getattr(flags, name) for name in WITH_JSON):
        raise ConfigError("--json goes with --plan, --status, --list-weights or --prune-weights")
    if flags.watch and not flags.status:
        raise ConfigError("--watch goes with --status")
    if flags.watch and flags.json:
        raise ConfigError("--watch does not go with --json, which prints the status once")
    if flags.remeasure and (flags.print_job or flags.shard):
        raise ConfigError("--remeasure does not go with shards: each shard would do all runs again")
    if flags.print_job and flags.shard:
        raise ConfigError("--shard does not go with --print-job, whose jobs would repeat it")
    return CommandLine(
        lines=_lines(flags),
        only=[_named(word, literal) for word in flags.only],
        shard=None if flags.shard is None else Shard.parse(flags.shard),
        cluster={name: getattr(flags, name) for name in FLAGS},
        **{name: getattr(flags, name) for name in (*COMMANDS, "study", "help", "version", "json", "cluster_file")},
        **{name: getattr(flags, name) for name in ("watch", "retry_failed", "measure_only", "remeasure")},
    )


def _refuse_two_words(words: Sequence[str]) -> None:
    """Raise ConfigError if two words name one setting, because argparse would silently use the last one."""
    flags: dict[str, str] = {}
    for word in words:
        flag = word.partition("=")[0]
        name = canonical(flag.removeprefix("--"))
        if flag.startswith("--") and name in settings() and flags.setdefault(name, flag) != flag:
            raise ConfigError(f"{name} is given twice: as {flags[name]} and {flag}")


def usage(lines: Mapping[str, Any]) -> str:
    """The help: the flags of these lines, the others of the block or study, each with the value that it has there."""
    return _parser(lines).format_help()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see --help)")


def _parser(lines: Mapping[str, Any]) -> argparse.ArgumentParser:
    """The parser; its help lists the settings that have a line."""
    rare = [name for name in settings() if name not in lines]
    parser = _Parser(
        prog="run_experiments.py",
        usage="%(prog)s [ARCH ...] [--FLAG VALUE ...] [--set NAME=VALUE ...]",
        description=DESCRIPTION,
        epilog=f"Settings without a line here, for --set: {', '.join(rare)}; nnet/config.py describes them.",
        formatter_class=help_text.Formatter,
        allow_abbrev=False,
        add_help=False,
    )
    groups = {title: parser.add_argument_group(title) for title in dict.fromkeys(TITLES.values())}
    groups["what is trained"].add_argument("networks", nargs="*", metavar="ARCH", help="architectures: as --arch")
    for setting in settings().values():
        _add_setting(groups[TITLES[setting.group]].add_argument, setting, lines)
    further_flags.add_further(groups["what is trained"].add_argument, groups["launch"].add_argument)
    further_flags.add_cluster_flags(parser.add_argument_group("cluster").add_argument)
    further_flags.add_commands(parser.add_argument_group("instead of launching").add_argument)
    return parser


def _add_setting(add: Callable, setting: Setting, lines: Mapping[str, Any]) -> None:
    """The flag of a setting, and hidden ones for its other names."""
    shape: dict[str, Any] = {"dest": setting.name, "default": argparse.SUPPRESS}
    if setting.kind is bool:
        shape |= {"action": argparse.BooleanOptionalAction}
    elif setting.kind is dict:
        shape |= {"nargs": "+", "action": "extend", "metavar": "OWNER.NAME=VALUE"}
    else:
        metavar = {int: "N", float: "X", str: "NAME"}[setting.kind]
        shape |= {"nargs": "*" if setting.several else None if setting.once else "+", "metavar": metavar}
    words = [word for word, name in ALIASES.items() if name == setting.name]
    add(_flag(setting.name), help=help_text.of(setting, lines), **shape)
    for word in words:
        add(_flag(word), help=argparse.SUPPRESS, **shape)


def _lines(flags: argparse.Namespace) -> dict[str, Any]:
    """The settings that the flags give, by name."""
    known, words = settings(), vars(flags)
    lines = {name: words[name] for name in known if name in words}
    for name in lines:
        if known[name].kind is dict:
            lines[name] = _options(lines[name])
        elif known[name].kind is not bool:
            lines[name] = _value(known[name], [lines[name]] if known[name].once else lines[name])
    if flags.networks:
        _add_line(lines, "arch", known["arch"].value(flags.networks), "as a flag and without one")
    if flags.repeats is not None:
        seeds = repeats(_whole("repeats", flags.repeats), _whole("master_seed", flags.master_seed or "0"))
        _add_line(lines, "seed", seeds, "as --seed and --repeats")
    elif flags.master_seed is not None:
        raise ConfigError("--master-seed goes with --repeats")
    for word in flags.set:
        name, value = _named(word, lambda text: text)
        name = canonical(name)
        check_known([name], known, "--set: unknown setting")
        if known[name].kind is dict:
            raise ConfigError("--set has no options; give them as --options OWNER.NAME=VALUE")
        _add_line(lines, name, known[name].value(value.split(",")), "as a flag and in --set")
    return lines


def _value(setting: Setting, words: Sequence[str]) -> object:
    """The value of a flag; an architecture after another value of the flag was meant to stand alone."""
    misplaced = [word for word in words[1:] if setting.name != "arch" and word in registry.names("architectures")]
    if misplaced:
        raise ConfigError(
            f"{setting.name} cannot be {misplaced[0]!r}, an architecture; put architectures before the flags, or write "
            f"--arch {misplaced[0]}"
        )
    return setting.value(words)


def _options(words: Sequence[str]) -> dict[str, dict]:
    """The options by owner and name that words like beta.attack_size=0.1 give."""
    options: dict[str, dict] = {}
    for word in words:
        name, value = _named(word, literal)
        owner, dot, option = name.replace("-", "_").rpartition(".")
        if not dot:
            by_owner.check_form({name: value})
        options.setdefault(owner, {})[option] = value
    return options


def _add_line(lines: dict[str, Any], name: str, value: Any, how: str) -> None:
    if name in lines:
        raise ConfigError(f"{name} is given twice: {how}")
    lines[name] = value


def _named(word: str, value_of: Callable[[str], Any]) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ConfigError(f"{word!r} is not of the form name=value")
    return name, value_of(value)


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"{name} must be a whole number; got {text!r}") from None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
