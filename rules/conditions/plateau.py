"""``plateau``: the loss has stopped falling.

Without ``min_improvement`` it is held against its own curve: what the points before the last ``window`` promise over it
(``rules/promise.py``). A plateau is a fall of less than ``share`` of that, where the difference is beyond the noise and the curve printed
digits enough to see it. A curve that flattens as power laws do raises nothing, nor does one that jumped and falls on. A loss that prints
the very same number again and again, and was noisy before, has stopped as well. With ``min_improvement`` it is the rule of early
stopping: the best of the window is not better by that share than the best before it.

Points of a batch loss are taken together by tens (their median) before they are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite
from typing import ClassVar

from pydantic import Field

from rules.curve import FINE, LOSSES, CurveRule, Mark, Metrics
from rules.fields import Ratio
from rules.history import RunState, Series, goes_up
from rules.jsonable import short
from rules.kind import Context, RuleSpec
from rules.median import median
from rules.noise import is_sparse, rounding
from rules.observation import VAL_LOSS
from rules.promise import ANCHOR_POINTS, LEAST_POINTS, Fall, fall
from rules.rule import Rule
from rules.scale import PLAIN, scale_of
from rules.verdict import UNKNOWN, Severity, Status, Verdict

DENSE_GROUP = 10
FIRST_GROUPS = 6
"""Points, or groups of ten, that must stand before the window for a forecast to mean anything."""
LOOK_BACK = 64
DENSE_CAUTION = 3.0
"""Times the error of a batch loss: neighbouring batches are alike (the order of the data), which no scatter of neighbours shows."""
LAST_PART = 0.9
"""Share of a known total; of a window whose middle lies behind it nothing is said: at the end of a decay the learning rate is nearly 0
and the loss is flat."""
FROZEN_POINTS, FROZEN_BATCHES, FROZEN_DIGITS = 5, 30, 16.0
"""Validations or batches that print the same number; and how many printed digits two neighbours differ by otherwise (median second
difference): then five alike by chance are one in 100,000."""
NOISE_POINTS = 24
SURE_PROMISE, SURE_ERROR = 1.2, 0.24
"""Times what a curve fell per step since its middle, more than which a curve that flattens does not promise: of 371 plateaus in synthetic
curves the median was 0.47, and 99 % lay below 0.75. And times the mean second difference: two thirds of the error that noise alone has."""
FALLS_ON = 0.25
"""Share of the fall promised within the window: a loss that falls by more, from its first points to its last, only jumped before."""
RISES, RISING = 2.0, 0.3
"""Noises by which a loss rises within the window, and is no plateau; and share of what it was promised to fall."""
ENOUGH_VALIDATIONS = 8
"""With so many validation points the batch loss is not asked."""


class Spec(RuleSpec):
    """The loss has stopped falling, earlier than its own curve promised."""

    kind: ClassVar[str] = "plateau"
    default_severity: ClassVar[Severity] = Severity.WARNING
    metric: Metrics = Field(LOSSES, description="the metrics that are watched; a batch loss only until there are eight validations")
    window: int = Field(5, ge=3, le=1000, description="validation points, or tens of batch losses, over which it did not fall")
    share: Ratio = Field(0.35, gt=0.0, lt=1.0, description="of the expected fall; less is a plateau")
    sigmas: float = Field(3.8, gt=0.0, description="standard errors by which the expected fall must have been missed")
    min_fall: Ratio = Field(0.005, ge=0.0, description="expected fall over the window below which a curve is simply late in its run")
    min_improvement: Ratio | None = Field(None, gt=0.0, description="instead: the improvement wanted over the window, such as 1%")

    def build(self, context: Context) -> Rule:
        base = self.base(frozenset(self.metric))
        numbers = {name: getattr(self, name) for name in ("window", "share", "sigmas", "min_fall", "min_improvement")}
        return Plateau(**base, **numbers)


@dataclass(frozen=True, slots=True)
class Plateau(CurveRule):
    window: int = 5
    share: float = 0.35
    sigmas: float = 3.8
    min_fall: float = 0.005
    min_improvement: float | None = None

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        sparse = is_sparse(metric)
        group = 1 if sparse else DENSE_GROUP
        if series.count % group or not isfinite(series.values[-1]):
            return UNKNOWN
        if self.min_improvement is None and (frozen := self._frozen(metric, series, mark)) is not None:
            return frozen
        if not sparse and self._validates(run):
            return UNKNOWN
        if self.min_improvement is not None:
            return self._patience(metric, series, group, mark)
        if "bad" in mark:
            return self._again(metric, series, mark.get("window", self.window), group)
        if len(series.values) < (self.window + FIRST_GROUPS) * group:
            return UNKNOWN
        if scale_of(metric, series) is PLAIN and self._cannot_be(series, group):
            return FINE
        fall = self._fall(metric, series, group)
        if fall is None:
            return UNKNOWN
        if self._missed(run, fall):
            mark["window"] = self.window
            return self._told(metric, series, fall)
        return FINE

    def _frozen(self, metric: str, series: Series, mark: Mark) -> Verdict | None:
        """The same number again and again where neighbours always differed; None where that is not the matter."""
        values, value = series.values, series.values[-1]
        if "frozen" in mark:
            if value == mark["frozen"]:
                return UNKNOWN
            del mark["frozen"]
            return Verdict(Status.OK, f"{metric} moves again: {short(value)}", series.steps[-1], value)
        if not value or value != values[-2:][0] or "bad" in mark:
            return None
        points = max(self.window, FROZEN_POINTS) if is_sparse(metric) else FROZEN_BATCHES
        before = values[-points - NOISE_POINTS : -points]
        if len(before) < NOISE_POINTS // 2 or len(set(values[-points:])) > 1 or any(a == b for a, b in pairwise(before)):
            return None
        bends = [abs(before[i] - 2.0 * before[i - 1] + before[i - 2]) for i in range(2, len(before))]
        if not median(bends) > FROZEN_DIGITS * rounding(before):
            return None
        mark["frozen"] = value
        return Verdict(
            Status.BREACHED,
            f"{metric} has stopped {_verb(metric)}: it is {short(value)}, {points} times in a row, where no two before were alike",
            series.steps[-1], value, numbers={"points": points, "usual_change": median(bends)}, resolves_when=f"{metric} moves again",
        )  # fmt: skip

    def _missed(self, run: RunState, fall: Fall) -> bool:
        if run.total_steps and LAST_PART * run.total_steps < fall.middle <= run.total_steps:
            return False
        if fall.promised < self.min_fall or fall.seen >= self.share * fall.promised:
            return False
        if fall.promised - fall.seen <= self.sigmas * fall.error or fall.seen < -max(fall.error, RISING * fall.promised):
            return False
        # It rises: something worse. It falls as it should, after a jump: another order of the data.
        rises = -fall.within_seen > max(RISES * fall.noise, RISING * fall.within_promised)
        return not rises and fall.within_seen < FALLS_ON * fall.within_promised

    def _again(self, metric: str, series: Series, window: int, group: int) -> Verdict:
        fall = self._fall(metric, series, group)
        if fall is not None and fall.seen > max(self.share * fall.promised, fall.error):
            verb = "rises" if goes_up(metric) else "falls"
            said = f"{metric} {verb} again: {short(series.values[-1])}, {fall.seen:.2%} better"
            return Verdict(Status.OK, said, series.steps[-1], series.values[-1])
        return UNKNOWN

    def _cannot_be(self, series: Series, group: int) -> bool:
        """Whether a plateau is out of the question, by a few sums: what the curve fell per step since its middle, and a fifth more, is
        little, or mostly kept, or within the noise, or the loss falls on."""
        values, steps, window = series.values, series.steps, self.window * group
        stood = len(values) - window
        middle, width = max(stood // 2, 1), ANCHOR_POINTS * group
        here = sum(values[stood - width : stood]) / width
        then = values[max(0, middle - width) : middle]
        gone = steps[stood - 1] - steps[middle - 1]
        if here <= 0.0 or gone <= 0.0:
            return here > 0.0
        fell = sum(then) / len(then) - here
        pace = SURE_PROMISE * fell / gone
        promised = pace * (steps[stood + window // 2] - steps[stood - 1])
        seen = here - sum(values[stood:]) / window
        if promised < self.min_fall * here or seen >= self.share * promised:
            return True
        if group > 1:
            return False
        within = values[stood] + values[stood + 1] - values[-2] - values[-1]
        if within >= FALLS_ON * pace * (steps[-2] + steps[-1] - steps[stood] - steps[stood + 1]):
            return True
        lately = values[-self.window - LEAST_POINTS :]
        bends = sum([abs(lately[i] - 2.0 * lately[i - 1] + lately[i - 2]) for i in range(2, len(lately))])
        return promised - seen < self.sigmas * SURE_ERROR * bends / (len(lately) - 2)

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        fall = self._fall(metric, series, 1 if is_sparse(metric) else DENSE_GROUP)
        if fall is None:
            return {"points": len(series.values), "window": self.window}
        return {
            "window": self.window, "since_step": fall.since, "expected_fall": f"{fall.promised:.2%}", "seen_fall": f"{fall.seen:.2%}",
            "standard_error": f"{fall.error:.2%}", "limit": f"less than {self.share:.0%} of the expected, by {self.sigmas:g} errors",
        }  # fmt: skip

    def _validates(self, run: RunState) -> bool:
        validations = run.series.get(VAL_LOSS)
        return VAL_LOSS in self.topics and validations is not None and len(validations.values) >= ENOUGH_VALIDATIONS

    def _told(self, metric: str, series: Series, fall: Fall) -> Verdict:
        return Verdict(
            Status.BREACHED,
            f"{metric} has stopped {_verb(metric)} at {short(series.values[-1])}: {fall.seen:.2%} better since step {fall.since:g}, where "
            f"its own curve promised {fall.promised:.2%} (error {fall.error:.2%})",
            series.steps[-1], series.values[-1],
            numbers={"expected_fall": fall.promised, "seen_fall": fall.seen, "standard_error": fall.error, "window": self.window},
            resolves_when=f"{metric} gets better again",
        )  # fmt: skip

    def _fall(self, metric: str, series: Series, group: int) -> Fall | None:
        scale = scale_of(metric, series)
        if scale is None:
            return None
        steps, values = _grouped(series, group)
        return fall(steps, values if scale is PLAIN else scale.all(values), self.window, 1.0 if group == 1 else DENSE_CAUTION)

    def _patience(self, metric: str, series: Series, group: int, mark: Mark) -> Verdict:
        _, values = _grouped(series, group)
        if len(values) <= self.window:
            return UNKNOWN
        pick, sign = (max, -1.0) if goes_up(metric) else (min, 1.0)
        before, lately = pick(values[: -self.window]), pick(values[-self.window :])
        gained = sign * (before - lately) / abs(before) if before else 0.0
        wanted = self.min_improvement or 0.0
        said = f"{metric} improved by {max(gained, 0.0):.2%} in the last {self.window} {'points' if group == 1 else 'tens of points'}"
        if gained >= wanted:
            return Verdict(Status.OK, said, series.steps[-1], series.values[-1]) if "bad" in mark else FINE
        return Verdict(
            Status.BREACHED, f"{said}, less than {wanted:.2%}: best {short(pick(before, lately))}", series.steps[-1], series.values[-1],
            numbers={"best_before": before, "best_of_window": lately, "improvement": gained, "wanted": wanted},
            resolves_when=f"it improves by {wanted:.2%} within {self.window} points",
        )  # fmt: skip


def _verb(metric: str) -> str:
    return "rising" if goes_up(metric) else "falling"


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
