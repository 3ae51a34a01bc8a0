"""The snapshot as the API's documents: plain dictionaries, ready for JSON. Pure. ``wire.py`` is their type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from monitor.notify.text import clean
from monitor.serve.curve import columns, thin, trend
from monitor.serve.silences import SilenceView
from monitor.snapshot import AlertView, EventView, MetricView, MilestoneView, RunView, Snapshot
from rules.alert import Transition
from rules.jsonable import jsonable, step_number

SCHEMA_VERSION = 1
TREND_METRICS = ("val_loss", "train_loss")
MAX_TEXT = 2000


@lru_cache(maxsize=8192)
def harmless(text: str) -> str:
    """What came from a log: one bounded line without control characters, its secrets replaced."""
    return clean(text, MAX_TEXT)


def runs(snapshot: Snapshot, *, can_silence: bool = False) -> dict[str, Any]:
    """``/api/v1/runs`` without the runs, which ``bodies.py`` puts in."""
    return {
        "schema_version": SCHEMA_VERSION, "time_s": snapshot.time_s, "version": snapshot.version, "rules": snapshot.rules_label,
        "ready": snapshot.ready, "can_silence": can_silence,
    }  # fmt: skip


def run_detail(view: RunView) -> dict[str, Any]:
    """``/api/v1/runs/{run}``."""
    return {"schema_version": SCHEMA_VERSION, **run(view), "events": [_event(event) for event in view.events]}


def series(view: RunView, metric: MetricView, *, max_points: int | None, since_step: float | None) -> dict[str, Any]:
    """``/api/v1/runs/{run}/series``: every attempt, the earlier ones first, each thinned to ``max_points``."""
    parts = (*metric.earlier, metric.series)
    first = view.attempt - len(metric.earlier)
    attempts = []
    for number, part in enumerate(parts, start=max(first, 1)):
        steps, values, times = thin(*columns(part, since_step), max_points)
        attempts.append({
            "attempt": number, "steps": [step_number(step) for step in steps], "values": [jsonable(value) for value in values],
            "times": [time if math.isfinite(time) else None for time in times],
        })  # fmt: skip
    return {
        "schema_version": SCHEMA_VERSION, "run": view.run, "metric": metric.metric, "name": metric.name,
        "points": sum(part.length for part in parts), "attempts": attempts,
    }  # fmt: skip


def alerts(snapshot: Snapshot, *, run: str | None = None, state: str | None = None) -> dict[str, Any]:
    """``/api/v1/alerts``: those of every run, or of one run or state."""
    found = [
        _alert(view, alert)
        for view in snapshot.runs if run is None or view.run == run
        for alert in view.alerts if state is None or alert.state == state
    ]  # fmt: skip
    return {"schema_version": SCHEMA_VERSION, "time_s": snapshot.time_s, "alerts": found}


def news(snapshot: Snapshot) -> dict[str, Any]:
    """``/api/v1/news``: what was told, latest first."""
    return {"schema_version": SCHEMA_VERSION, "time_s": snapshot.time_s, "news": [_told(told) for told in snapshot.news]}


def silences(held: Iterable[SilenceView]) -> dict[str, Any]:
    """``/api/v1/silences``."""
    return {"schema_version": SCHEMA_VERSION, "silences": [silence(one) for one in held]}


def silence(held: SilenceView) -> dict[str, Any]:
    return asdict(held)


def run(view: RunView) -> dict[str, Any]:
    """One run of the list."""
    return {
        "run": view.run, "state": view.state, "verdict": view.verdict, "attempt": view.attempt, "step": step_number(view.step),
        "epoch": step_number(view.epoch), "total_steps": step_number(view.total_steps), "format": view.format, "paths": list(view.paths),
        "facts": jsonable(view.facts), "baseline": _baseline(view),
        "started_s": view.started_s, "last_line_s": view.last_line_s, "last_step_s": view.last_step_s, "ended_s": view.ended_s,
        "lag_bytes": view.lag_bytes, "metrics": {name: _metric(metric) for name, metric in view.metrics.items()},
        "milestones": [_milestone(milestone) for milestone in view.milestones],
        "alerts": [_alert(view, alert) for alert in view.alerts], "trend": _trend(view),
    }  # fmt: skip


def baseline_curve(view: RunView, metric: str, max_points: int | None) -> dict[str, Any] | None:
    """``/api/v1/runs/{run}/baseline``: the curve of the run that the rules file names as baseline; None where there is none."""
    known = (view.baseline or {}).get("curves") or {}
    if metric not in known:
        return None
    steps, values = known[metric]
    steps, values, _ = thin(steps, values, steps, max_points)
    label = str((view.baseline or {}).get("label") or "baseline")
    return {
        "schema_version": SCHEMA_VERSION, "label": label, "metric": metric, "steps": [step_number(step) for step in steps],
        "values": [jsonable(value) for value in values],
    }  # fmt: skip


def _baseline(view: RunView) -> dict[str, Any] | None:
    """The baseline with the names of its curves only: they are fetched once, not with every list."""
    if view.baseline is None:
        return None
    return {**jsonable({**view.baseline, "curves": None}), "curves": list(view.baseline.get("curves") or ())}


def _metric(metric: MetricView) -> dict[str, Any]:
    return {
        "name": metric.name, "last": jsonable(metric.last), "last_step": step_number(metric.last_step), "best": jsonable(metric.best),
        "best_step": step_number(metric.best_step), "count": metric.count,
    }  # fmt: skip


def _milestone(milestone: MilestoneView) -> dict[str, Any]:
    observed = None
    if milestone.observed_value is not None:
        observed = {"step": step_number(milestone.observed_step), "value": jsonable(milestone.observed_value)}
    return {
        "id": milestone.id, "metric": milestone.metric, "axis": milestone.axis, "step": step_number(milestone.step),
        "expect": milestone.expect, "worry": milestone.worry, "threshold": jsonable(milestone.threshold), "status": milestone.status,
        "observed": observed, "reached_step": step_number(milestone.resolved_step),
        "forecast": None if milestone.forecast is None else jsonable(asdict(milestone.forecast)),
    }  # fmt: skip


def _alert(view: RunView, alert: AlertView) -> dict[str, Any]:
    return {
        "run": view.run, "rule": alert.rule, "kind": alert.kind, "severity": alert.severity, "state": alert.state,
        "step": step_number(alert.step), "value": jsonable(alert.value), "message": harmless(alert.message), "since_s": alert.since_s,
        "resolves_when": alert.resolves_when, "silenced": alert.silenced,
    }  # fmt: skip


def _event(event: EventView) -> dict[str, Any]:
    return {
        "kind": event.kind, "text": harmless(event.text), "step": step_number(event.step), "time_s": event.time_s,
        "fields": _harmless_fields(jsonable(event.fields)),
    }  # fmt: skip


def _harmless_fields(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {harmless(key): _harmless_fields(inner) for key, inner in value.items()}
    return [_harmless_fields(inner) for inner in value] if isinstance(value, list) else value


def _told(told: Transition) -> dict[str, Any]:
    shown = {"message": harmless(told.message), "step": step_number(told.step), "value": jsonable(told.value), "time_s": told.time_s or 0.0}
    return asdict(told) | shown


def _trend(view: RunView) -> dict[str, Any] | None:
    for name in _trend_candidates(view):
        metric = view.metrics.get(name)
        if metric is not None and metric.series.length:
            return {"metric": name, "values": [jsonable(value) for value in trend(metric.series)]}
    return None


def _trend_candidates(view: RunView) -> Iterator[str]:
    yield from TREND_METRICS
    yield from view.metrics
