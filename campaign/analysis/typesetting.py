"""The texts of figures: subscripts, line breaks, and how wide they are."""

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def renderer(figure: "Figure"):
    """What measures the texts of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    return FigureCanvasAgg(figure).get_renderer()


def typeset(text: str) -> str:
    """A text as matplotlib shows it as it is, but for α_train and α_test, which get their subscripts.

    No line breaks beside "=".
    """
    return re.sub(r"α_(\w+)", r"$α_\\mathrm{\1}$", text.replace("$", r"\$").replace(" = ", "\u00a0=\u00a0"))


def wrap(text: str, inches: float, size: float) -> str:
    """The text, as `typeset` gives it, in as few lines of at most this width as possible, of about one length."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    def is_narrow(lines: list[str]) -> bool:
        widths = [text_to_path.get_text_width_height_descent(line, font, "$" in line)[0] for line in lines]
        return max(widths, default=0) <= 72 * inches

    font, words = FontProperties(size=size), re.sub("[ \n]+", " ", text).strip()
    if is_narrow([words] if words else []):
        return words
    every = [textwrap.wrap(words, most, break_long_words=False) for most in range(1, len(words) + 1)]
    fewest = min((len(lines) for lines in every if is_narrow(lines)), default=len(every[0]))
    return "\n".join(next(lines for lines in every if len(lines) <= fewest))
