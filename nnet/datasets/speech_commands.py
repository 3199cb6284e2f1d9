"""Six spoken words, other words and silence: 98 frames of 40 mel-frequency cepstral coefficients.

Warden 2018, Speech Commands v0.02 (arXiv:1804.03209, CC BY 4.0), prepared as by Büchel, Faber and Muir 2022 (ICLR).
Two layouts are known, both in the folder `speech_commands`, with a sub-folder per word of files `.wav` or `.flac`:

- the full data set: `_background_noise_`, a folder per word, files <speaker>_nohash_<number>, and the lists
  `validation_list.txt` and `testing_list.txt`, or else the published hash of speakers;
- its official test set: all other words in the folder `_unknown_`, files <word>_<speaker>_nohash_<number> there. It is
  divided by int(sha1(speaker), 16) % 10: 8 and 9 are test. Without background noise there is no silence.

Classes: silence (if there is noise to make it from), unknown, yes, no, up, down, left, right.
"""

import hashlib
import math
import re
from pathlib import Path

import numpy as np

from nnet.checks import ConfigError
from nnet.console import complain
from nnet.datasets.parts.extra import wanted
from nnet.datasets.parts.mfcc import RATE, coefficients
from nnet.files.outside import Unreadable, parsing

INPUT = "sequences"
LIBRARIES = ("soundfile",)
FILES = ("speech_commands/**/*",)
WORDS = ("yes", "no", "up", "down", "left", "right")
NOISE, UNKNOWN = "_background_noise_", "_unknown_"
PER_WORDS = 10
"""Clips of the six words per clip of an unknown word, and per clip of silence, in the full data set."""
SHIFT, NOISY, LOUDEST = 1600, 0.8, 0.1
"""Training clips are shifted by up to this many samples, and this share gets noise of at most this volume."""
MOST_IN_CLASS = 2**27 - 1
"""Of the published hash of speakers."""
SUFFIXES = (".wav", ".flac")
SOURCE = "download.tensorflow.org/data/speech_commands_v0.02.tar.gz"


def read(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """float32 N×98×40: training with the validation clips of the data set, and test; speakers are in one part only.

    Training clips are shifted by U(−100, 100) ms and, with probability 0.8, mixed with noise of volume U(0, 0.1), once
    and with a fixed seed; silence is noise of volume U(0, 1). Clips shorter than a second are continued with zeros.
    Raises ConfigError if soundfile is not installed, for missing folders, and for a clip that cannot be read, is
    longer than a second or has another rate than 16 kHz.
    """
    sound, folder = wanted("soundfile", "speech_commands"), data_dir / "speech_commands"
    noises = [_samples(path, sound) for path in _clips(folder / NOISE)]
    if any(len(noise) <= RATE for noise in noises):
        raise ConfigError(f"a recording in {folder / NOISE} is not longer than a second")
    if not noises:
        complain(f"note: without {folder / NOISE} speech_commands has no silence: unknown is class 0, the words 1 to 6")
    random = np.random.default_rng(0)
    parts = []
    for part, clips in zip(("training", "test"), _divided(folder, random), strict=True):
        changes = random if part == "training" else None
        audio = np.stack([_changed(_second(path, sound), noises, changes) for path, _ in clips])
        labels = [label + bool(noises) for _, label in clips]
        if noises:
            silent = math.ceil(sum(label > 0 for _, label in clips) / PER_WORDS)
            audio = np.concatenate([audio, [random.uniform() * _piece(noises, random) for _ in range(silent)]])
            labels += [0] * silent
        parts += [coefficients(audio), np.array(labels, np.int64)]
    return parts[0], parts[1], parts[2], parts[3]


def official_part(speaker: str) -> str:
    """training, validation or test by the published hash of a speaker's name."""
    hashed = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (MOST_IN_CLASS + 1)
    percent = hashed * (100 / MOST_IN_CLASS)
    return "validation" if percent < 10 else "test" if percent < 20 else "training"


def _divided(folder: Path, random: np.random.Generator) -> tuple[list, list]:
    """The clips (path, label) of training and of test; label 0 is unknown, the words follow."""
    lacking = [word for word in WORDS if not _clips(folder / word)]
    if lacking:
        raise ConfigError(
            f"speech_commands is not in {folder.absolute()}: there are no clips in the folder {lacking[0]!r}; unpack "
            f"{SOURCE} there, or set the data folder (--data-dir, NNET_DATA_DIR) to one that has it"
        )
    small = (folder / UNKNOWN).is_dir()
    tested = _listed(folder)
    parts: dict[bool, list[tuple[Path, int]]] = {False: [], True: []}
    others: dict[bool, list[tuple[Path, int]]] = {False: [], True: []}
    for word in sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != NOISE):
        for clip in _clips(folder / word):
            speaker = re.sub("_nohash_.*", "", clip.stem).rpartition("_")[2]
            if small:
                is_test = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % 10 >= 8
            elif tested is not None:
                is_test = f"{word}/{clip.stem}" in tested
            else:
                is_test = official_part(speaker) == "test"
            known = word in WORDS
            (parts if known else others)[is_test].append((clip, WORDS.index(word) + 1 if known else 0))
    for is_test, clips in others.items():
        most = len(clips) if small else math.ceil(len(parts[is_test]) / PER_WORDS)
        parts[is_test] += [clips[place] for place in random.permutation(len(clips))[:most]]
    return parts[False], parts[True]


def _listed(folder: Path) -> set[str] | None:
    """The test clips, as word/name without suffix, by the official list; None without it."""
    path = folder / "testing_list.txt"
    if not path.is_file():
        return None
    return {line.strip().rpartition(".")[0] for line in path.read_text().splitlines()}


def _clips(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES)


def _samples(path: Path, sound) -> np.ndarray:
    """A recording at 16 kHz with one channel, float32 from −1 to 1."""
    try:
        with parsing(f"{path} cannot be read", ()):
            samples, rate = sound.read(str(path), dtype="float32")
    except Unreadable as error:
        raise ConfigError(str(error)) from error
    if rate != RATE or samples.ndim != 1:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        raise ConfigError(f"{path} has {channels} channel(s) at {rate} Hz; clips must have one channel at {RATE} Hz")
    return samples


def _second(path: Path, sound) -> np.ndarray:
    samples = _samples(path, sound)
    if not 0 < len(samples) <= RATE:
        raise ConfigError(f"{path} has {len(samples)} samples; clips must have 1 to {RATE}, at most a second")
    return np.pad(samples, (0, RATE - len(samples)))


def _changed(clip: np.ndarray, noises: list[np.ndarray], random: np.random.Generator | None) -> np.ndarray:
    """A training clip shifted and mixed with noise; a test clip, without `random`, as it is."""
    if random is None:
        return clip
    shift = int(random.integers(-SHIFT, SHIFT))
    shifted = np.pad(clip, (max(shift, 0), max(-shift, 0)))
    shifted = shifted[max(-shift, 0) :][:RATE]
    if noises and random.uniform() < NOISY:
        shifted = (shifted + random.uniform(0, LOUDEST) * _piece(noises, random)).clip(-1, 1)
    return shifted


def _piece(noises: list[np.ndarray], random: np.random.Generator) -> np.ndarray:
    """A second of background noise."""
    noise = noises[random.integers(len(noises))]
    start = random.integers(len(noise) - RATE)
    return noise[start : start + RATE]
