"""From transitions to a notification: one message about one run at one moment, with what its reader wants to know beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from monitor.notify.notification import Kind, Notification, RunContext, notification, worst
from monitor.snapshot import ForecastView, MilestoneView, RunView
from rules.alert import FIRING, Transition
from rules.jsonable import short, step_number
from rules.observation import TRAIN_LOSS, VAL_LOSS
from rules.verdict import Severity

SHOWN_VALUES = 60
SHOWN_LINES = 8


def tell(run: RunView, kind: Kind, transitions: Sequence[Transition], now: float, *, page_url: str | None = None) -> Notification:
    """The notification of ``transitions``. ``now`` in Unix seconds makes its id its own, since a stall may come back at the same step.

    The end of a run is information, and a warning where a milestone was not reached: nothing else will tell of it.
    """
    told = tuple(transitions)
    notes = unreached(run) if kind == "ended" else ()
    severity = max(worst(told), Severity.WARNING.value, key=lambda name: Severity(name).rank) if notes else None
    return notification(run.run, kind, now, told, context=context_of(run, page_url), notes=notes, severity=severity, key=f"{now:.6f}")


def unreached(run: RunView) -> tuple[str, ...]:
    """A line for each milestone that the run ended before."""
    ends = {"step": step_number(run.step), "epoch": step_number(run.epoch)}
    return tuple(
        f"{m.id} ({m.metric} {m.expect}) was not reached, the run ended at {m.axis} {ends[m.axis]}"
        for m in run.milestones
        if m.status == "pending"
    )


def context_of(run: RunView, page_url: str | None) -> RunContext:
    metric = run.metrics.get(VAL_LOSS) or next(iter(run.metrics.values()), None)
    ahead = next((m for m in run.milestones if m.status == "pending"), None)
    train = run.metrics.get(TRAIN_LOSS)
    values = tuple(metric.series.values[max(0, metric.series.length - SHOWN_VALUES) : metric.series.length]) if metric else ()
    seen = run.started_s is not None and run.last_line_s is not None
    return RunContext(
        job_name=str(run.facts.get("job_name") or ""), user=str(run.facts.get("user") or ""), nodes=_count(run.facts, "nodes"),
        gpus=_count(run.facts, "gpus"), state=run.state, step=run.step if run.step is not None else run.epoch, total_steps=run.total_steps,
        elapsed_s=(run.last_line_s or 0.0) - (run.started_s or 0.0) if seen else None,
        metric=metric.metric if metric else VAL_LOSS, values=values, train_loss=train.last if train else None,
        baseline=_baseline(run, metric.metric, metric.last) if metric else "", forecast=_forecast(ahead) if ahead else "",
        next_milestone=f"{ahead.axis} {step_number(ahead.step)} {ahead.metric} {ahead.expect}" if ahead else "",
        resolves_when={alert.rule: alert.resolves_when for alert in run.alerts if alert.resolves_when},
        excerpt=_excerpt(run),
        standing=tuple(alert.rule for alert in run.alerts if alert.state == FIRING),
        page_url=f"{page_url}/#/run/{quote(run.run, safe='')}" if page_url else "",
    )  # fmt: skip


def _excerpt(run: RunView) -> tuple[str, ...]:
    """The end of the traceback of this attempt's crash, with the line that matters; empty where the run lives."""
    if run.state != "crashed":
        return ()
    crash = next((event for event in reversed(run.events) if event.kind == "crash"), None)
    if crash is None:
        return ()
    told = crash.fields.get("traceback")
    lines = [str(line) for line in told][-SHOWN_LINES:] if isinstance(told, (list, tuple)) else []
    last = str(crash.fields.get("line") or "")
    return tuple(lines if not last or last in lines else [*lines, last])


def _count(facts: Mapping[str, object], key: str) -> int | None:
    value = facts.get(key)
    return value if isinstance(value, int) else None


def _baseline(run: RunView, metric: str, value: float) -> str:
    base = (run.baseline or {}).get("values", {}).get(metric)
    if not base:
        return ""
    return f"{value / base:.1f} times {(run.baseline or {}).get('label', 'baseline')} {short(base)}"


def _forecast(ahead: MilestoneView) -> str:
    forecast: ForecastView | None = ahead.forecast
    if forecast is None:
        return ""
    return f"{ahead.axis} {step_number(ahead.step)} {ahead.expect} is {forecast.probability * 100:.0f} % likely"
