"""`--measure-only` trains nothing; `--remeasure` does one evaluation again and loses no point."""

import shutil
from pathlib import Path

import pytest

from campaign.grid.lists import product
from campaign.grid.settings import Launch
from campaign.planning.measuring import Measuring
from campaign.planning.survey import survey
from campaign.store.folder import Store
from nnet.checks import ConfigError
from tests.campaign.commands.small import TWO, change, launch, points, run_paths, runs, weights
from tests.conftest import flipped, small_run

MORE = ("--alpha-tests", "0", "0.1", "0.3", "--evaluations", "quantization")


@pytest.fixture(scope="module")
def finished(npz, tmp_path_factory) -> Path:
    """Two networks, measured at three strengths and by another evaluation."""
    folder = tmp_path_factory.mktemp("finished")
    assert launch(npz, folder, *TWO, *MORE) == 0
    return folder


@pytest.fixture
def place(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "place"))


@pytest.fixture(autouse=True)
def trained(monkeypatch) -> list[str]:
    """The run_ids of the networks that were trained."""
    import nnet_models

    names, train = [], nnet_models._train

    def counted(run):
        names.append(run.cfg.run_id)
        return train(run)

    monkeypatch.setattr(nnet_models, "_train", counted)
    return names


def ids(place: Path) -> list[str]:
    return [path.stem for path in run_paths(place)]


def test_measure_only_measures_what_is_trained_and_names_the_others(npz, place, trained, capsys):
    kept = {path: path.stat().st_mtime_ns for path in weights(place)}
    assert launch(npz, place, *TWO, "3", "--noise-samples", "3", "--measure-only") == 1
    said = capsys.readouterr().out
    assert "1 run(s) would have to be trained and are left out: mlp_small-noisy-a0.2-seed3-" in said
    assert all((0.1, 2) in points(run) for run in runs(place)) and len(runs(place)) == 2
    assert not {*ids(place)} & {*trained} and "under way" not in said
    assert {path: path.stat().st_mtime_ns for path in weights(place)} == kept
    assert launch(npz, place, *TWO, "--noise-samples", "4", "--measure-only") == 0
    assert all((0.1, 3) in points(run) for run in runs(place)) and not {*ids(place)} & {*trained}


def test_measure_only_leaves_out_runs_whose_weights_are_gone_and_refuses_damaged_ones(npz, place, trained, capsys):
    first, second = weights(place)
    first.unlink()
    second.write_bytes(flipped(second.read_bytes(), 3000))
    before = runs(place)
    assert launch(npz, place, *TWO, "--noise-samples", "3", "--measure-only") == 1
    printed = capsys.readouterr()
    assert f"1 run(s) would have to be trained and are left out: {first.stem}\n" in printed.out
    assert f"failed: {second.stem}: Refused: " in printed.err and "is damaged" in printed.err
    assert runs(place) == before and not {*ids(place)} & {*trained} and not first.exists()
    assert launch(npz, place, *TWO, "--noise-samples", "3", "--retry-failed") == 0
    assert sorted({*ids(place)} & {*trained}) == ids(place)


def test_the_plan_of_a_launch_that_trains_nothing(npz, place, capsys):
    weights(place)[0].unlink()
    capsys.readouterr()
    assert launch(npz, place, *TWO, "--noise-samples", "3", "--measure-only", "--plan") == 0
    assert "note: 1 run(s) would have to be trained and are left out" in capsys.readouterr().out


def spoiled(run) -> None:
    """Let every point of the run be wrong."""
    for measurement in run["measurements"]:
        for point in measurement["points"]:
            point["acc"] -= 0.25


def test_remeasure_replaces_the_points_that_are_asked_for_and_keeps_the_others(npz, place, trained):
    right = runs(place)
    for path in run_paths(place):
        change(path, spoiled)
    wrong = runs(place)
    assert launch(npz, place, *TWO, "--remeasure", "weight_noise") == 0  # at 0 and 0.1
    for good, bad, now in zip(right, wrong, runs(place), strict=True):
        assert points(now).keys() == points(good).keys()
        for place_of, point in points(now).items():
            assert point == points(good if place_of[0] != 0.3 else bad)[place_of]
        assert points(now, "quantization") == points(bad, "quantization")
        assert now["sha256"] == good["sha256"] and now["history"] == good["history"]
    assert not {*ids(place)} & {*trained}


def test_remeasure_does_another_evaluation_relative_to_the_known_accuracy(npz, place):
    right = runs(place)
    for path in run_paths(place):
        change(path, spoiled)
    assert launch(npz, place, *TWO, *MORE, "--remeasure", "quantization") == 0
    for good, now in zip(right, runs(place), strict=True):
        assert points(now, "quantization") == points(good, "quantization") and points(now) != points(good)


def test_an_interrupted_remeasure_keeps_old_points_until_the_new_ones_are_there(npz, place, monkeypatch, capsys):
    right = runs(place)
    for path in run_paths(place):
        change(path, spoiled)
    wrong, saved, save = runs(place), [], Store.save

    def interrupted(self, run):
        if saved:
            raise KeyboardInterrupt
        saved.append(run["run_id"])
        return save(self, run)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", interrupted)
        assert launch(npz, place, *TWO, *MORE, "--remeasure", "weight_noise") == 130
    assert "1 of 2 runs are finished and kept; the same command does all of them again" in capsys.readouterr().err
    for good, bad, now in zip(right, wrong, runs(place), strict=True):
        assert points(now) == points(good if now["run_id"] in saved else bad)
    assert launch(npz, place, *TWO, *MORE, "--remeasure", "weight_noise") == 0
    assert [points(run) for run in runs(place)] == [points(run) for run in right]


def test_two_launches_that_measure_again_share_the_runs(npz, place):
    where = Launch(output_dir=str(place / "results"), engine="serial")
    configs = product(
        small_run(npz, regime="noisy", alpha_train=0.2, epochs=1, checkpoint_dir=str(place / "checkpoints")),
        seed=[0, 1],
    )
    assert [config.run_id for config in configs] == ids(place)
    first = survey(configs, where, measuring=Measuring(again="weight_noise"))
    assert [config.run_id for config in first.pending] == ids(place) and first.finished() == 0
    assert launch(npz, place, "--seeds", "0", "--alpha-tests", "0", "--remeasure", "weight_noise") == 0
    assert first.finished() == 1 and first.left(configs[0]) == [] and first.left(configs[1]) == [configs[1]]


def test_wrong_words_are_one_sentence(npz, place, capsys):
    assert launch(npz, place, *TWO, *MORE, "--remeasure", "quantisation") == 2
    complaint = capsys.readouterr().err
    assert "unknown evaluation of these runs 'quantisation'; choose from ['weight_noise', 'quantization']" in complaint
    assert "did you mean 'quantization'" in complaint and complaint.count("\n") == 1
    configs = [small_run(npz, alpha_tests=(0, 0.1), noise_samples=draws) for draws in (1, 2)]
    with pytest.raises(ConfigError, match="one list of strengths and one number of draws; mlp_small-.* has several"):
        survey(configs, Launch(output_dir=str(place / "results")), measuring=Measuring(again="weight_noise"))
