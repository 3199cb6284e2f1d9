"""report.html: what is on it, that it is whole and alone, that nothing in it is obeyed, and when it is written."""

import json
import sys
import time

import pandas as pd
import pytest

import run_experiments
from campaign.analysis.pages import curves, render, report
from campaign.engines.base import Failure
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import pages, runner
from campaign.store.folder import Store
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import draw_all, runs, stored
from tests.campaign.analysis.making import result
from tests.campaign.analysis.reading_pages import Found, needs
from tests.campaign.commands.small import launch
from tests.conftest import small_run

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m &amp; \u202e'
SEEN = HOSTILE.translate({27: None, 0x202E: None})
"""Without what no font can draw."""
MARKED = "alert(1)"


def with_history(run: dict) -> dict:
    return run | {"history": [{"epoch": epoch, "train_loss": 2.0 / epoch} for epoch in (1, 2, 3)]}


def written(folder) -> Found:
    return Found(report.write(folder).read_bytes())


@pytest.fixture
def folder(tmp_path):
    stored(tmp_path / "digits", map(with_history, runs()))
    return tmp_path / "digits"


def test_a_page_has_all_questions_figures_tables_and_curves_and_needs_nothing_else(folder):
    found = written(folder)
    assert needs(found) == []
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {link["href"][1:] for link in found.of("a")} | {use["xlink:href"][1:] for use in found.of("use")}
    assert named <= set(ids)
    assert found.headings[1] == "Accuracy under weight noise" and "Training" in found.headings
    assert len(found.of("svg")) == len(found.of("figcaption")) == len(draw_all(folder)) + 1
    assert found.says("12 of 12 runs.") and found.says("Does training with noise help?")
    for name in ("results_per_run", "sweep", "results_summary", "differences"):
        head, *body = found.tables[f"{name}.csv"]
        table = pd.read_csv(folder / f"{name}.csv")
        assert head == list(table) and len(body) == len(table)
    shown = [float(row[head.index("mean_difference")]) for row in body]
    assert shown == pytest.approx(list(table["mean_difference"]), rel=1e-5)
    assert "name of the dataset" in [button.get("title") for button in found.of("button")]
    assert all(header["aria-sort"] == "none" for header in found.of("th"))


def test_a_page_of_a_campaign_under_way_loads_itself_again(folder):
    assert not [meta for meta in written(folder).of("meta") if "http-equiv" in meta]
    config = TrainConfig(seed=77)
    Store(folder).claims.take(config.run_id)
    found = written(folder)
    (refresh,) = [meta for meta in found.of("meta") if meta.get("http-equiv") == "refresh"]
    assert 0 < int(refresh["content"]) <= 300
    assert config.run_id in [row[0] for row in found.tables["runs under way"]]


def test_nothing_from_files_is_obeyed(folder):
    store = Store(folder)
    hostile = with_history(result(9, arch="cnn")) | {"provenance": {"cpu_model": HOSTILE, "command": HOSTILE}}
    store.save(hostile | {"activation": SEEN})
    store.fail(TrainConfig(seed=8), Failure("ValueError", HOSTILE, f"Traceback\n{HOSTILE}\n</pre></details>"))
    (folder / "makers.txt").write_text(HOSTILE)
    (folder / "campaign.log").write_text(f"2026-01-01 00:00:00 launch    - {HOSTILE}\n\x00\n")
    stored(folder, [])
    page = report.write(folder).read_bytes()
    found = Found(page)
    assert needs(found) == [] and len(found.of("script")) == 1
    assert b"\x1b" not in page and b"\x00" not in page and "\u202e".encode() not in page
    for heading, column in (("what made the networks", 1), ("launches", 2)):
        assert any(MARKED in row[column] for row in found.tables[heading])
    assert any(MARKED in cell for row in found.tables["results_per_run.csv"] for cell in row)
    assert "".join(found.text).count("</pre></details>") == 1


def test_failures_are_shown_with_their_tracebacks(folder):
    Store(folder).fail(TrainConfig(seed=8), Failure("ValueError", "it is odd", "Traceback, line 12\nValueError"))
    Store(folder).fail(
        TrainConfig(seed=9), Failure("ValueError", "it is long", "first " + "and so on " * 9000 + "last")
    )
    found = written(folder)
    text = "".join(found.text)
    assert 0 < text.index("ValueError: it is odd") < text.index("Traceback, line 12") < text.index('"training": {')
    assert "and so on last" in text and "first and so on" not in text
    assert found.says("12 of 14 runs, 2 failed")


def test_a_folder_whose_first_run_is_under_way_has_a_page(tmp_path):
    store = Store(tmp_path / "digits")
    config = TrainConfig()
    store.remember_campaign([config.run_id])
    store.claims.take(config.run_id)
    found = written(store.folder)
    assert found.says("0 of 1 runs, 1 pending") and found.headings[1] == "Under way"


def test_long_tables_large_drawings_and_many_runs_are_cut_and_the_page_says_so(folder, monkeypatch):
    monkeypatch.setattr(render, "MOST_SVG", 1000)
    monkeypatch.setattr(curves, "MOST_RUNS", 6)
    sweep = pd.read_csv(folder / "sweep.csv")
    pd.concat([sweep] * 100).to_csv(folder / "sweep.csv", index=False)
    found = written(folder)
    assert len(found.tables["sweep.csv"]) == 1 + render.MOST_ROWS
    assert found.says(f"The first 300 of {100 * len(sweep):,} rows; sweep.csv has all.")
    assert found.says("6 of 12 runs are drawn")
    assert found.of("svg") == [] and all(image["src"].startswith("data:image/png") for image in found.of("img"))
    assert all(image["alt"] for image in found.of("img"))


