"""The text of docs/performance.md, from the sections of results/benchmarks.json.

Every measured number comes from the sections. The constants below are targets that were set before measuring.
"""

from benchmarks import first_time, gpu_chapter, srnn_chapter, threads
from benchmarks.markdown import percent, ratio, table, verdict, wrapped
from benchmarks.speed_chapters import against_hardware, against_plain, fewer_bits
from campaign.running import tables

CONTROLLER_SHARE = 0.03
BETA_STEPS = 14
DASK_MS = 10
MASKS_MB = 2000
LAUNCHER_MS, LAUNCHER_MB = 3, 300
NOT_TAKEN = """
`precision` has no value for such products: convolutional networks, which gain least from them, take most of the time of
a campaign.
"""
ORDERS = ("bound_s", "longest_first_s", "any_order_s")


def page(sections: dict[str, dict]) -> str:
    """The whole page, in Markdown."""
    machine = sections["throughput"]["machine"]
    chapters = {
        "Against the plain program": against_plain(sections["throughput"], sections["limit"]),
        "Against the hardware": against_hardware(sections["limit"]),
        "Fewer bits": "".join(fewer_bits(sections[name]) for name in sections if name.startswith("precision"))
        + NOT_TAKEN,
        "Memory and start": _memory(sections["memory"]),
        "Many workers": _scaling(sections["scaling"]),
        "Several threads": threads.chapter(sections["threads"]),
        "The first time": first_time.chapter(sections["first_time"]),
        "Many runs": _overhead(sections["overhead"]) + _many_runs(sections["many_runs"]),
        "Dask": _cluster(sections["cluster"]),
        "The controller of adaptive noise": _controller(sections["controller"]),
        "Adversaries in weight space": _adversarial(sections["adversarial"]),
        "Spiking networks": srnn_chapter.chapter(sections["srnn"]),
        "Masks of noise": _perturbation(sections["perturbation"]),
        "Planned and actual time": _planning(sections),
        "On a GPU": gpu_chapter.chapter(sections["gpu"]),
        "Where the numbers come from": _sources(sections),
    }
    head = f"""# Performance

This page is generated: `python -m benchmarks.report` writes it from `results/benchmarks.json`. Do not edit it.

Unless a chapter says otherwise, numbers were measured on {machine["cores"]} cores of a virtual machine
({machine["cpu_model"]}, {machine["cpu_capability"]}). It shared its processor with other machines, and its speed
changed from hour to hour: compare numbers within a row. Ratios with a range in brackets are medians of several rounds.
"""
    text = head + "".join(f"\n## {title}\n\n{chapter}" for title, chapter in chapters.items())
    return "\n\n".join(map(wrapped, text.rstrip().split("\n\n"))) + "\n"


def _memory(section: dict) -> str:
    lines = [
        [
            str(row["workers"]),
            *(f"{row[when]['uss_mb']:.0f}" for when in ("before", "started", "training")),
            f"{row['training']['all_mb'] / 1024:.1f}",
            f"{row['cpu_s']:.1f}",
        ]
        for row in section["rows"]
    ]
    head = ("workers", "before its run", "after its first step", "in training", "all workers, GB")
    return f"""
Unshared memory of a worker in MB: noisy runs of mlp_small on MNIST, paused before and after their first step. All
workers share one copy of the data.

{table((*head, "CPU seconds until the last one trains"), lines)}
"""


def _scaling(section: dict) -> str:
    workers, alone, model = section["workers"], section["alone"], section["model"]
    second = ", ".join(f"{gain:.2f} ({name})" for name, gain in section["threads"].items())
    gain = f"{workers['gain']:.2f} ({workers['gain_min']:.2f} to {workers['gain_max']:.2f})"
    bound, first, any_order = (f"{model[name] / 60:.0f} minutes" for name in ORDERS)
    return f"""
Two workers finish {gain} times as many runs per hour as one. Two processes of sgemm alone do {alone["sgemm"]:.2f} times
the work of one on this machine, two that copy memory {alone["copy"]:.2f} times. With two threads instead of
one, the speed of a run changes by these factors: {second}. A campaign with fewer runs than cores measures this
and [chooses threads](planning.md#threads).

A model of 80 cores: {model["runs"]} runs of all five networks on full MNIST take {model["core_s"] / 3600:.1f} core
hours, and no less than {bound}. They take {first} with the longest runs first, and {any_order} on average in any
order. If no cache held them, weights, gradients and moments would move {model["weights_gb_s"]:.0f} GB/s, of some
{model["given_gb_s"]} GB/s that such a machine has.
"""


def _overhead(section: dict) -> str:
    cpu_ms, parts = section["cpu_ms_per_run"], section["parts_ms"]
    spent = ", ".join(f"{ms:.1f} ms for {part}" for part, ms in sorted(parts.items(), key=lambda item: -item[1]))
    return f"""
A campaign adds {section["ms_per_run"]:.1f} ms to a run ({section["runs"]:,} runs that do nothing on
{section["workers"]} workers). The launcher takes {cpu_ms:.1f} ms of CPU time for a run, {section["first_cpu_ms"]:.1f}
for one of the first and {section["last_cpu_ms"]:.1f} for one of the last (aim: {LAUNCHER_MS},
{verdict(cpu_ms < LAUNCHER_MS)}): {spent}, and {cpu_ms - sum(parts.values()):.1f} ms for the rest.
"""


