"""``not_finite``: NaN and infinities, one metric not resolving another."""

from __future__ import annotations

import math

import pytest
from story import briefly, points, rule, tell

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 1.0], []),
        ([2.0, NAN], [("firing", 20)]),
        ([2.0, INF, 1.5], [("firing", 20), ("resolved", 30)]),
        ([2.0, -INF, NAN, NAN], [("firing", 20)]),
        ([NAN], [("firing", 10)]),
    ],
)
def test_it_fires_on_what_is_no_number_and_resolves_on_the_next_that_is(values: list[float], expected: list[tuple[str, float]]) -> None:
    assert briefly(tell(rule("not_finite"), points("val_loss", values))) == expected


def test_a_healthy_train_loss_does_not_resolve_the_validation() -> None:
    items = [*points("val_loss", [2.0, NAN]), *points("train_loss", [1.0, 0.9], start=30), *points("val_loss", [1.9], start=50)]
    assert briefly(tell(rule("not_finite"), items)) == [("firing", 20), ("resolved", 50)]


def test_the_message_says_the_last_good_value() -> None:
    (told,) = tell(rule("not_finite"), points("train_loss", [2.0, 1.5, NAN]))
    assert told.message == "train_loss is nan at step 30; last finite value 1.5 at step 20"
    assert told.severity == "critical"


def test_other_metrics_are_not_looked_at_unless_named() -> None:
    assert tell(rule("not_finite"), points("grad_norm", [NAN])) == []
    assert briefly(tell(rule("not_finite", {"metric": "grad_norm"}), points("grad_norm", [NAN]))) == [("firing", 10)]
