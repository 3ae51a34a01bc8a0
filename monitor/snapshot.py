"""What the watcher knows at one moment, as plain frozen values: read by the page, ``/metrics`` and the live table.

The loop builds a new ``Snapshot`` and assigns it to one attribute; other threads only read. Series are append-only arrays of
which a view remembers the length, so that no copy and no lock is needed.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.alert import Transition


@dataclass(frozen=True, slots=True)
class SeriesView:
    """Parallel columns: steps on the log's axis, values, times (Unix s, NaN if unknown); valid up to ``length``."""

    steps: array[float]
    values: array[float]
    times: array[float]
    length: int


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric of a run: ``name`` is the log's own; ``series`` holds the present attempt, ``earlier`` the ones before."""

    metric: str
    name: str
    last: float
    last_step: float
    best: float | None
    best_step: float | None
    count: int
    series: SeriesView
    earlier: tuple[SeriesView, ...] = ()


@dataclass(frozen=True, slots=True)
class ForecastView:
    """Expected value at a milestone, its 80 % interval, the chance that it is met, and when (Unix s) it is reached."""

    value: float
    low: float
    high: float
    probability: float
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class MilestoneView:
    """``status`` is one of pending, met, missed, worry, no_data; ``expect`` as the rules file writes it."""

    id: str
    metric: str
    axis: str
    step: float
    expect: str
    status: str
    threshold: float
    observed_step: float | None = None
    observed_value: float | None = None
    forecast: ForecastView | None = None
    worry: str | None = None
    resolved_step: float | None = None
    """Where a missed one was satisfied after all."""

    @property
    def is_ahead(self) -> bool:
        """Whether it was met with a value below its band (``in LO..HI``)."""
        low, dots, _ = self.expect.removeprefix("in ").partition("..")
        return bool(dots) and self.status == "met" and self.observed_value is not None and self.observed_value < float(low)


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert that is pending or fires (``state``), or fired and resolved in this attempt."""

    rule: str
    kind: str
    severity: str
    state: str
    step: float | None
    value: float | None
    message: str
    since_s: float | None = None
    resolves_when: str = ""
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class EventView:
    kind: str
    text: str
    step: float | None
    time_s: float | None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunView:
    """One run. ``state``: waiting, starting, training, silent, ended, crashed, failed. ``verdict``: as ``check`` says it."""

    run: str
    paths: tuple[str, ...]
    format: str | None
    state: str
    verdict: str
    attempt: int
    step: float | None
    epoch: float | None
    total_steps: float | None
    facts: Mapping[str, Any]
    metrics: Mapping[str, MetricView]
    milestones: tuple[MilestoneView, ...]
    alerts: tuple[AlertView, ...]
    events: tuple[EventView, ...]
    started_s: float | None = None
    last_line_s: float | None = None
    last_step_s: float | None = None
    lag_bytes: int = 0
    ended_s: float | None = None
    baseline: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    lines: int = 0
    bytes: int = 0
    observations: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at ``time_s`` (Unix s). ``ready`` once every file that stood there at the start was read to its end."""

    time_s: float
    version: str
    rules_label: str = "preset default"
    address: str | None = None
    runs: tuple[RunView, ...] = ()
    counters: Counters = Counters()
    notifications: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Channel -> (sent, failed)."""
    ready: bool = False
    last_reload_ok: bool = True
    last_reload_s: float | None = None
    news: tuple[Transition, ...] = ()
    """As they were told, for the event lines of the terminal and the page: latest first, at most 200."""
