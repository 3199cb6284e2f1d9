"""Lines for people. What is computed never depends on whether they can be printed."""

import re
import sys
from typing import TextIO

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor, colour a terminal or turn the direction of text; tab and newline are left."""


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line, on stdout by default, without what a terminal would obey and as far as the encoding allows.

    A closed stream, a reader that has gone away and a full disk behind a redirection lose the line and nothing else.
    """
    stream = stream or sys.stdout
    if stream is None:
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(f"{clean(text)}\n".encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        pass


def complain(text: str) -> None:
    """Print a line on stderr, as `say`."""
    if sys.stderr is not None:
        say(text, sys.stderr)


def clean(text: str) -> str:
    """The text with every control character written out, like \\x1b, but for newlines and tabs."""
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The text cleaned and in one line."""
    return clean(" ".join(text.split()))
