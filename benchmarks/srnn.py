"""A training step and an evaluation of srnn, against a plain loop and against libraries of spiking networks.

    python -m benchmarks.srnn --json results/benchmarks.json

On one core, in turn, in processor time. The libraries take part where they are installed (`pip install snntorch norse`,
which the project does not need). Their networks have the same sizes: norse's LSNNRecurrent has adaptive units like
ours, without a refractory step; snntorch's RLeaky has units without adaptation, which is less work.
"""

import importlib
import os
import time
from collections.abc import Callable
from importlib import metadata
from statistics import median

import torch
from torch import nn
from torch.nn import functional

from benchmarks import command_line
from benchmarks.report import write_section
from nnet.optimizers import OPTIMIZERS
from nnet.training.loss import loss_of
from nnet_models import build_model

SHAPES = {"ecg": ((100, 2), 4), "speech_commands": ((98, 40), 8)}
UNITS = 256
SNNTORCH, NORSE = "snntorch", "norse.torch"


class _OfLibrary(nn.Module):
    """Spikes of a library's recurrent layer, read out by their mean over time."""

    def __init__(self, layer: nn.Module, classes: int):
        super().__init__()
        self.layer, self.readout = layer, nn.Linear(UNITS, classes)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """B×T×C to logits."""
        return self.readout(self.layer(sequences.transpose(0, 1)))


class _SnnTorch(nn.Module):
    def __init__(self, library, channels: int):
        super().__init__()
        self.weights = nn.Linear(channels, UNITS)
        self.units = library.RLeaky(beta=0.95, linear_features=UNITS)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        spikes, potential = self.units.init_rleaky()
        total = 0
        for current in self.weights(sequences):
            spikes, potential = self.units(current, spikes, potential)
            total = total + spikes
        return total / len(sequences)


class _Norse(nn.Module):
    def __init__(self, library, channels: int):
        super().__init__()
        self.units = library.LSNNRecurrent(channels, UNITS)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        return self.units(sequences)[0].mean(0)


def networks(shape: tuple[int, int], classes: int) -> dict[str, nn.Module]:
    """The networks by name: srnn, srnn with the plain loop, and those of the installed libraries."""
    made = {name: build_model("srnn", image_shape=shape, num_classes=classes) for name in ("srnn", "plain loop")}
    for name, layer in ((SNNTORCH, _SnnTorch), (NORSE, _Norse)):
        try:
            library = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed: left out")
            continue
        made[name.partition(".")[0]] = _OfLibrary(layer(library, shape[1]), classes)
    return made


def seconds(name: str, work: Callable[[], object]) -> float:
    """Processor time of this work; the plain loop is chosen by the environment variable."""
    os.environ["NNET_PLAIN"] = "1" if name == "plain loop" else ""
    start = time.process_time()
    work()
    return time.process_time() - start


def compared(shape: tuple[int, int], classes: int, batch: int, rounds: int) -> list[dict]:
    """Rows of the median time of a step and of an evaluation of one batch, in ms and relative to srnn."""
    torch.manual_seed(0)
    x, y = torch.randn(batch, *shape), torch.randint(classes, (batch,))
    times: dict[tuple[str, str], list[float]] = {}
    models = networks(shape, classes)
    optimizers = {name: OPTIMIZERS["adam"].build(model.parameters(), lr=1e-3) for name, model in models.items()}
    for _ in range(rounds + 1):  # the first round compiles
        for name, model in models.items():
            model.train()
            step = seconds(name, lambda: _step(model, optimizers[name], x, y))  # noqa: B023
            model.eval()
            with torch.inference_mode():
                sweep = seconds(name, lambda: functional.cross_entropy(model(x), y))  # noqa: B023
            times.setdefault((name, "step"), []).append(step)
            times.setdefault((name, "evaluation"), []).append(sweep)
    rows = []
    for (name, what), values in times.items():
        ratios = [value / own for value, own in zip(values[1:], times["srnn", what][1:], strict=True)]
        row = {"network": name, "what": what, "ms": 1e3 * median(values[1:]), "ratio": median(ratios)}
        rows.append(row | {"ratio_min": min(ratios), "ratio_max": max(ratios)})
    return rows


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss_of(model, model(x), y).backward()
    optimizer.step()


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "srnn")
    parser.add_argument("--rounds", type=int, default=9, help="default 9")
    parser.add_argument("--batch", type=int, default=100, help="sequences per batch; default 100")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    torch.set_num_threads(1)
    rows = []
    for dataset, (shape, classes) in SHAPES.items():
        rows += [{"dataset": dataset} | row for row in compared(shape, classes, arguments.batch, arguments.rounds)]
    for row in rows:
        print(
            "{dataset:16} {network:11} {what:11} {ms:8.1f} ms {ratio:7.2f} ({ratio_min:.2f} to {ratio_max:.2f})".format(
                **row
            )
        )
    if arguments.json is not None:
        packages = {name.partition(".")[0] for name in (SNNTORCH, NORSE)} & {row["network"] for row in rows}
        versions = {name: metadata.version(name) for name in sorted(packages)}
        about = {"rounds": arguments.rounds, "batch": arguments.batch, "versions": versions}
        write_section(arguments.json, "srnn", about | {"rows": rows})


if __name__ == "__main__":
    main()
