"""What a report is made of, and what several of its sections ask of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from monitor.checkpoint import Comparison
from monitor.serve.curve import columns
from monitor.snapshot import AlertView, EventView, MetricView, MilestoneView, RunView
from rules.history import goes_up
from rules.observation import TRAIN_LOSS, VAL_LOSS

TELLING = ("loss", "ppl", "perplexity", "acc", "error", "rmse", "mae", "reward", "score", "bleu", "iou", "auc", "ndcg")
"""Names of metrics that say how good a model is; a counter or a rate does not."""
RANK = {"info": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True, slots=True)
class Inputs:
    """One run as everybody is shown it, the time (Unix s) at which the report is written, and a comparison where one was made."""

    run: RunView
    now_s: float
    comparison: Comparison | None = None
    rules_label: str = ""
    version: str = ""

    @property
    def metric(self) -> MetricView | None:
        """The metric that the report is about: the milestones', else the validation loss, else the training loss."""
        asked = [m.metric for m in self.run.milestones]
        like_loss = [name for name in self.run.metrics if any(word in name.lower() for word in TELLING)]
        for name in (*asked, VAL_LOSS, TRAIN_LOSS, *like_loss):
            if name in self.run.metrics:
                return self.run.metrics[name]
        return None

    @property
    def train(self) -> MetricView | None:
        metric = self.metric
        found = self.run.metrics.get(TRAIN_LOSS)
        return None if metric is not None and metric.metric == TRAIN_LOSS else found

    @property
    def base(self) -> tuple[float, str] | None:
        """The baseline's value of the metric and its label."""
        known: Mapping[str, Any] = self.run.baseline or {}
        metric = self.metric
        value = (known.get("values") or {}).get(metric.metric if metric else VAL_LOSS)
        return (float(value), str(known.get("label") or "the baseline")) if isinstance(value, (int, float)) else None

    @property
    def crash(self) -> EventView | None:
        """The crash that counts in this attempt; None where training went on."""
        from monitor.events import first_cause
        from rules.observation import Event

        since: list[EventView] = []
        for event in self.run.events:
            since = [] if event.kind == "attempt" else [*since, event]
        events = [Event(e.kind, e.text, e.step, 0, e.time_s, e.fields) for e in since]
        found = first_cause(events)
        return None if found is None else next(view for view, event in zip(since, events, strict=True) if event is found)

    @property
    def standing(self) -> tuple[AlertView, ...]:
        """Alerts that fire, the worst first."""
        firing = [a for a in self.run.alerts if a.state == "firing"]
        return tuple(sorted(firing, key=lambda a: -RANK.get(a.severity, 0)))

    @property
    def worst(self) -> str | None:
        return self.standing[0].severity if self.standing else None

    @property
    def over(self) -> bool:
        return self.run.state in ("ended", "crashed", "failed")

    @property
    def pending(self) -> tuple[MilestoneView, ...]:
        return tuple(m for m in self.run.milestones if m.status == "pending")

    def last_event(self, *kinds: str) -> EventView | None:
        return next((e for e in reversed(self.run.events) if e.kind in kinds), None)


def points(metric: MetricView) -> tuple[list[float], list[float]]:
    """Steps and finite values of the present attempt."""
    steps, values, _ = columns(metric.series)
    kept = [(s, v) for s, v in zip(steps, values, strict=True) if isfinite(v)]
    return [s for s, _ in kept], [v for _, v in kept]


def heading(metric: MetricView) -> str:
    """``falling``, ``level`` or ``rising``: the mean of the last third against the third before; empty below six points."""
    _, values = points(metric)
    third = len(values) // 3
    if third < 2:
        return ""
    late, before = values[-third:], values[-2 * third : -third]
    moved, size = sum(late) / third - sum(before) / third, abs(sum(before) / third)
    if abs(moved) <= 0.005 * size:
        return "level"
    return "rising" if moved > 0 else "falling"


def improves(metric: MetricView) -> bool:
    return heading(metric) == ("rising" if goes_up(metric.metric) else "falling")
