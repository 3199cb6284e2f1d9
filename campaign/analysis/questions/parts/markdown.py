"""Tables in Markdown."""

from collections.abc import Sequence


def table(lines: Sequence[Sequence[str]]) -> str:
    """A table from texts, cell by cell; the first line is the heading. Without a line break at its end."""
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])
