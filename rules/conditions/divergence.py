"""``divergence``: the loss stands at a multiple of its best and does not come down.

The level is a median of the last points (3 of a validation metric, 9 of a batch loss). The best is the lowest validation of this
attempt, or the lowest such level of a batch loss. Over ``factor`` times the best it diverges when it goes on rising, or has stayed there
for a while; a jump that comes down again is a spike, and a validation loss that rises while the train loss falls is overfitting. A loss
that has been at or below zero, and a score of which more is better, have no multiples: they diverge when ``1 - 1 / factor`` of what
they had gained is lost, beyond their noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from pydantic import Field

from rules.curve import FINE, LOSSES, CurveRule, Mark, Metrics
from rules.history import RunState, Series, goes_up
from rules.jsonable import short, step_text
from rules.kind import Context, RuleSpec
from rules.median import median
from rules.noise import MAD_TO_SIGMA, is_sparse
from rules.observation import TRAIN_LOSS
from rules.rule import Rule
from rules.scale import PLAIN, Scale
from rules.verdict import UNKNOWN, Severity, Status, Verdict

SPARSE_POINTS, DENSE_POINTS = 3, 9
STILL_FALLING = 0.9
"""A level this far below its recent highest is coming down."""
SPARSE_PATIENCE, DENSE_PATIENCE = 5, 50
SPARSE_RISES, DENSE_RISES = 1.15, 1.3
"""Times the level that it had when it crossed the limit, above which it goes on rising. A level that jumped over the limit and
neither rises nor falls is a spike for so many points; then it has diverged."""
SHIFTED = 3.0
"""Times the first level: a jump to a height where the loss never was, and which it keeps, is another loss (a phase with other weights),
and is left to ``spike``."""
MEDIAN_ERROR = 1.253
"""Standard error of a median, in that of a mean (normal distribution)."""
MOST_ERROR = 0.5
NEVER = 1e300
"""A limit that no loss reaches, and that JSON can hold."""
NOISE_POINTS, NOISES, LEAST_SHARE = 48, 8.0, 0.1
"""Of a loss that may be negative, and of a score: points whose noise counts, noises by which it must be off, and share of its best."""
FIRST_POINTS = 10
"""Points of a batch loss before its best means anything: the first steps of a new head can be worse than its first loss."""


class Spec(RuleSpec):
    """The loss is over ``factor`` times its best, sustained."""

    kind: ClassVar[str] = "divergence"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    metric: Metrics = Field(LOSSES, description="the metrics that are watched")
    factor: float = Field(2.0, gt=1.0, description="times the best so far")
    points: int | None = Field(None, ge=1, le=1000, description="points whose median is the level; 3 of a validation, 9 of a batch loss")
    least: float = Field(0.1, ge=0.0, le=1.0, description="it also rose by this share of its whole fall: 1e-4 after 1e-5 is none")

    def build(self, context: Context) -> Rule:
        return Divergence(**self.base(frozenset(self.metric)), factor=self.factor, points=self.points, least=self.least)


@dataclass(frozen=True, slots=True)
class Divergence(CurveRule):
    factor: float = 2.0
    points: int | None = None
    least: float = 0.1

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        value = series.values[-1]
        if not isfinite(value):
            return UNKNOWN
        best = mark.get("best")
        if best is not None and "bad" not in mark and (best <= value <= mark["limit"] or mark["limit"] <= value <= best):
            return FINE
        count = self.points or (SPARSE_POINTS if is_sparse(metric) else DENSE_POINTS)
        window = [v for v in series.values[-count:] if isfinite(v)]
        if len(window) < min(count, SPARSE_POINTS) or (count > SPARSE_POINTS and len(series.values) < FIRST_POINTS):
            return UNKNOWN
        sign, level = -1 if goes_up(metric) else 1, median(window)
        lowest = value if is_sparse(metric) else level
        if best is None or sign * lowest < sign * best:
            first = mark.setdefault("first", max(window) if sign > 0 else min(window))
            mark.update(best=lowest, best_step=series.steps[-1], limit=self._limit(lowest, first, sign, series))
            best = lowest
        if sign * level <= sign * mark["limit"]:
            mark.pop("over", None)
            if "bad" not in mark:
                return FINE
            below = "below" if sign > 0 else "above"
            return Verdict(Status.OK, f"{metric} {short(level)} is {below} {short(mark['limit'])} again", series.steps[-1], value)
        if not self._goes_on(metric, series, count, level, mark):
            return UNKNOWN
        if is_sparse(metric) and train_falls(run, mark["best_step"]):
            return UNKNOWN
        off = f"{short(abs(level - best))} {'over' if sign > 0 else 'under'} its best"
        times = f"{level / best:.3g} times its best" if best > 0 and sign > 0 else off
        at, best_at = step_text(series.steps[-1]), step_text(mark["best_step"])
        return Verdict(
            Status.BREACHED, f"{metric} {short(level)} at step {at} is {times} {short(best)} (step {best_at})",
            series.steps[-1], value, numbers=self.numbers(run, metric, series, mark),
            resolves_when=f"{metric} is {'below' if sign > 0 else 'above'} {short(mark['limit'])}",
        )  # fmt: skip

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        count = self.points or (SPARSE_POINTS if is_sparse(metric) else DENSE_POINTS)
        level = median(series.values[-count:]) if series.values else None
        return {
            "level": level, "points": count, "best": mark.get("best"), "best_step": mark.get("best_step"), "factor": self.factor,
            "limit": mark.get("limit"),
        }  # fmt: skip

    def _goes_on(self, metric: str, series: Series, count: int, level: float, mark: Mark) -> bool:
        """Whether a level beyond the limit goes on rising or has stood there for long, and does not come down."""
        scale = _scale(mark, goes_up(metric))
        scaled = scale.to(level)
        over = mark.setdefault("over", {"level": level, "points": 0})
        over["points"] += 1
        patience, rising = (SPARSE_PATIENCE, SPARSE_RISES) if is_sparse(metric) else (DENSE_PATIENCE, DENSE_RISES)
        if over["points"] < count and count > SPARSE_POINTS and scaled > scale.to(over["level"]):
            # The median has not seen the whole of the jump yet.
            over["level"] = level
        lasts = over["points"] >= patience and scaled <= SHIFTED * scale.to(mark["first"])
        return (lasts or scaled > rising * scale.to(over["level"])) and not self._recovers(series, count, scaled, scale)

    def _limit(self, best: float, first: float, sign: int, series: Series) -> float:
        """In the log's unit. A loss that may be negative, and a score, are measured by how far they have come: with a factor of 2, half
        of that, and beyond their noise. What has gained nothing has nothing to lose."""
        fallen = max(sign * (first - best), 0.0)
        if best > 0 and sign > 0:
            return best + max((self.factor - 1.0) * best, self.least * fallen)
        if fallen <= 0.0:
            return sign * NEVER
        values = [v for v in series.values[-NOISE_POINTS:] if isfinite(v)]
        bends = [abs(values[i] - 2.0 * values[i - 1] + values[i - 2]) for i in range(2, len(values))]
        noise = MAD_TO_SIGMA * median(bends) / 6.0**0.5 if bends else 0.0
        return best + sign * max((1.0 - 1.0 / self.factor) * fallen, NOISES * noise, LEAST_SHARE * abs(best))

    def _recovers(self, series: Series, count: int, level: float, scale: Scale) -> bool:
        last = scale.to(series.values[-1])
        if count <= SPARSE_POINTS:
            return last < STILL_FALLING * max(scale.all(series.values[-count:])) and last > 0
        earlier = [v for v in scale.all(series.values[-3 * count : -count]) if isfinite(v)]
        return bool(earlier) and 0 < level < STILL_FALLING * max(earlier)


def _scale(mark: Mark, up: bool) -> Scale:
    """A positive loss as it is; anything else from as far below its best as that lies from the first level."""
    sign = -1 if up else 1
    if sign > 0 and mark["best"] > 0:
        return PLAIN
    return Scale(mark["best"] - (mark["first"] - mark["best"]), sign)


def train_falls(run: RunState, since_step: float) -> bool:
    """Whether the train loss was printed around ``since_step`` and after it, and has not risen since.

    Medians of up to 64 batches are compared; 2 % and two standard errors (by the median absolute deviation) are no rise, half as much again
    always is: a loss that explodes is scattered beyond any measure.
    """
    train = run.series.get(TRAIN_LOSS)
    if train is None:
        return False
    at = train.first_at_or_after(since_step)
    if at is None or len(train.values) - at < 2:
        return False
    width = min(64, max(2, (len(train.values) - at) // 2))
    before = [v for v in train.values[max(0, at - width // 2) : at + width // 2 + 1] if isfinite(v)]
    after = [v for v in train.values[-width:] if isfinite(v)]
    if not before or not after:
        return False
    then, now = median(before), median(after)
    spread: float = MEDIAN_ERROR * MAD_TO_SIGMA * median([abs(v - now) for v in after])
    error: float = spread * (1.0 / len(before) + 1.0 / len(after)) ** 0.5
    return now <= then + 0.02 * abs(then) + min(2.0 * error, MOST_ERROR * abs(then))
