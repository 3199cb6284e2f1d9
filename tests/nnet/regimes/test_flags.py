"""The flags of the controller of adaptive noise: thresholds, windows, and the epochs they look at."""

import math

import pytest

from tests.nnet.regimes.controlled import answers, controller, flags, noisy


def line(begin: float, fall: float) -> list[float]:
    """Four figures in a straight line, for which slope and endpoints agree."""
    return [begin - fall * step / 3 for step in range(4)]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("flag", "name", "up", "down"),
    [
        ("gradient_plateau", "gradient_norm", line(2, 2 * 0.0499), line(2, 2 * 0.0501)),
        ("low_update", "update_norm", [9e-4, 10e-4, 10e-4, 10.9e-4], [9e-4, 10e-4, 10e-4, 11.1e-4]),
        ("val_plateau", "val_loss", line(2, 0.99e-4), line(2, 1.01e-4)),
    ],
)
def test_a_flag_is_up_on_one_side_of_its_threshold_and_down_on_the_other(flag, name, up, down, legacy):
    assert flags(legacy_flags=legacy, **{name: up}) == {flag}
    assert flags(legacy_flags=legacy, **{name: down}) == set()


def test_overfitting_is_the_validation_loss_up_and_the_training_loss_down_in_each_of_the_last_epochs():
    rising, falling = [1.0, 1.1, 1.2, 1.3], [0.9, 0.8, 0.7, 0.6]
    assert "overfitting" in flags(val_loss=rising, train_loss=falling)
    for least, flagged in ((0.9e-5, False), (1.1e-5, True)):  # a tenth of val_plateau
        assert (
            "overfitting" in flags(val_loss=[1, *(1 + n * least for n in (1, 2, 3))], train_loss=falling)
        ) is flagged
        assert ("overfitting" in flags(val_loss=rising, train_loss=[1 - n * least for n in range(4)])) is flagged
    assert "overfitting" not in flags(val_loss=[1.0, 1.1, 1.05, 1.2], train_loss=falling)
    assert "overfitting" not in flags(val_loss=rising, train_loss=[0.9, 0.8, 0.85, 0.7])


def test_legacy_overfitting_is_any_rises_and_any_falls_in_the_window():
    values = {"val_loss": [1.0, 1.1, 1.2, 1.1, 1.3, 1.2], "train_loss": [1.0, 0.9, 0.95, 0.8, 0.7, 0.75]}
    assert "overfitting" in flags(window=6, epochs=6, legacy_flags=True, **values)
    assert "overfitting" not in flags(window=6, epochs=6, **values)


@pytest.mark.parametrize("name", ["gradient_norm", "update_norm", "val_loss"])
def test_short_and_incomplete_histories_and_nan_raise_no_flag(name):
    assert flags(**{name: [1e-6, 1e-6, 1e-6, 1e-6]}) - {"overfitting"} != set()
    assert flags(epochs=3, **{name: 3 * [1e-6]}) == set()
    assert flags(min_epochs=5, **{name: 4 * [1e-6]}) == set()
    assert flags(**{name: [None, 1e-6, 1e-6, 1e-6]}) == set()
    for bad in (math.nan, math.inf):
        for legacy in (False, True):
            assert flags(legacy_flags=legacy, **{name: [1e-6, bad, 1e-6, 1e-6]}) == set()


def test_a_rising_gradient_norm_counts_as_published_but_is_no_plateau():
    assert flags(legacy_flags=True, gradient_norm=[1.0, 1.2, 1.4, 1.6]) == {"gradient_plateau"}
    assert flags(gradient_norm=[1.0, 1.2, 1.4, 1.6]) == set()
    assert flags(gradient_norm=[1.0, 1.01, 1.02, 1.03]) == {"gradient_plateau"}
    assert flags(gradient_norm=4 * [1e-10]) == set()


def test_one_odd_epoch_at_an_end_of_the_window_is_no_plateau():
    falling_but_for_the_last = {"epochs": 8, "window": 8, "val_loss": [2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 2.0]}
    assert "val_plateau" in flags(legacy_flags=True, **falling_but_for_the_last)
    assert flags(**falling_but_for_the_last) == set()


def test_flags_are_still_raised_after_epoch_100():
    noises = answers(controller(min_epochs=1), 250, val_loss=lambda n: 1.0 if n > 200 else 0.99**n + 1)
    assert noisy(noises)[0] == 205 and noises[204].flags == ("val_plateau",)


def test_the_earliest_flag_is_after_min_epochs_whatever_the_window():
    noises = answers(controller(min_epochs=70, window=10), 80, val_loss=1.0)
    assert noisy(noises)[0] == 70
    late = answers(controller(min_epochs=70, window=10), 80, val_loss=lambda n: 1.0 if n > 61 else 5.0)
    assert noisy(late)[0] == 71  # at 70 the window is of epochs 61 to 70, the first of them much higher


def test_windows_do_not_span_a_restart_of_the_learning_rate():
    noises = answers(controller(min_epochs=1, window=5, restart_epochs=20, rest_after=100), 40, val_loss=1.0)
    assert noisy(noises) == [*range(5, 20), *range(25, 40)]
