"""``overfit``: the validation loss rises, beyond its noise, while the train loss does not.

The best of the validation is taken as the mean of the points around the lowest, so that one lucky point is no reference. Without a
train loss in the log the rise alone is told, and the message says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite, log
from typing import ClassVar

from pydantic import Field

from rules.conditions.divergence import train_falls
from rules.curve import FINE, CurveRule, Mark, Metrics
from rules.fields import Ratio
from rules.history import RunState, Series
from rules.jsonable import short, step_text
from rules.kind import Context, RuleSpec
from rules.median import median
from rules.noise import bounded_exp, relative, rounding, scatter, unrest
from rules.observation import TRAIN_LOSS
from rules.promise import noise_between
from rules.rule import Rule
from rules.scale import PLAIN, Scale, scale_of
from rules.verdict import UNKNOWN, Severity, Status, Verdict

NOISE_POINTS = 64
LEVEL_SHARE = 12
"""One part in twelve of the points up to the lowest, the last of them, is the level that it rises from."""
FEW_POINTS = 10
SHORT = 24
LATELY, FEW = 7, 2.0
"""Points, or half of all, whose own unrest is the least noise; and by how much the error of few points is taken larger:
``1 + FEW / points`` times."""
LONG_SINCE, STILL = 10, 0.75
"""After so many evaluations since the best it must lie above the middle of them as well, by that part of the limit: it still rises."""
STEEP, LUCK = 4.0, 1.5
"""Noises by which a curve that fell from point to point up to its lowest lies above it on average; and by which a
lowest point lies under its curve by chance."""
LARGE_RISE = 0.4
"""In logarithms: half as much again."""


class Spec(RuleSpec):
    """The validation loss rises while the train loss falls."""

    kind: ClassVar[str] = "overfit"
    default_severity: ClassVar[Severity] = Severity.WARNING
    metric: Metrics | None = Field(None, description="the validation metrics; the file's default metric where it is not given")
    points: int = Field(3, ge=2, le=100, description="evaluations since the best that must all lie above it")
    min_rise: Ratio = Field(0.015, ge=0.0, description="smallest rise that matters, against the best")
    sigmas: float = Field(3.8, gt=0.0, description="standard errors that the rise must exceed")
    min_points: int = Field(6, ge=4, description="evaluations below which nothing is said")

    def build(self, context: Context) -> Rule:
        base = self.base(frozenset(self.metric or (context.metric,)))
        return Overfit(**base, points=self.points, min_rise=self.min_rise, sigmas=self.sigmas, min_points=self.min_points)


@dataclass(frozen=True, slots=True)
class Overfit(CurveRule):
    points: int = 3
    min_rise: float = 0.015
    sigmas: float = 3.8
    min_points: int = 6

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        value, best = series.values[-1], series.best
        if not isfinite(value) or best is None or series.best_step is None:
            return UNKNOWN
        scale = scale_of(metric, series)
        if scale is None:
            return UNKNOWN
        if scale.to(value) <= scale.to(best) * (1.0 + self.min_rise / 2):
            if "bad" not in mark:
                return FINE
            return Verdict(Status.OK, f"{metric} {short(value)} is at its best again", series.steps[-1], value)
        seen = None if self._is_little(series, scale) else self._rise(series, scale)
        if seen is None:
            return UNKNOWN
        rise, error, level, since = seen
        if rise <= max(self.min_rise, self._limit(series, error)):
            return UNKNOWN
        if TRAIN_LOSS in run.series and not train_falls(run, series.best_step):
            return UNKNOWN
        gained = "" if scale is PLAIN else " of all that it had gained"
        train = "while train_loss falls" if TRAIN_LOSS in run.series else "(no train_loss is logged)"
        return Verdict(
            Status.BREACHED,
            f"{metric} has {scale.worse} by {rise:.1%}{gained} over {since} evaluations since step {step_text(series.best_step)} {train}: "
            f"{short(value)} against {short(level)}",
            series.steps[-1], value, numbers=self.numbers(run, metric, series, mark), resolves_when=f"{metric} is at its best again",
        )  # fmt: skip

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        scale = scale_of(metric, series)
        seen = self._rise(series, scale) if scale is not None else None
        told: dict[str, object] = {"value": series.last, "best": series.best, "best_step": series.best_step}
        if seen is not None:
            told |= {
                "rise": f"{seen[0]:.2%}", "standard_error": f"{seen[1]:.2%}", "evaluations_since": seen[3],
                "limit": f"{max(self.min_rise, self._limit(series, seen[1])):.2%}",
            }  # fmt: skip
        if series.best_step is not None and TRAIN_LOSS in run.series:
            told["train_falls"] = train_falls(run, series.best_step)
        return told

    def _is_little(self, series: Series, scale: Scale) -> bool:
        """Whether the last points lie too few percents above the lowest value, hence above any level: decided by a sum."""
        if scale is not PLAIN or series.best is None:
            return False
        lately = series.values[-self.points :]
        return sum(lately) <= (1.0 + self.min_rise) * series.best * len(lately) or lately[-1] < lately[0]

    def _limit(self, series: Series, error: float) -> float:
        """So many standard errors, and more the more often was looked: of many points the lowest and the highest lie far apart."""
        limit: float = error * (self.sigmas**2 + 2.0 * log(max(len(series.values) / FEW_POINTS, 1.0))) ** 0.5
        return limit

    def _noise(self, logs: list[float], before: Sequence[float], steps: Sequence[float]) -> float:
        """One point's standard deviation; of a short curve by log steps, over which the steep fall of its beginning is straight."""
        if len(logs) >= SHORT or steps[0] <= 0.0:
            return max(scatter(logs, before), unrest(logs[-max(LATELY, len(logs) // 2) :]))
        return max(noise_between([log(step) for step in steps], logs), rounding(before[-8:]) / before[-1])

    def _jumped(self, since: Sequence[float], level: float, last: float) -> bool:
        """Whether one step made most of a large rise: that is a spike, or another loss."""
        logs = relative(since)
        return logs is None or (last - level > LARGE_RISE and max(b - a for a, b in pairwise(logs)) > 0.6 * (last - level))

    def _rise(self, series: Series, scale: Scale) -> tuple[float, float, float, int] | None:
        """Rise of the last points over the best (relative), its standard error, the best's level, evaluations since the best."""
        values = series.values if scale is PLAIN else scale.all(series.values)
        lately = values[-self.points :]
        if series.best is None or not sum(lately) > scale.to(series.best) * len(lately) or lately[-1] < lately[0]:
            return None
        at = _last_best(series)
        since = len(values) - 1 - at if at is not None else 0
        if at is None or since < self.points or len(values) < self.min_points:
            return None
        around = relative(values[max(0, at - max(1, at // LEVEL_SHARE)) : at + 2])
        last = relative(values[-self.points :])
        before = values[-NOISE_POINTS - self.points : -self.points]
        logs = relative(before)
        if around is None or last is None or logs is None:
            return None
        noise = self._noise(logs, before, series.steps[-len(logs) - self.points : -self.points])
        level, lowest = sum(around) / len(around), log(values[at])
        if len(around) <= 4 and level - lowest > STEEP * noise:
            # The curve still fell from point to point: those before the lowest are no level.
            level = min(level, lowest + LUCK * noise)
        if min(last) <= level or last[-1] < last[0] or self._jumped(values[at:], level, last[-1]):
            return None
        rise = sum(last) / len(last) - level
        error: float = noise * (1.0 / len(last) + 1.0 / len(around)) ** 0.5 * (1.0 + FEW / len(logs))
        if since >= LONG_SINCE:
            still = sum(last) / len(last) - log(median(values[at : -self.points]))
            if still < STILL * self._limit(series, error):
                return None
        return bounded_exp(rise) - 1.0, error, scale.back(exp(level)), since


def _last_best(series: Series) -> int | None:
    """Index of the lowest value, the last of several that are printed alike."""
    first = series.first_at_or_after(series.best_step) if series.best_step is not None else None
    if first is None:
        return None
    return next((i for i in range(len(series.values) - 1, first, -1) if series.values[i] == series.best), first)
