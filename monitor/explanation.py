"""Why a rule fired or did not, as a document and as lines: the numbers that it saw, what would resolve it, what it told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.ink import paint
from monitor.snapshot import ForecastView
from rules.alert import FIRING, PENDING, RESOLVED, Transition
from rules.curve import CurveRule
from rules.history import RunState
from rules.jsonable import jsonable, short, step_number
from rules.milestone import Milestone
from rules.rule import TICK, Rule
from rules.units import human_duration
from rules.verdict import Status, Verdict

STYLES = {FIRING: "red", PENDING: "yellow"}


@dataclass(slots=True)
class Reasons:
    """What one rule thought of one run: its last verdict, its last breach, and what it told."""

    last: Verdict | None = None
    breach: Verdict | None = None
    judged: int = 0
    told: list[Transition] = field(default_factory=list)


def explanation(run: RunState, rule: Rule, seen: Reasons, forecast: ForecastView | None = None) -> dict[str, Any]:
    """One line of ``explain --json``. ``forecast`` is that of a pending milestone."""
    alert = run.alerts.get(rule.id)
    standing = alert is not None and alert.state in (FIRING, PENDING)
    shown = seen.breach if standing and seen.breach is not None else seen.last
    if not standing and isinstance(rule, (CurveRule, Milestone)):
        shown = rule.explained(run) or shown
    reason, numbers = (shown.reason, dict(shown.numbers)) if shown else (None, {})
    if not standing and shown is not None and shown.status is Status.BREACHED and seen.told and seen.told[-1].state == RESOLVED:
        reason = f"it stands no more: {seen.told[-1].message}"
    if forecast is not None:
        numbers |= {
            "forecast": forecast.value, "low": forecast.low, "high": forecast.high, "chance": f"{forecast.probability:.0%}",
        }  # fmt: skip
    return {
        "run": run.run, "rule": rule.id, "kind": rule.kind, "state": alert.state if alert is not None and standing else "inactive",
        "severity": alert.severity if alert is not None and standing else None, "judged": seen.judged,
        "reason": reason or None, "numbers": jsonable(numbers),
        "resolves_when": alert.resolves_when if alert is not None and standing else None, "told": [t.as_json() for t in seen.told],
    }  # fmt: skip


def explanation_lines(document: Mapping[str, Any], rule: Rule, seen: Reasons, color: bool) -> list[str]:
    """The same for a terminal."""
    state = document["state"]
    head = paint(" ".join(filter(None, (state, document["severity"]))), STYLES.get(state, "dim"), color)
    lines = [f"{document['run']}  {document['rule']}  {head}", f"  {document['reason'] or _nothing(rule, seen)}"]
    lines += [_number(name, value) for name, value in document["numbers"].items() if value is not None]
    if document["resolves_when"]:
        lines.append(f"  resolves when {document['resolves_when']}")
    return lines + [_event(told) for told in seen.told]


def _nothing(rule: Rule, seen: Reasons) -> str:
    """Why there is no reason."""
    if seen.judged:
        return "too little was seen to say"
    return "the log is over, nothing is timed any more" if rule.topics == {TICK} else "nothing in this log concerns it"


def _number(name: str, value: Any) -> str:
    """``silent    3 h 00`` of ``silent_s: 10800.0``."""
    shown = str(value)
    if isinstance(value, bool):
        shown = "yes" if value else "no"
    elif isinstance(value, (int, float)) and name.endswith("_s"):
        name, shown = name.removesuffix("_s"), human_duration(value)
    elif isinstance(value, float):
        shown = short(value)
    elif isinstance(value, (list, tuple)):
        shown = ", ".join(map(str, value)) or "none"
    return f"    {name.replace('_', ' '):<20} {shown}"


def _event(told: Transition) -> str:
    """With the time of it, where the log tells times."""
    step = f"at step {step_number(told.step)}" if told.step is not None else "before the first step"
    at = f", {datetime.fromtimestamp(told.time_s):%d %b %H:%M}" if told.time_s else ""
    return f"  {told.state:<9} {step}{at}: {told.message}"
