"""Every reader of files that may be damaged or foreign, for the tests that give it such files and for the fuzzer.

A reader takes the path of a file, reads it, and uses what it read as the program does. It may raise only what it
promises: one sentence.
"""

import contextlib
import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from campaign.analysis import tables
from campaign.engines.cluster import options
from campaign.planning import costs
from campaign.planning.pace import Planned
from campaign.store import campaign_file, index, run_file
from campaign.store.claims import Claims
from campaign.store.folder import Store
from nnet.architectures.base import build_model
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import npz, prepared
from nnet.data.validation import validated
from nnet.evaluations.parts import points
from nnet.files import checked_json, checkpoint, outside
from nnet.files.outside import Unreadable
from nnet.record import beat, initial, kept
from nnet.record.form import MEASUREMENTS
from nnet.record.unfinished import STATE
from tests.campaign.stub import run_of
from tests.conftest import blobs
from tests.faults.damage import changed, checked, damaged

PROMISED = (Unreadable, ConfigError)
CONFIG = TrainConfig(dataset="digits", arch="mlp_small", alpha_tests=(0, 0.1), noise_samples=2)


@dataclass(frozen=True)
class Reader:
    """A reader, a sound file for it as bytes, and whether that file is JSON with a check sum."""

    read: Callable[[Path], object]
    sound: bytes
    json: bool = False
    name: str = "file"


def _run(path: Path) -> None:
    run = run_file.read(path)
    points.complete(run), run_file.seconds(run), run_file.points(run)
    tables.build([run, points.stored(run_of(replace(CONFIG, seed=7, batch_size=32)))])


def _unfinished(path: Path) -> None:
    state = checked_json.load(path, {"identity": dict, "measurements": MEASUREMENTS})
    points.joined(state["measurements"], state["measurements"])


def _beat(path: Path) -> None:
    said = beat.read(path)
    if said is not None:
        planned = Planned(1.0, 2.0, epochs=2, points=3)
        assert 0 <= planned.done_s(said) <= 3 and planned.lately(said)[1] >= 0


def _deaths(path: Path) -> None:
    (path.parent / "deaths").mkdir(exist_ok=True)
    path.replace(path.parent / "deaths/a.json")
    assert 1 <= Store(path.parent).died("a") <= 2**63


def _claim(path: Path) -> None:
    claims = Claims(path.parent / "claims")
    claims.folder.mkdir(exist_ok=True)
    path.replace(claims.folder / "a.json")
    assert claims.holder("a") is None or claims.claim("a") is not None


def _failure(path: Path) -> None:
    store = Store(path.parent)
    store.failure_file("a").parent.mkdir(exist_ok=True)
    path.replace(store.failure_file("a"))
    store.failure("a"), store.tries("a")


