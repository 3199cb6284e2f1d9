"""Drawing the figures of a results folder: titles, the command, small pictures."""

import io
import os

import pandas as pd
import pytest
from matplotlib.image import imread

from campaign.analysis import figures, panels, style, tables
from nnet.checks import ConfigError
from tests.campaign.analysis.drawing import draw_all, runs, stored
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
