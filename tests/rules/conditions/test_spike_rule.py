"""``spike``: fast, slow or no recovery; noise, rounding and climbs are no spikes."""

from __future__ import annotations

import numpy as np
import pytest
from story import briefly, points, rule, tell

CALM = [2.00, 1.97, 1.95, 1.92, 1.90, 1.88, 1.86, 1.85, 1.83, 1.82]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([1.81, 1.80, 1.79], []),
        ([5.0, 1.80, 1.79], [("firing", 110), ("resolved", 120)]),
        ([5.0, 4.0, 3.0, 2.4, 2.1, 1.9, 1.85], [("firing", 110), ("resolved", 150)]),
        ([5.0, 5.0, 5.1, 5.0], [("firing", 110)]),
        ([2.2, 1.80, 1.79], [("firing", 110), ("resolved", 130)]),
        ([2.1, 2.4, 2.8, 3.2], []),
        ([1.95], []),
    ],
    ids=["none", "fast", "slow", "stays", "small and gone", "a climb", "below the smallest rise"],
)
def test_of_a_validation_loss(after: list[float], expected: list[tuple[str, float]]) -> None:
    assert briefly(tell(rule("spike"), points("val_loss", CALM + after))) == expected


def test_the_message_tells_height_noise_and_how_it_recovered() -> None:
    fired, resolved = tell(rule("spike"), points("val_loss", [*CALM, 5.0, 4.0, 3.0, 2.4, 1.9]))
    assert fired.message.startswith("val_loss jumped to 5 at step 110, 2.73 times the 1.83 before (noise ")
    assert resolved.message == "val_loss is back at 1.9 at step 150: it recovered fast, after 4 points"


def test_noise_of_a_batch_loss_is_no_spike_and_one_far_batch_in_a_quiet_curve_is() -> None:
    rng = np.random.default_rng(3)
    noisy = list(2.0 * np.exp(rng.normal(0, 0.15, 4000)))
    assert tell(rule("spike"), points("train_loss", noisy)) == []
    quiet = list(2.0 * np.exp(rng.normal(0, 0.01, 100)))
    assert briefly(tell(rule("spike"), points("train_loss", [*quiet, 9.0, 9.0, 9.0, 2.0, 2.0]))) == [("firing", 1010), ("resolved", 1040)]


def test_a_curve_printed_to_two_digits_does_not_spike_by_its_rounding() -> None:
    flat = [0.71, 0.71, 0.71, 0.70, 0.70, 0.70, 0.70, 0.70, 0.70, 0.70, 0.70, 0.71, 0.72, 0.70]
    assert tell(rule("spike"), points("val_loss", flat)) == []


def test_a_spike_of_the_validation_outlives_a_calm_train_loss() -> None:
    items = [*points("val_loss", [*CALM, 5.0]), *points("train_loss", CALM, start=120), *points("val_loss", [1.8], start=300)]
    assert briefly(tell(rule("spike"), items)) == [("firing", 110), ("resolved", 300)]
