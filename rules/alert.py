"""The life of an alert: inactive, pending, firing, and back. One table, one function, no clock.

============  ==========  =========================================  ===========
state         verdict     and                                        becomes
============  ==========  =========================================  ===========
inactive      BREACHED    the hold has not passed                    pending
inactive      BREACHED    no hold, or it has passed                  firing
pending       BREACHED    the hold has passed                        firing
pending       OK                                                     inactive
firing        BREACHED    the severity has risen                     firing again
firing        OK                                                     inactive (resolved)
any           UNKNOWN                                                unchanged: no data is not resolved
any           MET                                                    inactive, an event ``met`` (and resolved if it fired)
============  ==========  =========================================  ===========
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from rules.jsonable import jsonable, step_number
from rules.units import NO_HOLD, Hold
from rules.verdict import Severity, Status, Verdict

INACTIVE, PENDING, FIRING = "inactive", "pending", "firing"
MET, RESOLVED = "met", "resolved"
EVENT_KEYS = ("run", "attempt", "rule", "kind", "severity", "state", "step", "value", "message")


@dataclass(frozen=True, slots=True)
class Alert:
    """Where one rule stands for one run. Steps are on the log's axis, times are Unix seconds."""

    state: str = INACTIVE
    severity: str = "warning"
    message: str = ""
    resolves_when: str = ""
    step: float | None = None
    value: float | None = None
    since_s: float | None = None
    since_step: float | None = None
    breaches: int = 0
    announced: bool = False
    """Whether the outbox has been given the firing; what never was is not resolved aloud either."""
    announced_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Transition:
    """What is told: a rule of a run was met, began to fire, or resolved."""

    run: str
    attempt: int
    rule: str
    kind: str
    severity: str
    state: str
    step: float | None
    value: float | None
    message: str
    time_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The event object of ``replay --json`` and ``watch --json``."""
        told = {key: jsonable(getattr(self, key)) for key in EVENT_KEYS}
        return told | {"step": step_number(self.step)}


@dataclass(frozen=True, slots=True)
class Change:
    """What ``step`` says happened: ``state`` is one of ``met``, ``firing``, ``resolved``."""

    state: str
    severity: str
    message: str
    step: float | None
    value: float | None


def step(alert: Alert, verdict: Verdict, *, now: float, severity: Severity, hold: Hold = NO_HOLD) -> tuple[Alert, tuple[Change, ...]]:
    """The alert after ``verdict``, and what there is to tell. ``severity`` is the rule's own, which the verdict may raise."""
    if verdict.status is Status.UNKNOWN:
        return alert, ()
    if verdict.status is Status.BREACHED:
        return _breached(alert, verdict, now, (verdict.severity or severity).value, hold)
    changes: list[Change] = []
    if alert.state == FIRING:
        changes.append(Change(RESOLVED, alert.severity, verdict.reason, verdict.step, verdict.value))
    if verdict.status is Status.MET:
        changes.append(Change(MET, Severity.INFO.value, verdict.reason, verdict.step, verdict.value))
    return (Alert() if alert.state != INACTIVE else alert), tuple(changes)


def _breached(alert: Alert, verdict: Verdict, now: float, severity: str, hold: Hold) -> tuple[Alert, tuple[Change, ...]]:
    began = alert.state == INACTIVE
    since_s = now if began or alert.since_s is None else alert.since_s
    since_step = verdict.step if began or alert.since_step is None else alert.since_step
    seen = replace(
        alert, severity=severity, message=verdict.reason, resolves_when=verdict.resolves_when, step=verdict.step, value=verdict.value,
        since_s=since_s, since_step=since_step, breaches=alert.breaches + 1,
    )  # fmt: skip
    if alert.state == FIRING:
        if Severity(severity).rank > Severity(alert.severity).rank:
            return replace(seen, announced=False), (Change(FIRING, severity, verdict.reason, verdict.step, verdict.value),)
        return replace(seen, severity=alert.severity), ()
    if not _held(seen, hold, now):
        return replace(seen, state=PENDING), ()
    return replace(seen, state=FIRING), (Change(FIRING, severity, verdict.reason, verdict.step, verdict.value),)


def _held(alert: Alert, hold: Hold, now: float) -> bool:
    if hold.observations is not None:
        return alert.breaches >= hold.observations
    if hold.steps is not None:
        return alert.step is not None and alert.since_step is not None and alert.step - alert.since_step >= hold.steps
    return alert.since_s is not None and now - alert.since_s >= (hold.seconds or 0.0)
