"""The chapters of docs/performance.md on the speed of one run: ratios, limits of the hardware, fewer bits."""

from benchmarks.markdown import percent, ratio, table, verdict

SPEEDUPS = {
    "mlp_small": ((3, 6), (8, 20)),
    "mlp_large": ((2, 4), (4, 12)),
    "cnn": ((1.5, 3), (2.5, 5)),
    "resnet18": ((1.2, 2), (1.3, 2)),
    "pixel_mlp": ((5, 12), (8, 15)),
}
"""(floor, aim) of the ratio to the plain program, of training and of the sweep."""
SGEMM_FLOOR, SGEMM_AIM = 0.6, 0.8
"""Floor and aim of the share of a clean step of mlp_large that its matrix products would take alone."""
PARTS_OF_A_STEP = ("step_ms", "sgemm_ms", "done_ms", "noise_ms", "optimizer_ms", "batch_ms", "rest_ms")
NOISE_SHARE = 0.15
PRODUCTS_SHARE = 0.85
"""The least share of a clean step of cnn and resnet18."""
ALL_IMAGES = 60_000
BATCH = 128
WORDS = {"train": "training of", "sweep": "the sweep of"}
PASSES = {"pixel_mlp": 1}
"""Passes over the test images in a sweep: 5 draws at each of 6 strengths and one without noise, unless stated here."""
PRECISIONS = {
    "training bf16": "training",
    "all bf16": "training and sweep",
    "products bf16": "products of fp32 tensors alone",
}


def _limit(row: dict, limits: dict[str, dict]) -> float:
    """How many times faster than the plain program its matrix products alone would be."""
    products = limits[row["case"]]
    step_s = 1e-3 * min(products["sgemm_ms"], products["done_ms"])
    seconds = {
        "train": row["train_samples"] / BATCH * step_s,
        "sweep": PASSES.get(row["case"], 31) * products["pass_s"],
    }
    return row["plain_s"] / seconds[row["part"]]


def against_plain(section: dict, hardware: dict) -> str:
    """Ratios to the plain program, with limits and aims."""
    rows = {(row["case"], row["part"]): row for row in section["rows"]}
    limits = {row["architecture"]: row for row in hardware["rows"]}
    lines, floors, missed, beyond = [], [], [], []
    for case, targets in SPEEDUPS.items():
        images = rows[case, "train"]["train_samples"]
        cells = [case + ("" if images == ALL_IMAGES else f", {images:,} images")]
        for part, (floor, aim) in zip(("train", "sweep"), targets, strict=True):
            row = rows[case, part]
            limit = _limit(row, limits)
            cells += [ratio(row), f"{limit:.1f}", f"{floor:g} ({aim:g})"]
            name = f"{WORDS[part]} {case}"
            if row["ratio"] < floor:
                floors.append(name)
            if row["ratio"] < aim:
                (missed if aim < limit else beyond).append(name)
        lines.append(cells)
    starts = ([row[name] for row in section["rows"]] for name in ("plain_before_s", "ours_before_s"))
    plain, ours = (f"{min(seconds):.1f} to {max(seconds):.1f} s" for seconds in starts)
    return f"""
The plain program does the same work with a DataLoader, image by image, and with default Adam. It adds and subtracts
the noise, and reads the loader again for every noise draw. One epoch and one sweep of a noisy run (pixel_mlp: of a run
with corrupted pixels), one core, fp32, full MNIST unless the row says otherwise. Start-up (process, imports, data) is
excluded: {plain} for the plain program, for each run, and {ours} here, once for a campaign.

{table(("times as fast", "training", "limit", "floor (aim)", "sweep", "limit", "floor (aim)"), lines)}

Limit: the ratio of a program that does nothing but the matrix products, as sgemm or as this project computes them,
whichever is faster (next table, measured at another hour).

Floors missed: {", ".join(floors) or "none"}. Aims missed that lie above the limit, out of reach in fp32:
{", ".join(beyond) or "none"}. Other aims missed: {", ".join(missed) or "none"}; the next table says where the time of a
step goes.
"""


