"""Mel-frequency cepstral coefficients of clips of one second, as TensorFlow's signal module computes them.

Davis and Mermelstein 1980 (doi:10.1109/TASSP.1980.1163420). Frames of 480 samples every 160, periodic Hann window,
spectrum of 512 points, magnitude, 40 triangular filters from 125 to 3800 Hz that are linear in mel =
1127 ln(1 + f/700), logarithm of the sum plus 1e-12, and the cosine transform of type II divided by √(2·40).
"""

import numpy as np
from scipy import fft, signal

RATE, FRAME, STEP, POINTS = 16_000, 480, 160, 512
FILTERS, LOWEST, HIGHEST, FLOOR = 40, 125.0, 3800.0, 1e-12
CHUNK = 500
"""Clips whose spectra are in memory at the same time."""


def coefficients(clips: np.ndarray) -> np.ndarray:
    """float32 N×16000 in [−1, 1] to float32 N×98×40."""
    filters, window = mel_filters(), signal.get_window("hann", FRAME)
    parts = []
    for start in range(0, len(clips), CHUNK):
        frames = np.lib.stride_tricks.sliding_window_view(clips[start : start + CHUNK], FRAME, 1)[:, ::STEP]
        energies = np.abs(fft.rfft(frames * window, POINTS)) @ filters
        parts.append((fft.dct(np.log(energies + FLOOR)) / np.sqrt(2 * FILTERS)).astype(np.float32))
    return np.concatenate(parts)


def mel_filters() -> np.ndarray:
    """The weight of each frequency in each filter, 257×40; the constant part of a frame, frequency 0, has none."""
    frequencies = _mel(np.linspace(0, RATE / 2, POINTS // 2 + 1))[:, None]
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), FILTERS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling))


def _mel(frequency):
    return 1127 * np.log1p(frequency / 700)
