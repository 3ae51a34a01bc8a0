"""``forecast``: a milestone ahead will probably be missed.

At each new value of a milestone's metric the curve is continued to the milestone's step (``rules/forecast.py``); where the chance that
it is met is below ``chance`` the alert stands, for the nearest such milestone, until the chance is ``recovered`` or the step has come.
The method's own errors of this run so far are shown beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any, ClassVar

from pydantic import Field

from rules.alert import INACTIVE
from rules.fields import HoldFor, Ratio
from rules.history import RunState, Series, goes_up
from rules.jsonable import short
from rules.kind import Context, RuleSpec
from rules.milestone import PENDING, Milestone
from rules.observation import Item, Observation
from rules.references import alike
from rules.rule import Rule, RuleBase
from rules.units import Hold
from rules.verdict import UNKNOWN, Severity, Status, Verdict


class Spec(RuleSpec):
    """A milestone ahead will probably be missed."""

    kind: ClassVar[str] = "forecast"
    default_severity: ClassVar[Severity] = Severity.WARNING
    for_: HoldFor = Field(Hold(observations=2), alias="for", description="how long it must last: 2 (observations), 200 steps, 10m")
    chance: Ratio = Field(0.05, gt=0.0, lt=1.0, description="chance of meeting the milestone below which it is told")
    recovered: Ratio = Field(0.3, gt=0.0, lt=1.0, description="chance at which it resolves")
    schedule: str | None = Field(None, pattern="^(constant|linear|cosine)$", description="of the learning rate: constant, linear or cosine")
    decay_from: Ratio | None = Field(None, ge=0.0, lt=1.0, description="share of the total steps at which its decay begins")
    total_steps: float | None = Field(None, gt=0.0, description="last step, where the log does not tell it")

    def build(self, context: Context) -> Rule:
        milestones = tuple(m for m in context.milestones if m.axis == "step")
        curves = (context.baseline or {}).get("curves") or {}
        return ForecastRule(
            **self.base(frozenset(m.metric for m in milestones)), milestones=milestones, chance=self.chance,
            recovered=max(self.recovered, self.chance), schedule=self.schedule, decay_from=self.decay_from, total_steps=self.total_steps,
            references=tuple((name, (tuple(curve[0]), tuple(curve[1]))) for name, curve in curves.items()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ForecastRule(RuleBase):
    milestones: tuple[Milestone, ...] = ()
    chance: float = 0.05
    recovered: float = 0.3
    schedule: str | None = None
    decay_from: float | None = None
    total_steps: float | None = None
    references: tuple[tuple[str, Any], ...] = ()

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        if item is not None and not isinstance(item, Observation):
            return UNKNOWN
        metric = item.metric if item is not None else next(iter(self.topics), "")
        series = run.metric(metric)
        ahead = [m for m in self.milestones if m.metric == metric and self._is_ahead(m, run)] if series is not None else []
        standing = (alert := run.alerts.get(self.id)) is not None and alert.state != INACTIVE
        if series is None or (not ahead and not standing):
            return UNKNOWN
        doubtful, clear = None, True
        said: dict[str, str] = {}
        for milestone in ahead:
            found = self._chance(milestone, run, series)
            if found is None:
                continue
            chance, expected, numbers = found
            if chance < self.chance and doubtful is None:
                doubtful = milestone, expected, numbers
            clear = clear and chance >= self.recovered
            said[milestone.id] = f"{milestone.id} has a chance of {chance:.0%}: {expected}"
        if doubtful is not None:
            milestone, expected, numbers = doubtful
            run.marks[self.id] = {"doubted": milestone.id}
            return Verdict(
                Status.BREACHED, f"{milestone.id} will probably be missed: {expected}, wanted {milestone.expect}", series.last_step,
                series.last, numbers=numbers, resolves_when=f"its chance is {self.recovered:.0%} or more, or the step has come",
            )  # fmt: skip
        if ahead and not clear:
            return UNKNOWN
        return Verdict(Status.OK, self._clear(run, ahead, said), series.last_step, series.last)

    def _clear(self, run: RunState, ahead: list[Milestone], said: dict[str, str]) -> str:
        """Why nothing is doubted now: what became of the milestone that was, else the next one that is ahead."""
        doubted = run.marks.get(self.id, {}).get("doubted")
        if doubted in said:
            return said[doubted]
        if doubted is not None and doubted not in {milestone.id for milestone in ahead}:
            return f"{doubted} has been judged"
        return next(iter(said.values()), "no milestone is ahead whose fate can be told")

    def _is_ahead(self, milestone: Milestone, run: RunState) -> bool:
        mark = run.marks.get(milestone.id)
        return (mark is None or mark["status"] == PENDING) and (run.step is None or run.step < milestone.step)

    def _chance(self, milestone: Milestone, run: RunState, series: Series) -> tuple[float, str, dict[str, object]] | None:
        from rules.forecast import Schedule, forecast, past_errors, probability

        total = self.total_steps or run.total_steps
        schedule = Schedule(self.schedule, self.decay_from) if self.schedule or self.decay_from else None  # type: ignore[arg-type]
        before = dict(alike(run.references, milestone.metric, series.steps, series.values))
        curves = [*(curve for name, curve in self.references if name == milestone.metric), *before.values()]
        ahead = forecast(
            series.steps, series.values, milestone.step, total_steps=total, schedule=schedule, references=curves,
            higher_is_better=goes_up(milestone.metric),
        )  # fmt: skip
        if ahead is None:
            return None
        chance = probability(ahead, milestone.expect.holds)
        expected = f"expected {short(ahead.value)} at step {milestone.step:g} (80 %: {short(ahead.low)} to {short(ahead.high)})"
        numbers: dict[str, object] = {
            "milestone": milestone.id, "expected": ahead.value, "low": ahead.low, "high": ahead.high, "chance": f"{chance:.0%}",
            "method": ahead.method, "points": ahead.points,
        }  # fmt: skip
        if before:
            numbers["earlier_runs"] = ", ".join(before)
        if chance < self.chance:
            horizon = min(4.0, milestone.step / max(series.last_step or 1.0, 1e-9))
            errors = past_errors(series.steps, series.values, horizon, total_steps=total, schedule=schedule, most=3)
            numbers["past_errors"] = [f"step {step:g}: {exp(error) - 1.0:+.1%}" for step, error in errors]
        return chance, expected, numbers
