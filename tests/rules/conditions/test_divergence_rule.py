"""``divergence``: rising or staying over a multiple of the best; a spike that comes down and overfitting are something else."""

from __future__ import annotations

import numpy as np
import pytest
from story import briefly, points, rule, tell

FALLING = [3.0, 2.0, 1.5, 1.2, 1.0]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([0.95, 0.94, 0.93], []),
        ([1.6, 2.4, 3.6, 5.4], [("firing", 90)]),
        ([4.0, 4.0, 4.0, 4.0, 4.0, 4.0], [("firing", 110)]),
        ([4.0, 2.9, 2.0, 1.4, 1.0], []),
        ([1.6, 2.4, 3.6, 5.4, 2.0, 1.0, 0.9], [("firing", 90), ("resolved", 110)]),
        ([1.9, 1.9, 1.9, 1.9, 1.9, 1.9], []),
    ],
    ids=["healthy", "rising", "staying high", "a spike that recovers", "resolved", "below the factor"],
)
def test_of_a_validation_loss(after: list[float], expected: list[tuple[str, float]]) -> None:
    assert briefly(tell(rule("divergence"), points("val_loss", FALLING + after))) == expected


def test_a_noisy_batch_loss_needs_a_level_not_a_batch() -> None:
    rng = np.random.default_rng(0)
    calm = list(2.0 * np.exp(rng.normal(0, 0.2, 300)))
    assert tell(rule("divergence"), points("train_loss", calm)) == []
    rising = [2.0 * 1.05**i for i in range(40)]
    fired = tell(rule("divergence"), points("train_loss", calm + rising))
    assert [t.state for t in fired] == ["firing"]
    assert fired[0].step is not None
    assert fired[0].step <= 10 * 300 + 300


def test_a_loss_near_zero_may_move_by_factors() -> None:
    values = [2.0, 0.5, 0.01, 0.001, 0.004, 0.005, 0.006, 0.008, 0.01]
    assert tell(rule("divergence"), points("val_loss", values)) == []


def test_a_loss_below_zero_is_measured_by_how_far_it_has_fallen() -> None:
    values = [10.0, 0.0, -5.0, -8.0, -9.0, 5.0, 15.0, 30.0, 60.0]
    assert briefly(tell(rule("divergence"), points("val_loss", values)))[:1] == [("firing", 80)]


def test_a_validation_that_rises_while_training_falls_is_left_to_overfit() -> None:
    train = points("train_loss", [3.0 * 0.97**i for i in range(130)], every=1, start=1)
    val = points("val_loss", [*FALLING, 1.6, 2.4, 3.6, 5.4])
    items = sorted([*train, *val], key=lambda item: item.step)
    assert tell(rule("divergence"), items) == []


def test_the_factor_is_the_users() -> None:
    assert briefly(tell(rule("divergence", {"factor": "1.3"}), points("val_loss", [*FALLING, 1.2, 1.5, 1.8, 2.1]))) == [("firing", 90)]
