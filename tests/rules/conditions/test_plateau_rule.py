"""``plateau``: held against the curve's own promise, or against a wanted improvement."""

from __future__ import annotations

import numpy as np
import pytest
from story import points, rule, tell

from rules.history import RunState

POWER_LAW = [1.0 + 6.0 * (10 * i) ** -0.5 for i in range(1, 61)]


def test_a_power_law_to_its_end_raises_nothing() -> None:
    assert tell(rule("plateau"), points("val_loss", POWER_LAW)) == []


def test_a_loss_that_stops_falling_is_found_within_five_points() -> None:
    stuck = POWER_LAW[:15] + [POWER_LAW[14]] * 5
    (told,) = tell(rule("plateau"), points("val_loss", stuck))
    assert told.step is not None
    assert told.step <= 200
    assert "has stopped falling" in told.message


def test_it_resolves_when_the_loss_falls_again() -> None:
    values = POWER_LAW[:15] + [POWER_LAW[14]] * 6 + [POWER_LAW[14] * 0.97**i for i in range(1, 8)]
    assert [t.state for t in tell(rule("plateau"), points("val_loss", values))] == ["firing", "resolved"]


def test_a_curve_that_ends_flat_because_its_learning_rate_does_is_left_alone() -> None:
    values = POWER_LAW[:30] + [POWER_LAW[29]] * 3
    run = RunState("late", total_steps=330)
    assert tell(rule("plateau"), points("val_loss", values), run) == []


def test_a_loss_that_rises_is_no_plateau() -> None:
    values = POWER_LAW[:15] + [POWER_LAW[14] * 1.05**i for i in range(1, 7)]
    assert tell(rule("plateau"), points("val_loss", values)) == []


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounding_alone_is_no_plateau(digits: int) -> None:
    values = [round(v, digits) for v in POWER_LAW]
    assert tell(rule("plateau"), points("val_loss", values)) == []


def test_a_batch_loss_is_asked_only_until_there_are_validations() -> None:
    rng = np.random.default_rng(1)
    train = [(1.0 + 6.0 * min(i, 300) ** -0.5) * float(np.exp(rng.normal(0, 0.002))) for i in range(1, 500)]
    assert [t.state for t in tell(rule("plateau"), points("train_loss", train))][:1] == ["firing"]
    run = RunState("validated")
    tell([], points("val_loss", POWER_LAW[:10]), run)
    assert tell(rule("plateau"), points("train_loss", train, start=200), run) == []


def test_with_a_wanted_improvement_it_is_the_patience_of_early_stopping() -> None:
    values = [2.0, 1.5, 1.2, 1.1, 1.095, 1.094, 1.093, 1.092, 1.0]
    found = tell(rule("plateau", {"window": "3", "min_improvement": "1%"}), points("val_loss", values))
    assert [(t.state, t.step) for t in found] == [("firing", 70), ("resolved", 90)]


@pytest.mark.parametrize("share", [0.99, 1.01], ids=["lower", "higher"])
def test_a_jump_after_which_it_falls_on_is_no_plateau(share: float) -> None:
    values = POWER_LAW[:20] + [v * share for v in POWER_LAW[20:]]
    assert tell(rule("plateau"), points("val_loss", values)) == []


def test_a_number_that_does_not_move_any_more_is_found_though_the_curve_promised_nothing() -> None:
    rng = np.random.default_rng(2)
    noisy = [round(1.0 + float(rng.normal(0, 0.02)), 5) for _ in range(60)]
    told = tell(rule("plateau"), points("val_loss", noisy + [noisy[-1]] * 6 + noisy))
    assert [(t.state, t.step) for t in told] == [("firing", 640), ("resolved", 670)]
    batches = tell(rule("plateau"), points("train_loss", noisy + [noisy[-1]] * 45))
    assert [t.state for t in batches] == ["firing"]


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_number_that_never_moved_is_no_plateau(value: float) -> None:
    assert tell(rule("plateau"), points("val_loss", [value] * 60)) == []
    assert tell(rule("plateau"), points("train_loss", [value] * 600)) == []


def test_a_validation_that_is_printed_again_at_every_step_is_no_plateau() -> None:
    rng = np.random.default_rng(3)
    held = [round(v * float(np.exp(rng.normal(0, 0.02))), 4) for v in POWER_LAW[:30]]
    assert tell(rule("plateau"), points("val_loss", [v for v in held for _ in range(6)])) == []


def test_a_cliff_and_what_comes_after_a_warm_up_is_no_plateau() -> None:
    values = [3.0] * 3 + [1.0 + 2.0 * 0.25**i for i in range(6)] + [1.0 - 0.001 * i for i in range(20)]
    assert tell(rule("plateau"), points("val_loss", values)) == []
