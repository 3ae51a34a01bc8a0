"""Metrics that stand on the same lines: one column of them shows where an attempt begins as well as all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from monitor.parse.blockreader import Column
from rules.observation import Observation

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KEPT_POINTS = 40
"""Points of a metric that are kept: as many as a run's state looks back on to judge whether a fall is a late rank's print."""


@dataclass
class Lane:
    """Points of one metric in the order of the log: the last ones of the blocks before, which rise, and perhaps a block's own.

    ``told`` is which of them the run's state has seen. ``twice``: a step came more than once in the attempt before these points.
    """

    metric: str
    name: str
    offsets: Ints
    steps: Floats
    values: Floats
    told: Flags
    twice: bool = False
    held: int = 0
    """How many of the points are of the blocks before."""

    @cached_property
    def strides(self) -> Floats:
        return np.diff(self.steps)

    @cached_property
    def falls(self) -> Ints:
        """The points whose step is below the one before."""
        return np.flatnonzero(self.strides < 0) + 1

    @cached_property
    def _repeats(self) -> Ints:
        """The points whose step is the one before's."""
        return np.flatnonzero(self.strides == 0) + 1

    @cached_property
    def _widest(self) -> float:
        return float(self.strides.max(initial=0.0))

    def first_since(self, start: int) -> int:
        """The first point of the attempt that begins at byte ``start``; -1 for one that began before these points."""
        return int(np.searchsorted(self.offsets, start)) if start >= 0 else 0

    def came_twice(self, start: int, at: int) -> bool:
        """Whether a step came more than once in the attempt that begins at byte ``start``, before point ``at``."""
        if start < 0 and self.twice:
            return True
        if not self._repeats.size:
            return False
        first, last = np.searchsorted(self._repeats, (self.first_since(start) + 1, at))
        return bool(last > first)

    def surely_begins_anew(self, at: int, start: int) -> bool:
        """Whether the fall at ``at`` can be no late rank's print: none prints twice, or it is deeper than any rank is late."""
        return not self.came_twice(start, at) or bool(-self.strides[at - 1] > 2 * self._widest)

    def seen_at_a_fall(self, at: int, start: int, *, known: bool) -> slice:
        """The points before the fall at ``at``, and itself, that tell the state what all of them would.

        ``known``: the state has points of the attempt before these. Where several ranks print it holds the fall against the usual
        stride, so it must know the last strides.
        """
        before = KEPT_POINTS if known and start < 0 and self.came_twice(start, at) else 1
        return slice(max(self.first_since(start), at - before), at + 1)

    def followed_by(self, column: Column) -> Lane:
        """These points and those of a block."""
        offsets, steps = np.concatenate((self.offsets, column.offsets)), np.concatenate((self.steps, column.steps))
        values, told = np.concatenate((self.values, column.values)), np.concatenate((self.told, np.zeros(column.steps.size, bool)))
        return Lane(self.metric, self.name, offsets, steps, values, told, self.twice, self.steps.size)

    def since(self, start: int) -> Lane:
        """The last points of the attempt that begins at byte ``start``."""
        size = self.steps.size
        return self.last(max(self.first_since(start), size - KEPT_POINTS), twice=self.came_twice(start, size))

    def last(self, first: int = -KEPT_POINTS, *, twice: bool) -> Lane:
        """The points from ``first`` on, copied, so that a block is not kept."""
        offsets, steps, values, told = self.offsets[first:], self.steps[first:], self.values[first:], self.told[first:]
        return Lane(self.metric, self.name, offsets.copy(), steps.copy(), values.copy(), told.copy(), twice, told.size)

    def of(self, column: Column, told: Flags) -> Lane:
        """These points as those of another metric that stands on the same lines."""
        return Lane(column.metric, column.name, self.offsets, self.steps, self.values, told, self.twice, told.size)

    def tell(self, which: Flags | slice) -> list[Observation]:
        """Points as objects, but none that stands before one that was told; the first one twice where a step came twice before it."""
        chosen = np.zeros(self.told.size, bool)
        chosen[which] = True
        chosen[: self.told.size - int(np.argmax(self.told[::-1])) if self.told.any() else 0] = False
        self.told |= chosen
        points = zip(*(part[chosen].tolist() for part in (self.offsets, self.steps, self.values)), strict=True)
        told = [Observation(self.metric, value, step, None, self.name, offset) for offset, step, value in points]
        return [*told[:1], *told] if self.twice and chosen[: self.held].any() else told


def lane_of(column: Column) -> Lane:
    """A metric that a block is the first to show."""
    return Lane(column.metric, column.name, column.offsets, column.steps, column.values, np.zeros(column.steps.size, bool))


def on_the_same_lines(columns: Sequence[Column]) -> list[list[Column]]:
    """The columns, those of the same lines and steps together."""
    found: dict[tuple[int, int, int], list[list[Column]]] = {}
    for column in columns:
        offsets = column.offsets
        if not offsets.size:
            continue
        alike = found.setdefault((offsets.size, int(offsets[0]), int(offsets[-1])), [])
        for group in alike:
            if _same(group[0].offsets, offsets) and _same(group[0].steps, column.steps):
                group.append(column)
                break
        else:
            alike.append([column])
    return [group for groups in found.values() for group in groups]


def _same(some: npt.NDArray[np.generic], others: npt.NDArray[np.generic]) -> bool:
    return some is others or bool((some == others).all())
