"""A study of one's own: a file anywhere that works at the first try, or says in one sentence what is wrong."""

import pytest

import run_experiments
from campaign.grid import lists, study
from nnet.checks import ConfigError

MINE = '''"""Does width help?

    python run_experiments.py --study width.py
"""

from campaign import repeats

BLOCK = dict(
    arch=["mlp_small", "mlp_medium"],
    regime=["clean", "noisy"],
    alpha_train=0.2,
    seed=repeats(2),
    epochs=1,
    image_size=8,
    output_dir="results/width",
)
PARTS = [dict(learning_rate=1e-3), dict(learning_rate=1e-2, batch_size=32)]
REFERENCE = {"regime": "clean"}
'''


def test_a_study_of_ones_own_works_at_the_first_try(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "width.py").write_text(MINE)
    words = ["mlp_small", "--study", "width.py", "--dataset", npz, "--engine", "serial", "--alpha-tests", "0", "0.1"]
    assert run_experiments.main([*words, "--learning-rate", "0.01"]) == 0
    assert "4 of 4 runs" in capsys.readouterr().out
    assert len(list((tmp_path / "results/width/blobs/runs").iterdir())) == 4
    assert run_experiments.main([*words[1:], "--plan"]) == 0
    assert "16 runs: 4 finished, 12 to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BLOCK = dict(epochs=)", r"mine\.py, line 1: invalid syntax"),
        ("\nBLOCK = dict(seed=repeat(3))", r"mine\.py, line 2: NameError: name 'repeat' is not defined"),
        ("from campaign import repeats\n\nBLOCK = dict(seed=repeats(0))", "line 3: repeats must be at least 1; got 0"),
        ("import torches", r"mine\.py, line 1: ModuleNotFoundError: No module named 'torches'"),
        ("EPOCHS = 3", "needs BLOCK, a dict"),
        ("BLOCK = ['cnn']", "needs BLOCK, a dict"),
        ("BLOCK = {}\nPARTS = dict(epochs=3)", "PARTS of study .* must be a list of dicts"),
        ("BLOCK = {}\nPARTS = []", "PARTS of study .* must be a list of dicts, not empty"),
        ("BLOCK = {}\nREFERENCE = 'clean'", "REFERENCE of study .* must be a dict"),
        ("BLOCK = dict(epoch=3)", "unknown line 'epoch'; did you mean 'epochs'"),
        ("BLOCK = dict(arch='vgg')", "unknown architecture 'vgg'"),
    ],
)
def test_what_is_wrong_with_a_study_is_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(text)
    assert run_experiments.main(["--study", "mine.py"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    with pytest.raises(ConfigError, match=message):
        raise ConfigError(printed.err)
    assert not (tmp_path / "results").exists()


def test_an_unknown_study_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="unknown study 'pixel'.*or give the path of a .py file.*'pixels'"):
        study.load("pixel")
    with pytest.raises(ConfigError, match=r"there is no file missing/mine\.py"):
        study.load("missing/mine.py")


def test_a_study_in_the_folder_of_ones_own_plug_ins_has_a_name(tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/width.py").write_text(MINE)
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    assert study.load("width").block["epochs"] == 1 and study.load("pixels").block["epochs"] == 5


def test_a_bug_of_the_program_that_a_study_meets_shows_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "SEED_BITS", "many")
    (tmp_path / "mine.py").write_text("from campaign import repeats\nBLOCK = dict(seed=repeats(3))\n")
    with pytest.raises(TypeError):
        study.load(str(tmp_path / "mine.py"))
