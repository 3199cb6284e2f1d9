"""The controller of adaptive noise: stuckness, strength, and the order of noise and rest."""

import math
import sys
import warnings

import pytest

from nnet.regimes.parts.controller import Controller, Noise, stuckness
from tests.nnet.regimes.controlled import answers, controller, noisy, row


def test_gradient_noise_goes_first_and_no_flag_is_no_noise_of_strength_0():
    both = answers(controller(min_epochs=1), 5, val_loss=1.0, gradient_norm=1.0)[-1]
    assert both.kind == "gradient" and set(both.flags) == {"gradient_plateau", "val_plateau"}
    assert answers(controller(min_epochs=1), 5, val_loss=1.0)[-1].kind == "weight"
    assert answers(controller(min_epochs=1), 5, update_norm=1e-5)[-1].kind == "gradient"
    none = answers(controller(min_epochs=1), 5)[-1]
    assert (none.kind, none.strength, none.flags) == (None, 0.0, ())


@pytest.mark.parametrize(("times", "expected"), [(1, 0.5), (0.5, 0.731059), (0, 0.880797), (-1, 0.982014)])
@pytest.mark.parametrize("threshold", [1e-4, 0.05, 3.0])
def test_stuckness(times, expected, threshold):
    assert stuckness(times * threshold, threshold) == pytest.approx(expected, abs=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stuckness(-sys.float_info.max, threshold) == 1.0


def activation(made: Controller) -> dict:
    return next(event for event in made.events if event["event"] == "activation")


def test_stuckness_is_one_half_where_no_improvement_is_known():
    made = controller(min_epochs=1)
    answers(made, 5, update_norm=1e-5)
    assert activation(made)["stuckness"] == 0.5


@pytest.mark.parametrize(("e", "expected"), [(150, 0.025), (180, 0.017275), (240, 0.004775), (299, 1.3708e-6)])
def test_strength(e, expected):
    made = controller(epochs=300, strength=0.05, min_share=0.2, min_epochs=e, window=5, rest_after=1000)
    noise = answers(made, e, val_loss=lambda n: float(n))[-1]  # it rises by far more than val_plateau
    assert noise.strength == pytest.approx(expected, abs=1e-9 if e == 299 else 1e-6)


def test_strength_begins_near_the_largest():
    made = controller(epochs=300, strength=0.05, min_epochs=2, window=2)
    noise = answers(made, 2, val_loss=lambda n: float(n))[-1]
    assert noise.strength == pytest.approx(0.05 * 0.5 * (1 + math.cos(math.pi * 2 / 300)), rel=1e-12)


def test_there_is_nothing_to_decide_after_the_last_epoch():
    made = controller(epochs=6, min_epochs=2, window=2, rest_after=1, cooldown_min=0, cooldown_max=0)
    answers(made, 6, val_loss=1.0)
    assert max(event["epoch"] for event in made.events) == 6


def test_the_least_strength_is_a_share_of_the_largest():
    made = controller(strength=0.05, min_share=0.2, min_epochs=150)
    noise = answers(made, 150, update_norm=1e-5)[-1]
    assert noise.strength == pytest.approx(0.5 * (0.01 + 0.5 * 0.04))


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (10, 10, [*range(70, 80), *range(90, 100), *range(110, 120)]),
        (6, 6, [*range(70, 80), *range(86, 96), *range(102, 112), *range(118, 128)]),
        (0, 0, [*range(70, 120)]),
    ],
)
def test_always_flagged_training_is_noisy_and_rests_in_turn(least, most, expected):
    made = controller(min_epochs=70, window=10, rest_after=10, cooldown_min=least, cooldown_max=most)
    assert noisy(answers(made, 119, val_loss=1.0)) == [e for e in expected if e < 120]


def test_a_gap_in_the_flags_starts_the_count_of_noisy_epochs_anew():
    def loss(n):
        return 1.0 if n < 74 else 0.5 if n == 74 else 0.25

    made = controller(min_epochs=70, window=2, rest_after=5, cooldown_min=3, cooldown_max=3)
    assert noisy(answers(made, 84, val_loss=loss)) == [70, 71, 72, 73, *range(76, 81), 84]