def against_hardware(section: dict) -> str:
    """A step and its parts."""
    lines = []
    for row in section["rows"]:
        values = {name: f"{row[name]:.1f}" for name in PARTS_OF_A_STEP}
        values["sgemm_ms"] += f" ({percent(row['sgemm_share'])})"
        values["noise_ms"] += f" ({percent(row['noise_share'])})"
        lines.append([f"{row['architecture']}, {row['regime']}", *values.values()])
    rows = {(row["architecture"], row["regime"]): row for row in section["rows"]}
    noise = {arch: row["noise_share"] for (arch, regime), row in rows.items() if regime == "noisy"}
    verdicts = [f"{verdict(share <= NOISE_SHARE)} for {arch} ({percent(share)})" for arch, share in noise.items()]
    shares = {arch: rows[arch, "clean"]["sgemm_share"] for arch in ("cnn", "resnet18")}
    reached = [f"{verdict(share >= PRODUCTS_SHARE)} for {arch} ({percent(share)})" for arch, share in shares.items()]
    profiles = [_operations(rows[arch, "clean"]) for arch in shares]
    done = [f"{percent(rows[arch, 'clean']['done_ms'] / rows[arch, 'clean']['step_ms'])} for {arch}" for arch in shares]
    return f"""
A step of 128 images in ms of CPU time: the time that the products of all layers would take alone as sgemm, and the
parts of the step. Products as done: a repeated channel is multiplied once, and weights on the padding of images of one
to four pixels not at all, so that a step can be shorter than its products as sgemm. The last column is activations,
pooling, autograd and Python.

{table(("step", "whole", "sgemm alone", "products as done", "noise", "optimizer", "batch", "rest"), lines)}

Clean training of mlp_large runs at {percent(rows["mlp_large", "clean"]["sgemm_share"])} of the speed of sgemm alone
(floor {percent(SGEMM_FLOOR)}, aim {percent(SGEMM_AIM)}). The aim of {percent(PRODUCTS_SHARE)} for a clean step of
convolutional networks: {", ".join(reached)}; products as done: {", ".join(done)}. The operations that take most
of a clean step, by PyTorch's profiler: {"; ".join(profiles)}.

The target for noise was at most {percent(NOISE_SHARE)} of a noisy step: {", ".join(verdicts)}. The time goes to random
bits and Box–Muller for every weight, and to memory: W is read for its standard deviation and again for the sum, and
W + ε is written.
"""


def _operations(row: dict) -> str:
    """The largest operations of a step, by the profiler."""
    shares = ", ".join(f"`{name}` {percent(share)}" for name, share in row["operations"].items() if share >= 0.01)
    return f"{row['architecture']} {shares}"


def fewer_bits(section: dict) -> str:
    """What bf16 gains, and what it does to accuracy and drop."""
    lines, excluded = [], 0
    for row in section["rows"]:
        cells = [f"{row['architecture']}, {PRECISIONS[row['precision']]}"]
        cells += [f"{row[name]:.2f}" for name in ("train_ratio", "sweep_ratio")]
        for name in ("acc_0", "drop_at_01", "drop_at_0.5"):
            mean, low, high = (100 * row[name][key] for key in ("mean_difference", "low", "high"))
            cells.append(f"{mean:+.2f} ({low:+.2f} to {high:+.2f})")
            excluded += not low <= 0 <= high
        lines.append(cells)
    machine = section["machine"]
    images, tested = section.get("train_samples"), section.get("test_samples")
    data = "Full MNIST" if images is None else f"{images:,} images of MNIST"
    data += "" if tested is None else f", {tested:,} for testing"
    side_by_side = section.get("workers", 1)
    times = "one run at a time" if side_by_side == 1 else f"{side_by_side} runs side by side, each on its own core"
    return f"""
{data}, noisy, α_train = {section["alpha_train"]:g}, {section["epochs"]} epochs, {section["seeds"]} seeds, against fp32
seed by seed, {times}, on a machine with {machine["cores"]} cores ({machine["cpu_model"]}, {machine["cpu_capability"]})
and torch {machine["torch"]}; differences in percentage points with 95 % intervals.

{table(("in bf16", "training, times as fast", "sweep", "accuracy", "drop at 0.1", "drop at 0.5"), lines)}

Intervals that exclude zero: {excluded or "none"}. {section["seeds"]} seeds cannot show a difference much smaller than
these intervals.{_products(section)}
"""


def _products(section: dict) -> str:
    """What follows for oneDNN's products of float32 tensors in bf16, where they were measured."""
    gains = {(row["architecture"], row["precision"]): row["train_ratio"] for row in section["rows"]}
    networks = [arch for arch, precision in gains if precision == "products bf16"]
    if not networks:
        return ""
    faster = [arch for arch in networks if gains[arch, "products bf16"] > gains[arch, "training bf16"]]
    slower = ", ".join(arch for arch in networks if arch not in faster)
    if not faster:
        return f" Products of fp32 tensors in bf16 train no faster than autocast for {slower}."
    others = f", but not for {slower}" if slower else ""
    return f" Products of fp32 tensors in bf16 train faster than autocast for {', '.join(faster)}{others}."
