"""`--version`: which program this is."""

from campaign.machine.console import say
from nnet import VERSION
from nnet.record import provenance

NAME = "nnet-weight-perturbations"
SHORT = 12


def show() -> int:
    """Print name, version and, where Git knows them, the commit and whether files were changed since. Returns 0."""
    about = provenance.commit()
    words = f"{NAME} {VERSION}"
    if about["git_commit"] is not None:
        words += f", commit {about['git_commit'][:SHORT]}"
        words += ", with uncommitted changes" if about["git_dirty"] else ""
    say(words)
    return 0
