"""``overfit``: the validation loss rises, beyond its noise, while the train loss does not.

The best of the validation is taken as the mean of the points around the lowest, so that one lucky point is no reference. Without a
train loss in the log the rise alone is told, and the message says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite
from typing import ClassVar

from pydantic import Field

from rules.conditions.divergence import train_falls
from rules.curve import FINE, CurveRule, Mark, Metrics
from rules.history import RunState, Series
from rules.jsonable import short
from rules.noise import bounded_exp, relative, scatter
from rules.observation import TRAIN_LOSS
from rules.rule import Context, Rule, RuleSpec
from rules.units import Ratio
from rules.verdict import UNKNOWN, Severity, Status, Verdict

NOISE_POINTS = 33
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
        if value <= best * (1.0 + self.min_rise / 2):
            if "bad" not in mark:
                return FINE
            return Verdict(Status.OK, f"{metric} {short(value)} is at its best again", series.steps[-1], value)
        seen = self._rise(series)
        if seen is None:
            return UNKNOWN
        rise, error, level, since = seen
        if rise <= max(self.min_rise, self.sigmas * error):
            return UNKNOWN
        if TRAIN_LOSS in run.series and not train_falls(run, series.best_step):
            return UNKNOWN
        train = "while train_loss falls" if TRAIN_LOSS in run.series else "(no train_loss is logged)"
        return Verdict(
            Status.BREACHED,
            f"{metric} has risen by {rise:.1%} over {since} evaluations since step {series.best_step:g} {train}: {short(value)} "
            f"against {short(level)}",
            series.steps[-1], value, numbers=self.numbers(run, metric, series, mark), resolves_when=f"{metric} is at its best again",
        )  # fmt: skip

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        seen = self._rise(series)
        told: dict[str, object] = {"value": series.last, "best": series.best, "best_step": series.best_step}
        if seen is not None:
            told |= {
                "rise": f"{seen[0]:.2%}", "standard_error": f"{seen[1]:.2%}", "evaluations_since": seen[3],
                "limit": f"{max(self.min_rise, self.sigmas * seen[1]):.2%}",
            }  # fmt: skip
        if series.best_step is not None and TRAIN_LOSS in run.series:
            told["train_falls"] = train_falls(run, series.best_step)
        return told

    def _jumped(self, since: Sequence[float], level: float, last: float) -> bool:
        """Whether one step made most of a large rise: that is a spike, or another loss."""
        logs = relative(since)
        return logs is None or (last - level > LARGE_RISE and max(b - a for a, b in pairwise(logs)) > 0.6 * (last - level))

    def _rise(self, series: Series) -> tuple[float, float, float, int] | None:
        """Rise of the last points over the best (relative), its standard error, the best's level, evaluations since the best."""
        at = series.first_at_or_after(series.best_step or 0.0)
        since = len(series.values) - 1 - at if at is not None else 0
        if at is None or since < self.points or len(series.values) < self.min_points:
            return None
        before = series.values[max(0, at - NOISE_POINTS) : at + 2]
        around = relative(series.values[max(0, at - 1) : at + 2])
        last = relative(series.values[-self.points :])
        logs = relative(before)
        if around is None or last is None or logs is None:
            return None
        level = sum(around) / len(around)
        if min(last) <= level or last[-1] < last[0] or self._jumped(series.values[at:], level, last[-1]):
            return None
        error = scatter(logs, before) * (1.0 / len(last) + 1.0 / len(around)) ** 0.5
        return bounded_exp(sum(last) / len(last) - level) - 1.0, error, exp(level), since
