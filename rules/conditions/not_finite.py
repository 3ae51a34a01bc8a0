"""``not_finite``: a loss became NaN or infinite. It resolves when the metric is finite again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from pydantic import Field

from rules.curve import FINE, LOSSES, CurveRule, Mark, Metrics
from rules.history import RunState, Series
from rules.jsonable import short
from rules.kind import Context, RuleSpec
from rules.rule import Rule
from rules.verdict import Severity, Status, Verdict


class Spec(RuleSpec):
    """A watched metric printed NaN or an infinity."""

    kind: ClassVar[str] = "not_finite"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    metric: Metrics = Field(LOSSES, description="the metrics that must stay finite")

    def build(self, context: Context) -> Rule:
        return NotFinite(**self.base(frozenset(self.metric)))


@dataclass(frozen=True, slots=True)
class NotFinite(CurveRule):
    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        value = series.values[-1]
        if isfinite(value):
            if "bad" not in mark:
                return FINE
            return Verdict(Status.OK, f"{metric} is finite again: {short(value)}", series.steps[-1], value)
        numbers = self.numbers(run, metric, series, mark)
        before = numbers["last_finite"]
        said = "it never was finite" if before is None else f"last finite value {before} at step {numbers['last_finite_step']:g}"
        return Verdict(
            Status.BREACHED, f"{metric} is {value} at step {series.steps[-1]:g}; {said}", series.steps[-1], value,
            numbers=numbers, resolves_when=f"{metric} is finite again",
        )  # fmt: skip

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        for i in range(len(series.values) - 1, -1, -1):
            if isfinite(series.values[i]):
                return {"value": series.values[-1], "last_finite": short(series.values[i]), "last_finite_step": series.steps[i]}
        return {"value": series.values[-1], "last_finite": None, "last_finite_step": None}
