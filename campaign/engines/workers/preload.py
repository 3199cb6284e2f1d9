"""What the fork server does before it forks workers: it imports what they need, and says whether it could."""

import os
import sys
import traceback
from pathlib import Path

from campaign.engines.workers import inherited
from campaign.engines.workers.fork_server import LAUNCHER, PRELOADED


def _say(text: str) -> None:
    path = Path(os.environ[PRELOADED])
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


if LAUNCHER in os.environ:
    inherited.end_with(int(os.environ[LAUNCHER]))
    try:
        from campaign.engines.workers import warm  # noqa: F401 - workers use what it imports
    except BaseException as error:  # noqa: BLE001 - the launcher must know of any error
        traceback.print_exc()
        _say(" ".join(f"{type(error).__name__}: {error}".split()))
        sys.exit(1)
    _say("")
