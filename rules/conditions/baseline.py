"""``baseline``: the run against what was there before: a number (the checkpoint's loss) or another run's curve at the same step.

Against a number it is judged from ``after`` on (by default the step at which the number was reached): until then the ratio is only
said. Against a curve it is judged at every step that the curve has, in ratio and in steps behind. ``baseline: {run: previous}`` is
the curve of the last finished run of the same job, where the watcher knows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

from pydantic import Field

from rules.curve import CurveRule, Mark
from rules.fields import Ratio
from rules.history import RunState, Series, goes_up
from rules.jsonable import short, step_text
from rules.kind import Context, RuleSpec
from rules.references import Curve, value_at
from rules.rule import Rule
from rules.verdict import UNKNOWN, Severity, Status, Verdict

PREVIOUS = "previous"


class Spec(RuleSpec):
    """The metric is worse than a number or than another run at the same step."""

    kind: ClassVar[str] = "baseline"
    default_severity: ClassVar[Severity] = Severity.WARNING
    metric: str | None = Field(None, description="the metric; the file's default metric where it is not given")
    value: float | None = Field(None, description="the number to hold it against; the file's baseline where it is not given")
    tolerance: Ratio = Field(0.1, ge=0.0, description="how much worse than the baseline it may be")
    after: float | None = Field(None, ge=0.0, description="judged from this step on; the baseline's own step where it is not given")
    behind: float | None = Field(None, gt=0.0, description="against a curve: also breached when it is more than so many steps behind")
    warm_up: int = Field(3, ge=0, description="points of the run that are left out")

    def build(self, context: Context) -> Rule:
        metric = self.metric or context.metric
        known = context.baseline or {}
        value = self.value if self.value is not None else (known.get("values") or {}).get(metric)
        step = None if self.value is not None else known.get("step")
        curve = None if self.value is not None else (known.get("curves") or {}).get(metric)
        return BaselineRule(
            **self.base(frozenset({metric})), value=value, at_step=step, label=str(known.get("label") or "baseline"),
            tolerance=self.tolerance, after=self.after, behind=self.behind, warm_up=self.warm_up,
            curve=(tuple(curve[0]), tuple(curve[1])) if curve else None, previous=self.value is None and known.get("run") == PREVIOUS,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BaselineRule(CurveRule):
    """``value``, ``curve`` (the log's own units) or the curve of the ``previous`` run; without any it never says anything."""

    value: float | None = None
    at_step: float | None = None
    label: str = "baseline"
    tolerance: float = 0.1
    after: float | None = None
    behind: float | None = None
    warm_up: int = 3
    curve: Curve | None = None
    previous: bool = False

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        step, value = series.steps[-1], series.values[-1]
        label, curve = self._against(run, metric)
        expected = self._expected(curve, step)
        if expected is None or not isfinite(value):
            return UNKNOWN
        told = self._compared(metric, step, value, expected, label, curve)
        numbers = self.numbers(run, metric, series, mark)
        after = self.after if self.after is not None else (self.at_step or 0.0) if curve is None else 0.0
        if step < after or len(series.values) <= self.warm_up:
            return UNKNOWN
        late = numbers.get("steps_behind")
        worse = self._worse(metric, value, expected)
        is_behind = self.behind is not None and isinstance(late, float) and late > self.behind
        if not worse and not is_behind:
            return Verdict(Status.OK, told, step, value, numbers=numbers)
        return Verdict(
            Status.BREACHED, told, step, value, numbers=numbers,
            resolves_when=f"{metric} is within {self.tolerance:.0%} of {label}",
        )  # fmt: skip

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        if not series.values:
            return {}
        step, value = series.steps[-1], series.values[-1]
        label, curve = self._against(run, metric)
        expected = self._expected(curve, step)
        if expected is None:
            return {"value": value, "baseline": None, "why": self._why_none(curve, step)}
        told: dict[str, Any] = {"value": value, "baseline": expected, "label": label, "tolerance": f"{self.tolerance:.0%}"}
        if expected:
            told["ratio"] = value / expected
        behind = steps_behind(curve, step, value, goes_up(metric))
        if behind is not None:
            told["steps_behind"] = behind
        return told

    def _compared(self, metric: str, step: float, value: float, expected: float, label: str, curve: Curve | None) -> str:
        ratio = f"{value / expected:.3g} times" if expected else f"{short(value - expected)} over"
        alone = f" (step {step_text(self.at_step)})" if self.at_step is not None else ""
        place = f" at step {step_text(step)}" if curve is not None else alone
        behind = steps_behind(curve, step, value, goes_up(metric))
        late = f", {behind:.3g} steps behind" if behind is not None and behind > 0 else ""
        return f"{metric} {short(value)} at step {step_text(step)} is {ratio} {label} {short(expected)}{place}{late}"

    def _worse(self, metric: str, value: float, expected: float) -> bool:
        room = self.tolerance * abs(expected)
        return value < expected - room if goes_up(metric) else value > expected + room

    def _against(self, run: RunState, metric: str) -> tuple[str, Curve | None]:
        """What it is called, and its curve."""
        if not self.previous:
            return self.label, self.curve
        last = next((one for one in run.references if metric in one.curves), None)
        return (f"run {last.run}", last.curves[metric]) if last is not None else (PREVIOUS, None)

    def _expected(self, curve: Curve | None, step: float) -> float | None:
        return value_at(curve, step) if curve is not None else self.value

    def _why_none(self, curve: Curve | None, step: float) -> str:
        if curve is not None:
            return f"its steps are {step_text(curve[0][0])} to {step_text(curve[0][-1])}"
        return "no finished run of this job is known" if self.previous else "the rules file names none for this metric"


def steps_behind(curve: Curve | None, step: float, value: float, upwards: bool) -> float | None:
    """How many steps earlier the curve was first as good as ``value``; negative: ahead of it. None where it never was."""
    for their_step, their_value in zip(*(curve or ((), ())), strict=True):
        if their_value >= value if upwards else their_value <= value:
            return step - their_step
    return None