def _many_runs(section: dict) -> str:
    columns = ("first_s", "again_s", "empty_s")
    lines = [(name, *(f"{section[name][column]:.1f}" for column in columns)) for name in ("status", "plan", "launch")]
    new, planned, longest_s = section["new"], section["planned"], max(section["interrupted_s"].values())
    return f"""
CPU seconds of a command for a folder with {section["runs"]:,} finished runs, the first time and when it is repeated.
Last column: a folder with four runs, plus the time that the list of {section["runs"]:,} takes.

{table(("command", "first", "repeated", "four runs"), lines)}

After one more run the tables take {new["seconds"]:.1f} s and {new["memory_mb"]:.0f} MB; while runs are under way, at
most {percent(tables.SHARE)} of the launcher's time. A launcher with {planned["runs"]:,} runs to do takes
{planned["memory_mb"]:.0f} MB (aim: {LAUNCHER_MB}, {verdict(planned["memory_mb"] < LAUNCHER_MB)}). Ctrl-C ended every
launch in at most {longest_s:.1f} s.
"""


def _cluster(section: dict) -> str:
    return f"""
A scheduler and {section["workers"]} workers on loopback add {section["ms_per_run"]:.2f} ms to a run
({section["runs"]:,} runs that do nothing; target: under {DASK_MS} ms, {verdict(section["ms_per_run"] < DASK_MS)}).
The engine alone, with a list of {section["planned"]:,} configurations, takes {section["launcher_mb"]:.0f} MB,
{section["dask_mb"]:.0f} MB of them for Dask: a run is submitted when a worker is free.
"""


def _controller(section: dict) -> str:
    lines = [
        (
            row["architecture"],
            f"{100 * row['share']:.2f} % ({100 * row['low']:.2f} to {100 * row['high']:.2f})",
            verdict(row["share"] <= CONTROLLER_SHARE),
        )
        for row in section["rows"]
    ]
    return f"""
The share of training time that the controller takes. It reads all gradients once more. In perceptrons, whose gradients
are large and whose steps are short, this takes a larger share.

{table(("network", "share", f"target: {percent(CONTROLLER_SHARE)}"), lines)}
"""


def _adversarial(section: dict) -> str:
    arms = dict.fromkeys(row["arm"] for row in section["rows"])
    rows = {(row["architecture"], row["arm"]): row for row in section["rows"]}
    networks = dict.fromkeys(row["architecture"] for row in section["rows"])
    verdicts = [f"{verdict(rows[name, 'beta']['ratio'] <= BETA_STEPS)} for {name}" for name in networks]
    return f"""
The time of a training step, in units of a clean step, with 10 steps of the adversary. The target for `beta` was at most
{BETA_STEPS} clean steps: {", ".join(verdicts)}. `fmnist_cnn` is the network of its study; mlp_small was not profiled.

{table(("", *arms), [[name, *(ratio(rows[name, arm], 1) for arm in arms)] for name in networks])}
"""


def _perturbation(section: dict) -> str:
    lines = []
    for row in section["rows"]:
        tried = "plain_step_s" in row
        whole = f"{row['plain_step_s']:.2f} s, {row['plain_peak_mb']:.0f} MB" if tried else "not tried: too large"
        lines.append((row["case"], f"{row['in_parts_step_s']:.2f} s, {row['in_parts_peak_mb']:.0f} MB", whole))
    both = [row for row in section["rows"] if "plain_step_s" in row][-1]
    slower = both["in_parts_step_s"] / both["plain_step_s"]
    return f"""
The time of a training step of `perturb_resnet18` (F filters, M masks, B random images of 3×32×32 pixels) on one core,
and the peak memory of its process, libraries included. In parts: as the program computes it. At once: with the sums of
every image, channel and mask of a layer in memory, as in the published programs.

{table(("filters, masks, images", "in parts", "at once"), lines)}

The target for the last row was under {MASKS_MB} MB: {verdict(section["rows"][-1]["in_parts_peak_mb"] < MASKS_MB)}. The
backward pass computes large sums again, so that a step with {both["case"]} takes {slower:.1f} times as long.
"""


def _planning(sections: dict[str, dict]) -> str:
    lines = []
    for name, section in sections.items():
        if name.startswith("plan: "):
            times = f"{3600 * section['wall_hours']:.0f} s", f"{section['actual_s']:.0f} s"
            longer = f"{section['actual_over_planned']:.2f}"
            lines.append((f"`{name.removeprefix('plan: ')}`", str(section["runs"]), *times, longer))
    return f"""
What `--plan` said, and how long the campaign then took. Another page compares [planned and taken hours of the
committed campaigns](planning.md#what-the-committed-campaigns-took).

{table(("campaign", "runs", "planned", "actual", "ratio"), lines)}
"""


def _sources(sections: dict[str, dict]) -> str:
    option = " --json results/benchmarks.json"
    lines = [(f"`{one['command'].replace(option, '')}`", one["machine"]["git_commit"][:8]) for one in sections.values()]
    machine = sections["throughput"]["machine"]
    return f"""
Unless a chapter says otherwise: torch {machine["torch"]}, numpy {machine["numpy"]}, Python {machine["python"]}. The
versions of each section are in `results/benchmarks.json`.

{table(("command", "commit"), lines)}
"""
