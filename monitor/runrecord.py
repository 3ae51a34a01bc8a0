"""A run's state as JSON and back, for the state file. The values of its series are kept apart, as rows of observations."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rules.alert import Alert
from rules.history import RunState, Series
from rules.jsonable import jsonable
from rules.observation import Event

_PLAIN = tuple(f.name for f in fields(RunState) if f.name not in ("series", "earlier", "events", "alerts", "references"))
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def run_as_json(run: RunState) -> dict[str, Any]:
    """Everything but the points of the series."""
    told: dict[str, Any] = {name: jsonable(getattr(run, name)) for name in _PLAIN}
    told["alerts"] = {rule: jsonable(alert.as_json()) for rule, alert in run.alerts.items()}
    told["events"] = [[e.kind, e.text, e.step, e.offset, e.time_s, jsonable(e.fields)] for e in run.events]
    told["series"] = {metric: _summary(series) for metric, series in run.series.items()}
    told["earlier"] = {metric: _summary(series) for metric, series in run.earlier.items()}
    return told


def run_from_json(told: dict[str, Any]) -> RunState:
    """The run with empty columns in its series; the store appends the points. Keys of another version are left out."""
    run = RunState(**{name: _number(told[name]) for name in _PLAIN if name in told})
    run.shown = {int(source): count for source, count in told["shown"].items()}
    run.alerts = {rule: Alert(**{key: _number(value) for key, value in alert.items()}) for rule, alert in told["alerts"].items()}
    run.events = [Event(*event) for event in told["events"]]
    run.series = {metric: _empty(summary) for metric, summary in told["series"].items()}
    run.earlier = {metric: _empty(summary) for metric, summary in told["earlier"].items()}
    return run


def settle(series: Series, summary: dict[str, Any]) -> None:
    """Put back what the columns alone do not tell, since a long series is thinned."""
    series.count, series.best, series.best_step = summary["count"], _number(summary["best"]), summary["best_step"]


def _summary(series: Series) -> dict[str, Any]:
    best = {"best": jsonable(series.best), "best_step": series.best_step}
    reached = {str(source): step for source, step in series.reached.items()}
    return {"name": series.name, "count": series.count, "many_ranks": series.many_ranks, "reached": reached, **best}


def _empty(summary: dict[str, Any]) -> Series:
    reached = {int(source): step for source, step in summary["reached"].items()}
    return Series(summary["name"], many_ranks=summary["many_ranks"], reached=reached)


def _number(value: Any) -> Any:
    return _SPECIAL.get(value, value) if isinstance(value, str) else value
