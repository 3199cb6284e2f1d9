"""Drawing the figures of a results folder: the command, small pictures, files and captions."""

import io
import os
import re
import zlib

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from campaign.analysis import figures, fitting, panels, style, tables
from nnet.checks import ConfigError
from tests.campaign.analysis.drawing import CLEAN, draw_all, runs, stored
from tests.campaign.analysis.making import result


@pytest.mark.parametrize("results", [[], runs(1), [result(0, diverged=True)], runs()[:3]], ids=len)
def test_every_figure_can_be_drawn_of_a_campaign_that_has_just_begun(results, tmp_path):
    drawn = draw_all(stored(tmp_path / "digits", results).folder)
    assert bool(drawn) == bool(results)
    assert all("Completeness: 5 of 5 runs." in panels.caption(figure) for figure in drawn.values())


def test_the_command_writes_every_format_and_says_where(tmp_path, capsys):
    flags = ["--output-dir", str(tmp_path)]
    assert figures.main(flags) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "run a campaign first" in error
    stored(tmp_path / "digits", runs(2)), stored(tmp_path / "study/blobs", runs(1)[:1])
    assert figures.main([*flags, "digits"]) == 0
    paths = capsys.readouterr().out.split()
    assert [path for path in paths if not path.endswith(".png")] == []
    files = list((tmp_path / "digits/figures").iterdir())
    assert len(files) == 4 * len(paths) == 16 and {path.suffix for path in files} == {".png", ".pdf", ".svg", ".txt"}
    assert (
        all(path.stat().st_size > 1000 for path in files if path.suffix != ".txt")
        and not (tmp_path / "study/blobs/figures").exists()
    )
    assert figures.main([*flags, "digit"]) == 2
    assert "digit: run a campaign first" in capsys.readouterr().err


def test_tables_of_another_version_are_refused_in_one_sentence(tmp_path, capsys):
    folder = stored(tmp_path / "digits", runs(1)).folder
    path = folder / "results_summary.csv"
    pd.read_csv(path).drop(columns=["evaluation", "settings", "part"]).to_csv(path, index=False)
    assert figures.main(["--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "tables of another version" in error and str(folder) in error


def test_without_names_every_folder_is_drawn(tmp_path, capsys, monkeypatch):
    stored(tmp_path / "digits", runs(1)), stored(tmp_path / "study/blobs", runs(1))
    monkeypatch.setattr(figures, "save_all", lambda folder, *_: [folder])
    assert figures.main(["--output-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "digits"), str(tmp_path / "study/blobs")]


def test_a_small_picture_keeps_its_colours():
    figure = panels.new_figure(3)
    axes = figure.subplots()
    for place, colour in enumerate(style.COLOURS):
        axes.plot([0, 1], [place, place], color=colour, linewidth=3)
    picture = imread(io.BytesIO(figures.small_png(figure)))
    assert picture.shape[:2] == (330, 770)
    for colour in style.COLOURS:
        wanted = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        assert abs(picture[:, :, :3] - wanted).max(axis=2).min() < 0.05


def test_the_newest_folder_is_the_one_whose_tables_were_written_last(tmp_path):
    with pytest.raises(ConfigError, match="run a campaign first"):
        tables.newest(tmp_path)
    for time, name in ((2, "digits"), (3, "study/blobs"), (1, "mnist")):
        os.utime(stored(tmp_path / name, runs(1)).folder / "results_summary.csv", (time, time))
    assert tables.newest(tmp_path) == tmp_path / "study/blobs"


def test_a_figure_of_a_question_needs_no_layout_engine():
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.set_title("a title of many words " * 5)
    fitting.fit(figure)
    assert "\n" in axes.get_title()


def fonts(pdf: bytes) -> tuple[set[bytes], set[bytes], int]:
    """The kinds of fonts of a PDF, their names, and how many of them lie in the file."""
    texts = pdf
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S):
        try:
            texts += zlib.decompress(stream)
        except zlib.error:
            continue
    return (
        set(re.findall(rb"/FontType \d+|/Subtype /(?:Type3|TrueType|CIDFontType2|Type0)", texts)),
        set(re.findall(rb"/FontName /(\S+)", texts)),
        len(re.findall(rb"/FontFile2", texts)),
    )


def test_letters_are_letters_of_embedded_fonts(tmp_path):
    folder = stored(tmp_path / "digits", runs(2)).folder
    figures.save_all(folder)
    kinds, called, embedded = fonts((folder / "figures/accuracy.pdf").read_bytes())
    assert b"/Subtype /CIDFontType2" in kinds and b"/Subtype /Type3" not in kinds
    assert called and embedded >= len(called) and all(b"DejaVu" in name for name in called)
    svg = (folder / "figures/accuracy.svg").read_text()
    assert f">{CLEAN}</text>" in svg and "MLP 256-128" in svg
    again = draw_all(folder, only="weight_noise")["accuracy"]
    assert (folder / "figures/accuracy.svg").read_bytes() == figures.rendered(again, "svg")


def test_the_caption_says_what_is_shown_n_the_bars_the_command_and_the_commit(tmp_path):
    made = [run | {"provenance": {"git_commit": "abc123"}} for run in runs()]
    folder = stored(tmp_path / "digits", made).folder
    assert figures.main(["--output-dir", str(tmp_path), "--width", "single", "digits"]) == 0
    text = " ".join((folder / "figures/accuracy.txt").read_text().split())
    for words in (
        "digits: test accuracy (%) under weight noise", "mean ± standard error over seeds", "n = 3 seeds",
        "Completeness: 12 of 12 runs", f"campaign.analysis.figures digits --output-dir {tmp_path} --width single",
        "Commit of the runs: abc123",
    ):  # fmt: skip
        assert words.lower() in text.lower(), words
    shown = " ".join(text.get_text() for text in draw_all(folder, only="weight_noise")["accuracy"].findobj(Text))
    assert "runs" not in shown and "seeds" not in shown and "csv" not in shown
