"""What one run has shown so far: the state that every rule judges.

``RunState.see`` takes observations, events and progress in the order of the log and keeps, a metric, the values by step.
It decides where an attempt ends and the next begins, and drops what many ranks printed twice. It never judges.

The state is owned by one thread and grows only at its ends, so a view that remembers a length stays valid.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from rules.alert import Alert
from rules.jsonable import step_text
from rules.observation import VAL_LOSS, Event, Item, Observation, Progress
from rules.references import Reference
from rules.rhythm import BLOCK_BYTES, Rhythm, learn_silence, phase_of
from rules.series import Series as Series
from rules.series import goes_up as goes_up

SETTLED = 8
"""Values of an attempt that a file shows before it is clear that nothing of the last attempt is left in it."""

MARKED_TIMES = frozenset({"since_s", "last_s", "time_s", "found_silent_since_s"})
"""Keys of marks that are points in time (Unix s)."""

MAX_EVENTS = 500
"""Events kept a run, the first ones and the last."""


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
    ``references`` are earlier runs of the same job, latest first, where the watcher knows them;
    ``growths`` how often the log grew by whole blocks, of how often (``rules/rhythm.py``).
    ``looked_s`` is when the rules were last asked by the log's own clock (``rules/passing.py``).
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
    looked_s: float | None = None
    last_step_s: float | None = None
    longest_quiet_s: float = 0.0
    last_kind: str = ""
    rhythm: Rhythm = field(default_factory=dict)
    growths: list[int] = field(default_factory=lambda: [0, 0])
    observations: int = 0
    alerts: dict[str, Alert] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
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

    def heard_in_passing(self, time_s: float) -> None:
        """A line was written at ``time_s`` by the log's own clock, and of the lines before it the time is not known.

        What was judged before the first time, at 0, is as old as that.
        """
        if self.started_s is None:
            self.started_s = time_s
            self._date(time_s)
        self.last_line_s = time_s if self.last_line_s is None else max(self.last_line_s, time_s)

    def _date(self, time_s: float) -> None:
        for mark in self.marks.values():
            mark.update({key: time_s for key in MARKED_TIMES & mark.keys() if mark[key] == 0.0})
        for rule, alert in self.alerts.items():
            if alert.since_s == 0.0:
                self.alerts[rule] = alert.moved(time_s)

    def set_clock(self, ahead_s: float) -> None:
        """The clock of the log was ``ahead_s`` seconds behind: all that was learned by it is moved."""
        for series in (*self.series.values(), *self.earlier.values()):
            series.times = array("d", [time_s + ahead_s for time_s in series.times])
        for event in self.events:
            event.time_s = None if event.time_s is None else event.time_s + ahead_s
        for name in ("started_s", "last_line_s", "last_step_s", "looked_s"):
            if (time_s := getattr(self, name)) is not None:
                setattr(self, name, time_s + ahead_s)
        for mark in self.marks.values():
            for key in MARKED_TIMES & mark.keys():
                mark[key] = None if mark[key] is None else mark[key] + ahead_s
        for rule, alert in self.alerts.items():
            self.alerts[rule] = alert.moved(ahead_s)

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
                self._went_back(series, source, f"{item.metric} went back from step {step_text(own)} to {step_text(at)}")
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
