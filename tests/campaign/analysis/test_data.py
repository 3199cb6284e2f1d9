"""Networks on data that differ in an option of the dataset: other data are no other way of training."""

import pytest

from campaign.analysis import questions, tables
from campaign.analysis.questions import evaluations, transfer, weight_noise
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import CLEAN, drawn, plain
from tests.campaign.analysis.making import also, measurement, point, result
from tests.conftest import save_npz

SPLITS = {"beats": 0.9, "patients": 0.4}
"""Accuracy without noise by the split of the dataset ecg."""
DROPS = {"clean": 0.3, "sam": 0.2, "awp": 0.1}


def run(seed: int, regime: str, split: str) -> dict:
    acc, drop = SPLITS[split], DROPS[regime]
    fields = dict(dataset="ecg", arch="srnn", regime=regime, options={"ecg": {"split": split}})
    made = result(seed, (acc, acc - drop), evaluations=("quantization",), **fields)
    cfg = TrainConfig(seed=seed, evaluations=("quantization",), **fields)
    sign = 1 if split == "beats" else -1  # among patients the order is the other way round
    points = [point(bits, acc - 0.2 + sign * (0.2 - drop)) for bits in (1.0, 8.0)]
    return also(made, measurement(cfg, points, "quantization"))


@pytest.fixture(scope="module")
def made():
    return tables.build([run(seed, regime, split) for seed in (0, 1) for regime in DROPS for split in SPLITS])


def test_each_has_a_panel_in_which_lines_differ_in_training_alone(made):
    figures = weight_noise.figures(made) | evaluations.figures(made)
    for name in ("accuracy", "drop", "paired_difference", "quantization"):
        titles = [plain(axes.get_title()) for axes in figures[name].axes]
        assert titles == [f"spiking RNN, MIT-BIH ECG (split {split})" for split in SPLITS], name
        lines = 2 if name == "paired_difference" else 3
        assert all(len(drawn(axes)) == lines for axes in figures[name].axes)
        assert not any("split" in label for axes in figures[name].axes for label in drawn(axes))
    for axes, accuracy in zip(figures["accuracy"].axes, SPLITS.values(), strict=True):
        assert drawn(axes)[CLEAN][1] == pytest.approx([100 * accuracy, 100 * (accuracy - 0.3)])


def test_the_figure_of_one_strength_has_a_place_for_each(made):
    (axes,) = weight_noise.figures(made)["drop_at_01"].axes
    assert [plain(text.get_text()) for text in axes.get_xticklabels()] == [
        f"spiking RNN, MIT-BIH ECG (split {split})" for split in SPLITS
    ]
    places, drops = drawn(axes)[CLEAN][:2]
    assert list(places) == [0, 1] and drops == pytest.approx([30, 30])


def test_methods_are_ranked_and_the_best_is_marked_on_each_by_itself(made):
    ranked = made["transfer"].set_index(["dataset", "kind", "method"])["drop_rank"].sort_index()
    for split in SPLITS:
        of_noise = ranked[f"ecg (split {split})", "weight_noise"]
        assert dict(of_noise) == {"awp": 1, "sam": 2, "clean": 3}
    correlations = made["transfer_correlation"].set_index("dataset")["drop_correlation"]
    assert dict(correlations) == {"ecg (split beats)": pytest.approx(1), "ecg (split patients)": pytest.approx(-1)}
    texts = questions.texts(made)
    assert "ecg (split patients), srnn, drop" in texts["transfer.md"]
    titles = [plain(axes.get_title()) for axes in transfer.figures(made)["transfer"].axes]
    assert titles[-1] == "spiking RNN, MIT-BIH ECG (split patients), drop" and len(titles) == 4
    lines = texts["comparison.md"].splitlines()
    best = [line for line in lines if "awp" in line and line.count("**") == 4]
    assert len(best) == 2 and all(any(f"(split {split})" in line for line in best) for split in SPLITS)


def test_colours_are_the_same_while_one_of_them_has_no_comparison_yet():
    runs = [run(seed, regime, "beats") for seed in (0, 1) for regime in DROPS]
    runs += [run(seed, "clean", "patients") for seed in (0, 1)]
    figures = weight_noise.figures(tables.build(runs))
    colours = [{label: colour_of(axes, label) for label in ("AWP", "SAM")} for axes in first_panels(figures)]
    assert colours[0] == colours[1] and len({*colours[0].values()}) == 2
    (panel,) = figures["paired_difference"].axes
    assert plain(panel.get_title()) == "spiking RNN" and not any("split" in label for label in drawn(panel))


def first_panels(figures) -> list:
    return [figures[name].axes[0] for name in ("accuracy", "paired_difference")]


def colour_of(axes, label: str) -> str:
    handles, labels = axes.get_legend_handles_labels()
    (handle,) = [handle for handle, text in zip(handles, labels, strict=True) if plain(text) == label]
    return handle[0].get_color()


def test_a_users_file_with_the_name_of_a_regime_is_one_dataset(tmp_path):
    save_npz(tmp_path / "noisy.npz")
    data = dict(dataset=str(tmp_path / "noisy.npz"), image_size=8)
    device = dict(regime="noisy", alpha_train=1.0, options={"noisy": {"device": "pcm"}})
    arms = [dict(regime="clean"), dict(regime="noisy", alpha_train=0.2), device]
    made = tables.build([result(seed, **data, **arm) for arm in arms for seed in (0, 1)])
    (axes,) = weight_noise.figures(made)["accuracy"].axes
    assert plain(axes.get_title()) == "MLP 256-128" and len(drawn(axes)) == 3
