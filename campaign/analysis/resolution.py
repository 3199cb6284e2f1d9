"""Which differences are too small for the test samples of a folder, and how figures say so."""

from collections.abc import Iterable
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 6
"""Of test samples that only one of two networks classifies correctly: fewer are never significant.

The exact test of McNemar (1947), a sign test over the samples on which the networks differ, has p = 2 · 0.5^6 = 0.03
for six samples in favour of one network and none of the other, and p = 0.06 for five.
"""
MOST_IMAGES = 100_000


def test_images(sweep: pd.DataFrame) -> int:
    """The number of test samples that accuracies are shares of; 0 if it cannot be told.

    `sweep`: rows of sweep.csv. The accuracy of one draw is a whole number of samples divided by their number.
    """
    of_one_draw = pd.concat([sweep["acc_min"], sweep.loc[sweep["noise_samples"] == 1, "acc"]]).dropna().unique()
    shares = [Fraction(value).limit_denominator(MOST_IMAGES) for value in of_one_draw]
    exact = all(abs(float(share) - value) < 1e-12 for share, value in zip(shares, of_one_draw, strict=True))
    count = lcm(*(share.denominator for share in shares)) if exact else 0
    return count if FEWEST < count <= MOST_IMAGES else 0


def show(panels_of: Iterable["Axes"], shown: pd.Series, images: int) -> str:
    """Shade the differences that the test samples cannot resolve, if some of those that are `shown` are so small.

    `shown`: differences or drops in percentage points; what is exactly 0 does not count. Returns the sentence on the
    shading for the caption, or "".
    """
    if not images or not ((shown.abs() > 0) & (shown.abs() < 100 * FEWEST / images)).any():
        return ""
    limit = 100 * FEWEST / images
    for axes in panels_of:
        label = f"below the resolution of {images:,} test samples (±{limit:.2g} points)"
        axes.axhspan(-limit, limit, color="0.85", linewidth=0, zorder=0, label=label, gid=panels.RESOLUTION)
    return (
        f"grey: differences of fewer than {FEWEST} of the {images:,} test samples, which no single comparison of two "
        "networks on these samples can tell from zero (exact McNemar test, 5 %)"
    )
