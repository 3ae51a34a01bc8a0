"""The life of an alert: inactive, pending, firing, and back. One table, one function, no clock.

============  ==========  =========================================  ===========
state         verdict     and                                        becomes
============  ==========  =========================================  ===========
inactive      BREACHED    the hold has not passed                    pending
inactive      BREACHED    no hold, or it has passed                  firing
pending       BREACHED    the hold has passed                        firing
pending       OK                                                     inactive
firing        BREACHED    the severity has risen, or it says so      firing again
firing        BREACHED    told longer ago than the repeat interval   firing again (by the clock)
firing        OK          it has not been OK for as long as ``keep`` firing
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
    kind: str = ""
    """The rule's, once it has been anything but inactive: a rule may have a name of its own."""
    severity: str = "warning"
    message: str = ""
    resolves_when: str = ""
    step: float | None = None
    value: float | None = None
    since_s: float | None = None
    since_step: float | None = None
    breaches: int = 0
    fines: int = 0
    fine_since_s: float | None = None
    fine_since_step: float | None = None
    announced_s: float | None = None
    """When it was last told that it fires: what repeats it counts from here."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def moved(self, ahead_s: float) -> Alert:
        """The same by a clock that is ``ahead_s`` ahead."""
        times = {name: getattr(self, name) for name in ("since_s", "fine_since_s", "announced_s")}
        return replace(self, **{name: at + ahead_s for name, at in times.items() if at is not None})


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


def step(
    alert: Alert, verdict: Verdict, *, now: float, severity: Severity, hold: Hold = NO_HOLD, keep: Hold = NO_HOLD
) -> tuple[Alert, tuple[Change, ...]]:
    """The alert after ``verdict``, and what there is to tell. ``severity`` is the rule's own, which the verdict may raise.

    ``hold`` is how long a breach must last before it fires, ``keep`` how long it must be over before it resolves.
    """
    if verdict.status is Status.UNKNOWN:
        return alert, ()
    if verdict.status is Status.BREACHED:
        return _breached(alert, verdict, now, (verdict.severity or severity).value, hold)
    if alert.state == FIRING and keep is not NO_HOLD and verdict.status is Status.OK:
        alert = replace(
            alert, fines=alert.fines + 1, fine_since_s=now if alert.fine_since_s is None else alert.fine_since_s,
            fine_since_step=verdict.step if alert.fine_since_step is None else alert.fine_since_step,
        )  # fmt: skip
        if not _lasted(keep, alert.fines, alert.fine_since_step, verdict.step, alert.fine_since_s, now):
            return alert, ()
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
        since_s=since_s, since_step=since_step, breaches=alert.breaches + 1, fines=0, fine_since_s=None, fine_since_step=None,
    )  # fmt: skip
    if alert.state == FIRING:
        worst = max(severity, alert.severity, key=lambda name: Severity(name).rank)
        if worst != alert.severity or verdict.again:
            return replace(seen, severity=worst, announced_s=now), (Change(FIRING, worst, verdict.reason, verdict.step, verdict.value),)
        return replace(seen, severity=worst), ()
    if not _lasted(hold, seen.breaches, seen.since_step, seen.step, seen.since_s, now):
        return replace(seen, state=PENDING), ()
    return replace(seen, state=FIRING, announced_s=now), (Change(FIRING, severity, verdict.reason, verdict.step, verdict.value),)


def repeat(alert: Alert, repeat_s: float, *, now: float) -> tuple[Alert, Change | None]:
    """What is told again of an alert that still stands ``repeat_s`` seconds after it was last told."""
    if alert.state != FIRING or alert.announced_s is None or now - alert.announced_s < repeat_s:
        return alert, None
    return replace(alert, announced_s=now), Change(FIRING, alert.severity, f"still: {alert.message}", alert.step, alert.value)


def close(alert: Alert, reason: str, step: float | None) -> tuple[Alert, Change | None]:
    """The alert after the end of what it was about: inactive, and resolved with the reason where it fired."""
    told = Change(RESOLVED, alert.severity, reason, step, alert.value) if alert.state == FIRING else None
    return Alert(), told


def _lasted(hold: Hold, times: int, from_step: float | None, to_step: float | None, from_s: float | None, now: float) -> bool:
    if hold.observations is not None:
        return times >= hold.observations
    if hold.steps is not None:
        return to_step is not None and from_step is not None and to_step - from_step >= hold.steps
    return from_s is not None and now - from_s >= (hold.seconds or 0.0)
