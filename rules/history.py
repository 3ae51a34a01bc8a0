"""What one run has shown so far: the state that every rule judges.

``RunState.see`` takes observations, events and progress in the order of the log and keeps, a metric, the values by step.
It decides where an attempt ends and the next begins, and drops what many ranks printed twice. It never judges.

The state is owned by one thread and grows only at its ends, so a view that remembers a length stays valid.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import Any

from rules.alert import Alert
from rules.observation import VAL_LOSS, Event, Item, Observation, Progress
from rules.rhythm import BLOCK_BYTES, Rhythm, learn_silence, phase_of

KEPT_POINTS = 20_000
"""Points kept a metric and attempt; beyond it every second of the older half goes (a page shows fewer, a rule looks at the
last few hundred)."""

RANK_WINDOW = 512
"""Steps back in which the same (metric, step, value) counts as another rank's print of the same fact."""

SETTLED = 8
"""Values of an attempt that a file shows before it is clear that nothing of the last attempt is left in it."""

MAX_EVENTS = 500
"""Events kept a run, the first ones and the last."""


@dataclass(slots=True)
class Series:
    """One metric in one attempt: parallel arrays of steps (the log's axis), values, and times (Unix s, NaN if unknown)."""

    name: str
    steps: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    times: array[float] = field(default_factory=lambda: array("d"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    count: int = 0
    best: float | None = None
    best_step: float | None = None
    many_ranks: bool = False
    """Whether the same step was printed more than once by one file."""
    reached: dict[int, float] = field(default_factory=dict)
    """The last step that each of the run's files has shown: only within one file does a lower step mean anything."""

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None

    @property
    def last_step(self) -> float | None:
        return self.steps[-1] if self.steps else None

    def append(self, at: float, value: float, time_s: float | None, epoch: float | None = None, *, higher_is_better: bool = False) -> None:
        self.steps.append(at)
        self.values.append(value)
        self.times.append(float("nan") if time_s is None else time_s)
        self.epochs.append(float("nan") if epoch is None else epoch)
        self.count += 1
        if isfinite(value) and (self.best is None or (value > self.best if higher_is_better else value < self.best)):
            self.best, self.best_step = value, at
        if len(self.steps) > KEPT_POINTS:
            self._thin()

    def put(self, at: float, value: float, time_s: float | None, epoch: float | None = None, *, higher_is_better: bool = False) -> None:
        """Like ``append``, at its place where it comes late: another file of the run told it after later ones."""
        if not self.steps or at >= self.steps[-1]:
            self.append(at, value, time_s, epoch, higher_is_better=higher_is_better)
            return
        i = bisect_right(self.steps, at)
        self.steps.insert(i, at)
        self.values.insert(i, value)
        self.times.insert(i, float("nan") if time_s is None else time_s)
        self.epochs.insert(i, float("nan") if epoch is None else epoch)
        self.count += 1
        if isfinite(value) and (self.best is None or (value > self.best if higher_is_better else value < self.best)):
            self.best, self.best_step = value, at

    def has_step(self, at: float) -> bool:
        i = bisect_left(self.steps, at)
        return i < len(self.steps) and self.steps[i] == at

    def has_recent(self, at: float, value: float) -> bool:
        """Whether the same value stands at the same step among the last ``RANK_WINDOW`` points."""
        steps, values = self.steps, self.values
        for i in range(len(steps) - 1, max(-1, len(steps) - 1 - RANK_WINDOW), -1):
            if steps[i] == at and (values[i] == value or (value != value and values[i] != values[i])):
                return True
            if steps[i] < at:
                return False
        return False

    def first_at_or_after(self, step: float) -> int | None:
        """Index of the first point whose step is ``step`` or later, None where there is none."""
        i = bisect_left(self.steps, step)
        return i if i < len(self.steps) else None

    def interval(self) -> float | None:
        """The usual distance between two points on the axis (median of the last 32), None below two distinct steps."""
        tail = self.steps[-33:]
        gaps = [b - a for a, b in pairwise(tail) if b > a]
        return median(gaps) if gaps else None

    def _thin(self) -> None:
        half = len(self.steps) // 2
        for column in (self.steps, self.values, self.times, self.epochs):
            column[:half] = column[:half:2]


@dataclass(slots=True)
class RunState:
    """One run: its attempt, its metrics, its events, how far it is, and the marks that rules left.

    ``marks`` holds, a rule id, the JSON-able dictionary that the rule keeps between judgements (a milestone's verdict).
    ``facts`` is what SLURM says of the job, where it was asked: ``state``, ``end_time_s``, ``job_name``, ``user``, ``nodes``.
    ``caught_up`` is False while the log that was there before is still being read: nobody is told of what happens meanwhile.
    ``witnesses`` counts the new starts that each witness saw (``witness``), ``shown`` the values of this attempt by file.
    ``told`` maps the rules whose alert people were told of to the severity that they were told.
    ``first_step`` is the first step of the present attempt; milestones below it keep their earlier verdict.
    ``last_kind`` is what came last: ``train``, ``val`` or ``checkpoint_saved``; ``rhythm`` holds the silences by phase and
    ``growths`` how often the log grew by whole blocks, of how often (``rules/rhythm.py``).
    """

    run: str
    paths: list[str] = field(default_factory=list)
    format: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    judged_attempt: int = 1
    step: float | None = None
    epoch: float | None = None
    first_step: float | None = None
    first_epoch: float | None = None
    total_steps: float | None = None
    series: dict[str, Series] = field(default_factory=dict)
    earlier: dict[str, Series] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_start: bool = False
    witnesses: dict[str, int] = field(default_factory=dict)
    shown: dict[int, int] = field(default_factory=dict)
    ended: str | None = None
    started_s: float | None = None
    last_line_s: float | None = None
    last_step_s: float | None = None
    longest_quiet_s: float = 0.0
    last_kind: str = ""
    rhythm: Rhythm = field(default_factory=dict)
    growths: list[int] = field(default_factory=lambda: [0, 0])
    observations: int = 0
    alerts: dict[str, Alert] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    caught_up: bool = False
    end_told: bool = False

    def see(self, item: Item) -> bool:
        """Take one item. False where it was another rank's copy of a known fact and changed nothing."""
        if isinstance(item, Observation):
            return self._observe(item)
        if isinstance(item, Progress):
            return self._progress(item)
        return self._event(item)

    def heard(self, time_s: float, grew_bytes: int = 0) -> None:
        """The log grew at ``time_s`` (Unix s), by ``grew_bytes`` where that is known: the silence before it is measured."""
        if self.started_s is None:
            self.started_s = time_s
        if self.last_line_s is not None and time_s > self.last_line_s:
            quiet_s = time_s - self.last_line_s
            self.longest_quiet_s = max(self.longest_quiet_s, quiet_s)
            learn_silence(self.rhythm, phase_of(self), quiet_s)
        if grew_bytes > 0:
            self.growths[0] += grew_bytes % BLOCK_BYTES == 0
            self.growths[1] += 1
        self.last_line_s = time_s if self.last_line_s is None else max(self.last_line_s, time_s)

    def metric(self, name: str) -> Series | None:
        return self.series.get(name)

    def witness(self, name: str, reason: str) -> None:
        """``name`` (the steps of a file, the scheduler's word in a file, the file itself) saw that the run began anew.

        Several may see the same new start, one after the other, so each counts for itself and the attempt is the one after the
        most that any of them saw. One that has shown ``SETTLED`` values of an attempt has nothing left to say about its start.
        """
        seen = self.witnesses[name] = self.witnesses.get(name, 0) + 1
        if seen >= self.attempt:
            self.restart(reason)

    def rewritten(self, source: int, reason: str) -> None:
        """File ``source`` was truncated or replaced and begins at its first byte again."""
        for series in self.series.values():
            series.reached.pop(source, None)
        self.witness(f"file {source}", reason)

    def restart(self, reason: str) -> None:
        """Begin the next attempt. Does nothing to an empty one."""
        self.ended = None
        if not self.series:
            return
        self.end_told = False
        for name, series in self.series.items():
            self.earlier[name] = series
        self.attempt += 1
        self.series = {}
        self.shown = {}
        self.step = self.epoch = self.first_step = self.first_epoch = None
        self.new_start = False
        self.events.append(Event("attempt", f"attempt {self.attempt}: {reason}", fields={"attempt": self.attempt}))

    def over(self) -> None:
        """The log will not grow: a new start that was announced and that no step has shown is an attempt all the same."""
        self.attempt = max(self.attempt, 1 + max(self.witnesses.values(), default=0)) if self.series else self.attempt

    def _observe(self, item: Observation) -> bool:
        at, source, late = item.at, item.source, False
        series = self.series.get(item.metric)
        if series is not None and (own := series.reached.get(source)) is not None:
            if at < own:
                if not self.falls_back(series, own, at):
                    series.many_ranks = True
                    return False
                self._went_back(series, source, f"{item.metric} went back from step {own:g} to {at:g}")
                series = self.series.get(item.metric)
            elif at == own:
                series.many_ranks = True
                if series.has_recent(at, item.value):
                    return False
            elif self.witnesses and at > own and self._is_owed(series, own, at):
                self.restart("the job was requeued")
                series = None
        if series is None:
            series = self.series[item.metric] = Series(item.name or item.metric)
        elif at <= series.steps[-1] and at != series.reached.get(source):
            late = True
            if series.has_step(at):
                series.reached[source] = at
                return False
        series.put(at, item.value, item.time_s, item.epoch, higher_is_better=goes_up(item.metric))
        series.reached[source] = at
        self._count(item, at, late=late)
        return True

    def _count(self, item: Observation, at: float, *, late: bool) -> None:
        self.observations += 1
        if not late:
            shown = self.shown[item.source] = self.shown.get(item.source, 0) + 1
            if shown == SETTLED and self.attempt > 1:
                for what in ("steps", "word", "file"):
                    self.witnesses[f"{what} {item.source}"] = self.attempt - 1
        self.last_kind = "val" if item.metric == VAL_LOSS else "train"
        self._reach(item.step if item.step is not None else item.epoch, item.time_s)
        if item.epoch is not None:
            self.epoch = item.epoch if self.epoch is None else max(self.epoch, item.epoch)
        if self.first_step is None:
            self.first_step, self.first_epoch = at, item.epoch

    def _went_back(self, series: Series, source: int, reason: str) -> None:
        attempt = self.attempt
        self.witness(f"steps {source}", reason)
        if self.attempt == attempt:
            # The new start was known already: what this file still told of the last attempt is forgotten.
            for one in self.series.values():
                one.reached.pop(source, None)
            series.reached.pop(source, None)

    def _is_owed(self, series: Series, own: float, at: float) -> bool:
        """Whether a requeue was announced whose place nobody knows, and the steps jump as they do when a job goes on elsewhere."""
        return max(self.witnesses.values()) >= self.attempt and at - own > 3 * (series.interval() or at)

    def falls_back(self, series: Series, last: float, at: float) -> bool:
        """Whether a value at ``at`` after ``last`` in the same file means that the run began anew, and is not a late rank's print.

        A step that falls back is a new start, but where many ranks print the same steps and none announced a start: there a late
        rank is up to two intervals behind.
        """
        if self.new_start or not series.many_ranks:
            return True
        return last - at > 2 * (series.interval() or 0.0)

    def _progress(self, item: Progress) -> bool:
        if item.total_steps is not None:
            self.total_steps = item.total_steps
        if item.step is not None:
            self._reach(item.step, item.time_s)
        return True

    def _reach(self, step: float | None, time_s: float | None) -> None:
        if step is not None and (self.step is None or step > self.step):
            self.step = step
            if time_s is not None:
                self.last_step_s = time_s

    def _event(self, item: Event) -> bool:
        if item.kind == "checkpoint_saved":
            self.last_kind = item.kind
        if item.kind == "started":
            self.new_start = bool(self.series)
            self.ended = None
        elif item.kind == "recovered":
            self.ended = None
        elif item.kind == "ended":
            self.ended = str(item.fields.get("how", "ended"))
        elif item.kind == "requeued":
            self.witness(f"word {item.source}", "the job was requeued")
        if item.kind != "match":
            if len(self.events) >= MAX_EVENTS:
                del self.events[MAX_EVENTS // 2]
            self.events.append(item)
        return True


UP_WORDS = (
    "acc", "auc", "map", "miou", "iou", "bleu", "f1", "ndcg", "reward", "rew_mean", "score", "precision", "recall", "psnr", "ssim", "r2",
)  # fmt: skip


def goes_up(metric: str) -> bool:
    """Whether a larger value of a metric of this name is better."""
    low = metric.lower()
    return "loss" not in low and any(word in low for word in UP_WORDS)

