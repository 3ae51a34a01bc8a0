"""A curve in as few points as a screen can show. Pure.

Thinning keeps, of each stretch, its first, smallest, largest and last point (Jugel and others, M4, VLDB 2014), so a spike of one
step stays where it was and as high as it was; a NaN or an infinity is always kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from math import isfinite

from monitor.snapshot import SeriesView

TREND_POINTS = 32
Columns = tuple[Sequence[float], Sequence[float], Sequence[float]]


def columns(view: SeriesView, since_step: float | None = None) -> Columns:
    """Steps, values and times up to the view's length, from ``since_step`` (inclusive) on."""
    end = min(view.length, len(view.steps), len(view.values), len(view.times))
    start = 0 if since_step is None else bisect_left(view.steps, since_step, 0, end)
    return view.steps[start:end], view.values[start:end], view.times[start:end]


def thin(steps: Sequence[float], values: Sequence[float], times: Sequence[float], max_points: int | None) -> Columns:
    """At most about ``max_points`` of them, beyond which only points that are not finite are kept; None keeps all."""
    if max_points is None or len(values) <= max_points:
        return steps, values, times
    kept = _m4(values, max(1, max_points // 4))
    return [steps[i] for i in kept], [values[i] for i in kept], [times[i] for i in kept]


def _m4(values: Sequence[float], buckets: int) -> list[int]:
    kept: set[int] = set()
    for bucket in range(buckets):
        start, end = bucket * len(values) // buckets, (bucket + 1) * len(values) // buckets
        finite = [i for i in range(start, end) if isfinite(values[i])]
        if len(finite) < end - start:
            kept.update(i for i in range(start, end) if not isfinite(values[i]))
        if finite:
            kept.update((finite[0], min(finite, key=values.__getitem__), max(finite, key=values.__getitem__), finite[-1]))
    return sorted(kept)


def trend(view: SeriesView, points: int = TREND_POINTS) -> array[float]:
    """The whole curve in at most ``points`` values: each the last of its stretch, oldest first."""
    end = min(view.length, len(view.values))
    count = min(points, end)
    return array("d", (view.values[(i + 1) * end // count - 1] for i in range(count)))
