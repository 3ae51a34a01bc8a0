"""``stall``: the log has been silent for longer than it should be. It resolves with the next line.

Without ``after`` the limit is learned from the run's own rhythm: five times its longest quiet so far, between ``floor`` and
``ceiling``; before the run has shown a rhythm, ``ceiling`` holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from rules.history import RunState
from rules.observation import Item
from rules.rule import TICK, Context, Rule, RuleBase, RuleSpec
from rules.units import Duration, human_duration
from rules.verdict import UNKNOWN, Severity, Status, Verdict

QUIET_STATES = frozenset({"PENDING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "COMPLETING", "CONFIGURING", "STOPPED"})
"""Job states in which silence is what SLURM promises."""


class Spec(RuleSpec):
    """No line for longer than the limit."""

    kind: ClassVar[str] = "stall"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    after: Duration | None = Field(None, description="silence that counts as a stall; learned from the run where it is not given")
    floor: Duration = Field(600.0, description="a learned limit is never shorter")
    ceiling: Duration = Field(3600.0, description="a learned limit is never longer")

    def build(self, context: Context) -> Rule:
        return Stall(**self.base({TICK, "*", "event:any"}), after_s=self.after, floor_s=self.floor, ceiling_s=self.ceiling)


@dataclass(frozen=True, slots=True)
class Stall(RuleBase):
    after_s: float | None = None
    floor_s: float = 600.0
    ceiling_s: float = 3600.0

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        if run.last_line_s is None:
            return UNKNOWN
        if run.ended or run.facts.get("state") in QUIET_STATES:
            return Verdict(Status.OK, f"silence is expected: {run.ended or run.facts.get('state')}", run.step)
        longest = run.longest_quiet_s
        limit = self.after_s
        if limit is None:
            limit = min(self.ceiling_s, max(self.floor_s, 5 * longest)) if run.observations > 3 else self.ceiling_s
        silent = now - run.last_line_s
        numbers = {"silent_s": silent, "limit_s": limit, "longest_quiet_s": longest}
        if silent < limit:
            return Verdict(Status.OK, f"last line {human_duration(max(0.0, silent))} ago", run.step, numbers=numbers)
        return Verdict(
            Status.BREACHED,
            f"no line for {human_duration(silent)}; the longest quiet so far was {human_duration(longest)}",
            run.step, None, numbers=numbers, resolves_when="the log grows again",
        )  # fmt: skip
