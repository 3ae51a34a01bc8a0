"""Time and GPU-hours: spent, and lost to steps that no checkpoint holds or that were done twice."""

from __future__ import annotations

from monitor.report.document import Section, Table
from monitor.report.inputs import Inputs
from monitor.report.situation import elapsed_s, gpu_count
from rules.jsonable import step_number
from rules.units import human_duration


def gpu_hours(inputs: Inputs, seconds: float | None = None) -> float | None:
    """Hours times GPUs of ``seconds``, of the whole run without; None where time or GPUs are not known."""
    seconds = elapsed_s(inputs) if seconds is None else seconds
    gpus = gpu_count(inputs)
    return None if seconds is None or gpus is None else seconds / 3600.0 * gpus


def cost(inputs: Inputs) -> Section | None:
    """None where nothing is known of time."""
    spent = elapsed_s(inputs)
    rows = []
    if spent is not None:
        rows.append(("spent", _steps(inputs.run.step), human_duration(spent), _hours(gpu_hours(inputs))))
    steps = lost_steps(inputs)
    if steps:
        seconds = None if spent is None or not inputs.run.step else spent * steps / inputs.run.step
        saved = inputs.last_event("checkpoint_saved") is not None
        lost = "lost after the last checkpoint" if saved else "lost, where no checkpoint was written"
        what = lost if inputs.crash is not None else "done again after a restart"
        rows.append(
            (what, _steps(steps), human_duration(seconds) if seconds else "", _hours(gpu_hours(inputs, seconds) if seconds else None))
        )
    return Section("Cost", [Table(("", "steps", "time", "GPU-hours"), rows, frozenset({1, 2, 3}))]) if rows else None


def lost_steps(inputs: Inputs) -> float:
    """Steps since the last checkpoint of a run that crashed, else those that a restart repeated."""
    run = inputs.run
    if inputs.crash is not None and run.step is not None:
        saved = inputs.last_event("checkpoint_saved")
        return run.step - (saved.step or 0.0) if saved is not None and saved.step is not None else run.step
    metric = inputs.metric
    if metric is None or not metric.earlier or not metric.series.length:
        return 0.0
    before = metric.earlier[0]
    return max(0.0, before.steps[before.length - 1] - metric.series.steps[0]) if before.length else 0.0


def _steps(steps: float | None) -> str:
    return f"{step_number(steps):,}" if steps is not None else ""


def _hours(hours: float | None) -> str:
    return f"{hours:,.0f}" if hours is not None and hours >= 10 else f"{hours:.1f}" if hours is not None else ""
