"""``spike``: the loss jumped far above its noise. It resolves when the loss is back, and says whether that was fast, slow or never.

A point is far when its logarithm lies ``sigmas`` robust standard deviations (of the points before it, at least one printed digit)
above the median of the points before it, and ``min_rise`` above. A large jump of a validation loss is told at once. A batch loss
is noisy with heavy tails: three points in a row are wanted, or one beyond all that the noise has shown. A curve that goes on climbing
is left to ``divergence``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import ClassVar

from pydantic import Field

from rules.curve import FINE, LOSSES, CurveRule, Mark, Metrics
from rules.fields import Ratio
from rules.history import RunState, Series, goes_up
from rules.jsonable import short, step_text
from rules.kind import Context, RuleSpec
from rules.median import median
from rules.noise import bounded_exp, is_sparse, relative, scatter
from rules.rule import Rule
from rules.scale import PLAIN, Scale, scale_of
from rules.verdict import UNKNOWN, Severity, Status, Verdict

QUICK_POINTS = 16
"""A point that is not above its 16 predecessors is no spike: decided without statistics."""
LEVEL_POINTS, SPARSE_LEVEL = 9, 3
"""Points whose median is the level before; few of a validation, which may still fall fast from one to the next."""
DENSE_HISTORY = 3
"""Times ``min_points``: of a batch loss more must have been seen."""
NOISE_POINTS, TAIL_POINTS = 48, 240
AT_ONCE_RISE = log(1.5)
TAIL_FACTOR = 3.0
"""A single batch must be this many times farther off than the farthest of the last 240."""
IN_A_ROW = 3
BACK_SHARE = 0.25
"""It is back when three quarters of the jump are gone, or it lies within three sigmas."""
BACK_AT_ONCE = 0.5
"""Of a batch loss that has not been told: neighbouring batches are alike, so half of one bad batch stands in the next two."""
FAST_POINTS, SLOW_POINTS = 5, 20
GOES_ON = 1.02
JUMP_SHARE = 0.6
"""Of the rise over the level before, made in one step: what rises in many is a climb."""


class Spec(RuleSpec):
    """The loss jumped."""

    kind: ClassVar[str] = "spike"
    default_severity: ClassVar[Severity] = Severity.WARNING
    metric: Metrics = Field(LOSSES, description="the metrics that are watched")
    sigmas: float = Field(8.0, gt=0.0, description="robust standard deviations above the level before")
    min_rise: Ratio = Field(0.1, ge=0.0, description="smallest rise that matters, against the level before")
    least: Ratio = Field(0.05, ge=0.0, description="smallest rise that matters, against all that the loss has fallen")
    min_points: int = Field(6, ge=4, description="points before it, below which nothing is said")

    def build(self, context: Context) -> Rule:
        base, rise = self.base(frozenset(self.metric)), log(1.0 + self.min_rise)
        return Spike(**base, sigmas=self.sigmas, min_rise=rise, least=self.least, min_points=self.min_points)


@dataclass(frozen=True, slots=True)
class Spike(CurveRule):
    """``min_rise`` is in logarithms."""

    sigmas: float = 8.0
    min_rise: float = 0.0953
    least: float = 0.05
    min_points: int = 6

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        value, sparse = series.values[-1], is_sparse(metric)
        if "after" in mark:
            return Verdict(Status.OK, mark.pop("after"), series.steps[-1], value)
        if "level" in mark:
            return self._follow(metric, series, value, mark)
        gate = SPARSE_LEVEL if sparse else QUICK_POINTS
        few = len(series.values) <= self.min_points * (1 if sparse else DENSE_HISTORY)
        if few or not isfinite(value) or not _stands_out(metric, series.values[-gate - 1 : -1], value):
            return FINE
        scale = scale_of(metric, series)
        found = self._found(series, scale, sparse) if scale is not None else None
        if scale is None or found is None:
            return FINE
        level, sigma, rise = found
        alone = sparse or (rise >= AT_ONCE_RISE and self._beyond_the_tail(series, scale, rise))
        mark.update(level=level, sigma=sigma, peak=value, since=series.steps[-1], points=1, wanted=1 if alone else IN_A_ROW)
        mark.update(zero=scale.zero, sign=scale.sign)
        if sparse and rise >= AT_ONCE_RISE:
            return self._tell(metric, series, mark)
        return UNKNOWN

    def _found(self, series: Series, scale: Scale, sparse: bool) -> tuple[float, float, float] | None:
        """The level before, the noise, and how far the last point stands out, in logarithms; None where it does not."""
        before, value = scale.all(series.values[-NOISE_POINTS - 1 : -1]), scale.to(series.values[-1])
        if value <= 0:
            return None
        lately = relative(before[-(SPARSE_LEVEL if sparse else LEVEL_POINTS):])
        if lately is None:
            return None
        # First what costs little: most that stand out do so by less than matters.
        level, jumped = median(lately), log(value) - lately[-1]
        rise = log(value) - level
        if rise <= self.min_rise or jumped < JUMP_SHARE * rise or (logs := relative(before)) is None:
            return None
        sigma = scatter(logs, before)
        if rise <= self.sigmas * sigma:
            return None
        if value - exp(level) < self.least * (max(scale.all(series.values[:3])) - exp(level)):
            return None
        return level, sigma, rise

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        before = series.values[-NOISE_POINTS - 1 : -1]
        scale = _kept(mark) if "zero" in mark else scale_of(metric, series)
        logs = relative(scale.all(before)) if scale is not None else None
        if scale is None or logs is None or len(logs) < self.min_points:
            return {"points": len(before)}
        level = mark.get("level", median(logs[-(SPARSE_LEVEL if is_sparse(metric) else LEVEL_POINTS):]))
        sigma = mark.get("sigma", scatter(logs, scale.all(before)))
        limit = scale.back(bounded_exp(level + max(self.sigmas * sigma, self.min_rise)))
        return {
            "value": series.values[-1], "level": scale.back(exp(level)), "sigma": f"{sigma:.2%}", "points": len(before),
            "sigmas": self.sigmas, "limit": limit, "peak": mark.get("peak"),
        }  # fmt: skip

    def _follow(self, metric: str, series: Series, value: float, mark: Mark) -> Verdict:
        """A point after the first far one: back, going on, or staying."""
        scale = _kept(mark)
        scaled, peak = scale.to(value), scale.to(mark["peak"])
        if not isfinite(value):
            return UNKNOWN
        mark["points"] += 1
        told = "told" in mark
        rise, top = log(max(scaled, 1e-300)) - mark["level"], log(max(peak, 1e-300)) - mark["level"]
        share = BACK_SHARE if told or is_sparse(metric) else BACK_AT_ONCE
        if rise <= max(3.0 * mark["sigma"], share * top):
            return self._back(metric, series, value, mark)
        climbs = scaled > peak * GOES_ON
        mark["peak"] = value if scaled > peak else mark["peak"]
        if told:
            return self._tell(metric, series, mark)
        later = mark["points"] - max(mark["wanted"], 2)
        if later >= 0 and not climbs:
            return self._tell(metric, series, mark)
        if later >= FAST_POINTS:
            # It climbs on: what that is, others say.
            mark.clear()
        return UNKNOWN

    def _back(self, metric: str, series: Series, value: float, mark: Mark) -> Verdict:
        far, told, wanted = mark["points"] - 1, "told" in mark, mark["wanted"]
        speed = "fast" if far <= FAST_POINTS else "slowly" if far <= SLOW_POINTS else "late"
        said = f"{metric} is back at {short(value)} at step {series.steps[-1]:g}: it recovered {speed}, after {far} points"
        verdict = Verdict(Status.OK, said, series.steps[-1], value)
        if not told and far >= wanted:
            verdict = self._tell(metric, series, mark, "; it has recovered since")
        elif not told:
            verdict = FINE
        for key in set(mark) - {"bad"}:
            del mark[key]
        if verdict.status is Status.BREACHED:
            mark["after"] = said
        return verdict

    def _tell(self, metric: str, series: Series, mark: Mark, more: str = "") -> Verdict:
        mark["told"] = True
        scale = _kept(mark)
        level, peak = exp(mark["level"]), scale.to(mark["peak"])
        if mark["points"] > SLOW_POINTS:
            more = f"; it has not recovered in {mark['points'] - 1} points"
        back = scale.back(level * bounded_exp(max(3.0 * mark["sigma"], BACK_SHARE * log(peak / level))))
        was = short(scale.back(level))
        far = f"{peak / level:.3g} times the {was} before" if scale == PLAIN else f"it was {was} before"
        return Verdict(
            Status.BREACHED,
            f"{metric} jumped to {short(mark['peak'])} at step {step_text(mark['since'])}, {far} (noise {mark['sigma']:.2%}){more}",
            mark["since"], mark["peak"],
            numbers={"peak": mark["peak"], "level": scale.back(level), "sigma": mark["sigma"], "points_since": mark["points"]},
            resolves_when=f"{metric} is {'below' if scale.sign > 0 else 'above'} {short(back)}",
        )  # fmt: skip

    def _beyond_the_tail(self, series: Series, scale: Scale, rise: float) -> bool:
        """Whether the batch is far beyond the worst of the batches before it, about their own level."""
        logs = relative(scale.all(series.values[-TAIL_POINTS - 1 : -1]))
        if logs is None or len(logs) < 32:
            return False
        worst = max(logs[i] - logs[i - 1] for i in range(1, len(logs)))
        return rise > TAIL_FACTOR * worst


def _kept(mark: Mark) -> Scale:
    """The scale by which the jump was found: what is measured after it is measured alike."""
    return Scale(mark.get("zero", 0.0), mark.get("sign", 1))


def _stands_out(metric: str, before: Sequence[float], value: float) -> bool:
    return value < min(before) if goes_up(metric) else value > max(before)
