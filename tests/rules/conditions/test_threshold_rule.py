"""``threshold``: bounds, expressions, holds; what it refuses to read."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError
from story import briefly, points, rule, tell


def test_a_bound_on_any_metric() -> None:
    assert briefly(tell(rule("threshold", {"metric": "grad_norm", "above": "10"}), points("grad_norm", [1, 11, 9]))) == [
        ("firing", 20), ("resolved", 30),
    ]  # fmt: skip
    assert briefly(tell(rule("threshold", {"metric": "val_acc", "below": "0.5"}), points("val_acc", [0.4, 0.6]))) == [
        ("firing", 10), ("resolved", 20),
    ]  # fmt: skip


def test_an_expression_is_judged_when_its_first_metric_comes() -> None:
    gap = rule("threshold", {"when": "val_loss - train_loss > 0.5", "for": "2"})
    items = [
        *points("train_loss", [1.0]), *points("val_loss", [1.2], start=20), *points("train_loss", [0.5], start=30),
        *points("val_loss", [1.3, 1.4], start=40),
    ]  # fmt: skip
    assert briefly(tell(gap, items)) == [("firing", 50)]


def test_a_hold_in_steps() -> None:
    slow = rule("threshold", {"metric": "lr", "above": "0.1", "for": "20 steps"})
    assert briefly(tell(slow, points("lr", [0.2, 0.2, 0.2, 0.05]))) == [("firing", 30), ("resolved", 40)]


def test_nan_neither_fires_nor_resolves() -> None:
    assert briefly(tell(rule("threshold", {"above": "1"}), points("val_loss", [2.0, math.nan, 0.5]))) == [("firing", 10), ("resolved", 30)]


def test_it_may_wait_for_a_step() -> None:
    assert briefly(tell(rule("threshold", {"above": "1", "after": "25"}), points("val_loss", [2.0, 2.0, 2.0]))) == [("firing", 30)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metric": "val_loss"}, "needs a bound"),
        ({"when": "val_loss > 1", "above": "2"}, "stands alone"),
        ({"when": "val_loss >"}, "ends too early"),
        ({"when": "val_loss - 1"}, "compares"),
        ({"when": "2 > 1"}, "names a metric"),
        ({"when": "val_loss > 1 train_loss"}, "one too many"),
        ({"when": "__import__('os').system('x') > 1"}, "is not understood"),
        ({"when": "open(val_loss) > 1"}, "unknown function"),
        ({"when": "a < b < c"}, "two sides"),
    ],
)
def test_a_mistake_is_said(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        rule("threshold", given)