def test_the_command_writes_the_page_the_tables_and_the_figures(npz, tmp_path, capsys):
    assert launch(npz, tmp_path, "--seeds", "0") == 0
    folder = tmp_path / "results/blobs"
    (folder / "sweep.csv").unlink()
    capsys.readouterr()
    assert launch(npz, tmp_path, "--report") == 0
    assert capsys.readouterr().out == f"report: {folder / 'report.html'}\nfigures: {folder / 'figures'}\n"
    assert "--report" in (folder / "figures/accuracy.txt").read_text()
    assert {path.suffix for path in (folder / "figures").glob("accuracy.*")} == {".png", ".pdf", ".svg", ".txt"}
    assert Found((folder / "report.html").read_bytes()).says("1 of 1 runs")
    assert (folder / "sweep.csv").is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--report"], "no results in"),
        (["--report", "--plan"], "--plan does not go with --report"),
        (["--report", "--json"], "--json goes with"),
        (["--report", "--output-dir", "/proc/nowhere"], "no results in /proc/nowhere"),
    ],
)
def test_wrong_input_is_one_sentence(tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    assert run_experiments.main(words) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_damaged_tables_are_one_sentence(folder, capsys):
    (folder / "sweep.csv").write_bytes(b"\xff\xfe nothing")
    assert report.main([str(folder)]) == 2
    assert "cannot read the table" in capsys.readouterr().err


def test_a_launch_writes_its_pages_in_another_process_and_names_them(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(pages.NONE)
    before = "matplotlib" in sys.modules
    assert launch(npz, tmp_path, "--seeds", "0") == 0
    assert before or "matplotlib" not in sys.modules
    path = tmp_path / "results/blobs/report.html"
    assert f"report: {path}\n" in capsys.readouterr().out
    found, when = Found(path.read_bytes()), path.stat().st_mtime_ns
    assert found.says("1 of 1 runs") and not [meta for meta in found.of("meta") if "http-equiv" in meta]
    assert launch(npz, tmp_path, "--seeds", "0") == 0  # nothing to do
    assert path.stat().st_mtime_ns == when and f"report: {path}\n" in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_said_and_ends_no_launch(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(pages.NONE)
    (tmp_path / "results/blobs/report.html").mkdir(parents=True)
    assert launch(npz, tmp_path, "--seeds", "0") == 0
    printed = capsys.readouterr()
    assert "warning: report.html was not written" in printed.err and "report: " not in printed.out


def test_pages_are_written_while_runs_are_under_way(npz, tmp_path, monkeypatch):
    monkeypatch.delenv(pages.NONE)
    monkeypatch.setattr(pages, "FIRST_S", 0.0)
    campaign = prepare([small_run(npz)], Launch(tmp_path, "serial"))
    campaign.stores["blobs"].remember_campaign([campaign.configs[0].run_id])
    campaign.stores["blobs"].claims.take(campaign.configs[0].run_id)
    under_way = runner._Launch(campaign).tables
    path, begun = tmp_path / "blobs/report.html", time.monotonic()
    while not path.exists():
        under_way.look_around()
        assert time.monotonic() - begun < 100
        time.sleep(0.05)
    assert Found(path.read_bytes()).says("0 of 1 runs, 1 pending")
    under_way.pages.close()


def test_the_page_of_an_interrupted_launch_says_so_and_shows_no_run_under_way(npz, tmp_path, monkeypatch):
    monkeypatch.delenv(pages.NONE)
    campaign = prepare([small_run(npz)], Launch(tmp_path, "serial"))
    store, run_id = campaign.stores["blobs"], campaign.configs[0].run_id
    store.remember_campaign([run_id])
    store.claims.take(run_id)
    begun = time.monotonic()
    launch_of_it = runner._Launch(campaign)
    assert launch_of_it.stop("interrupted", 130) == 130
    assert time.monotonic() - begun < 5  # the page comes later, of a process that is left alone
    assert launch_of_it.tables.pages._left.wait(100) == 0
    found = Found((tmp_path / "blobs/report.html").read_bytes())
    assert found.says("The last launch ended early") and found.says("(interrupted)")
    assert "Under way" not in found.headings


def test_what_a_page_says_about_launches_and_machines(folder):
    (folder / "campaign.log").write_text(
        "2026-01-01 00:00:00 launch    - 12 runs\n2026-01-01 00:00:01 start     run-1\n"
        "2026-01-02 00:00:00 stop      - interrupted\n"
    )
    made = [
        with_history(run) | {"provenance": {"torch": "2.0", "libraries": {"x": "1"}, "command": "go"}} for run in runs()
    ]
    stored(folder, made)
    found = written(folder)
    assert found.tables["launches"][1:] == [
        ["2026-01-01 00:00:00", "launch", "12 runs"], ["2026-01-02 00:00:00", "stop", "interrupted"]
    ]  # fmt: skip
    assert ["torch", "2.0", "12"] in found.tables["what made the networks"]
    assert ["libraries", json.dumps({"x": "1"}), "12"] in found.tables["what made the networks"]
    assert found.says("Commands that made these networks:")
