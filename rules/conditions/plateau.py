"""``plateau``: the loss has stopped falling.

Without ``min_improvement`` it is held against its own curve: the forecast that stood ``window`` points ago said how far the
loss would fall by now. A plateau is a fall of less than ``share`` of that, where the difference is beyond the noise and the curve
printed digits enough to see it. A curve that flattens as power laws do raises nothing. With ``min_improvement`` it is the rule of
early stopping: the best of the window is not better by that share than the best before it.

Points of a batch loss are taken together by tens (their median) before they are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from statistics import median
from typing import ClassVar

from pydantic import Field

from rules.curve import FINE, LOSSES, CurveRule, Mark, Metrics
from rules.history import RunState, Series
from rules.jsonable import short
from rules.noise import is_sparse, relative, rounding, scatter, unrest
from rules.observation import VAL_LOSS
from rules.rule import Context, Rule, RuleSpec
from rules.units import Ratio
from rules.verdict import UNKNOWN, Severity, Status, Verdict

DENSE_GROUP = 10
FIRST_GROUPS = 6
"""Points, or groups of ten, that must stand before the window for a forecast to mean anything."""
LOOK_BACK, NOISE_POINTS = 240, 24
DOUBT_SHARE = 0.75
"""Of the forecast's own sigma: most of that is the schedule, which does not change within a window."""
LEVEL_NOISE = 0.2
"""Variance, in that of one point, of the level before the window."""
DENSE_CAUTION = 3.0
"""Times the error of a batch loss: neighbouring batches are alike (the order of the data), which no scatter of neighbours shows."""
LAST_PART = 0.9
"""Share of a known total; of a window whose middle lies behind it nothing is said: at the end of a decay the learning rate is nearly 0
and the loss is flat."""
RISES = 2.0
"""Standard errors by which a loss rises within the window, and is no plateau; over the whole window one is enough."""
ENOUGH_VALIDATIONS = 8
"""With so many validation points the batch loss is not asked."""


class Spec(RuleSpec):
    """The loss has stopped falling, earlier than its own curve promised."""

    kind: ClassVar[str] = "plateau"
    default_severity: ClassVar[Severity] = Severity.WARNING
    metric: Metrics = Field(LOSSES, description="the metrics that are watched; a batch loss only until there are eight validations")
    window: int = Field(5, ge=3, le=1000, description="validation points, or tens of batch losses, over which it did not fall")
    share: Ratio = Field(0.25, gt=0.0, lt=1.0, description="of the expected fall; less is a plateau")
    sigmas: float = Field(4.8, gt=0.0, description="standard errors by which the expected fall must have been missed")
    min_fall: Ratio = Field(0.005, ge=0.0, description="expected fall over the window below which a curve is simply late in its run")
    min_improvement: Ratio | None = Field(None, gt=0.0, description="instead: the improvement wanted over the window, such as 1%")

    def build(self, context: Context) -> Rule:
        base = self.base(frozenset(self.metric))
        numbers = {name: getattr(self, name) for name in ("window", "share", "sigmas", "min_fall", "min_improvement")}
        return Plateau(**base, **numbers)


@dataclass(frozen=True, slots=True)
class Fall:
    """Over the window, in logarithms: what was expected, what came, and the standard error of the difference."""

    expected: float
    seen: float
    error: float
    points: int
    since: float
    middle: float
    """Steps at which the window begins, and its middle."""
    rises: bool
    """Within the window: whether it is a plateau or something worse is not known yet."""


