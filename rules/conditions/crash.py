"""``crash``: the log says what ended the run. The first cause counts, not what it set off on other ranks.

What crashed is an event of the log (class, rank, node, the one line that matters). It resolves when training goes on, in the same
attempt or in the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from rules.cause import first_cause
from rules.history import RunState
from rules.kind import Context, RuleSpec
from rules.observation import Event, Item
from rules.rule import Rule, RuleBase
from rules.verdict import UNKNOWN, Severity, Status, Verdict

CrashClass = Literal[
    "cuda_oom", "cuda_runtime", "device_mismatch", "nccl", "ram_oom", "oom_killer", "nan_loss", "segfault", "missing_module",
    "file_not_found", "permission", "assertion", "div_zero", "disk_full", "time_limit", "preempted", "node_fail", "cancelled",
    "runtime_error", "traceback",
]  # fmt: skip
MILD = frozenset({"cancelled", "preempted", "time_limit"})
"""Somebody's or SLURM's decision: a warning."""


class Spec(RuleSpec):
    """The run crashed."""

    kind: ClassVar[str] = "crash"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    ignore: tuple[CrashClass, ...] = Field((), description="classes that are not told, such as cancelled")

    def build(self, context: Context) -> Rule:
        given = self.severity is not None
        return Crash(**self.base({"event:crash", "event:recovered", "event:requeued"}), ignore=frozenset(self.ignore), one_severity=given)


@dataclass(frozen=True, slots=True)
class Crash(RuleBase):
    ignore: frozenset[str] = frozenset()
    one_severity: bool = False

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        if item is not None and not isinstance(item, Event):
            return UNKNOWN
        found = first_cause(run)
        if found is None:
            if isinstance(item, Event) and item.kind in ("recovered", "requeued"):
                said = "training goes on" if item.kind == "recovered" else "the job was put back into the queue"
                return Verdict(Status.OK, said, run.step)
            return UNKNOWN
        name = str(found.fields.get("class", "traceback"))
        if name in self.ignore:
            return UNKNOWN
        severity = None if self.one_severity else Severity.WARNING if name in MILD else Severity.CRITICAL
        numbers = {key: found.fields.get(key) for key in ("class", "rank", "node", "copies")}
        return Verdict(
            Status.BREACHED, f"{name}: {found.text}", found.step if found.step is not None else run.step, None, severity, numbers,
            "training goes on",
        )  # fmt: skip
