"""Notes on code of the user that has changed since runs of a campaign were trained or measured."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.planning.work import Requests
from nnet.evaluations.parts import points
from nnet.record import own_code

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign


def notes(campaign: "Campaign") -> list[str]:
    """The notes on the runs of a campaign."""
    state = campaign.state()
    return notes_on(zip(campaign.runs.values(), state.known.values(), state.left.values(), strict=True))


def notes_on(runs: Iterable[tuple[Requests, Mapping | None, Requests]]) -> list[str]:
    """A note if other code of the user has trained runs than is there now, and one if other code has measured them.

    `runs`: of each run what is asked of it, its outline or content, and what is left to do.
    """
    here = functools.cache(own_code.now)
    trained, measured, refused = [], [], 0
    for requests, run, left in runs:
        if run is None:
            continue
        config, recorded = requests[0], run["provenance"].get("own_code", {})
        changed = own_code.changed(recorded, here(own_code.of_training(config))) if recorded else []
        refused += bool(changed and left and own_code.unlike(recorded, here(own_code.of_network(config))))
        since = [
            name
            for evaluation, then in _measured(requests, run)
            for name in own_code.changed(then, here((*own_code.of_network(config), ("evaluations", evaluation))))
            if name not in changed
        ]
        trained += [changed] if changed else []
        measured += [since] if since else []
    found = []
    if trained:
        found.append(
            f"{_names(trained)} changed since {len(trained)} of these runs were trained; they are kept as they are"
            f"{f', and {refused} of them will not be measured further' if refused else ''}. To train them again, give "
            "the plug-in another name, or choose another --output-dir"
        )
    if measured:
        found.append(
            f"{_names(measured)} changed since {len(measured)} of these runs were measured; what was measured is kept. "
            "To measure again, use --remeasure"
        )
    return found


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
