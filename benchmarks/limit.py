"""How close a training step is to the limit of the hardware, and where the rest of the time goes.

    python -m benchmarks.limit --json results/benchmarks.json

The necessary work of a layer is its matrix products: forward, gradient of the weights, gradient of the inputs (not for
the first layer). Each is timed alone as a product of the same shape: with `torch.mm`, the sgemm of PyTorch's BLAS, and
with the library that this project uses. A convolution counts as its im2col product. In the time of sgemm a repeated
channel counts three times, and a convolution onto one or four pixels counts the weights on the padding too; in that of
the products as this project computes them a repeated channel counts once, and those weights do not.
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
from nnet.architectures.parts import fast, fast_convolution
from nnet.regimes.base import Regime
from nnet_models import TrainConfig

ARCHITECTURES = ("mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18", "pixel_mlp")
CORRUPTED = {"pixel_mlp": 0.3}
"""Probability of a corrupted pixel; such a network is trained without noise on its weights."""
WARM_UP_STEPS, STEPS, REPEATS = 3, 40, 7
PROFILED_STEPS, OPERATIONS = 5, 8
BATCH = 128
TEST_IMAGES = 10_000


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "limit")
    parser.add_argument("architectures", nargs="*", default=ARCHITECTURES, help="default: all of them")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    torch.set_num_threads(1)
    rows = []
    for arch in arguments.architectures:
        for regime in ("clean",) if arch in CORRUPTED else ("clean", "noisy"):
            rows.append(measure(arch, regime, arguments.data_dir))
            print_row(rows[-1])
    if arguments.json is not None:
        write_section(arguments.json, "limit", {"steps": STEPS, "rows": rows})


def measure(arch: str, regime: str, data_dir: str) -> dict:
    """Milliseconds of CPU time of a step and of its parts, means over the steps."""
    fields = {"arch": arch, "regime": regime, "p": CORRUPTED.get(arch, 0.0), "data_dir": data_dir}
    cfg = TrainConfig(dataset="mnist", alpha_train=0.2, batch_size=BATCH, **fields)
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
    row |= products(run.model, images) | {"pass_s": forward_products(run.model, next(run.batches.test())[0])}
    row["step_ms"] += row["batch_ms"]
    row["sgemm_share"] = row["sgemm_ms"] / row["step_ms"]
    row["noise_share"] = row["noise_ms"] / row["step_ms"]
    row["rest_ms"] = row["step_ms"] - sum(row[f"{part}_ms"] for part in ("batch", "noise", "optimizer", "done"))
    row["operations"] = largest_operations(run.regime, images, labels)
    return {"architecture": arch, "regime": regime} | row


def largest_operations(regime: Regime, images: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """The operations of PyTorch that take most of the CPU time of a step, and their shares of it."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        for _ in range(PROFILED_STEPS):
            regime.step(images, labels)
    times = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in seen.key_averages()}
    largest = sorted(times, key=lambda name: -times[name])[:OPERATIONS]
    return {name: times[name] / sum(times.values()) for name in largest}


def watch(regime: Regime, parts: dict[str, list[float]]) -> None:
    """Record the times of the optimizer and of the noise of a regime."""
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
    """Append the CPU seconds of the block: other processes on the core do not count."""
    start = time.process_time()
    yield
    times.append(time.process_time() - start)


def products(model: nn.Module, images: torch.Tensor) -> dict:
    """The time of the products of all layers alone, in milliseconds, and their number of FLOPs.

    `sgemm`: with `torch.mm`; `done`: as this project computes them, with the library for this processor.
    """
    total = {"gflop": 0.0, "sgemm_ms": 0.0, "done_ms": 0.0}
    for number, (rows, inputs, outputs, parts) in enumerate(layer_shapes(model, images)):
        count = 2 if number == 0 else 3
        total["gflop"] += count * 2e-9 * rows * inputs * outputs
        total["sgemm_ms"] += sum(three_products(torch.mm, rows, inputs, outputs)[:count])
        total["done_ms"] += sum(sum(three_products(used_library(), *part, outputs)[:count]) for part in parts)
    return total


def forward_products(model: nn.Module, images: torch.Tensor) -> float:
    """Seconds of the forward products alone, as this project computes them, for all test images once."""
    parts = [(*part, outputs) for _, _, outputs, parts in layer_shapes(model, images) for part in parts]
    return 1e-3 * sum(three_products(used_library(), *part)[0] for part in parts) * TEST_IMAGES / len(images)


def layer_shapes(model: nn.Module, images: torch.Tensor) -> list[tuple[int, int, int, list[tuple[int, int]]]]:
    """(rows, inputs, outputs) of the forward product of every layer, in the order of the calls.

    And (rows, inputs) of the products that this project computes in its place.
    """
    shapes = []

    def note(layer, arguments, output):
        places = output.shape[2:].numel() if output.dim() == 4 else 1
        whole = len(output) * places, layer.weight[0].numel()
        shapes.append((*whole, len(layer.weight), parts_done(layer, arguments[0], places) or [whole]))

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return shapes


def parts_done(layer: nn.Module, inputs: torch.Tensor, places: int) -> list[tuple[int, int]]:
    """(rows, inputs) of the products that replace the one of a layer; none for most layers."""
    if isinstance(layer, fast.ImageLinear):
        return [(len(inputs), inputs[0, 0].numel() if inputs.stride(1) == 0 else inputs[0].numel())]
    if not isinstance(layer, fast_convolution.Conv2d) or places > fast_convolution.MOST_PLACES:
        return []
    sizes = zip(inputs.shape[2:], layer.kernel_size, layer.stride, layer.padding, strict=True)
    rows, columns = ([of.stop - of.start for of, _ in fast_convolution._windows(*size)] for size in sizes)
    return [(len(inputs), inputs.shape[1] * row * column) for row in rows for column in columns]


def used_library() -> Callable:
    """The product that this project uses on this processor."""
    return onednn if fast.ONEDNN else torch.mm


def three_products(multiply: Callable, rows: int, inputs: int, outputs: int) -> list[float]:
    """Milliseconds of the forward product and of the gradients of the weights and of the inputs, medians."""
    x, w, g = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(rows, outputs)
    return [milliseconds(lambda: multiply(*pair)) for pair in ((x, w.t()), (g.t(), x), (g, w))]  # noqa: B023


def onednn(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The product by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")


def milliseconds(action: Callable[[], object]) -> float:
    """The median over the repeats, after a warm-up."""
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
