"""``threshold``: a metric, or an expression of metrics, is beyond a fixed value.

``threshold: {metric: grad_norm, above: 10, for: 3}`` or ``threshold: {when: "val_loss - train_loss > 0.5", for: 3}``. An expression
is judged when its first metric is printed, with the latest values of the others. The bare name asks for ``grad_norm > 100``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from rules.curve import CurveRule, Mark
from rules.expression import NOTHING, Expression, parse_expression
from rules.history import RunState, Series
from rules.jsonable import short
from rules.kind import Context, RuleSpec
from rules.rule import Rule
from rules.verdict import UNKNOWN, Severity, Status, Verdict

BARE = "grad_norm > 100"
"""What the bare name asks: a gradient that explodes, the one metric whose size hardly depends on the task (it is mostly clipped at 1)."""


def _parses(text: str) -> str:
    parse_expression(text)
    return text


class Spec(RuleSpec):
    """A metric or an expression of metrics is beyond a value."""

    kind: ClassVar[str] = "threshold"
    default_severity: ClassVar[Severity] = Severity.WARNING
    metric: str | None = Field(None, description="the metric; the file's default metric where neither it nor when is given")
    above: float | None = Field(None, description="it breaches above this value")
    below: float | None = Field(None, description="it breaches below this value")
    when: Annotated[str, AfterValidator(_parses)] | None = Field(
        None, max_length=300, description="a condition on metrics, such as val_loss - train_loss > 0.5",
    )  # fmt: skip
    after: float = Field(0.0, ge=0.0, description="judged from this step on")

    @model_validator(mode="after")
    def _one_question(self) -> Spec:
        bounds = (self.above, self.below)
        if self.when is not None and (self.metric is not None or bounds != (None, None)):
            raise ValueError("when stands alone; take out metric, above and below")
        if self.metric is not None and bounds == (None, None):
            raise ValueError("threshold needs a bound; write above: 10 or when: val_loss > 2")
        return self

    def build(self, context: Context) -> Rule:
        metric = self.metric or context.metric
        if self.when is not None or (self.above, self.below) == (None, None):
            told = parse_expression(self.when or BARE)
        else:
            parts = [f"{metric} {op} {bound!r}" for op, bound in ((">", self.above), ("<", self.below)) if bound is not None]
            told = parse_expression(" or ".join(parts), known=(metric,))
        return Threshold(**self.base(frozenset({told.names[0]})), condition=told, after=self.after)


@dataclass(frozen=True, slots=True)
class Threshold(CurveRule):
    condition: Expression = NOTHING
    after: float = 0.0

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        if series.steps[-1] < self.after:
            return UNKNOWN
        values = self._values(run)
        if values is None:
            return UNKNOWN
        held = self.condition.evaluate(values)
        if held is None:
            return UNKNOWN
        said = ", ".join(f"{name} {short(values[name])}" for name in self.condition.names)
        step, value = series.steps[-1], series.values[-1]
        if not held:
            return Verdict(Status.OK, f"{said} at step {step:g}: not {self.condition.text}", step, value)
        return Verdict(
            Status.BREACHED, f"{said} at step {step:g}: {self.condition.text}", step, value,
            numbers=values, resolves_when=f"no longer {self.condition.text}",
        )  # fmt: skip

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        return {**(self._values(run) or {}), "condition": self.condition.text}

    def _values(self, run: RunState) -> dict[str, float] | None:
        found = {name: run.series[name].values[-1] for name in self.condition.names if name in run.series}
        return found if len(found) == len(self.condition.names) else None
