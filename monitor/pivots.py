"""Which points of columns decide what they mean for a run: where a step falls, a new attempt begins.

A ``RunState`` looks at every point. In a column that rises, and in columns whose falls all mean a new start, a few tell it the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from monitor.parse.blockreader import Column
from rules.history import RunState
from rules.series import Series

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
SEEN_OF_A_COLUMN = 40
"""Points of a rising column that the run's state sees: as many as it looks back on to judge a fall."""
SEEN_BEFORE_A_FALL = 8
"""Points before the first fall of a block: a metric that ranks print twice falls by more than its usual stride."""
SEEN_BEFORE, SEEN_AFTER = 2, 5
"""Points of a column that the reader of events sees before and after a line of its own: an error counts until three steps later."""


def pivots(columns: Sequence[Column], earlier: Mapping[str, Column], state: RunState, event_lines: Sequence[int]) -> list[Flags]:
    """The points of each column that are to be told to ``state``, and those around ``event_lines`` (offsets).

    ``earlier``: columns before these, by metric, of which the state has yet to be told; they rise.
    """
    strides = [np.diff(column.steps, prepend=_before(column.metric, earlier, state)) for column in columns]
    falls = [np.flatnonzero(one < 0) for one in strides]
    if not any(one.size for one in falls):
        told = [np.arange(column.steps.size) >= column.steps.size - SEEN_OF_A_COLUMN for column in columns]
    elif _each_fall_is_a_start(columns, strides, earlier, state):
        told = _starts(columns, falls, strides)
    else:
        told = [_ends_of_stretches(column, one) for column, one in zip(columns, falls, strict=True)]
    if event_lines:
        lines = np.array(event_lines)
        of_lines = {(column.offsets.size, int(column.offsets[0]), int(column.offsets[-1])): at for at, column in enumerate(columns)}
        for which in of_lines.values():  # of metrics that stand on the same lines one is enough
            places = np.searchsorted(columns[which].offsets, lines)
            around = (places[:, None] + np.arange(-SEEN_BEFORE, SEEN_AFTER)).ravel()
            told[which][around[(around >= 0) & (around < told[which].size)]] = True
    return told


def _before(metric: str, earlier: Mapping[str, Column], state: RunState) -> float:
    if metric in earlier:
        return float(earlier[metric].steps[-1])
    series = state.metric(metric)
    return -np.inf if series is None or series.last_step is None else series.last_step


def _each_fall_is_a_start(
    columns: Sequence[Column], strides: Sequence[Floats], earlier: Mapping[str, Column], state: RunState
) -> bool:  # fmt: skip
    """Whether each fall is too deep for a late rank, and no new start has been told of that the steps have yet to show."""
    if max(state.witnesses.values(), default=0) >= state.attempt:
        return False
    for column, stride in zip(columns, strides, strict=True):
        before, series = earlier.get(column.metric), state.metric(column.metric)
        known = 0.0 if series is None else series.interval() or 0.0
        earlier_strides = np.zeros(0) if before is None else np.diff(before.steps)
        widest = max(known, float(earlier_strides.max(initial=0.0)), float(stride[np.isfinite(stride)].max(initial=0.0)))
        if (stride[stride < 0] >= -2 * widest).any() and not _alone(stride, before, series):
            return False
    return True


def _alone(stride: Floats, before: Column | None, series: Series | None) -> bool:
    """Whether no step of a metric was printed twice: then there are no ranks that could be late."""
    told_twice = (stride == 0).any() or (before is not None and (np.diff(before.steps) == 0).any())
    return not told_twice and (series is None or not series.many_ranks)


def _starts(columns: Sequence[Column], falls: Sequence[npt.NDArray[np.int64]], strides: Sequence[Floats]) -> list[Flags]:
    """The two points of each fall that is a new start; of the last attempt the first points and the last ones.

    The first metric to fall begins the attempt; another one's fall over the same start is none, since its point before is of the last.
    """
    told = [np.zeros(column.steps.size, bool) for column in columns]
    found = sorted((int(columns[which].offsets[at]), which, at) for which, rows in enumerate(falls) for at in rows.tolist())
    start = -1
    for offset, which, at in found:
        before = int(columns[which].offsets[at - 1]) if at else -1
        if before >= start or start < 0:
            told[which][max(0, at - (1 if start >= 0 else SEEN_BEFORE_A_FALL)) : at + 1] = True
            start = offset
    for column, chosen, stride in zip(columns, told, strides, strict=True):
        first = int(np.searchsorted(column.offsets, start))
        chosen[first : first + 2] = True
        twice = first + 1 + int(np.argmax(stride[first + 1 :] == 0)) if (stride[first + 1 :] == 0).any() else first
        chosen[max(first, twice - 1) : twice + 1] = True
        chosen[max(first, chosen.size - SEEN_OF_A_COLUMN) :] = True
    return told


def _ends_of_stretches(column: Column, falls: npt.NDArray[np.int64]) -> Flags:
    """The beginning and the end of every stretch that rises."""
    chosen = np.zeros(column.steps.size, bool)
    for start, end in pairwise([0, *[at for at in falls.tolist() if at], int(column.steps.size)]):
        chosen[start : start + 2] = True
        chosen[max(start, end - SEEN_OF_A_COLUMN) : end] = True
    return chosen
