"""``stall``: the log has been silent for longer than the run's own rhythm explains. It resolves with the next line.

Without ``after`` the limit is learned, phase by phase (start, training, validation, checkpoint): five times what 99 of 100 silences
of that phase stay below, between ``floor`` and ``ceiling``, and never less than one and a half times the longest. A phase that the
run has not shown yet gets the ceiling. A job that waits, is suspended or has ended is not stalled, nor is a log that was a day old
when it was first looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from rules.alert import INACTIVE
from rules.curve import FINE
from rules.fields import Duration
from rules.history import RunState
from rules.jsonable import step_text
from rules.kind import Context, RuleSpec
from rules.observation import Item
from rules.rhythm import START, TRAINING, VALIDATION, is_block_buffered, phase_of, usual_longest_s
from rules.rule import TICK, Rule, RuleBase
from rules.units import human_duration
from rules.verdict import UNKNOWN, Severity, Status, Verdict

QUIET_STATES = frozenset({"PENDING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "COMPLETING", "CONFIGURING", "STOPPED"})
"""Job states in which silence is what SLURM promises."""
OVER_STATES = frozenset({
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "DEADLINE", "BOOT_FAIL", "REVOKED",
    "SPECIAL_EXIT",
})  # fmt: skip
"""Job states after which nothing is printed; what they mean is told by ``job_state``."""
TIMES_USUAL, TIMES_LONGEST = 5.0, 1.5
FORGOTTEN_S = 24 * 3600.0
"""A log that had been silent for so long when it was first looked at is over, whatever it says: directories are full of old logs."""
UNSEEN_VALIDATION = 2.0
"""Times the floor until a first validation has come: nobody knows yet how long it is silent."""


class Spec(RuleSpec):
    """No line for longer than the limit."""

    kind: ClassVar[str] = "stall"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    after: Duration | None = Field(None, description="silence that counts as a stall; learned from the run where it is not given")
    floor: Duration = Field(600.0, description="a learned limit is never shorter")
    ceiling: Duration = Field(3600.0, description="a learned limit is longer only if the run itself was silent for nearly as long")

    def build(self, context: Context) -> Rule:
        return Stall(**self.base({TICK, "*", "event:any"}), after_s=self.after, floor_s=self.floor, ceiling_s=self.ceiling)


def why_silent(run: RunState) -> str | None:
    """Why nothing more need be printed: the run has ended, has done its last step, or SLURM does not run it."""
    state = (str(run.facts.get("state") or "").split() or [""])[0].rstrip("+")
    if run.ended or state in QUIET_STATES or state in OVER_STATES:
        return run.ended or state
    if run.total_steps is not None and run.step is not None and run.step >= run.total_steps:
        return f"the last step {step_text(run.total_steps)} is done"
    return None


@dataclass(frozen=True, slots=True)
class Stall(RuleBase):
    after_s: float | None = None
    floor_s: float = 600.0
    ceiling_s: float = 3600.0

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        if item is not None:
            alert = run.alerts.get(self.id)
            if alert is None or alert.state == INACTIVE:
                return FINE
            return Verdict(Status.OK, f"the log grows again, at step {step_text(run.step or 0)}", run.step)
        if run.last_line_s is None:
            return UNKNOWN
        expected = why_silent(run)
        if expected:
            return Verdict(Status.OK, f"silence is expected: {expected}", run.step)
        phase = phase_of(run)
        usual, longest = usual_longest_s(run.rhythm.get(phase))
        limit = self.limit_s(run, phase)
        silent = now - run.last_line_s
        buffered = is_block_buffered(run.growths)
        numbers = {"silent_s": silent, "limit_s": limit, "phase": phase, "usual_s": usual, "longest_s": longest, "block_buffered": buffered}
        if self._was_forgotten(run, silent, limit):
            return Verdict(Status.OK, f"last line {human_duration(silent)} ago, long before it was watched", run.step, numbers=numbers)
        if silent < limit:
            return Verdict(Status.OK, f"last line {human_duration(max(0.0, silent))} ago", run.step, numbers=numbers)
        known = f"the longest quiet of this phase ({phase}) was {human_duration(longest)}" if longest else f"its phase ({phase}) is new"
        blocks = "; its output comes in whole blocks (buffered: try python -u), so it may still be alive" if buffered else ""
        return Verdict(
            Status.BREACHED, f"no line for {human_duration(silent)}; {known}{blocks}", run.step, None, numbers=numbers,
            resolves_when="the log grows again",
        )  # fmt: skip

    def _was_forgotten(self, run: RunState, silent_s: float, limit_s: float) -> bool:
        """Whether nothing was written since the first look, which came long after the last line."""
        mark = run.marks.get(self.id)
        if mark is None:
            old = silent_s >= max(FORGOTTEN_S, 2 * limit_s)
            mark = run.marks[self.id] = {"found_silent_since_s": run.last_line_s if old else None}
        return bool(mark["found_silent_since_s"] == run.last_line_s)

    def limit_s(self, run: RunState, phase: str) -> float:
        """Seconds of silence that count as a stall in ``phase``."""
        if self.after_s is not None:
            return self.after_s
        known = run.rhythm.get(phase)
        usual, longest = usual_longest_s(known)
        if phase == START or known is None or known["count"] < (5 if phase == TRAINING else 1):
            return max(self.ceiling_s, TIMES_LONGEST * longest)
        if phase != TRAINING:
            # What comes after it are prints of the training, which may be seldom.
            usual, longest = (max(both) for both in zip((usual, longest), usual_longest_s(run.rhythm.get(TRAINING)), strict=True))
        floor = self.floor_s if VALIDATION in run.rhythm or phase != TRAINING else UNSEEN_VALIDATION * self.floor_s
        return max(floor, min(self.ceiling_s, TIMES_USUAL * usual), TIMES_LONGEST * longest)
