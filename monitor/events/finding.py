"""A finding is what may have ended the run; of several, the first cause is kept.

========  =====================================================  =========================================
tier      what                                                   gives way to
========  =====================================================  =========================================
CAUSE     an error of the program, the GPU or the memory         nothing
SLURM     SLURM's own word, or Ctrl-C                            nothing (a plain cancel: to a reason)
COMMS     ranks lost each other                                  CAUSE, a node failure
AFTER     SIGTERM, Killed, ChildFailedError                      CAUSE, SLURM, COMMS
EXIT      only an exit code or an error without a class          everything above
========  =====================================================  =========================================

Order matters as well: what SLURM did makes programs raise errors, so a CAUSE that comes after SLURM's word does not replace it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from rules.observation import Event

CAUSE, SLURM, COMMS, AFTER, EXIT = range(5)

GENERIC = ("runtime_error", "traceback")
MAX_TEXT = 300
MAX_LINE = 500
MAX_TRACEBACK_LINES = 60
_TIMED_OUT = re.compile(r"[Tt]imed? ?out|timeout")
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass(slots=True)
class Finding:
    """``crash`` is the class, ``line`` the one line that matters, ``copies`` how many printed the same."""

    crash: str
    tier: int
    line: str
    rank: int | None = None
    node: str | None = None
    offset: int = 0
    step: float | None = None
    traceback: list[str] = field(default_factory=list)
    copies: int = 1
    chained: bool = False
    """Follows another exception of the same stream ("During handling of the above exception ...")."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def event(self) -> Event:
        who = "" if self.rank is None else f"rank {self.rank}"
        where = "" if self.node is None else f"{' on ' if who else 'on '}{self.node}"
        text = f"{who}{where}: {self.line}" if who or where else self.line
        return Event(
            "crash",
            text[:MAX_TEXT],
            self.step,
            self.offset,
            fields={
                "class": self.crash,
                "rank": self.rank,
                "node": self.node,
                "line": self.line,
                "tier": self.tier,
                "copies": self.copies,
                "traceback": list(self.traceback),
            },
        )


def same(a: Finding, b: Finding) -> bool:
    """Whether ``b`` is another rank's print of ``a``: the same class, and lines that differ in numbers only."""
    return a.crash == b.crash and _shape(a.line) == _shape(b.line)


def replaces(later: Finding, incumbent: Finding) -> bool:
    """Whether ``later`` is nearer to the first cause than what came before it in the log."""
    if later.chained and incumbent.crash in GENERIC and later.tier == CAUSE:
        return True
    if later.crash == "oom_killer" and later.tier <= SLURM:
        return incumbent.tier in (COMMS, AFTER, EXIT) or incumbent.crash == "cancelled"
    if incumbent.crash == "cancelled" and later.tier == SLURM:
        return later.crash in ("time_limit", "preempted", "node_fail")
    if incumbent.tier == COMMS:
        # A time-out comes minutes after its cause, so an error without a class that follows it is its consequence.
        weak = later.crash in GENERIC or "exitcode" in later.line
        cause = later.tier == CAUSE and not (weak and _TIMED_OUT.search(incumbent.line))
        return cause or later.crash in ("node_fail", "preempted")
    return incumbent.tier in (AFTER, EXIT) and later.tier < incumbent.tier


def first_cause(events: Iterable[Event]) -> Event | None:
    """The crash that counts, over all files of a run; None where there is none or training went on after it.

    Crashes before the last ``recovered`` or ``requeued`` are left out: they belong to an earlier life.
    """
    best: tuple[Finding, Event] | None = None
    for event in events:
        if event.kind in ("recovered", "requeued"):
            best = None
        elif event.kind == "crash":
            fields = event.fields
            tier = fields.get("tier", CAUSE)
            finding = Finding(
                str(fields.get("class", "traceback")), tier if isinstance(tier, int) else CAUSE, str(fields.get("line", event.text))
            )
            if best is None or replaces(finding, best[0]):
                best = finding, event
    return best[1] if best else None


def _shape(line: str) -> str:
    return _NUMBER.sub("0", line)[:200]
