"""How a digest is compared with what a log is known to hold: the number of distinct steps, the first, the last, the least."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def number(value: Any) -> float | None:
    if isinstance(value, str):
        return {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf}.get(value.lower())
    return float(value)


def same(a: Any, b: Any) -> bool:
    """Whether two printed numbers are the same, NaN being NaN."""
    x, y = number(a), number(b)
    return x is not None and y is not None and ((math.isnan(x) and math.isnan(y)) or math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-9))


def agrees(metric: Mapping[str, Any], truth: Mapping[str, Any], *, least: bool = False) -> bool:
    """Whether a metric's digest says what the truth says; a step that is a pair there (epoch, batch) is compared by count alone."""
    if metric["count"] != truth["n"]:
        return False
    keys = ["first", "last", *(["min"] if least and truth.get("min") and not truth.get("nonfinite") else [])]
    if not all(metric.get(key) and same(metric[key][1], truth[key][1]) for key in keys):
        return False
    plain = [key for key in ("first", "last") if truth[key][0] is not None and not isinstance(truth[key][0], Sequence)]
    return all(metric[key][0] is not None and same(metric[key][0], truth[key][0]) for key in plain)


def is_loss(name: str) -> bool:
    """Whether a metric's own name in the log says that it is a loss, and so must go by the canonical name."""
    low = name.lower()
    return "loss" in low and "lower" not in low
