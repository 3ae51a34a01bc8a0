"""``job_state``: what SLURM says of the job: failed, timed out, lost its node, waits for too long.

The state comes with the run's facts, where SLURM was asked; without them the rule never says anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from rules.fields import Duration
from rules.history import RunState
from rules.kind import Context, RuleSpec
from rules.observation import Item
from rules.rule import TICK, Rule, RuleBase
from rules.units import human_duration
from rules.verdict import Severity, Status, Verdict

SEVERITIES = {
    "FAILED": Severity.CRITICAL, "NODE_FAIL": Severity.CRITICAL, "OUT_OF_MEMORY": Severity.CRITICAL, "BOOT_FAIL": Severity.CRITICAL,
    "LAUNCH_FAILED": Severity.CRITICAL, "TIMEOUT": Severity.WARNING, "DEADLINE": Severity.WARNING, "CANCELLED": Severity.WARNING,
    "PREEMPTED": Severity.WARNING, "REVOKED": Severity.WARNING, "SPECIAL_EXIT": Severity.WARNING, "SUSPENDED": Severity.INFO,
    "STOPPED": Severity.INFO, "REQUEUE_HOLD": Severity.WARNING, "REQUEUED": Severity.INFO,
}  # fmt: skip
"""State -> severity; the states are those of squeue(1) and sacct(1), JOB STATE CODES. Others are fine."""
MEANINGS = {
    "FAILED": "it ended with an error", "NODE_FAIL": "a node failed", "OUT_OF_MEMORY": "it used more memory than it was given",
    "TIMEOUT": "it hit its time limit", "DEADLINE": "it hit its deadline", "CANCELLED": "it was cancelled",
    "PREEMPTED": "another job took its nodes", "SUSPENDED": "it is suspended", "BOOT_FAIL": "its nodes did not start",
}  # fmt: skip
UNASKED = Verdict(Status.UNKNOWN, "what SLURM says of the job is not known")


class Spec(RuleSpec):
    """SLURM says that the job failed, was ended, or waits."""

    kind: ClassVar[str] = "job_state"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    ignore: tuple[str, ...] = Field((), description="states that are not told, such as CANCELLED")
    pending_for: Duration | None = Field(None, description="also told (info) when the job has waited in the queue for so long")

    def build(self, context: Context) -> Rule:
        ignore = frozenset(state.upper() for state in self.ignore)
        base = self.base({TICK, "event:ended"})
        return JobState(**base, ignore=ignore, pending_s=self.pending_for, one_severity=self.severity is not None)


@dataclass(frozen=True, slots=True)
class JobState(RuleBase):
    ignore: frozenset[str] = frozenset()
    pending_s: float | None = None
    one_severity: bool = False

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        # "CANCELLED by 1234" and "CANCELLED+" are how sacct writes it.
        words = str(run.facts.get("state") or "").upper().split()
        if not words:
            return UNASKED
        state = words[0].rstrip("+")
        facts: dict[str, Any] = {key: run.facts[key] for key in ("state", "reason", "exit_code", "nodes") if run.facts.get(key)}
        severity = SEVERITIES.get(state)
        if severity is not None and state not in self.ignore:
            why = "; ".join(str(facts[key]) for key in ("reason", "exit_code") if key in facts and facts[key] not in ("None", "0:0"))
            said = f"SLURM: {state}, {MEANINGS.get(state, 'see squeue(1)')}{f' ({why})' if why else ''}"
            return Verdict(
                Status.BREACHED, said, run.step, None, None if self.one_severity else severity, facts, "the job runs again or completes",
            )  # fmt: skip
        waited = self._waited_s(run, now) if state == "PENDING" else None
        if waited is not None and self.pending_s is not None and waited >= self.pending_s:
            said = f"SLURM: PENDING for {human_duration(waited)} ({facts.get('reason', 'no reason given')})"
            return Verdict(Status.BREACHED, said, run.step, None, Severity.INFO, facts, "the job starts")
        return Verdict(Status.OK, f"SLURM: {state}", run.step, numbers=facts)

    def _waited_s(self, run: RunState, now: float) -> float | None:
        submitted = run.facts.get("submit_time_s")
        return now - submitted if isinstance(submitted, (int, float)) else None
