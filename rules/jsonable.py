"""Numbers as JSON: NaN and the infinities are the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``; whole floats stay whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def jsonable(value: Any) -> Any:
    """``value`` as ``json.dumps(allow_nan=False)`` takes it. Steps such as 25.0 become 25: a step is a count."""
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(inner) for inner in value]
    return value


def step_number(step: float | None) -> float | int | None:
    """A step as a person writes it: 25, not 25.0; an epoch of 0.22 stays."""
    if step is None or not math.isfinite(step):
        return step
    return int(step) if step == int(step) else step


def step_text(step: float | None) -> str:
    """A step in a sentence: 1234567, not 1.23457e+06; an epoch of 0.22 stays, and so does what is no number."""
    if step is None:
        return "-"
    return str(int(step)) if math.isfinite(step) and step == int(step) and abs(step) < 1e15 else f"{step:.6g}"


def short(value: float | None) -> str:
    """A value as messages print it: four significant digits at most, no padding."""
    if value is None:
        return "-"
    return f"{value:.4g}"
