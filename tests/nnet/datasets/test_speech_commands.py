"""Spoken words: features against a plain reference, both layouts, and what is said of wrong clips."""

import hashlib
import math
import sys

import numpy as np
import pytest

from nnet.checks import ConfigError
from nnet.datasets import speech_commands
from nnet.datasets.parts.mfcc import coefficients

WORDS = ("yes", "no", "up", "down", "left", "right")


def plain_coefficients(clip: np.ndarray) -> np.ndarray:
    """By the definitions, with sums instead of fast transforms, for the first three frames."""
    mel = lambda frequency: 1127 * math.log(1 + frequency / 700)  # noqa: E731
    edges = np.linspace(mel(125), mel(3800), 42)
    time = np.arange(480)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / 480)
    rows = []
    for frame in range(3):
        samples = clip[160 * frame : 160 * frame + 480] * window
        magnitudes = [abs((samples * np.exp(-2j * np.pi * k * time / 512)).sum()) for k in range(257)]
        energies = []
        for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
            weights = [
                max(
                    0,
                    min((mel(k * 16000 / 512) - low) / (centre - low), (high - mel(k * 16000 / 512)) / (high - centre)),
                )
                for k in range(257)
            ]
            energies.append(np.dot(weights, magnitudes))
        logs = np.log(np.array(energies) + 1e-12)
        rows.append([
            2 * sum(logs[n] * math.cos(math.pi * k * (2 * n + 1) / 80) for n in range(40)) / math.sqrt(80)
            for k in range(40)
        ])  # fmt: skip
    return np.array(rows)


def test_features_are_those_of_the_definitions():
    time = np.arange(16000) / 16000
    clip = np.float32(0.3 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.random.default_rng(0).normal(size=16000))
    features = coefficients(np.stack([clip, np.zeros_like(clip)]))
    assert features.shape == (2, 98, 40) and features.dtype == np.float32
    np.testing.assert_allclose(features[0, :3], plain_coefficients(clip), rtol=1e-4, atol=1e-4)
    assert features[1].max() == pytest.approx(0, abs=1e-3) and np.isfinite(features).all()


@pytest.fixture
def sound():
    return pytest.importorskip("soundfile")


def write(sound, folder, name, samples=16000, rate=16000, channels=1):
    path = folder / "speech_commands" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int(hashlib.sha1(name.encode()).hexdigest()[:8], 16)
    noise = np.random.default_rng(seed).uniform(-0.1, 0.1, (samples, channels))
    sound.write(str(path), noise[:, 0] if channels == 1 else noise, rate)


def is_tested(speaker):
    return int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % 10 >= 8


def small_set(sound, folder, clips=12):
    """`clips` speakers, two of them for the test, who say every word once."""
    known = [f"{number:08x}" for number in range(200)]
    tested, others = ([s for s in known if is_tested(s) == wanted] for wanted in (True, False))
    for word in (*WORDS, "_unknown_"):
        for speaker in tested[:2] + others[: clips - 2]:
            other = "bed_" if word == "_unknown_" else ""
            write(sound, folder, f"{word}/{other}{speaker}_nohash_0.flac")


def test_the_small_set_is_divided_by_speaker_and_has_no_silence(sound, tmp_path, capsys):
    small_set(sound, tmp_path)
    x_train, y_train, x_test, y_test = speech_commands.read(tmp_path)
    assert np.bincount(y_test).tolist() == [2] * 7 and np.bincount(y_train).tolist() == [10] * 7
    assert x_train.shape[1:] == x_test.shape[1:] == (98, 40)
    assert "speech_commands has no silence: unknown is class 0" in capsys.readouterr().err
    again = speech_commands.read(tmp_path)
    assert np.array_equal(x_train, again[0]) and np.array_equal(x_test, again[2])


@pytest.mark.parametrize("listed", [True, False])
def test_the_full_layout_has_silence_a_tenth_of_unknown_words_and_the_official_test_clips(sound, tmp_path, listed):
    speakers = [f"{number:08x}" for number in range(30)]
    for word in (*WORDS, "bed", "cat"):
        for speaker in speakers:
            write(sound, tmp_path, f"{word}/{speaker}_nohash_0.wav", samples=15000)
    write(sound, tmp_path, "_background_noise_/hum.wav", samples=40000)
    tested = {speaker for speaker in speakers if speech_commands.official_part(speaker) == "test"}
    if listed:
        tested = set(speakers[:5])
        lines = [f"{word}/{speaker}_nohash_0.wav" for word in (*WORDS, "bed", "cat") for speaker in sorted(tested)]
        (tmp_path / "speech_commands/testing_list.txt").write_text("\n".join(lines) + "\n")
    x_train, y_train, x_test, y_test = speech_commands.read(tmp_path)
    for labels, clips in ((y_test, len(tested)), (y_train, 30 - len(tested))):
        some = math.ceil(6 * clips / 10)
        assert np.bincount(labels).tolist() == [some, some, *[clips] * 6]
    assert len(tested) > 0 and np.isfinite(x_train).all() and np.isfinite(x_test).all()


WRONG = {
    "left/00000000_nohash_1.flac": (
        dict(samples=16001),
        "has 16001 samples; clips must have 1 to 16000, at most a second",
    ),
    "left/00000000_nohash_2.flac": (
        dict(rate=8000),
        r"has 1 channel\(s\) at 8000 Hz; clips must have one channel at 16000",
    ),
    "left/00000000_nohash_3.flac": (dict(channels=2), r"has 2 channel\(s\) at 16000 Hz"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_clips_are_one_sentence(sound, tmp_path, name):
    small_set(sound, tmp_path, clips=3)
    write(sound, tmp_path, name, **WRONG[name][0])
    with pytest.raises(ConfigError, match=WRONG[name][1]):
        speech_commands.read(tmp_path)


def test_damaged_clips_and_missing_words_are_one_sentence(sound, tmp_path):
    with pytest.raises(ConfigError, match="there are no clips in the folder 'yes'; unpack .*speech_commands_v0.02"):
        speech_commands.read(tmp_path)
    small_set(sound, tmp_path, clips=3)
    path = next((tmp_path / "speech_commands/up").glob("*.flac"))
    path.write_bytes(b"no sound")
    with pytest.raises(ConfigError, match=f"up/{path.name} cannot be read"):
        speech_commands.read(tmp_path)


def test_a_missing_library_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ConfigError, match="speech_commands needs the package soundfile: pip install -r"):
        speech_commands.read(tmp_path)
