"""The model of phase-change memory beside that of IBM's Analog Hardware Acceleration Kit, on the same weights.

    python -m venv /tmp/aihwkit
    /tmp/aihwkit/bin/pip install -r requirements.txt aihwkit==1.1.0
    NNET_PLAIN=1 /tmp/aihwkit/bin/python -m benchmarks.pcm_reference --json results/benchmarks.json

Trains a network on MNIST and measures it at each time and draw, once as the evaluation `pcm` does and once with the
toolkit: its PCMLikeNoiseModel (g_max 25, t_0 25 s), one tile per layer, exact inputs and outputs, and its
GlobalDriftCompensation. Reports the accuracies, their difference with its standard error over draws, how far the
weights that are read are from those of the network, and the seconds of a measurement: one time of one draw, with its
share of programming. The toolkit is no requirement of the project: only this file imports it, from an environment of
its own.
"""

import dataclasses
import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev

import torch
from torch import nn

from benchmarks import command_line
from benchmarks.report import write_section
from nnet.data import prepared
from nnet.data.batches import Batch, Batches
from nnet.evaluations.parts.accuracy import evaluate
from nnet.perturbations.pcm import FIRST_READ, LARGEST_CONDUCTANCE, PhaseChangeMemory
from nnet.perturbations.tensors import replaced, weight_tensors
from nnet.random import streams
from nnet.record import kept
from nnet_models import TrainConfig, train_and_evaluate

TIMES = {"25 s": 25.0, "1 h": 3600.0, "1 d": 86400.0, "30 d": 2592000.0, "1 y": 31536000.0}
Reading = dict[str, tuple[float, float]]
"""Accuracy and relative error of the weights by time."""


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "pcm_reference")
    parser.add_argument("architectures", nargs="*", default=["mlp_small"], help="default mlp_small")
    parser.add_argument("--draws", type=int, default=25, help="default 25")
    parser.add_argument("--epochs", type=int, default=5, help="default 5")
    arguments = parser.parse_args()
    rows = []
    for arch in arguments.architectures:
        cfg = TrainConfig(
            dataset="mnist", arch=arch, epochs=arguments.epochs, alpha_tests=(0.0,), data_dir=arguments.data_dir
        )
        rows += compare(cfg, arguments.draws)
    if arguments.json is not None:
        content = {"dataset": "mnist", "epochs": arguments.epochs, "draws": arguments.draws, "rows": rows}
        write_section(arguments.json, "pcm_reference", content)


def compare(cfg: TrainConfig, draws: int) -> list[dict]:
    """A row per time and kind of compensation, printed at once."""
    model, batches = trained(cfg)
    measure = functools.partial(evaluate, batches=batches)
    rows = []
    for compensated in (True, False):
        ours = timed(read_here(model, measure, draws, compensated))
        theirs = timed(read_by_the_toolkit(model, measure, draws, compensated))
        for moment in TIMES:
            row = {"architecture": cfg.arch, "time": moment, "compensated": compensated, "acc_0": measure(model)[0]}
            numbers: dict[str, float] = {}
            for name, (readings, seconds) in (("here", ours), ("toolkit", theirs)):
                accuracies = [reading[moment][0] for reading in readings]
                numbers |= {f"acc_{name}": fmean(accuracies), f"std_{name}": stdev(accuracies)}
                numbers[f"error_{name}"] = fmean(reading[moment][1] for reading in readings)
                numbers[f"seconds_{name}"] = seconds
            numbers["difference"] = numbers["acc_here"] - numbers["acc_toolkit"]
            numbers["difference_se"] = math.hypot(numbers["std_here"], numbers["std_toolkit"]) / math.sqrt(draws)
            row |= numbers
            print(", ".join(f"{name} {value:.5g}" for name, value in numbers.items()), moment, flush=True)
            rows.append(row)
    return rows


def timed(readings: Iterator[Reading]) -> tuple[list[Reading], float]:
    """All of them, and the seconds of one measurement."""
    start = time.perf_counter()
    draws = list(readings)
    return draws, (time.perf_counter() - start) / (len(draws) * len(TIMES))


def trained(cfg: TrainConfig) -> tuple[nn.Module, list[Batch]]:
    """The trained network and the test images."""
    with tempfile.TemporaryDirectory() as folder:
        run = train_and_evaluate(dataclasses.replace(cfg, checkpoint_dir=folder))
        model = kept.load_model(Path(folder) / run["dataset"] / f"{run['run_id']}.pt").eval()
    images = prepared.load(cfg.dataset, cfg.image_size, cfg.data_dir)
    return model, list(Batches(cfg, images, torch.device("cpu")).test())


def read_here(model: nn.Module, measure: Callable, draws: int, compensated: bool) -> Iterator[Reading]:
    """What the evaluation `pcm` measures, draw by draw."""
    weights = weight_tensors(model)
    memory = PhaseChangeMemory(weights, None, compensated)
    for draw in range(draws):
        memory.program(streams.normals(0, "evaluation/pcm", draw))
        reading = {}
        for moment, seconds in TIMES.items():
            read = memory.read(seconds)
            error = error_of(read, weights)
            with replaced(weights, read):
                reading[moment] = measure(model)[0], error
        yield reading


def read_by_the_toolkit(model: nn.Module, measure: Callable, draws: int, compensated: bool) -> Iterator[Reading]:
    """The same by the toolkit."""
    from aihwkit.inference import GlobalDriftCompensation, PCMLikeNoiseModel
    from aihwkit.nn.conversion import convert_to_analog
    from aihwkit.simulator.configs import TorchInferenceRPUConfig
    from aihwkit.simulator.parameters import IOParameters, MappingParameter

    torch.manual_seed(0)
    config = TorchInferenceRPUConfig(
        forward=IOParameters(is_perfect=True),
        mapping=MappingParameter(max_input_size=0, max_output_size=0, digital_bias=True),
        noise_model=PCMLikeNoiseModel(g_max=LARGEST_CONDUCTANCE, t_0=FIRST_READ),
        drift_compensation=GlobalDriftCompensation() if compensated else None,
    )
    analog = convert_to_analog(model, config).eval()
    for _ in range(draws):
        analog.program_analog_weights()
        reading = {}
        for moment, seconds in TIMES.items():
            analog.drift_analog_weights(seconds - FIRST_READ)
            tiles = list(analog.analog_tiles())
            factors = [float(tile.alpha) if compensated else 1.0 for tile in tiles]
            read = [
                factor * torch.as_tensor(tile.get_weights()[0]) for factor, tile in zip(factors, tiles, strict=True)
            ]
            reading[moment] = measure(analog)[0], error_of(read, weight_tensors(model))
        yield reading


def error_of(read: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> float:
    """‖read − W‖/‖W‖ of all weights together."""
    pairs = [(new.flatten(), old.detach().flatten()) for new, old in zip(read, weights, strict=True)]
    difference = torch.cat([new - old for new, old in pairs]).norm()
    return float(difference / torch.cat([old for _, old in pairs]).norm())


if __name__ == "__main__":
    main()
