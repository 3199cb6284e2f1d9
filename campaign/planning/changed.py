"""Notes on code of the user that has changed since runs of a campaign were trained or measured."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.planning.work import Requests
from nnet.evaluations.parts import points
from nnet.record import own_code

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign


def notes(campaign: "Campaign") -> list[str]:
    """The notes on the runs of a campaign."""
    return notes_on(zip(campaign.runs.values(), campaign.state().known.values(), strict=True))


def notes_on(runs: Iterable[tuple[Requests, Mapping | None]]) -> list[str]:
    """A note if other code of the user has trained runs than is there now, and one if other code has measured them.

    `runs`: what is asked of each run, and its outline or content.
    """
    here, of_alike = functools.cache(own_code.now), dict[tuple, tuple[list[str], list[str]]]()
    trained, measured = [], []
    for requests, run in runs:
        if run is None or not _has_own_code(run):
            continue
        alike = run.get("shape"), own_code.of_training(requests[0]), *(request.asked for request in requests)
        if run.get("shape") is None or alike not in of_alike:
            of_alike[alike] = _changed(requests, run, here)
        since_training, since_measuring = of_alike[alike]
        trained += [since_training] if since_training else []
        measured += [since_measuring] if since_measuring else []
    found = []
    if trained:
        found.append(
            f"{_names(trained)} changed since {len(trained)} of these runs were trained; they are kept as they are, "
            "and new measurements of a changed network are refused. To train them again, give the plug-in another "
            "name, or choose another --output-dir and --checkpoint-dir"
        )
    if measured:
        found.append(
            f"{_names(measured)} changed since {len(measured)} of these runs were measured; what was measured is kept. "
            "To measure again, use --remeasure"
        )
    return found


def _has_own_code(run: Mapping) -> bool:
    """Whether code of the user has trained or measured a run: most of twenty thousand runs need no further look."""
    measured = (about for measurement in run["measurements"] for about in measurement.get("provenance", ()))
    return "own_code" in run["provenance"] or any("own_code" in about for about in measured)


def _changed(
    requests: Requests, run: Mapping, here: Callable[[own_code.PlugIns], Mapping]
) -> tuple[list[str], list[str]]:
    """The names of the files that have changed since a run was trained, and of further ones since it was measured."""
    config, recorded = requests[0], run["provenance"].get("own_code", {})
    trained = own_code.changed(recorded, here(own_code.of_training(config))) if recorded else []
    measured = [
        name
        for evaluation, then in _measured(requests, run)
        for name in own_code.changed(then, here((*own_code.of_network(config), ("evaluations", evaluation))))
        if name not in trained
    ]
    return trained, measured


def _measured(requests: Requests, run: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Each evaluation that has measured a run as it is asked for, with the code of the user that it was made of."""
    for measurement in run["measurements"]:
        for about in measurement.get("provenance", ()):
            if "own_code" in about and any(
                points.answers(measurement, want) for request in requests for want in points.wanted(request)
            ):
                yield measurement["evaluation"], about["own_code"]


def _names(changed: Sequence[Sequence[str]]) -> str:
    """The names of files, as the subject of a sentence that says that they were changed."""
    names = list(dict.fromkeys(name for files in changed for name in files))
    return f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'}"
