"""A metric's digest, folded point by point or column by column: how many distinct steps, the first, the last, the least.

Steps are kept as ranges of even stride, so that a run of millions of steps costs a few bytes a range and not eight a step.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rules.jsonable import step_number

Floats = npt.NDArray[np.float64]
Point = tuple[float, float]
FEW = 3
"""Steps that are sooner taken one at a time."""


class Steps:
    """The steps that were seen, in order, as ranges (first, stride, count)."""

    def __init__(self) -> None:
        self._ranges = array("d")
        self._first = self._last = 0.0
        self._stride = 0.0
        self._count = 0
        self.total = 0
        self.greatest = -math.inf
        self.rising = True

    def add(self, step: float) -> None:
        self.total += 1
        if step > self.greatest:
            self.greatest = step
        elif step != self._last or not self._count:
            self.rising = False
        else:
            self.total -= 1
            return
        if self._count == 1 and step > self._last:
            self._stride, self._count, self._last = step - self._last, 2, step
        elif self._count > 1 and step - self._last == self._stride:
            self._count += 1
            self._last = step
        else:
            self._close()
            self._first = self._last = step
            self._stride, self._count = 0.0, 1

    def extend(self, steps: Floats) -> None:
        """Many steps at once; those that rise evenly cost nothing each."""
        again = np.concatenate((steps[:1] == self._last if self._count else [False], steps[1:] == steps[:-1]))
        if again.any():
            steps = steps[~again]
        if steps.size <= FEW:
            for step in steps.tolist():
                self.add(step)
            return
        self._close()
        strides = steps[1:] - steps[:-1]
        falls = strides < 0
        begins = np.ones(steps.size, bool)
        begins[1] = falls[0]
        begins[2:] = falls[1:] | (strides[1:] != strides[:-1])
        starts = np.flatnonzero(begins)
        counts = np.concatenate((starts[1:], (steps.size,))) - starts
        rows = np.empty((starts.size, 3))
        rows[:, 0], rows[:, 1], rows[:, 2] = steps[starts], np.where(counts > 1, strides[np.minimum(starts, strides.size - 1)], 0.0), counts
        self._ranges.frombytes(rows[:-1].tobytes())
        self._first, self._stride, self._count = float(rows[-1, 0]), float(rows[-1, 1]), int(rows[-1, 2])
        self.rising = self.rising and bool(steps[0] > self.greatest) and not falls.any()
        self._last = float(steps[-1])
        self.greatest = max(self.greatest, float(steps.max()))
        self.total += int(steps.size)

    def distinct(self) -> int:
        """How many different steps there are."""
        return self.total if self.rising else int(self.values().size)

    def values(self) -> Floats:
        """The different steps, rising."""
        self._close()
        self._count = 0
        rows = np.unique(np.array(self._ranges).reshape(-1, 3), axis=0)  # a run that was repeated tells the same ranges again
        parts = [first + stride * np.arange(int(count)) for first, stride, count in rows.tolist()]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0)

    def _close(self) -> None:
        if self._count:
            self._ranges.extend((self._first, self._stride, float(self._count)))


class MetricDigest:
    """One metric of one file."""

    __slots__ = ("first", "last", "least", "name", "steps")

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = Steps()
        self.first: Point | None = None
        self.last: Point | None = None
        self.least: Point | None = None

    def add(self, step: float, value: float) -> None:
        self.steps.add(step)
        self.last = (step, value)
        self.first = self.first or self.last
        if value == value and (self.least is None or value < self.least[1]):
            self.least = self.last

    def extend(self, steps: Floats, values: Floats) -> None:
        if not steps.size:
            return
        self.steps.extend(steps)
        self.last = (float(steps[-1]), float(values[-1]))
        self.first = self.first or (float(steps[0]), float(values[0]))
        known = values if not np.isnan(values).any() else np.where(np.isnan(values), np.inf, values)
        at = int(np.argmin(known))
        if values[at] == values[at] and (self.least is None or values[at] < self.least[1]):
            self.least = (float(steps[at]), float(values[at]))

    def entry(self) -> dict[str, Any]:
        """The metric as ``scan --summary --json`` has it."""
        return _entry(self.name, self.steps.distinct(), self.first, self.last, self.least)


def merged(digests: Sequence[MetricDigest]) -> dict[str, Any]:
    """One metric of several files of one run, by step; of two prints of one value the one with more digits is kept."""
    if len(digests) == 1:
        return digests[0].entry()
    count = int(np.unique(np.concatenate([one.steps.values() for one in digests])).size)
    first = _pick([one.first for one in digests if one.first is not None], lambda point: point[0])
    last = _pick([one.last for one in digests if one.last is not None], lambda point: -point[0])
    least = _pick([one.least for one in digests if one.least is not None], lambda point: point[1])
    return _entry(digests[0].name, count, first, last, least)


def _pick(points: Sequence[Point], key: Any) -> Point | None:
    best = min(points, key=key, default=None)
    for point in points:
        if best is not None and point[0] == best[0] and _longer(point[1], best[1]):
            best = point
    return best


def _longer(value: float, other: float) -> bool:
    """Whether ``value`` is ``other`` with more digits."""
    digits = len(repr(other).partition(".")[2])
    return len(repr(value)) > len(repr(other)) and math.isfinite(value) and round(value, digits) == other


def _entry(name: str, count: int, first: Point | None, last: Point | None, least: Point | None) -> dict[str, Any]:
    return {"name": name, "count": count, "first": _pair(first), "last": _pair(last), "min": None if least is None else _pair(least)}


def _pair(point: Point | None) -> list[Any]:
    return [step_number(point[0]), point[1]] if point is not None else []
