"""A verdict as others get it: the document of ``check --json``, and the lines of ``check`` in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from monitor.snapshot import ForecastView, MilestoneView, RunView
from monitor.views import worst_verdict
from rules.alert import FIRING
from rules.jsonable import jsonable, short, step_number, step_text

SCHEMA_VERSION = 1
WORDS = {"pending": "pending", "met": "met", "missed": "missed", "worry": "worry", "no_data": "no data"}
STYLES = {"met": "green", "missed": "yellow", "worry": "red", "no_data": "yellow", "pending": "dim"}


def verdict_document(runs: Sequence[RunView]) -> dict[str, Any]:
    """``check --json``: contract section 4."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": worst_verdict(run.verdict for run in runs),
        "runs": [_run_document(run) for run in runs],
    }


def _run_document(run: RunView) -> dict[str, Any]:
    return {
        "run": run.run,
        "verdict": run.verdict,
        "attempt": run.attempt,
        "step": step_number(run.step),
        "milestones": [_milestone_document(milestone) for milestone in run.milestones],
        "alerts": [
            {
                "rule": alert.rule, "kind": alert.kind, "severity": alert.severity, "state": alert.state, "step": step_number(alert.step),
                "value": jsonable(alert.value), "message": alert.message,
            }
            for alert in run.alerts
            if alert.state == FIRING
        ],
        "events": [event_document(event.kind, event.step, event.text, event.fields) for event in run.events],
    }  # fmt: skip


def event_document(kind: str, step: float | None, text: str, fields: Any) -> dict[str, Any]:
    """One event as ``scan --summary --json`` and ``check --json`` carry it."""
    return {"kind": kind, "step": step_number(step), **{str(k): jsonable(v) for k, v in fields.items()}, "text": text}


def _milestone_document(milestone: MilestoneView) -> dict[str, Any]:
    observed = None
    if milestone.observed_step is not None:
        observed = {"step": step_number(milestone.observed_step), "value": jsonable(milestone.observed_value)}
    return {
        "id": milestone.id, "metric": milestone.metric, "axis": milestone.axis,
        "step": step_number(milestone.step), "expect": milestone.expect, "worry": milestone.worry, "status": milestone.status,
        "observed": observed, "forecast": _forecast_document(milestone.forecast),
    }  # fmt: skip


def _forecast_document(forecast: ForecastView | None) -> dict[str, Any] | None:
    if forecast is None:
        return None
    return {"value": forecast.value, "low": forecast.low, "high": forecast.high, "probability": forecast.probability}


def verdict_lines(run: RunView, color: bool) -> list[str]:
    """The block of one run: a head line, a line a milestone, and what stands."""
    from monitor.ink import paint

    lines = [paint(_head(run), "bold", color)]
    rows = [_row(milestone, run) for milestone in run.milestones]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    for row, milestone in zip(rows, run.milestones, strict=True):
        place, expect, observed, status, note = row
        word = paint(status.ljust(widths[3]), STYLES[milestone.status], color)
        lines.append(f"  {place.ljust(widths[0])}   {expect.ljust(widths[1])}   {observed.rjust(widths[2])}   {word}   {note}".rstrip())
    standing = [alert for alert in run.alerts if alert.state == FIRING]
    told = {alert.kind for alert in standing}
    lines += [f"{e.kind.replace('_', ' ')}   {e.text}" for e in run.events if e.kind in ("missing_keys", "crash") and e.kind not in told]
    for alert in standing:
        style = "red" if alert.severity == "critical" else "yellow" if alert.severity == "warning" else "dim"
        lines.append(f"{paint(alert.severity + ':', style, color)} {alert.rule}   {alert.message}")
    if not standing:
        lines.append(paint(run.verdict.replace("_", " "), "green" if run.verdict == "on_track" else "yellow", color))
    return lines


def _head(run: RunView) -> str:
    parts = [run.run, str(run.facts.get("job_name") or "")]
    if run.step is not None:
        of = f" of {step_text(run.total_steps)}" if run.total_steps is not None else ""
        parts.append(f"step {step_number(run.step)}{of}")
    elif run.epoch is not None:
        parts.append(f"epoch {step_number(run.epoch)}")
    if run.attempt > 1:
        parts.append(f"attempt {run.attempt}")
    return "  ".join(part for part in parts if part) + ("" if run.metrics else "  no observation found")


def _row(milestone: MilestoneView, run: RunView) -> tuple[str, str, str, str, str]:
    metric = f" {milestone.metric}" if milestone.metric != "val_loss" else ""
    worry = f", worry {milestone.worry}" if milestone.worry else ""
    observed = short(milestone.observed_value) if milestone.observed_value is not None else "-"
    place = f"{milestone.axis} {step_number(milestone.step):>4}{metric}"
    expect = milestone.expect.removeprefix("in ").replace("..", " to ")
    return place, expect + worry, observed, WORDS[milestone.status], _note(milestone, run)


def _note(milestone: MilestoneView, run: RunView) -> str:
    ahead = milestone.forecast
    if ahead is not None:
        at = f", about {datetime.fromtimestamp(ahead.eta_s):%H:%M}" if ahead.eta_s is not None else ""
        return f"{short(ahead.value)} expected ({short(ahead.low)} to {short(ahead.high)}), {ahead.probability:.0%} likely{at}"
    if milestone.status == "pending":
        return "too far to say" if run.metrics else ""
    notes = ["ahead of its band"] if milestone.is_ahead else []
    if milestone.observed_step is not None and milestone.observed_step != milestone.step:
        notes.append(f"judged at {milestone.axis} {step_number(milestone.observed_step)}")
    if milestone.resolved_step is not None:
        notes.append(f"reached at {milestone.axis} {step_number(milestone.resolved_step)}")
    base = (run.baseline or {}).get("values", {}).get(milestone.metric)
    if base and milestone.status in ("missed", "worry") and milestone.observed_value is not None:
        notes.append(f"{milestone.observed_value / base:.1f} times {(run.baseline or {}).get('label', 'baseline')} {short(base)}")
    return ", ".join(notes)
