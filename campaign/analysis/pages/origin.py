"""Where the results of a folder come from: failures, launches, commands, commits, machines and libraries."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from campaign.analysis import makers
from campaign.analysis.pages.render import Section, rows_of
from campaign.store.folder import Store

MOST_FAILURES, MOST_CHARACTERS = 50, 20_000
MOST_UNDER_WAY = 50
MOST_VALUES = 20
MOST_LAUNCHES = 20
EVENTS = ("launch", "stop")
COMMAND = "command"
"""The entry of the provenance that has its own paragraph."""


def failures(store: Store) -> Section | None:
    """The runs that have failed, each with its reason, traceback and configuration."""
    failed = store.failed()
    if not failed:
        return None
    shown = failed[:MOST_FAILURES]
    details = [(f"{run_id}: {store.failure(run_id)}", _failure(store.failure_file(run_id))) for run_id in shown]
    about = f"<p>{len(failed):,} failed. <code>--retry-failed</code> tries them again.</p>"
    more = f"The first {MOST_FAILURES} are shown; the folder failures/ has all." if len(failed) > MOST_FAILURES else ""
    return Section("Failures", "failures", Markup(about), details=details, note=more)


def under_way(store: Store) -> Section | None:
    """The runs on which a launcher works now."""
    claims = store.claims.living()
    if not claims:
        return None
    rows = [
        (run_id, owner.get("host"), owner.get("pid"), _time(owner.get("since")), store.epoch(run_id))
        for run_id, owner in sorted(claims.items())
    ]
    more = f"The first {MOST_UNDER_WAY} of {len(rows):,}." if len(rows) > MOST_UNDER_WAY else ""
    columns = ("run_id", "machine", "process", "since (UTC)", "epoch kept")
    return Section("Under way", "under_way", tables=[rows_of("runs under way", columns, rows[:MOST_UNDER_WAY], more)])


def provenance(folder: Path, made_by: Sequence[Mapping], things: str = "networks") -> Section:
    """What made the networks of a folder, with the number of them for each value; the commands; the launches.

    `made_by`: the provenance of each network, or of other `things`.
    """
    commands = Counter(str(about[COMMAND]) for about in made_by if about.get(COMMAND))
    texts = ["\n".join(command for command, _ in commands.most_common(MOST_VALUES))] if commands else []
    note, launches = makers.kept(folder), _launches(folder)
    tables = [rows_of(f"what made the {things}", ("entry", "value", things), _counted(made_by))] if made_by else []
    tables += [rows_of("launches", ("time (UTC)", "event", "what"), launches)] if launches else []
    about = Markup("<p>Commands that made these {}:</p>").format(things) if commands else Markup()
    return Section("Provenance", "provenance", about, [*texts, *([note] if note else [])], tables=tables)


def stopped(folder: Path) -> str:
    """A sentence if the last launch ended early; else ""."""
    time, event, why = (_launches(folder) or [("", "", "")])[-1]
    return f"The last launch ended early, at {time} UTC ({why}): the same command goes on." if event == "stop" else ""


def _counted(made_by: Iterable[Mapping]) -> list[tuple[str, str, int]]:
    """Entry, value, number of networks; the most frequent values of each entry."""
    counts: dict[str, Counter] = {}
    for about in made_by:
        for name, value in about.items():
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
            if name != COMMAND:
                counts.setdefault(name, Counter())[text] += 1
    return [(name, *item) for name, values in counts.items() for item in values.most_common(MOST_VALUES)]


def _launches(folder: Path) -> list[tuple[str, ...]]:
    """The last launches and stops of all logs of a folder."""
    lines = [line for path in sorted(folder.glob("campaign*.log")) for line in _content(path).splitlines()]
    parts = [line.split(maxsplit=4) for line in sorted(lines)]
    found = [part for part in parts if len(part) == 5 and part[2] in EVENTS]
    return [(f"{day} {time}", event, detail) for day, time, event, _, detail in found[-MOST_LAUNCHES:]]


def _failure(path: Path) -> str:
    """The file of a failure, with the end of its traceback before the configuration."""
    head, *rest = _content(path).split("\n\n", 2)
    configuration, traceback = rest if len(rest) == 2 else ("", "".join(rest))
    cut = f"…\n{traceback[-MOST_CHARACTERS:]}" if len(traceback) > MOST_CHARACTERS else traceback
    return "\n\n".join([head[:MOST_CHARACTERS], cut.strip(), configuration[:MOST_CHARACTERS]]).strip()


def _content(path: Path) -> str:
    """A text file's content; nothing if it cannot be read."""
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def _time(since: float | None) -> str:
    return "" if since is None else f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S}"
