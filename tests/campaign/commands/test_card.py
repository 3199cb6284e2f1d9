"""--card measures a trained network in every way that fits it, says how long that takes, and compares it."""

import math

import pytest
import torch
from scipy.stats import t as student

import run_experiments
from campaign.analysis import tables
from campaign.analysis.pages import card
from campaign.store.folder import Store
from nnet import registry
from tests.campaign.analysis.drawing import stored
from tests.campaign.analysis.making import result
from tests.campaign.analysis.reading_pages import Found, needs
from tests.campaign.commands.small import launch, weights

EVERY = {*registry.names("evaluations")}
QUICK = ("--image-size", "8", "--alpha-tests", "0", "0.1", "--noise-samples", "2", "--engine", "serial")


def asked(npz, folder, file, *more) -> int:
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "checkpoints")]
    words = ["mlp_small", "--card", "--initial-weights", str(file), "--dataset", npz, *QUICK, *folders, *more]
    return run_experiments.main(words)


def cards(folder) -> list:
    return sorted((folder / "results/cards/blobs").glob("mlp_small-*.html"))


@pytest.fixture(scope="module")
def made(npz, tmp_path_factory):
    """A folder with two clean networks and their weights."""
    folder = tmp_path_factory.mktemp("made")
    words = ("--regime", "clean", "--seeds", "0", "1")
    assert launch(npz, folder, *words) == 0
    return folder


def test_a_card_has_every_evaluation_that_fits_and_leaves_the_campaign_alone(npz, made, capsys):
    file = weights(made)[0]  # the card's network is kept beside it
    before = {path: path.stat().st_mtime_ns for path in (made / "results/blobs").rglob("*")}
    assert asked(npz, made, file, "--options", "stuck_at.shares=0,0.3") == 0
    printed = capsys.readouterr().out
    said = printed.index(f"{len(EVERY)} evaluations fit this network")
    assert said < printed.index("which takes about") < printed.index("1 runs: 0 finished")
    (path,) = cards(made)
    assert printed.endswith(f"robustness card: {path}\n")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (run,) = Store(made / "results/cards/blobs").results().values()
    measured = {found["evaluation"]: found for found in run["measurements"]}
    assert measured.keys() == EVERY
    assert {point["strength"] for point in measured["stuck_at"]["points"]} == {0.0, 0.3}
    assert {point["draw"] for point in measured["stuck_at"]["points"]} == {0, 1}
    assert measured["weight_noise"]["settings"]["max_test_samples"] is None  # there are fewer than 1,000
    found = Found(path.read_bytes())
    assert needs(found) == [] and found.headings[1:3] == ["In short", "largest drop in accuracy by evaluation"]
    assert found.says("Each point is a mean over seeds") and not found.says("Does training with noise help?")
    rows = found.tables["largest drop in accuracy by evaluation"][1:]
    assert {row[0].split()[0] for row in rows} == EVERY
    assert found.says("2 clean networks of the same architecture and dataset")
    assert len(found.of("svg")) > 5 and "evaluations that do not fit" not in found.headings

    assert asked(npz, made, file, "--options", "stuck_at.shares=0,0.3") == 0
    assert "0 points are to be measured\n" in capsys.readouterr().out
    assert asked(npz, made, file, "--evaluations", "quantization", "--options", "quantization.bits=9,") == 0
    assert "2 evaluations fit this network, 1 points are to be measured" in capsys.readouterr().out
    assert cards(made) == [path]


def test_an_evaluation_that_does_not_fit_is_left_out_and_the_card_says_why(sequences, tmp_path, capsys):
    folders = ["--output-dir", str(tmp_path / "results"), "--checkpoint-dir", str(tmp_path / "checkpoints")]
    words = ["lstm", "--dataset", sequences, "--regime", "clean", *QUICK[2:], *folders]
    assert run_experiments.main([*words, "--seeds", "0", "--epochs", "1"]) == 0
    (file,) = (tmp_path / "checkpoints/waves").glob("*.pt")
    some = ("--evaluations", "interval_bounds", "quantization")
    assert run_experiments.main([*words, "--card", "--initial-weights", str(file), *some]) == 0
    assert "2 evaluations fit this network" in capsys.readouterr().out
    (path,) = (tmp_path / "results/cards/waves").glob("lstm-*.html")
    found = Found(path.read_bytes())
    ((name, why),) = found.tables["evaluations that do not fit"][1:]
    assert name == "interval_bounds" and "interval_bounds" in why
    assert found.says("One clean network of the same architecture and dataset")


