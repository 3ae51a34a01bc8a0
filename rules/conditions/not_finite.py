"""``not_finite``: a loss became NaN or infinite. It resolves when the metric is finite again."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from pydantic import Field

from rules.history import RunState
from rules.jsonable import short
from rules.observation import TRAIN_LOSS, VAL_LOSS, Item, Observation
from rules.rule import Context, Rule, RuleBase, RuleSpec
from rules.verdict import UNKNOWN, Severity, Status, Verdict


class Spec(RuleSpec):
    """A watched metric printed NaN or an infinity."""

    kind: ClassVar[str] = "not_finite"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    metrics: tuple[str, ...] = Field((VAL_LOSS, TRAIN_LOSS), min_length=1, description="the metrics that must stay finite")

    def build(self, context: Context) -> Rule:
        return NotFinite(**self.base(frozenset(self.metrics)))


@dataclass(frozen=True, slots=True)
class NotFinite(RuleBase):
    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        for name in sorted(self.topics):
            series = run.metric(name)
            if series is None or series.last is None or isfinite(series.last):
                continue
            finite = [(s, v) for s, v in zip(series.steps, series.values, strict=True) if isfinite(v)][-1:]
            before = f"; last finite value {short(finite[0][1])} at step {finite[0][0]:g}" if finite else "; it never was finite"
            return Verdict(
                Status.BREACHED, f"{name} is {series.last} at step {series.last_step:g}{before}", series.last_step, series.last,
                resolves_when=f"{name} is finite again",
            )  # fmt: skip
        if isinstance(item, Observation) and item.metric in self.topics:
            return Verdict(Status.OK, f"{item.metric} {short(item.value)} at step {item.at:g} is finite", item.at, item.value)
        return UNKNOWN
