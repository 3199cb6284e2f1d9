"""Heartbeats: how they are cut, which records are where, and what is said of damaged files."""

import shutil
import sys

import numpy as np
import pytest

from nnet.checks import ConfigError
from nnet.datasets import ecg

PATIENTS = ecg.Options()


def heartbeat(peak: int, samples: int = 290) -> np.ndarray:
    """Two traces with one high peak and some noise."""
    noise = np.random.default_rng(0).normal(0, 0.02, (samples, 2))
    time = np.arange(samples)
    return noise + np.stack([np.exp(-(((time - peak) / 8) ** 2)), -np.exp(-(((time - peak - 60) / 20) ** 2))], 1)


def plain_cut(signal: np.ndarray) -> np.ndarray:
    """The same by hand, for a beat that is not left out."""
    steps = [signal[place] for place in range(0, len(signal) - 1, 2)]
    beat = np.array(steps)
    beat = (beat - beat.mean(0)) / beat.std(0, ddof=1)
    peak = max(range(1, len(beat) - 1), key=lambda place: beat[place, 0])
    return np.array([beat[min(max(place, 0), len(beat) - 1)] for place in range(peak - 50, peak + 50)])


@pytest.mark.parametrize(("peak", "samples"), [(100, 290), (70, 290), (130, 160), (100, 130)])
def test_a_beat_is_cut_around_its_peak_and_continued_at_both_ends(peak, samples):
    signal = heartbeat(peak, samples)
    beat = ecg.cut(signal)
    assert beat.shape == (100, 2) and beat.dtype == np.float32 and beat[:, 0].argmax() == 50
    np.testing.assert_allclose(beat, plain_cut(signal), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("signal", [heartbeat(30), heartbeat(200), heartbeat(20, 49), np.zeros((290, 2))])
def test_beats_that_are_short_flat_or_off_their_place_are_left_out(signal):
    assert ecg.cut(signal) is None


def test_no_patient_is_in_two_parts():
    assert not {*ecg.TRAINING} & {*ecg.TEST} and len({*ecg.TRAINING, *ecg.TEST, *ecg.PACED}) == 48
    assert {201, 202} <= {*ecg.TRAINING}  # of one patient


def test_classes_are_balanced_by_a_draw_with_a_seed():
    labels = np.repeat([0, 1, 2, 3], [50, 20, 30, 40])
    beats = np.arange(140, dtype=np.float32).reshape(140, 1, 1)
    drawn, drawn_labels = ecg._balanced(beats, labels, np.random.default_rng(0))
    assert np.bincount(drawn_labels).tolist() == [20, 20, 20, 20] and len(np.unique(drawn)) == 80
    assert np.array_equal(labels[drawn.ravel().astype(int)], drawn_labels)
    assert np.array_equal(drawn, ecg._balanced(beats, labels, np.random.default_rng(0))[0])


def test_a_missing_library_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(ConfigError, match="ecg needs the package wfdb: pip install -r requirements-sequences.txt"):
        ecg.read(tmp_path, PATIENTS)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The 48 records in small, with 40 beats each, ten of each class."""
    wfdb = pytest.importorskip("wfdb")
    folder = tmp_path_factory.mktemp("data") / "mitdb"
    folder.mkdir()
    signal, places = np.concatenate([heartbeat(100) for _ in range(40)]), 100 + 290 * np.arange(40)
    wfdb.wrsamp("100", 360, ["mV", "mV"], ["MLII", "V5"], p_signal=signal, fmt=["212", "212"], write_dir=str(folder))
    wfdb.wrann("100", "atr", places, ["+", *"NLRV" * 9, "A", "N", "N"], write_dir=str(folder))
    for record in (*ecg.TRAINING, *ecg.TEST, *ecg.PACED):
        for ending in ecg.ENDINGS:
            path = folder / f"{record}{ending}"
            if not path.exists():
                content = (folder / f"100{ending}").read_bytes()
                path.write_bytes(content.replace(b"100", str(record).encode()) if ending == ".hea" else content)
    return folder.parent


def test_records_become_balanced_parts(records):
    parts = {split: ecg.read(records, ecg.Options(split=split)) for split in ("patients", "beats")}
    for x_train, y_train, x_test, y_test in parts.values():
        assert x_train.shape == (len(y_train), 100, 2) and x_test.shape == (len(y_test), 100, 2)
        assert len(set(np.bincount(y_train))) == len(set(np.bincount(y_test))) == 1
    assert len(parts["patients"][1]) == 23 * 36 and len(parts["patients"][3]) == 21 * 36
    assert len(parts["beats"][3]) / (len(parts["beats"][3]) + len(parts["beats"][1])) == pytest.approx(0.1, abs=0.01)


DAMAGES = {
    "truncated": lambda folder: (folder / "101.dat").write_bytes((folder / "101.dat").read_bytes()[:999]),
    "no header": lambda folder: (folder / "101.hea").write_bytes(b"\xff\x00"),
    "other rate": lambda folder: (folder / "101.hea").write_text(
        (folder / "101.hea").read_text().replace(" 360", " 250")
    ),
    "annotations of more": lambda folder: shutil.copy(folder / "100.long", folder / "101.atr"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_records_are_one_sentence(records, tmp_path, damage):
    wfdb = pytest.importorskip("wfdb")
    folder = tmp_path / "mitdb"
    shutil.copytree(records / "mitdb", folder)
    wfdb.wrann("100", "long", np.array([10**6]), ["N"], write_dir=str(folder))
    DAMAGES[damage](folder)
    with pytest.raises(ConfigError, match="record .*101 is truncated or damaged.*delete it to download it again"):
        ecg.read(tmp_path, PATIENTS)


def test_missing_records_are_downloaded_or_named(records, tmp_path, monkeypatch):
    wfdb = pytest.importorskip("wfdb")
    shutil.copytree(records / "mitdb", tmp_path / "mitdb")
    (tmp_path / "mitdb/231.atr").unlink()

    def failing(*arguments, **settings):
        raise OSError("no network")

    monkeypatch.setattr(wfdb, "dl_files", failing)
    with pytest.raises(ConfigError, match="1 of its 144 files are missing, the first 231.atr, and the download failed"):
        ecg.read(tmp_path, PATIENTS)

    def fetched(database, place, files, **settings):
        assert (database, files) == ("mitdb", ["231.atr"])
        shutil.copy(records / "mitdb/231.atr", place)

    monkeypatch.setattr(wfdb, "dl_files", fetched)
    assert len(ecg.read(tmp_path, PATIENTS)[1]) == 23 * 36 and (tmp_path / "mitdb/231.atr").is_file()
