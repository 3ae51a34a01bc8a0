"""A run's curve as a PNG for messages, by matplotlib (the extra ``charts``). Without it there is no image and nothing else changes.

Only importer of matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from math import isfinite
from typing import Any

from monitor.notify.notification import Notification
from monitor.snapshot import MetricView, RunView, Snapshot
from rules.observation import TRAIN_LOSS, VAL_LOSS

WIDTH_IN, HEIGHT_IN, DPI = 7.0, 3.2, 110
MAX_POINTS = 2000
COLORS = {"met": "#2e7d32", "missed": "#b26a00", "worry": "#c62828", "no_data": "#b26a00", "pending": "#777777"}


def chart_of(snapshot: Callable[[], Snapshot]) -> Callable[[Notification], bytes | None]:
    """From a notification to the PNG of its run's curve; None without matplotlib, without the run, or without points."""

    def chart(told: Notification) -> bytes | None:
        run = next((run for run in snapshot().runs if run.run == told.run), None)
        if run is None or not run.metrics:
            return None
        try:
            return draw(run)
        except ImportError:
            return None

    return chart


def draw(run: RunView) -> bytes:
    """Validation and training loss by step with the milestones. Raises ImportError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = [run.metrics[name] for name in (TRAIN_LOSS, VAL_LOSS) if name in run.metrics] or [next(iter(run.metrics.values()))]
    for metric in shown:
        steps, values = _points(metric)
        style: dict[str, Any] = {"color": "#b0b8c4", "linewidth": 1}
        if metric.metric != TRAIN_LOSS:
            style = {"color": "#1f5fa8", "linewidth": 1.8, "marker": "o", "markersize": 3}
        axes.plot(steps, values, label=metric.metric.replace("$", r"\$"), **style)
    for milestone in run.milestones:
        if milestone.axis == "step" and milestone.metric in {m.metric for m in shown}:
            axes.plot(milestone.step, milestone.threshold, marker="_", markersize=16, markeredgewidth=2.5, color=COLORS[milestone.status])
    axes.set_xlabel("step" if run.step is not None else "epoch")
    axes.set_title(run.run.replace("$", r"\$"), loc="left", fontsize=10)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _points(metric: MetricView) -> tuple[list[float], list[float]]:
    series = metric.series
    every = max(1, series.length // MAX_POINTS)
    pairs = [(series.steps[i], series.values[i]) for i in range(0, series.length, every) if isfinite(series.values[i])]
    return [step for step, _ in pairs], [value for _, value in pairs]
