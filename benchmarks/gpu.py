"""Training and measuring on a GPU, against one core of this program and against the plain program on the same GPU.

    python -m benchmarks.gpu --json results/benchmarks.json

Each default architecture, clean and noisy, on MNIST in single precision: milliseconds per training step of 128 images,
and per sweep point on the 10,000 test images. The plain program reads its images through a DataLoader. Each part runs
once before it is timed. PyTorch also reports how often a step of this program makes the host wait for the GPU. Needs
about five minutes, a CUDA device and no network.
"""

import dataclasses
import os
import time
import warnings
from statistics import median

import torch
from torch.utils.data import DataLoader, Subset

from benchmarks import command_line, plain_programs
from benchmarks.report import write_section
from nnet_models import TrainConfig, train_and_evaluate

ARCHITECTURES = ("mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18")
REGIMES = {"clean": 0.0, "noisy": 0.05}
"""α_train of each regime."""
BATCH, STEPS, CORE_STEPS, POINTS = 128, 400, 20, 3
"""Images of a step; steps of a timed epoch on the GPU and on the core; sweep points, the one without noise included."""


def main() -> None:
    """Measure, print a line per architecture and regime, and write them where --json says."""
    parser = command_line.parser(__doc__, "gpu")
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often the GPU is timed; the median counts; default 3"
    )
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("torch finds no CUDA device here")
    command_line.restart_as_worker()
    os.environ["NNET_DATA_DIR"] = arguments.data_dir
    torch.set_num_threads(1)
    rows = []
    for arch in ARCHITECTURES:
        for regime, alpha in REGIMES.items():
            rows.append({"architecture": arch, "regime": regime, **compare(arch, regime, alpha, arguments)})
            print("{architecture:10} {regime:5} ".format(**rows[-1]), end="")
            print(
                "step {gpu_step_ms:7.2f} ms, plain {plain_step_ms:7.2f}, core {core_step_ms:8.2f}, ".format(**rows[-1]),
                end="",
            )
            print(
                "point {gpu_point_ms:7.1f} ms, plain {plain_point_ms:7.1f}, core {core_point_ms:8.1f}, ".format(
                    **rows[-1]
                ),
                end="",
            )
            print("waits in a run {waits}".format(**rows[-1]), flush=True)
    if arguments.json is not None:
        device = torch.cuda.get_device_name()
        write_section(arguments.json, "gpu", {"device": device, "rounds": arguments.rounds, "rows": rows})


def compare(arch: str, regime: str, alpha: float, arguments) -> dict:
    """One architecture and regime: milliseconds per step and per point, and how often the host waits in a run."""
    cfg = TrainConfig(
        dataset="mnist", arch=arch, regime=regime, alpha_train=alpha, epochs=1, max_train_samples=BATCH * STEPS,
        alpha_tests=(0, 0.1), noise_samples=POINTS - 1, data_dir=arguments.data_dir, use_cuda=True,
    )  # fmt: skip
    ours(dataclasses.replace(cfg, max_train_samples=BATCH * CORE_STEPS))
    on_gpu = [ours(cfg) for _ in range(arguments.rounds)]
    plain_times = plain(arch, alpha, arguments.data_dir)
    core = dataclasses.replace(cfg, use_cuda=False, max_train_samples=BATCH * CORE_STEPS)
    ours(dataclasses.replace(core, max_train_samples=BATCH, max_test_samples=BATCH))
    on_core = ours(core)
    return {
        "gpu_step_ms": median(step for step, _ in on_gpu) * 1e3,
        "gpu_point_ms": median(point for _, point in on_gpu) * 1e3,
        "plain_step_ms": plain_times[0] * 1e3, "plain_point_ms": plain_times[1] * 1e3,
        "core_step_ms": on_core[0] * 1e3, "core_point_ms": on_core[1] * 1e3,
        "waits": waits(dataclasses.replace(cfg, max_train_samples=BATCH * CORE_STEPS)),
    }  # fmt: skip


def ours(cfg: TrainConfig) -> tuple[float, float]:
    """Seconds per training step and per sweep point."""
    result = train_and_evaluate(cfg)
    steps = (cfg.max_train_samples or 0) // BATCH
    return result["train_seconds"] / steps, result["sweep_seconds"] / POINTS


def plain(arch: str, alpha: float, data_dir: str) -> tuple[float, float]:
    """Seconds per training step and per sweep point of the plain program on the GPU."""
    images, test_images = plain_programs.datasets(data_dir, 3)
    model = plain_programs.network_for_noise(arch).to("cuda")
    warm, timed = (
        DataLoader(Subset(images, range(BATCH * steps)), BATCH, shuffle=True) for steps in (5, CORE_STEPS * 5)
    )
    plain_programs.train(model, warm, 1, alpha)
    torch.cuda.synchronize()
    start = time.perf_counter()
    plain_programs.train(model, timed, 1, alpha)
    torch.cuda.synchronize()
    trained = time.perf_counter()
    plain_programs.accuracy(model, DataLoader(test_images, BATCH), 0.1)
    return (trained - start) / (CORE_STEPS * 5), time.perf_counter() - trained


def waits(cfg: TrainConfig) -> int:
    """How often the host waits for the GPU in one run, from its start to its result."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train_and_evaluate(cfg)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(warning.message) for warning in caught)


if __name__ == "__main__":
    main()