@contextlib.contextmanager
def _cached_as(path: Path, place: Callable[[], Path]) -> Iterator[None]:
    """Within the `with` block the file lies in the place that the cache folder has for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNET_CACHE_DIR", str(path.parent / "cache"))
        place().parent.mkdir(parents=True, exist_ok=True)
        path.replace(place())
        yield


def _costs(path: Path) -> None:
    with _cached_as(path, lambda: costs.path(1)):
        known = costs._remembered(1)
        known.seconds(CONFIG), known.memory_mb(CONFIG), known.weights_mb(CONFIG)


def _index(path: Path) -> None:
    with _cached_as(path, lambda: index.cache_file(path.parent / "runs", "index")):
        (path.parent / "runs").mkdir(exist_ok=True)
        assert index.Index(path.parent / "runs").all() == {}


def _npz(path: Path) -> None:
    validated(npz.read(path), "pets")


def _cached(path: Path) -> None:
    with np.errstate(all="ignore"):
        prepared._array(path.parent, path.stem)


def _weights(path: Path) -> None:
    initial.read(str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def _summed(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """The reader of a checkpoint, given one with a check sum that is right: else no damage comes further."""

    def with_sum(path: Path) -> object:
        archive = path.read_bytes()
        path.write_bytes(archive + checkpoint.LABEL + hashlib.sha256(archive).hexdigest().encode())
        return read(path)

    return with_sum


def _saved(state: dict) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _npz_file() -> bytes:
    buffer = io.BytesIO()
    x, y = blobs(12)
    np.savez_compressed(buffer, x_train=x, y_train=y, x_test=x, y_test=y)
    return buffer.getvalue()


def _npy_file() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, blobs(12)[0])
    return buffer.getvalue()


def _without_sum(state: dict) -> bytes:
    return bytes(checkpoint.pack(state))[: -checkpoint.COMMENT_LENGTH]


def readers() -> dict[str, Reader]:
    """All readers by name."""
    from safetensors.torch import save

    run = json.loads(json.dumps(points.stored(run_of(CONFIG))))
    model = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(2)}
    trained = {name: value for name, value in run.items() if name not in ("asked", "measurements")}
    network = build_model("mlp_small", "relu", (1, 4, 4), 3).state_dict()
    weights = {"run": trained, "network": {"image_shape": [1, 4, 4], "num_classes": 3}, "model": dict(network)}
    state = {"identity": {}, "model": model, "regime": {}, "history": [], "seconds": 1.0}
    shown = {"runs": ["a"], "reference": {"p": 0}, "seconds": {"a": 1.5}, "spent": {}}
    prepared_data = {"num_classes": 2, "mean": [0.5], "std": [0.1], "sha256": "0"}
    claim = {"host": "node", "boot": "1-2", "pid": 4, "started": "5", "since": 1e9}
    failure = f"run {CONFIG.run_id}\ntried 2 time(s)\nOSError: full\n\n{{}}\n\nTraceback".encode()
    cost = dict.fromkeys([name for name in costs.COST if isinstance(name, str)], 1.5) | {
        "evaluations_s": {"layers": 1.0}
    }
    known = {"shared_mb": 100.0, "machine": {"cores": 2}, "kinds": {costs.kind_of(CONFIG): cost}}
    outlines = {"form": 1, "shapes": ["{}"], "runs": {CONFIG.run_id: f"1 2 3 4 0 1.5 {'a' * 64} {'b' * 64}"}}
    toml = b'[slurm]\nmemory = "4GB"\ncores = 4\nsetup = ["module load python"]\n'
    return {
        "run": Reader(_run, checked(run), True, f"{CONFIG.run_id}.json"),
        "points": Reader(_unfinished, checked({"identity": {}, "measurements": run["measurements"]}), True),
        "campaign": Reader(lambda path: campaign_file.read(path.parent), checked(shown), True, "campaign.json"),
        "deaths": Reader(_deaths, checked({"deaths": 1, "progress": []}), True),
        "about": Reader(lambda path: checked_json.load(path, prepared.ABOUT), checked(prepared_data), True),
        "beat": Reader(_beat, json.dumps({"epochs": 1, "points": 0, "new": 1, "seconds": 2.5}).encode()),
        "claim": Reader(_claim, json.dumps(claim).encode()),
        "failure": Reader(_failure, failure),
        "costs": Reader(_costs, checked(known), True),
        "index": Reader(_index, checked(outlines), True),
        "scheduler": Reader(
            lambda path: outside.json_value(str(path), {"address": str}), b'{"address": "tls://host:1"}'
        ),
        "npz": Reader(_npz, _npz_file(), name="pets.npz"),
        "npy": Reader(_cached, _npy_file(), name="x_train.npy"),
        "toml": Reader(lambda path: options.options("slurm", {}, str(path)), toml),
        "initial": Reader(_weights, _saved(model), name="weights.pt"),
        "safetensors": Reader(_weights, save(model), name="weights.safetensors"),
        "kept": Reader(_summed(kept.load_model), _without_sum(weights)),
        "partial": Reader(_summed(lambda path: checkpoint.load(path, STATE)), _without_sum(state)),
    }


def give(reader: Reader, content: bytes, folder: Path) -> None:
    """Let a reader read this content. Raises what it does not promise."""
    path = folder / reader.name
    path.write_bytes(content)
    try:
        reader.read(path)
    except PROMISED as error:
        assert "\n" not in str(error), str(error)


def variant(reader: Reader, chance: random.Random) -> bytes:
    """A file for this reader with some damage or, half of the JSON files, another content and a right check sum."""
    if reader.json and chance.random() < 0.7:
        content = json.loads(reader.sound)
        for _ in range(chance.choice((1, 1, 2))):
            content = changed(content, chance)
        return checked(content)
    return damaged(reader.sound, chance)