WRONG = {
    "--card trains nothing; leave --epochs out": ["--epochs", "2"],
    "--plan does not go with --card": ["--plan"],
    "--card is about one network, and this asks for 2": ["cnn"],
    "there is no file missing.pt": ["--initial-weights", "missing.pt"],
    "does not fit mlp_small": ["--initial-weights", "other.pt"],
    "unknown evaluation 'speed'": ["--evaluations", "speed"],
    "zetas": ["--options", "worst_case.zetas=-1,"],
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_input_is_one_sentence_and_nothing_is_written(npz, made, tmp_path, monkeypatch, capsys, message):
    monkeypatch.chdir(tmp_path)
    torch.save(torch.nn.Linear(2, 2).state_dict(), "other.pt")
    more = WRONG[message]
    file = [] if "--initial-weights" in more else ["--initial-weights", str(weights(made)[0])]
    words = ["mlp_small", *(word for word in more if word == "cnn"), "--card", "--dataset", npz, *QUICK, *file]
    assert run_experiments.main([*words, *(word for word in more if word != "cnn")]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert printed.out == "" and [path.name for path in tmp_path.iterdir()] == ["other.pt"]


def test_a_card_needs_a_file_of_weights(npz, capsys):
    assert run_experiments.main(["mlp_small", "--card", "--dataset", npz]) == 2
    assert "name the file of its weights with --initial-weights" in capsys.readouterr().err


def test_thousand_images_are_measured_unless_the_command_line_says_otherwise():
    from campaign.commands.card import lines

    given = {"initial_weights": "x.pt"}
    assert lines({}, given)["max_test_samples"] == 1000
    assert lines({}, given | {"max_test_samples": None})["max_test_samples"] is None
    assert lines({"max_test_samples": 7, "epochs": 3}, given)["epochs"] == 0


@pytest.mark.parametrize("name", registry.names("evaluations"))
def test_the_options_of_a_card_are_options_of_the_evaluation(name):
    options = registry.constant("evaluations", name, "CARD", {})
    assert options.keys() <= {*registry.option_names("evaluations", name)}
    registry.make_options("evaluations", name, options)


def one(seed: int, drop: float, **changed) -> dict:
    return result(seed, (0.9, 0.9 - drop), **changed)


def test_the_comparison_is_that_of_one_network_with_a_prediction_interval(tmp_path):
    drops = [0.02, 0.03, 0.05]
    stored(
        tmp_path, [one(seed, drop) for seed, drop in enumerate(drops)] + [one(9, 0.6, regime="noisy", alpha_train=0.2)]
    )
    mean, std = sum(drops) / 3, math.sqrt(sum((drop - sum(drops) / 3) ** 2 for drop in drops) / 2)
    half = student.ppf(0.975, 2) * std * math.sqrt(1 + 1 / 3)
    for drop, word in ((mean + 0.99 * half, "is within"), (mean + 1.01 * half, "is outside")):
        said = card.comparison(tables.build([one(7, drop)]), tmp_path)
        assert f"α = 0.1 costs this network {100 * drop:.2f} percentage points of accuracy, from 90.00 %." in said
        assert f"lose {100 * mean:.2f} ± {100 * std / 3**0.5:.2f} (mean ± standard error over seeds)" in said
        assert f"lose {100 * (mean - half):.2f} to {100 * (mean + half):.2f} (95 % prediction" in said
        assert said.endswith(f"this one {word} that.")
    said = card.comparison(tables.build([one(7, 0.1, max_test_samples=10)]), tmp_path)
    assert said.endswith("They were measured on other images or with other settings.")
    said = card.comparison(tables.build([one(7, 0.1, arch="cnn")]), tmp_path)
    assert said.endswith(f"There is no clean network of this architecture in {tmp_path} to compare it with.")
    assert "no clean network" in card.comparison(tables.build([one(7, 0.1)]), tmp_path / "nowhere")
