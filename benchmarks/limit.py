"""How near the limit of the hardware a training step is, and where the rest of it goes.

    python -m benchmarks.limit --json results/benchmarks.json

The work that the layers cannot do without is their products: forward, gradient of the weights, gradient of the inputs
(the first layer needs none). Each is timed alone as a matrix product of the same shape: by `torch.mm`, which is the
sgemm of PyTorch's BLAS, and by the library that this project uses. A convolution counts as the product that im2col
makes of it. A repeated channel counts three times in sgemm's time and once in that of the products as they are done.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from statistics import median

import torch
from torch import nn

import nnet_models
from benchmarks import command_line
from benchmarks.report import write_section
from nnet.architectures.parts.fast import ONEDNN, ImageLinear
from nnet.regimes.base import Regime
from nnet_models import TrainConfig

ARCHITECTURES = ("mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18")
WARM_UP_STEPS, STEPS, REPEATS = 3, 40, 7
BATCH = 128


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "limit")
    parser.add_argument("architectures", nargs="*", default=ARCHITECTURES, help="default: all five")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    torch.set_num_threads(1)
    rows = []
    for arch in arguments.architectures:
        for regime in ("clean", "noisy"):
            rows.append(measure(arch, regime, arguments.data_dir))
            print_row(rows[-1])
    if arguments.json is not None:
        write_section(arguments.json, "limit", {"steps": STEPS, "rows": rows})


def measure(arch: str, regime: str, data_dir: str) -> dict:
    """Milliseconds of a step and of its parts, means over the steps."""
    cfg = TrainConfig(dataset="mnist", arch=arch, regime=regime, alpha_train=0.2, batch_size=BATCH, data_dir=data_dir)
    parts = {name: [] for name in ("batch", "step", "noise", "optimizer")}
    run = nnet_models._set_up(cfg)
    run.regime.start_epoch(1)
    run.model.train()
    watch(run.regime, parts)
    batches = run.batches.train(1)
    for images, labels in islice(batches, WARM_UP_STEPS):
        run.regime.step(images, labels)
    for times in parts.values():
        times.clear()
    for _ in range(STEPS):
        with clock(parts["batch"]):
            images, labels = next(batches)
        with clock(parts["step"]):
            run.regime.step(images, labels)
    row = {f"{name}_ms": 1e3 * sum(times) / STEPS for name, times in parts.items()}
    row |= products(run.model, images)
    row["step_ms"] += row["batch_ms"]
    row["sgemm_share"] = row["sgemm_ms"] / row["step_ms"]
    row["noise_share"] = row["noise_ms"] / row["step_ms"]
    row["rest_ms"] = row["step_ms"] - sum(row[f"{part}_ms"] for part in ("batch", "noise", "optimizer", "done"))
    return {"architecture": arch, "regime": regime} | row


def watch(regime: Regime, parts: dict[str, list[float]]) -> None:
    """Let the optimizer and the noise of a regime write down what they take."""
    step = regime.optimizer.step

    def timed_step(*arguments):
        with clock(parts["optimizer"]):
            return step(*arguments)

    regime.optimizer.step = timed_step
    if not hasattr(regime, "noise"):
        return
    draw, applied = regime.noise.draw, regime.noise.applied

    def timed_draw(stream):
        with clock(parts["noise"]):
            draw(stream)

    @contextmanager
    def timed_applied(alpha):
        block = applied(alpha)
        with clock(parts["noise"]):
            block.__enter__()
        yield
        with clock(parts["noise"]):
            block.__exit__(None, None, None)

    regime.noise.draw, regime.noise.applied = timed_draw, timed_applied


@contextmanager
def clock(times: list[float]) -> Iterator[None]:
    """Append the seconds that the block takes."""
    start = time.perf_counter()
    yield
    times.append(time.perf_counter() - start)


def products(model: nn.Module, images: torch.Tensor) -> dict:
    """What the products of all layers take alone, one after the other, in milliseconds, and their number of FLOPs.

    `sgemm`: all of them, by `torch.mm`; `done`: as this project does them, a repeated channel once, by the library
    that it uses on this processor.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    shapes = layer_shapes(model, layers, images)
    total = {"gflop": 0.0, "sgemm_ms": 0.0, "done_ms": 0.0}
    for number, (rows, inputs, outputs) in enumerate(shapes):
        count = 2 if number == 0 else 3
        total["gflop"] += count * 2e-9 * rows * inputs * outputs
        total["sgemm_ms"] += sum(three_products(torch.mm, rows, inputs, outputs)[:count])
        if number == 0 and isinstance(layers[0], ImageLinear):
            inputs //= images.shape[1]
        total["done_ms"] += sum(three_products(onednn if ONEDNN else torch.mm, rows, inputs, outputs)[:count])
    return total


def layer_shapes(model: nn.Module, layers: list[nn.Module], images: torch.Tensor) -> list[tuple[int, int, int]]:
    """(rows, inputs, outputs) of the forward product of every layer, in the order in which they are called."""
    shapes = []

    def note(layer, arguments, output):
        places = output.shape[2:].numel() if output.dim() == 4 else 1
        shapes.append((len(output) * places, layer.weight[0].numel(), len(layer.weight)))

    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return shapes


def three_products(multiply: Callable, rows: int, inputs: int, outputs: int) -> list[float]:
    """Milliseconds of the forward product and of the gradients of the weights and of the inputs, medians."""
    x, w, g = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(rows, outputs)
    return [milliseconds(lambda: multiply(*pair)) for pair in ((x, w.t()), (g.t(), x), (g, w))]  # noqa: B023


def onednn(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The product by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")


def milliseconds(action: Callable[[], object]) -> float:
    """The median over the repeats, after one that is not counted."""
    action()
    times = []
    for _ in range(REPEATS):
        with clock(times):
            action()
    return 1e3 * median(times)


def print_row(row: dict) -> None:
    """One block of the table."""
    print("{architecture:10} {regime:5} {gflop:6.2f} GFLOP a step   step {step_ms:7.2f} ms".format(**row), end="   ")
    print("sgemm alone {sgemm_ms:7.2f} ms = {sgemm_share:4.0%} of it".format(**row))
    names = {"done_ms": "products as done", "noise_ms": "noise", "optimizer_ms": "optimizer"}
    names |= {"batch_ms": "batch", "rest_ms": "activations, pooling, autograd, Python"}
    print(
        "  " + "   ".join(f"{text} {row[name]:.2f} ({row[name] / row['step_ms']:.0%})" for name, text in names.items())
    )


if __name__ == "__main__":
    main()
