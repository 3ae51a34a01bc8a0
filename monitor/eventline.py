"""One transition as one line: what ``watch`` prints beside the table and ``replay`` in full."""

from __future__ import annotations

from datetime import datetime

from monitor.ink import paint
from rules.alert import Transition
from rules.jsonable import step_number

STYLES = {"met": "green", "resolved": "green", "critical": "red", "warning": "yellow", "info": "dim"}


def event_line(told: Transition, color: bool = False, *, clock_s: float | None = None) -> str:
    """``14:01:58  13503904  firing  critical  step-100  val_loss 1.07 at step 100, ...``; without ``clock_s`` the step leads."""
    step = step_number(told.step) if told.step is not None else "-"
    lead = f"{datetime.fromtimestamp(clock_s):%H:%M:%S}" if clock_s is not None else f"step {step:>6}"
    severity = told.severity if told.state == "firing" else ""
    style = STYLES[told.severity] if told.state == "firing" else STYLES[told.state]
    attempt = f"  attempt {told.attempt}" if told.attempt > 1 else ""
    state = paint(f"{told.state:<8}  {severity:<8}", style, color)
    return f"{lead}  {told.run}  {state}  {told.rule:<10}  {told.message}{attempt}"
