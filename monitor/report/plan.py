"""Expected against observed, milestone by milestone, with the forecast of those ahead."""

from __future__ import annotations

from datetime import datetime

from monitor.report.document import Cell, Section, Table, Toned
from monitor.report.inputs import Inputs
from monitor.snapshot import MilestoneView
from rules.jsonable import short, step_number

WORDS = {
    "met": ("met", "good"),
    "missed": ("missed", "warn"),
    "worry": ("worry", "bad"),
    "no_data": ("no data", "warn"),
    "pending": ("ahead", "quiet"),
}


def plan(inputs: Inputs) -> Section | None:
    """None where the rules have no milestones."""
    rows = [_row(m, inputs) for m in inputs.run.milestones]
    if not rows:
        return None
    return Section("Expected and observed", [Table(("step", "expected", "observed", "", "and then"), rows, frozenset({0, 2}))])


def _row(milestone: MilestoneView, inputs: Inputs) -> tuple[Cell, ...]:
    axis = "epoch " if milestone.axis == "epoch" else ""
    metric = inputs.metric
    other = f"{milestone.metric} " if metric is None or milestone.metric != metric.metric else ""
    expect = milestone.expect.removeprefix("in ").replace("..", " to ")
    worry = f", worry {milestone.worry}" if milestone.worry else ""
    observed = short(milestone.observed_value) if milestone.observed_value is not None else ""
    word, tone = WORDS.get(milestone.status, (milestone.status, "quiet"))
    return f"{axis}{step_number(milestone.step)}", f"{other}{expect}{worry}", observed, Toned(word, tone), _note(milestone)


def _note(milestone: MilestoneView) -> str:
    ahead = milestone.forecast
    if ahead is None:
        if milestone.is_ahead:
            return "ahead of its band"
        if milestone.resolved_step is not None:
            return f"reached at {milestone.axis} {step_number(milestone.resolved_step)}"
        if milestone.observed_step is not None and milestone.observed_step != milestone.step:
            return f"judged at {milestone.axis} {step_number(milestone.observed_step)}"
        return ""
    when = f", about {datetime.fromtimestamp(ahead.eta_s):%d %b %H:%M}" if ahead.eta_s is not None else ""
    return f"{short(ahead.value)} ({short(ahead.low)} to {short(ahead.high)}), {ahead.probability:.0%} likely{when}"
