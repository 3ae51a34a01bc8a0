"""``overfit``: the validation rises while the training falls."""

from __future__ import annotations

import numpy as np
from story import briefly, points, rule, tell

from rules.observation import Observation

VAL = [2.0, 1.8, 1.6, 1.5, 1.45, 1.42, 1.40]
RISING = [1.43, 1.48, 1.54, 1.60, 1.66]


def both(val: list[float], train: list[float]) -> list[Observation]:
    items = [*points("val_loss", val), *points("train_loss", train, every=1, start=1)]
    return sorted(items, key=lambda item: (item.step or 0, item.metric))  # type: ignore[return-value, union-attr]


def falling(count: int) -> list[float]:
    return [2.0 * 0.99**i for i in range(count)]


def test_a_rise_of_the_validation_is_found_within_five_points() -> None:
    (told,) = tell(rule("overfit"), both(VAL + RISING, falling(120)))
    assert told.step is not None
    assert told.step <= 120
    assert "while train_loss falls" in told.message


def test_when_the_training_rises_as_well_it_is_not_overfitting() -> None:
    rising = falling(70) + [2.0 * 0.99**70 * 1.02**i for i in range(50)]
    assert tell(rule("overfit"), both(VAL + RISING, rising)) == []


def test_a_noisy_validation_is_not_overfitting() -> None:
    noisy = [2.0, 1.8, 1.65, 1.5, 1.52, 1.45, 1.50, 1.43, 1.47, 1.44, 1.46, 1.43]
    assert tell(rule("overfit"), both(noisy, falling(120))) == []


def test_without_a_train_loss_the_message_says_so() -> None:
    (told,) = tell(rule("overfit"), points("val_loss", VAL + RISING))
    assert "no train_loss is logged" in told.message


def test_it_resolves_at_a_new_best() -> None:
    assert briefly(tell(rule("overfit"), both([*VAL, *RISING, 1.39], falling(130))))[-1] == ("resolved", 130)


def test_a_lowest_value_that_was_printed_long_ago_as_well_is_no_long_rise() -> None:
    (told,) = tell(rule("overfit"), points("val_loss", [0.36] * 12 + [0.37, 0.39, 0.41, 0.43, 0.46, 0.48]))
    assert "over 6 evaluations" in told.message or "over 5 evaluations" in told.message or "over 4 evaluations" in told.message


def test_a_flat_noisy_validation_on_every_line_is_hardly_ever_overfitting() -> None:
    told = 0
    for seed in range(12):
        noisy = list(2.0 * np.exp(np.random.default_rng(seed).normal(0, 0.02, 600)))
        told += bool(tell(rule("overfit"), both(noisy, falling(6000))))
    assert told <= 2


def test_a_rise_right_after_a_steep_fall_is_found() -> None:
    steep = [0.2173, 0.1862, 0.1662, 0.1532, 0.1409, 0.1335, 0.1348, 0.1361, 0.1392, 0.1432, 0.1479, 0.1517, 0.1558, 0.16]
    assert [t.state for t in tell(rule("overfit"), points("val_loss", steep))] == ["firing"]
