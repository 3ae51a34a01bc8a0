"""The forecasts of a run's pending milestones, computed when its curve has grown and kept until it grows again."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import isfinite
from statistics import median

from monitor.snapshot import ForecastView
from rules.engine import Engine
from rules.history import RunState, goes_up
from rules.milestone import PENDING, Milestone
from rules.references import alike

RATE_POINTS = 64


class Outlook:
    """A cache of forecasts by run; pure but for that."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[int, int, int], dict[str, ForecastView]]] = {}

    def of(self, run: RunState, engine: Engine, now: float | None = None) -> Mapping[str, ForecastView]:
        """Milestone id -> forecast, for the pending ones that a forecast does not refuse. ``now``: Unix s, for the arrival."""
        key = (run.attempt, sum(s.count for s in run.series.values()) if engine.milestones else 0, len(run.marks))
        kept = self._kept.get(run.run)
        if kept is not None and kept[0] == key:
            return kept[1]
        seconds = seconds_a_step(run)
        found: dict[str, ForecastView] = {}
        for milestone in engine.milestones:
            view = _ahead(milestone, run, seconds, now)
            if view is not None:
                found[milestone.id] = view
        self._kept[run.run] = (key, found)
        return found


def _ahead(milestone: Milestone, run: RunState, seconds: float | None, now: float | None) -> ForecastView | None:
    series = run.metric(milestone.metric)
    if milestone.mark(run)["status"] != PENDING or series is None or milestone.axis != "step":
        return None
    from rules.forecast import forecast, probability

    before = [curve for _, curve in alike(run.references, milestone.metric, series.steps, series.values)]
    ahead = forecast(
        series.steps, series.values, milestone.step, total_steps=run.total_steps, references=before,
        higher_is_better=goes_up(milestone.metric),
    )  # fmt: skip
    if ahead is None:
        return None
    eta = now + (milestone.step - run.step) * seconds if now is not None and seconds is not None and run.step is not None else None
    return ForecastView(ahead.value, ahead.low, ahead.high, probability(ahead, milestone.expect.holds), eta)


def seconds_a_step(run: RunState) -> float | None:
    """Median seconds a step over the last points whose times are known; None where they are not."""
    if not run.series:
        return None
    series = max(run.series.values(), key=lambda s: len(s.times))
    points = [(s, t) for s, t in zip(series.steps[-RATE_POINTS:], series.times[-RATE_POINTS:], strict=True) if isfinite(t)]
    rates = [(t1 - t0) / (s1 - s0) for (s0, t0), (s1, t1) in pairwise(points) if s1 > s0 and t1 > t0]
    return median(rates) if rates else None
