"""One launch: what the block in `main()`, a study and the command line ask for."""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.commands import command_line
from campaign.commands.command_line import CommandLine
from campaign.engines.workers.environment import changed
from campaign.grid import block as blocks
from campaign.grid import study as studies
from campaign.grid.lists import configure
from campaign.grid.names import check_known
from campaign.grid.settings import Launch, settings
from campaign.machine import exits
from campaign.machine.console import attached, say, wait_until_read
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.record.provenance import COMMAND

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign
    from campaign.planning.measuring import Measuring


def launch(block: Mapping[str, Any], arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for with the runs of the block, or of the study that it names.

    `block`: settings by name; `arguments`: the words of the command line, None takes those of this program. Returns the
    exit code: 0 when every run is there, 1 when some run failed, 2 when the configuration is wrong (one sentence on
    stderr, nothing started), 130 when interrupted.
    """
    words = sys.argv[1:] if arguments is None else arguments
    with changed({COMMAND: _command(words)}):
        return exits.exit_code(lambda: _launch(block, words), "interrupted: nothing was started")


def run(configs: Sequence[TrainConfig], output_dir: str = "results", retry_failed: bool = False, **launch: Any) -> int:
    """Do these runs and write their tables to <output_dir>/<dataset>/; finished runs are skipped.

    `launch`: further fields of `Launch`, like `max_workers` or `engine`. Unfinished runs are kept in the output folder
    and resumed. Returns 0 when every run is there, 1 when some run failed, 130 when interrupted. Raises ConfigError, in
    one sentence, if nothing can be started.
    """
    check_known(launch, [name for name, setting in settings().items() if setting.once], "run: unknown argument")
    from campaign.planning.survey import prepare

    where = Launch(output_dir=output_dir, **launch)
    configs = configure(configs, {"epoch_checkpoint_dir": None}, epoch_checkpoint_dir=where.output_dir)
    with attached():
        try:
            exits.refuse_no_folder()
            campaign = prepare(configs, where, retry_failed)
        except exits.REFUSALS as error:
            why = exits.sentence(error)
            if why is None or isinstance(error, ChildProcessError):
                raise
            raise ConfigError(why) from error
        return _run(campaign)


def _launch(block: Mapping[str, Any], words: Sequence[str]) -> int:
    line = command_line.parse(words)
    study = None if line.study is None else studies.load(line.study)
    if line.help:
        say(command_line.usage(blocks.lines_of(block, study)).rstrip())
        instead = 0
    elif line.version:
        from campaign.commands import version

        instead = version.show()
    else:
        runs = blocks.expand(block, study, _lines(block, study, line), line.only)
        instead = _instead(line, runs, words)
    if instead is not None:
        wait_until_read()
        return instead
    return _run(_prepared(runs, line))


def _lines(block: Mapping[str, Any], study: studies.Study | None, line: CommandLine) -> dict[str, Any]:
    """The settings of the command line, or those of a card."""
    if not line.card:
        return line.lines
    from campaign.commands import card

    return card.lines(blocks.lines_of(block, study), line.lines)


def _command(words: Sequence[str]) -> str:
    """The command line as results state it, without the command of `--notify`, which may hold a password."""
    shown = [re.sub(r"(?s)^((--)?notify)=.*", r"\1=…", word) for word in words]
    hidden = {place + 1 for place, word in enumerate(words) if word == "--notify"}
    return shlex.join([Path(sys.argv[0]).name, *("…" if place in hidden else word for place, word in enumerate(shown))])


def _instead(line: CommandLine, runs: blocks.Runs, words: Sequence[str]) -> int | None:
    """The exit code of what is asked for instead of a launch; None if nothing is.

    Each command is imported where it is needed: pandas alone would double the time of --plan.
    """
    configs, where = runs.configs, runs.launch
    if line.status:
        from campaign.commands import status

        folder = where.output_dir
        return status.watch(configs, folder) if line.watch else status.show(configs, folder, line.json)
    if line.report or line.card:
        return _page(line, runs)
    if line.print_job:
        from campaign.commands import job_script

        wanted = _cluster_options(line.print_job, line)
        return job_script.show(line.print_job, configs, where, line.retry_failed, wanted, words, _measuring(line))
    if line.plan:
        from campaign.commands import plan
        from campaign.planning.survey import survey

        campaign = survey(configs, where, line.retry_failed, _cluster_options(where.engine, line), _measuring(line))
        return plan.show(campaign, where.memory_check, line.json)
    if line.sanity:
        from campaign.commands.sanity import sanity

        return sanity(configs, where)
    if line.verify is not None:
        from campaign.commands.verify import verify

        return verify(line.verify, where.output_dir, configs[0])
    if line.list_weights or line.prune_weights:
        from campaign.commands import weights

        return (weights.prune if line.prune_weights else weights.show)(configs, where, line.json)
    if line.export is not None:
        from campaign.commands.export import export

        return export(line.export[0], line.export[1], configs, where.output_dir)
    if line.merge is not None:
        from campaign.commands.merge import merge

        return merge(line.merge, where.output_dir, runs.reference)
    return None


def _page(line: CommandLine, runs: blocks.Runs) -> int:
    """Write the page that is asked for."""
    if line.card:
        from campaign.commands import card

        return card.make(runs)
    from campaign.commands import report

    return report.write(runs.configs, runs.launch.output_dir)


def _prepared(runs: blocks.Runs, line: CommandLine) -> "Campaign":
    from campaign.planning.survey import prepare

    options = _cluster_options(runs.launch.engine, line)
    return prepare(runs.configs, runs.launch, line.retry_failed, line.shard, options, runs.reference, _measuring(line))


def _measuring(line: CommandLine) -> "Measuring":
    from campaign.planning.measuring import Measuring

    return Measuring(only=line.measure_only, again=line.remeasure)


def _cluster_options(section: str, line: CommandLine) -> dict:
    from campaign.engines.cluster import options

    return options.options(section, line.cluster, line.cluster_file)


def _run(campaign: "Campaign") -> int:
    from campaign.running import runner

    return runner.run(campaign)
