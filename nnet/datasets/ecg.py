"""Heartbeats of four kinds from the MIT-BIH Arrhythmia Database: two traces, 100 steps at 180 Hz.

Moody and Mark 2001 (doi:10.1109/51.932724), PhysioNet, ODC-BY 1.0. Classes: 0 normal (N), 1 left bundle branch block
(L), 2 right bundle branch block (R), 3 premature ventricular contraction (V). The beats are cut as by Büchel, Faber and
Muir 2022 (ICLR), with three corrections: beats are padded behind with their last sample; by default no patient is in
two parts; and a beat begins 50 steps before its annotation, which is at its peak. With beats from annotation to
annotation, as stated by them, the rule that the peak must be 30 to 70 steps after the start keeps no beat of class R.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nnet.checks import ConfigError, check_fields, one_of, setting
from nnet.datasets.parts.extra import wanted
from nnet.files.atomic import write_file
from nnet.files.outside import Unreadable, parsing
from nnet.files.temporary import temporary_folder

INPUT = "sequences"
LIBRARIES = ("wfdb",)
FILES = ("mitdb/*.atr", "mitdb/*.dat", "mitdb/*.hea")
ENDINGS = (".atr", ".dat", ".hea")
TRAINING = (
    *(101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 202, 203, 205, 207, 208, 209, 215, 220, 223),
    230,
)
TEST = (100, 103, 105, 111, 113, 117, 121, 123, 200, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
"""The records of the two parts of the split by patient: those of de Chazal, O'Dwyer and Reilly 2004
(doi:10.1109/TBME.2004.827359), which leaves out the four with a pacemaker, except that record 202 is on the side of
record 201, which is of the same patient. The classes L and R are in two and in three records of each part."""
PACED = (102, 104, 107, 217)
SYMBOLS = "NLRV"
BEATS = frozenset("NLRV/AfF!ajEJeSQ")
"""Annotations that begin a beat."""
RATE, LENGTH, SHORTEST, PAD = 360, 100, 50, 150
LEAD = 100
"""Samples, two per step, from the start of a beat to its annotation."""
EARLIEST, LATEST = 30, 70
"""Steps from the start of a beat between which its peak must be."""
TENTH = 10
"""Every tenth beat of a class is a test beat in the split by beats."""


@dataclass(frozen=True)
class Options:
    """Options of the split. Raises ConfigError for a wrong value."""

    split: str = setting("patients", one_of(("patients", "beats")))
    """How beats are divided into training and test: patients (the records of de Chazal et al. 2004, no patient on both
    sides) or beats (a tenth of the beats, drawn at random from all records, as published). Default patients."""

    def __post_init__(self):
        check_fields(self)


def read(data_dir: Path, options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The beats of the 48 records, downloaded by wfdb if they are missing; float32 N×100×2.

    In each part all classes have as many beats as the smallest, by a draw with a fixed seed. Raises ConfigError if
    wfdb is not installed, if the download fails, or if a record is damaged.
    """
    wfdb = wanted("wfdb", "ecg")
    folder = data_dir / "mitdb"
    _complete(folder, wfdb)
    random = np.random.default_rng(0)
    if options.split == "patients":
        parts = [_balanced(*_beats(folder, records, wfdb), random) for records in (TRAINING, TEST)]
    else:
        beats, labels = _balanced(*_beats(folder, sorted((*TRAINING, *TEST, *PACED)), wfdb), random)
        tested = np.arange(len(labels)) // len(SYMBOLS) % TENTH == 0  # the beats of a class are in random order
        parts = [(beats[chosen], labels[chosen]) for chosen in (~tested, tested)]
    return (*parts[0], *parts[1])


def cut(signal: np.ndarray) -> np.ndarray | None:
    """One beat, N×2 samples at 360 Hz, as 100×2 steps around its peak.

    Every second sample is taken, each trace gets mean 0 and variance 1, and the ends are continued with the first and
    last sample. None for a beat of fewer than 50 samples, or whose largest local maximum of the first trace is not 30
    to 70 steps after its start, and for a constant trace.
    """
    if len(signal) < SHORTEST:
        return None
    beat = signal[:-1:2]
    spread = beat.std(0, ddof=1)
    if not spread.all():
        return None
    padded = np.pad((beat - beat.mean(0)) / spread, ((PAD, PAD), (0, 0)), "edge")
    maxima = np.flatnonzero(np.diff(np.sign(np.diff(padded[:, 0]))) < 0) + 1
    peak = maxima[padded[maxima, 0].argmax()]
    if not EARLIEST <= peak - PAD <= LATEST:
        return None
    return padded[peak - LENGTH // 2 : peak + LENGTH // 2].astype(np.float32)


def _beats(folder: Path, records: tuple[int, ...] | list[int], wfdb) -> tuple[np.ndarray, np.ndarray]:
    """All beats of these records, N×100×2, and their labels."""
    found = [beat for record in records for beat in _beats_of(folder, record, wfdb)]
    return np.stack([beat for beat, _ in found]), np.array([label for _, label in found], np.int64)


def _beats_of(folder: Path, record: int, wfdb) -> Iterator[tuple[np.ndarray, int]]:
    path = folder / str(record)
    try:
        with parsing(f"record {path} is truncated or damaged", ()):
            content, marks = wfdb.rdrecord(str(path)), wfdb.rdann(str(path), "atr")
            signal = np.asarray(content.p_signal)
            form = f"{signal.shape[1]} traces of {len(signal)} samples at {content.fs:g} Hz"
            if signal.shape[1] != 2 or content.fs != RATE or not np.isfinite(signal).all():
                raise ValueError(f"it has {form}, not two traces of finite values at {RATE} Hz")
            if len(marks.sample) == 0 or marks.sample.max() >= len(signal):
                raise ValueError(f"it has {form}, which does not fit its annotations")
    except Unreadable as error:
        raise ConfigError(f"{error}; delete it to download it again") from error
    beats = [(max(place - LEAD, 0), symbol) for place, symbol in zip(marks.sample, marks.symbol, strict=True)]
    beats = [(start, symbol) for start, symbol in beats if symbol in BEATS]
    for (start, symbol), (end, _) in pairwise([*beats, (len(signal), "")]):
        beat = cut(signal[start:end]) if symbol in SYMBOLS else None
        if beat is not None:
            yield beat, SYMBOLS.index(symbol)


def _balanced(beats: np.ndarray, labels: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """As many beats of each class as the smallest has, the classes in turn, each in random order."""
    classes = range(len(SYMBOLS))
    smallest = min((labels == label).sum() for label in classes)
    drawn = [random.permutation(np.flatnonzero(labels == label))[:smallest] for label in classes]
    order = np.stack(drawn, 1).ravel()
    return beats[order], labels[order]


def _complete(folder: Path, wfdb) -> None:
    """Download the files that are missing. Raises ConfigError if that fails."""
    names = [f"{record}{ending}" for record in sorted((*TRAINING, *TEST, *PACED)) for ending in ENDINGS]
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing:
        return
    try:
        with temporary_folder() as place, parsing("the download failed", ()):
            wfdb.dl_files("mitdb", str(place), missing, keep_subdirs=False, overwrite=True)
            for name in missing:
                write_file(folder / name, (place / name).read_bytes())
    except Unreadable as error:
        raise ConfigError(
            f"the MIT-BIH Arrhythmia Database is not in {folder.absolute()}: {len(missing)} of its {len(names)} files "
            f"are missing, the first {missing[0]}, and {error}; copy the files of physionet.org/content/mitdb there, "
            "or set the data folder (--data-dir, NNET_DATA_DIR) to one that has them"
        ) from error
