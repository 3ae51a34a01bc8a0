"""The units that a rules file may use: durations (``30s``, ``10m``, ``2h``, ``1d``), ratios (``1%`` or ``0.01``), holds.

A hold says how long a condition must last before it counts: ``3`` or ``3 observations``, ``200 steps``, ``10m``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d|w)")
_RATIO = re.compile(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(%?)")
_COUNTED = re.compile(r"(\d+)\s*(observations?|points?|steps?)?")


def duration_s(text: Any) -> float:
    """Seconds of ``30s``, ``1h30m``, ``2 h``. A bare number is refused: nobody knows whether it means seconds or minutes.

    Raises ValueError.
    """
    written = str(text).strip()
    parts = _DURATION_PART.findall(written)
    if not parts or _DURATION_PART.sub("", written).strip():
        raise ValueError(f"`{written}` is no duration; write it with a unit, such as 30s, 10m or 2h")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def ratio(text: Any) -> float:
    """A share: ``1%`` is 0.01, ``0.01`` is 0.01. Raises ValueError."""
    found = _RATIO.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"`{text}` is no ratio; write 1% or 0.01")
    return float(found[1]) / (100.0 if found[2] else 1.0)


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a condition must last: the first of the three that is set decides."""

    observations: int | None = None
    steps: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        if self.observations is not None:
            return f"{self.observations} observations"
        if self.steps is not None:
            return f"{self.steps:g} steps"
        return human_duration(self.seconds or 0.0)


NO_HOLD = Hold(observations=1)


def hold(text: Any) -> Hold:
    """``3``, ``3 observations``, ``200 steps`` or ``10m``. Raises ValueError."""
    if isinstance(text, Hold):
        return text
    counted = _COUNTED.fullmatch(str(text).strip())
    if counted:
        number = int(counted[1])
        if number < 1:
            raise ValueError("a hold is at least 1 observation")
        return Hold(steps=float(number)) if (counted[2] or "").startswith("step") else Hold(observations=number)
    try:
        return Hold(seconds=duration_s(text))
    except ValueError:
        raise ValueError(f"`{text}` is no hold; write 3 (observations), 200 steps or 10m") from None


def human_duration(seconds: float) -> str:
    """``40 s``, ``26 min``, ``2 h 05``, ``3 d 4 h``: how the messages write a time span."""
    if seconds < 0:
        return "-" + human_duration(-seconds)
    if seconds < 90:
        return f"{seconds:.3g} s"
    minutes = int(seconds // 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d}"
    return f"{hours // 24} d {hours % 24} h"
