"""What stands in one cell of the live table: words, numbers, bars. Pure; knows no layout. Losses are in the log's own unit."""

from __future__ import annotations

import math
from functools import lru_cache

from rich.text import Text

from monitor.notify.text import clean, sparkline
from monitor.serve.curve import trend
from monitor.snapshot import AlertView, MetricView, MilestoneView, RunView
from rules.jsonable import step_number, step_text
from rules.units import human_duration

SPARK_WIDTH = 8
STEEP = 5.0
"""From this ratio of highest to lowest on, the sparkline is drawn on a logarithmic scale: a first loss of 10 flattens the rest."""

SEVERITY_RANK = {"info": 0, "warning": 1, "critical": 2}
COLORS = {"critical": "red", "warning": "yellow", "info": "", "worry": "red", "missed": "yellow", "met": "green", "resolved": "green"}
VERDICT_COLORS = {"critical": "red", "failed": "red", "warning": "yellow", "no_data": "yellow"}
STATE_COLORS = {"crashed": "red", "failed": "red", "silent": "yellow", "ended": "dim", "waiting": "dim"}
ENDED = frozenset({"ended", "crashed", "failed"})
_EIGHTHS = " ▏▎▍▌▋▊▉"

safe = lru_cache(maxsize=4096)(clean)
"""One harmless line; cached, since the same messages are drawn several times a second."""


def number(value: float | None) -> str:
    """Three significant digits: what a glance takes in."""
    if value is None:
        return "-"
    return f"{value:.3g}" if math.isfinite(value) else "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"


def count(value: float | None) -> str:
    step = step_number(value)
    return "-" if step is None else step_text(step)


def bar(done: float, total: float, width: int) -> str:
    """``done`` of ``total`` in eighths of a cell, the rest as dots."""
    share = min(max(done / total, 0.0), 1.0) if total > 0 and math.isfinite(done / total) else 0.0
    eighths = round(8 * width * share)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[part] if part else "")
    return drawn + "·" * (width - len(drawn))


def run_name(run: RunView) -> Text:
    return Text(safe(run.run, 24), style=VERDICT_COLORS.get(run.verdict, ""))


def state(run: RunView, now_s: float) -> Text:
    if run.state == "silent" and run.last_line_s is not None and run.metrics:
        return Text(f"silent {human_duration(max(0.0, now_s - run.last_line_s))}", style="yellow")
    return Text(run.state, style=STATE_COLORS.get(run.state, ""))


def progress(run: RunView, bar_width: int) -> tuple[str, str, Text]:
    """Step, total and bar, apart, so that the layout can align them."""
    if run.step is None:
        return ("-" if run.epoch is None else f"epoch {run.epoch:.4g}"), "", Text()
    if run.total_steps is None:
        return count(run.step), "", Text()
    drawn = Text(bar(run.step, run.total_steps, bar_width), style="dim" if run.state == "ended" else "")
    return count(run.step), f"/ {count(run.total_steps)}", drawn


def curve(metric: MetricView | None) -> str:
    """The attempt's curve as a sparkline; nothing below two points."""
    if metric is None or metric.series.length < 2:
        return ""
    values = list(trend(metric.series, SPARK_WIDTH))
    finite = [value for value in values if math.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) > STEEP * min(finite):
        values = [math.log(value) if value > 0 else value for value in values]
    return sparkline(values, SPARK_WIDTH)


def against(run: RunView) -> Text:
    """How the validation loss stands: times the baseline where there is one, else whether the milestones hold."""
    metric = run.metrics.get("val_loss")
    base = ((run.baseline or {}).get("values") or {}).get("val_loss")
    if metric is not None and base and math.isfinite(metric.last):
        return Text(f"{metric.last / base:.1f}x base")
    judged = [milestone.status for milestone in run.milestones if milestone.status != "pending"]
    if judged and set(judged) == {"met"}:
        return Text("on path", style="green")
    return Text()


def direction(metric: MetricView) -> str:
    """``down``, ``flat`` or ``up``: the last quarter of the curve against the quarter before it, by the spread within them."""
    values = [value for value in trend(metric.series, 64) if math.isfinite(value)]
    quarter = len(values) // 4
    if quarter < 2:
        return ""
    late, before = values[-quarter:], values[-2 * quarter : -quarter]
    moved = sum(late) / quarter - sum(before) / quarter
    spread = max(max(late) - min(late), max(before) - min(before)) / 2
    scale = max(spread, 0.005 * abs(sum(before) / quarter))
    return "flat" if abs(moved) <= scale else "down" if moved < 0 else "up"


def next_milestone(run: RunView, now_s: float) -> tuple[Text, str, str]:
    """The condition, the time until its step, and the chance that it is met."""
    pending = [milestone for milestone in run.milestones if milestone.status == "pending"]
    if not pending:
        if run.milestones and all(milestone.status == "met" for milestone in run.milestones):
            return Text("all met", style="green"), "", ""
        return Text("none left" if run.milestones else "", style="dim"), "", ""
    ahead = pending[0]
    if run.state in ENDED:
        return Text(f"{condition(ahead)} not reached", style="dim"), "", ""
    if ahead.forecast is None:
        return Text(condition(ahead)), "", ""
    eta_s = ahead.forecast.eta_s
    wait = f"in {human_duration(eta_s - now_s)}" if eta_s is not None and eta_s > now_s else ""
    return Text(condition(ahead)), wait, f"{100 * ahead.forecast.probability:.0f} %"


def condition(milestone: MilestoneView) -> str:
    """``200 < 0.6``; an epoch or another metric is named."""
    axis = "epoch " if milestone.axis == "epoch" else ""
    metric = "" if milestone.metric == "val_loss" else f"{milestone.metric} "
    return safe(f"{axis}{count(milestone.step)} {metric}{milestone.expect.split(',')[0]}", 40)


def alerts(run: RunView) -> Text:
    """The worst alert that fires, by name, and how many more."""
    firing = [alert for alert in run.alerts if alert.state == "firing"]
    if not firing:
        return Text()
    worst = min(firing, key=lambda alert: (alert.silenced, -SEVERITY_RANK.get(alert.severity, 0)))
    word = "silenced" if worst.silenced else _word(run, worst)
    more = f"  +{len(firing) - 1}" if len(firing) > 1 else ""
    return Text(f"{word}  {safe(worst.rule, 32)}{more}", style="dim" if worst.silenced else COLORS.get(worst.severity, ""))


def _word(run: RunView, alert: AlertView) -> str:
    """A milestone says missed or worry; anything else its severity."""
    return next((milestone.status for milestone in run.milestones if milestone.id == alert.rule), alert.severity)


def instead_of_numbers(run: RunView, now_s: float) -> Text:
    """What to say of a run that has shown no number yet: how long it has been quiet, and the last thing it said."""
    parts = []
    if run.last_line_s is not None and run.state in {"silent", "starting"} and now_s - run.last_line_s >= 1.0:
        parts.append(f"no line for {human_duration(now_s - run.last_line_s)}")
    elif run.state == "waiting":
        parts.append("no log yet")
    if run.events:
        parts.append(safe(run.events[-1].text, 60))
    return Text(", ".join(part for part in parts if part))
