"""Time and memory of a perturbation layer whose sums of inputs and masks are never in memory at once.

    python -m benchmarks.perturbation --json results/benchmarks.json

One training step of `perturb_resnet18` on random images of 3×32×32 pixels, once as it is and once with all sums of a
layer in memory, as the published program has them. Each in a process of its own, on one core: seconds of the
quickest step, and the most memory that the process took, of which the libraries alone take some 700 MB.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from benchmarks import command_line
from benchmarks.report import write_section
from campaign.engines.workers.environment import KEEP_FREED_MEMORY


@dataclass(frozen=True)
class Case:
    """A network and a batch."""

    options: dict
    images: int
    steps: int
    plain_fits: bool = True
    """Whether a machine has the memory for all sums of the network."""


MASKED = {"first_filter_size": 3, "mix_maps": True}
CASES = {
    "F = 16, M = 8, B = 128": Case(MASKED | {"nfilters": 16, "nmasks": 8}, 128, 4),
    "F = 128, M = 64, B = 4": Case(MASKED | {"nfilters": 128, "nmasks": 64}, 4, 2),
    "F = 128, M = 64, B = 16": Case(MASKED | {"nfilters": 128, "nmasks": 64}, 16, 1, plain_fits=False),
}
ONE_STEP = """
import json, resource, sys, time
import torch
from torch.nn import functional
from nnet.architectures.parts import masks
from nnet_models import build_model

case = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.set_flush_denormal(True)
if case["plain"]:
    masks.MOST_NUMBERS = 2**62
model = build_model("perturb_resnet18", image_shape=(3, 32, 32), **case["options"])
optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, nesterov=True)
images, labels = torch.rand(case["images"], 3, 32, 32), torch.arange(case["images"]) % 10
seconds = []
for _ in range(case["steps"]):
    start = time.perf_counter()
    optimizer.zero_grad()
    functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
    seconds.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"step_s": min(seconds), "peak_mb": peak}))
"""


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "perturbation")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="default: all of them")
    arguments = command_line.parsed_on_one_core(parser)
    rows = []
    for name in arguments.only:
        row = {"case": name}
        for kind in ("plain", "in_parts") if CASES[name].plain_fits else ("in_parts",):
            found = measured(CASES[name], kind == "plain")
            print(f"{name:24} {kind:8} {found['step_s']:6.2f} s {found['peak_mb']:6.0f} MB", flush=True)
            row |= {f"{kind}_{key}": value for key, value in found.items()}
        rows.append(row)
    if arguments.json is not None:
        write_section(arguments.json, "perturbation", {"rows": rows})


def measured(case: Case, plain: bool) -> dict:
    """Seconds of a step and the most memory of its process, in MB."""
    told = json.dumps({"options": case.options, "images": case.images, "steps": case.steps, "plain": plain})
    environment = os.environ | KEEP_FREED_MEMORY
    done = subprocess.run(
        [sys.executable, "-c", ONE_STEP, told], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
