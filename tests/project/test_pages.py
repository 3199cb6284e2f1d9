"""README.md and docs/ lead somewhere, are short where they should be, and give the committed numbers."""

import json
import re

import pytest

from benchmarks.page import page as performance
from campaign.analysis import questions, tables
from nnet import registry
from tests.conftest import ROOT
from tests.project.pages import PAGES, RESULTS, page
from tests.rooms import FLOORS


@pytest.mark.parametrize("path", [*PAGES, ROOT / "packages.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#]*)(#[^)]+)?\)", path.read_text()):
        file = path.parent / target if target else path
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
            assert anchor[1:] in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], anchor


def test_the_readme_is_short_and_leads_to_every_page():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    for path in PAGES[1:]:
        assert f"]({path.relative_to(ROOT)})" in text, path


def test_the_page_on_design_names_every_room_and_their_order():
    text = (ROOT / "docs/design.md").read_text()
    rooms = [path.parent for package in FLOORS for path in (ROOT / package).glob("*/__init__.py")]
    assert rooms and not [room for room in rooms if f"| `{room.relative_to(ROOT)}/` |" not in text]
    for package, floors in FLOORS.items():
        assert f"{package}: {' → '.join(map(', '.join, floors))}" in page("docs/design.md")


def test_the_page_on_tables_names_every_table():
    text = (ROOT / "docs/tables.md").read_text()
    assert all(f"`{name}.csv`" in text for name in [*tables.NAMES, *questions.table_names()])


def test_the_page_on_evaluations_names_each_of_them_and_all_their_options():
    text = (ROOT / "docs/evaluations.md").read_text()
    for name in registry.names("evaluations"):
        assert f"`{name}`" in text, name
        for option in registry.option_names("evaluations", name):
            assert f"| `{option}` |" in text, f"{name}.{option}"


def test_every_study_has_a_page():
    studies = {path.stem for path in (ROOT / "studies").glob("*.py")} - {"__init__"}
    pages = {path.stem: path.read_text() for path in (ROOT / "docs/studies").glob("*.md")}
    assert studies | {"weight_noise"} == set(pages)
    for text in pages.values():
        assert "**Question.**" in text and "run_experiments.py" in text and "## What it does not show" in text


def test_the_page_on_performance_is_generated_from_the_committed_benchmarks():
    sections = json.loads((RESULTS / "benchmarks.json").read_text())
    assert (ROOT / "docs/performance.md").read_text() == performance(sections)
    assert all(section["machine"]["git_dirty"] is False for section in sections.values())
    assert not re.search(r'[" =]/\w', (RESULTS / "benchmarks.json").read_text())  # no path of the machine
    assert sections["perturbation"]["rows"][-1]["in_parts_peak_mb"] < 2000 and sections["cluster"]["ms_per_run"] < 10


def test_the_page_on_performance_shows_every_row_of_the_benchmarks():
    sections, text = json.loads((RESULTS / "benchmarks.json").read_text()), page("docs/performance.md")
    for row in sections["throughput"]["rows"]:
        assert f"{row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f})" in text, row
    for row in sections["precision"]["rows"]:
        for name in ("acc_0", "drop_at_0.5"):
            difference = {key: 100 * value for key, value in row[name].items()}
            assert "{mean_difference:+.2f} ({low:+.2f} to {high:+.2f})".format(**difference) in text, row
    for row in sections["adversarial"]["rows"]:
        assert f"{row['ratio']:.1f} ({row['ratio_min']:.1f} to {row['ratio_max']:.1f})" in text, row
    for row in sections["srnn"]["rows"]:
        times = f"{row['ratio']:.1f} ({row['ratio_min']:.1f} to {row['ratio_max']:.1f})"
        assert (f"{row['ms']:.1f} ms" if row["network"] == "srnn" else times) in text, row
    for row in sections["perturbation"]["rows"]:
        assert f"| {row['case']} | {row['in_parts_step_s']:.2f} s, {row['in_parts_peak_mb']:.0f} MB |" in text, row
    for row in sections["controller"]["rows"]:
        assert f"{100 * row['share']:.2f} %" in text, row
    cluster = sections["cluster"]
    assert f"add {cluster['ms_per_run']:.2f} ms to a run" in text
    assert f"takes {cluster['launcher_mb']:.0f} MB, {cluster['dask_mb']:.0f} MB of them for Dask" in text
    many, overhead = sections["many_runs"], sections["overhead"]
    for name in ("status", "plan", "launch"):
        assert f"| {name} | {many[name]['first_s']:.1f} | {many[name]['again_s']:.1f} |" in text
    assert f"to do takes {many['planned']['memory_mb']:.0f} MB" in text
    for part, spent_ms in overhead["parts_ms"].items():
        assert f"{spent_ms:.1f} ms for {part}" in text


def test_pages_of_studies_without_a_committed_campaign_give_no_figures():
    committed = re.findall(r"^!/results/(.+)/$", (ROOT / ".gitignore").read_text(), re.M)  # others may lie there too
    adversarial = [f"adversarial/{name}" for name in ("ecg", "fashion_mnist", "speech_commands")]
    parents = ("adaptive", "adversarial", "pnn", "pnn/control", "analog_resnet_small", "weight_noise", "pixels")
    adaptive, analog = ([name, f"{name}/cifar10_jpeg"] for name in ("adaptive", "analog_resnet_small"))
    noise = ["weight_noise", "weight_noise/mnist", "pixels", "pixels/mnist"]
    masks = ["pnn", "pnn/control", "pnn/control/cifar10_jpeg"]
    assert committed == ["mnist", "cifar10_jpeg", *adaptive, "adversarial", *adversarial, *masks, *analog, *noise]
    campaigns = [name for name in committed if name not in parents]
    assert all((RESULTS / name / "results_summary.csv").exists() for name in campaigns)
    adversarial_pages = ("adversarial", "adversarial_ecg", "adversarial_speech")
    names = ("weight_noise", "pixels", "adaptive", "pnn_control", *adversarial_pages, "analog_resnet_small")
    given = {ROOT / f"docs/studies/{name}.md" for name in names}
    for path in {*(ROOT / "docs/studies").glob("*.md")} - given:
        assert "![" not in path.read_text() and "±" not in path.read_text(), path
