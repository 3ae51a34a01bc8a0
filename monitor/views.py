"""From a run's state to what others are shown of it: pure, a copy of numbers, never of a series.

The verdict of a run and the exit code that follows from it are decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from monitor.snapshot import AlertView, EventView, ForecastView, MetricView, MilestoneView, RunView, SeriesView
from monitor.tail.runs import job_name, slurm_job_id
from rules.alert import FIRING, PENDING
from rules.cause import first_cause
from rules.engine import Engine
from rules.history import RunState, Series
from rules.milestone import PENDING as UNDECIDED
from rules.milestone import Milestone

ON_TRACK, WARNING, CRITICAL, FAILED, NO_DATA = "on_track", "warning", "critical", "failed", "no_data"
EXIT_CODES = {ON_TRACK: 0, WARNING: 1, CRITICAL: 1, FAILED: 3, NO_DATA: 4}
SEVERITY_OF_VERDICTS = (ON_TRACK, NO_DATA, WARNING, CRITICAL, FAILED)
"""From the best to the worst: the worst run decides."""

FAILED_STATES = frozenset({"FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT", "BOOT_FAIL", "DEADLINE", "CANCELLED", "PREEMPTED"})


def worst_verdict(verdicts: Iterable[str]) -> str:
    """The verdict of several runs together; ``no_data`` where there is none."""
    return max(verdicts, key=SEVERITY_OF_VERDICTS.index, default=NO_DATA)


def crash_of(run: RunState) -> Mapping[str, Any] | None:
    """The first cause of this attempt's crash, as the event's fields with its text; None where the run did not crash."""
    crash = first_cause(run)
    return None if crash is None else {**crash.fields, "text": crash.text, "step": crash.step}


def verdict_of(run: RunState) -> str:
    """``failed`` (crashed, or its job failed), ``critical``, ``warning``, ``no_data`` (nothing read, or stalled), ``on_track``."""
    state = str(run.facts.get("state", ""))
    firing = [alert for alert in run.alerts.values() if alert.state == FIRING]
    if crash_of(run) is not None or state in FAILED_STATES:
        return FAILED
    if run.observations == 0 or any(alert.kind == "stall" for alert in firing):
        return NO_DATA
    severities = {alert.severity for alert in firing}
    return CRITICAL if "critical" in severities else WARNING if "warning" in severities else ON_TRACK


def state_of(run: RunState) -> str:
    """waiting, starting, training, silent, ended, crashed or failed."""
    if crash_of(run) is not None:
        return "crashed"
    if str(run.facts.get("state", "")) in FAILED_STATES:
        return "failed"
    if run.ended is not None or is_complete(run):
        return "ended"
    if any(alert.kind == "stall" and alert.state == FIRING for alert in run.alerts.values()):
        return "silent"
    if run.observations:
        return "training"
    return "waiting" if run.last_line_s is None else "starting"


def is_complete(run: RunState) -> bool:
    """Whether the run has reached its last step, where the log tells which that is."""
    return run.total_steps is not None and run.step is not None and run.step >= run.total_steps


def milestone_view(milestone: Milestone, run: RunState, forecast: ForecastView | None = None) -> MilestoneView:
    mark = milestone.mark(run)
    status = str(mark["status"])
    step, value, resolved = mark["step"], mark["value"], mark["resolved"]
    return MilestoneView(
        id=milestone.id, metric=milestone.metric, axis=milestone.axis, step=milestone.step, expect=str(milestone.expect), status=status,
        threshold=milestone.expect.value, observed_step=step if isinstance(step, (int, float)) else None,
        observed_value=value if isinstance(value, (int, float)) else None, forecast=forecast if status == UNDECIDED else None,
        worry=str(milestone.worry) if milestone.worry else None,
        resolved_step=resolved if isinstance(resolved, (int, float)) else None,
    )  # fmt: skip


def metric_view(metric: str, series: Series, earlier: Series | None) -> MetricView:
    before = (_series_view(earlier),) if earlier is not None and len(earlier.steps) else ()
    return MetricView(
        metric=metric, name=series.name, last=series.values[-1], last_step=series.steps[-1], best=series.best, best_step=series.best_step,
        count=series.count, series=_series_view(series), earlier=before,
    )  # fmt: skip


def _series_view(series: Series) -> SeriesView:
    return SeriesView(series.steps, series.values, series.times, len(series.steps))


def run_view(
    run: RunState,
    engine: Engine,
    *,
    forecasts: Mapping[str, ForecastView] | None = None,
    lag_bytes: int = 0,
    baseline: Mapping[str, Any] | None = None,
    silenced: Iterable[str] = (),
) -> RunView:
    """The run as everybody is shown it. ``forecasts`` is by milestone id."""
    known = {rule.id: rule.kind for rule in engine.rules}
    muted = frozenset(silenced)
    alerts = tuple(
        AlertView(
            rule, known.get(rule, rule), alert.severity, alert.state, alert.step, alert.value, alert.message, alert.since_s,
            alert.resolves_when, rule in muted,
        )
        for rule, alert in run.alerts.items()
        if alert.state in (FIRING, PENDING)
    )  # fmt: skip
    state = state_of(run)
    return RunView(
        run=run.run, paths=tuple(run.paths), format=run.format, state=state, verdict=verdict_of(run), attempt=run.attempt, step=run.step,
        epoch=run.epoch, total_steps=run.total_steps,
        facts=_facts(run),
        metrics={name: metric_view(name, series, run.earlier.get(name)) for name, series in run.series.items() if series.values},
        milestones=tuple(milestone_view(m, run, (forecasts or {}).get(m.id)) for m in engine.milestones), alerts=alerts,
        events=tuple(EventView(e.kind, e.text, e.step, e.time_s, e.fields) for e in run.events), started_s=run.started_s,
        last_line_s=run.last_line_s, last_step_s=run.last_step_s, lag_bytes=lag_bytes,
        ended_s=run.last_line_s if state in ("ended", "crashed", "failed") else None, baseline=baseline,
    )  # fmt: skip


def _facts(run: RunState) -> dict[str, Any]:
    """What SLURM said of the job; of its id and its name what the files are called, where it said nothing."""
    job = slurm_job_id(run.run)
    name = next((name for path in run.paths if (name := job_name(path)) is not None), None)
    told = {"slurm_job_id": job, "job_name": name if job else None}
    return {**{key: value for key, value in told.items() if value}, **run.facts}
