"""scikit-learn's 1,797 handwritten digits, 8×8 pixels, which need no download.

Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TEST_SHARE = 0.2


def read(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """1,437 training and 360 test images, one channel, in a fixed stratified split."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    x_train, x_test, y_train, y_test = train_test_split(
        images, digits.target.astype(np.int64), test_size=TEST_SHARE, stratify=digits.target, random_state=0
    )
    return x_train, y_train, x_test, y_test