@pytest.mark.parametrize(
    ("improvement", "least", "most", "expected"),
    [(None, 3, 10, 6), (0.0, 3, 10, 9), (-1.0, 3, 10, 10), (None, 5, 15, 10), (0.0, 5, 15, 13), (-1.0, 5, 15, 15)],
)
def test_the_rest_is_as_long_as_the_stuckness_of_the_noise_that_was_active(improvement, least, most, expected):
    made = controller(min_epochs=5, rest_after=1, cooldown_min=least, cooldown_max=most)
    figures = {"update_norm": 1e-5} if improvement is None else {"val_loss": lambda n: 1 - improvement * n}
    answers(made, 5, **figures)
    assert made.events[-1] == {"epoch": 7, "event": "rest", "epochs": expected}


def test_noise_is_applied_in_the_epoch_that_starts_the_rest_and_none_during_it():
    made = controller(min_epochs=10, rest_after=1, cooldown_min=4, cooldown_max=4)
    noises = answers(made, 25, val_loss=1.0)
    assert noisy(noises) == [10, 15, 20, 25]
    assert all(noise.strength == 0 for e, noise in enumerate(noises, 1) if e not in (10, 15, 20, 25))


def test_noise_waits_for_activate_after_flagged_epochs_and_rests_after_rest_after_noisy_ones():
    made = controller(min_epochs=10, activate_after=3, rest_after=2, cooldown_min=1, cooldown_max=1)
    assert noisy(answers(made, 25, val_loss=1.0)) == [12, 13, 17, 18, 22, 23]


def test_a_rest_of_no_epochs_is_no_rest():
    made = controller(min_epochs=2, window=2, activate_after=3, rest_after=2, cooldown_min=0, cooldown_max=0)
    assert noisy(answers(made, 20, val_loss=1.0)) == list(range(4, 21))
    assert {event["event"] for event in made.events} == {"flags", "activation"}


@pytest.mark.parametrize("stays", [True, False])
def test_noise_that_stays_in_the_weights_is_no_update(stays):
    made = controller(min_epochs=6, window=4, legacy_permanent=stays)
    for n in range(1, 7):
        made.noise = Noise("weight", 0.1) if n > 4 else Noise()
        noise = made.observe(row(n, update_norm=1.0 if n > 4 else 1e-5))
    assert ("low_update" in noise.flags) is stays


def test_noise_does_not_feed_the_flag_that_raised_it():
    made = controller(min_epochs=4, window=4, rest_after=3, cooldown_min=0, cooldown_max=0)
    noises = answers(made, 6, update_norm=lambda n: 1e-5 if n < 5 else 1.0)  # gradient noise shakes the weights
    assert noisy(noises) == [4, 5, 6]
    kept = answers(controller(min_epochs=4, window=4), 6, val_loss=1.0, gradient_norm=lambda n: 0.8**n if n < 5 else 1)
    assert [noise.kind for noise in kept[3:]] == 3 * ["weight"]


def test_the_events_say_what_happened_when():
    made = controller(min_epochs=5, window=5, rest_after=2, cooldown_min=3, cooldown_max=3, strength=0.1)
    answers(made, 16, val_loss=lambda n: 1.0 if n < 13 else 0.5**n)
    told = [(event["epoch"], event["event"]) for event in made.events]
    assert told == [
        *((6, "flags"), (6, "activation"), (7, "flags"), (8, "rest")),
        *((11, "flags"), (11, "activation"), (12, "flags"), (13, "rest")),
    ]
    assert made.events[0]["val_plateau"] == pytest.approx(0) and made.events[1]["kind"] == "weight"
    ended = controller(min_epochs=5, window=3, rest_after=9)
    answers(ended, 8, val_loss=lambda n: 1.0 if n < 7 else 0.5**n)
    assert [event["event"] for event in ended.events][-1] == "end"
