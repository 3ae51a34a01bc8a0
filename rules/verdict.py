"""A decision with its reason. The reason is the alert's message, the log line and what ``explain`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Status(Enum):
    """What a rule thinks now. UNKNOWN (too little seen, no data) neither fires nor resolves."""

    OK = "ok"
    BREACHED = "breached"
    UNKNOWN = "unknown"
    MET = "met"
    """A milestone that was reached: said once, as an event of severity ``info``."""


class Severity(str, Enum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return ("info", "warning", "critical").index(self.value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule thinks of a run. ``numbers`` are those behind the decision, in the order in which ``explain`` shows them."""

    status: Status
    reason: str = ""
    step: float | None = None
    value: float | None = None
    severity: Severity | None = None
    """Where the severity depends on the finding (missed or worry); None means the rule's own."""
    numbers: Mapping[str, object] = field(default_factory=dict)
    resolves_when: str = ""
    again: bool = False
    """Whether it is told although the alert stands: what is wrong is another thing now."""


UNKNOWN = Verdict(Status.UNKNOWN)