@dataclass(frozen=True, slots=True)
class Plateau(CurveRule):
    window: int = 5
    share: float = 0.25
    sigmas: float = 4.8
    min_fall: float = 0.005
    min_improvement: float | None = None

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        sparse = is_sparse(metric)
        if not sparse and (series.count % DENSE_GROUP or self._validates(run)):
            return UNKNOWN
        if not isfinite(series.values[-1]):
            return UNKNOWN
        if self.min_improvement is not None:
            return self._patience(metric, series, DENSE_GROUP if not sparse else 1, mark)
        if "bad" not in mark and self._falls_plainly(series.values, 1 if sparse else DENSE_GROUP):
            return FINE
        fall = self._fall(series, sparse)
        if fall is None or (run.total_steps and LAST_PART * run.total_steps < fall.middle <= run.total_steps):
            return UNKNOWN
        missed = fall.expected - fall.seen
        if fall.seen < -fall.error or fall.rises:
            return UNKNOWN
        if fall.expected < self.min_fall and "bad" not in mark:
            return FINE
        if missed > self.sigmas * fall.error and fall.seen < self.share * fall.expected:
            return self._told(metric, series, fall)
        if "bad" not in mark:
            return FINE
        if fall.seen > max(self.share * fall.expected, fall.error):
            said = f"{metric} falls again: {short(series.values[-1])}, {fall.seen:.2%} lower"
            return Verdict(Status.OK, said, series.steps[-1], series.values[-1])
        return UNKNOWN

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        fall = self._fall(series, is_sparse(metric))
        if fall is None:
            return {"points": len(series.values), "window": self.window}
        return {
            "window": self.window, "since_step": fall.since, "expected_fall": f"{fall.expected:.2%}", "seen_fall": f"{fall.seen:.2%}",
            "standard_error": f"{fall.error:.2%}", "limit": f"less than {self.share:.0%} of the expected, by {self.sigmas:g} errors",
        }  # fmt: skip

    def _validates(self, run: RunState) -> bool:
        validations = run.series.get(VAL_LOSS)
        return VAL_LOSS in self.topics and validations is not None and len(validations.values) >= ENOUGH_VALIDATIONS

    def _falls_plainly(self, values: Sequence[float], group: int) -> bool:
        """Without statistics: over the window it fell by more than half of what it fell over the window before."""
        window = self.window * group
        if len(values) < 2 * window + group:
            return False
        lately, before = sum(values[-window:]) / window, sum(values[-2 * window : -window]) / window
        here = sum(values[-window - group : -window]) / group
        return here - lately > 0.5 * (sum(values[-2 * window - group : -2 * window]) / group - before) > 0.0

    def _told(self, metric: str, series: Series, fall: Fall) -> Verdict:
        return Verdict(
            Status.BREACHED,
            f"{metric} has stopped falling at {short(series.values[-1])}: {fall.seen:.2%} lower since step {fall.since:g}, where its own "
            f"curve promised {fall.expected:.2%} (error {fall.error:.2%})",
            series.steps[-1], series.values[-1],
            numbers={"expected_fall": fall.expected, "seen_fall": fall.seen, "standard_error": fall.error, "window": self.window},
            resolves_when=f"{metric} falls again",
        )  # fmt: skip

    def _fall(self, series: Series, sparse: bool) -> Fall | None:
        steps, values = _grouped(series, 1 if sparse else DENSE_GROUP)
        stood = len(values) - self.window
        if stood < FIRST_GROUPS:
            return None
        logs = relative(values)
        if logs is None:
            return None
        from rules.forecast import Schedule, forecast

        middle = forecast(steps[:stood], values[:stood], steps[stood + self.window // 2], schedule=Schedule("constant"))
        if middle is None:
            return None
        lately = logs[:stood][-NOISE_POINTS:]
        noise = max(scatter(lately, values[:stood][-NOISE_POINTS:]), unrest(lately), rounding(values[-8:]) / values[-1])
        doubt = DOUBT_SHARE * max(middle.sigma**2 - noise**2, 0.0) ** 0.5
        # The level before the window: its last three points, brought forward by the fall that is expected from point to point.
        level, to_middle = sum(logs[stood - 3 : stood]) / 3.0, (self.window + 1) / 2.0
        here = level - (level - log(middle.value)) / (to_middle + 1.0)
        error = (noise**2 * (1.0 / self.window + LEVEL_NOISE) + doubt**2) ** 0.5 * (1.0 if sparse else DENSE_CAUTION)
        rises = logs[-1] + logs[-2] - min(logs[stood] + logs[stood + 1], 2.0 * here) > 2.0 * RISES * noise
        seen, place = here - sum(logs[stood:]) / self.window, steps[stood + self.window // 2]
        return Fall(here - log(middle.value), seen, error, len(values), steps[stood], place, rises)

    def _patience(self, metric: str, series: Series, group: int, mark: Mark) -> Verdict:
        _, values = _grouped(series, group)
        if len(values) <= self.window:
            return UNKNOWN
        before, lately = min(values[: -self.window]), min(values[-self.window :])
        gained = (before - lately) / abs(before) if before else 0.0
        wanted = self.min_improvement or 0.0
        said = f"{metric} improved by {max(gained, 0.0):.2%} in the last {self.window} {'points' if group == 1 else 'tens of points'}"
        if gained >= wanted:
            return Verdict(Status.OK, said, series.steps[-1], series.values[-1]) if "bad" in mark else FINE
        return Verdict(
            Status.BREACHED, f"{said}, less than {wanted:.2%}: best {short(min(before, lately))}", series.steps[-1], series.values[-1],
            numbers={"best_before": before, "best_of_window": lately, "improvement": gained, "wanted": wanted},
            resolves_when=f"it improves by {wanted:.2%} within {self.window} points",
        )  # fmt: skip


def _grouped(series: Series, group: int) -> tuple[Sequence[float], list[float]]:
    """Steps and finite values; of a batch loss the medians of tens, with the step at which each ten ends, the last ten whole."""
    kept = LOOK_BACK * group
    steps, values = series.steps[-kept:], series.values[-kept:]
    if group == 1:
        pairs = [(s, v) for s, v in zip(steps, values, strict=True) if isfinite(v)]
        return [s for s, _ in pairs], [v for _, v in pairs]
    first = len(values) % group
    ends = range(first + group, len(values) + 1, group)
    return [steps[end - 1] for end in ends], [median([v for v in values[end - group : end] if isfinite(v)] or [exp(99)]) for end in ends]
