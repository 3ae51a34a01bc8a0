"""The fold: bytes of a file -> items -> the run's state -> transitions. No file, clock, thread or socket is touched here.

``watch``, ``check``, ``replay``, ``explain`` and ``report`` are this fold with another beginning and another end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.events import WANTED, EventReader, in_order
from monitor.matcher import LineMatcher
from monitor.parse import Catalogue, LogParser
from monitor.parse.clock import LineClock, Silence, in_time, shift_s
from rules.alert import FIRING, Transition
from rules.cause import first_cause
from rules.ending import close_all
from rules.engine import Engine
from rules.history import RunState
from rules.observation import Event, Item, Observation, Progress
from rules.passing import printed_at, silent
from rules.units import human_duration

LET_GO_S = 24 * 3600.0
"""How long the alerts of a run that ended stand: a day, for somebody to see them in the morning."""

COPIED_S = 24 * 3600.0
"""A file that was written later than this after its last line's time is a copy."""


@dataclass(slots=True)
class Turn:
    """What one turn of the fold changed: the runs, the observations that were new, and what there is to tell."""

    runs: dict[str, RunState] = field(default_factory=dict)
    observations: list[tuple[str, int, Observation]] = field(default_factory=list)
    moved_s: dict[str, float] = field(default_factory=dict)
    """Run -> what its log's clock was behind."""
    transitions: list[Transition] = field(default_factory=list)


@dataclass(slots=True)
class _Wanted:
    """Which plain lines the parser hands on: those of interest, and all while the event reader is inside a traceback or a list.

    It is asked about every line, so the file's clock hears them here.
    """

    matcher: LineMatcher
    events: EventReader
    clock: LineClock

    def search(self, line: bytes) -> object:
        self.clock.hear(line)
        return self.events.hungry or (self.matcher.interesting is not None and self.matcher.interesting.search(line))


class FileFold:
    """One file's reader: its parser, its events, its clock, the patterns of the rules. JSON-able between two feeds.

    ``written_s``: when the file was last written (Unix s), for what the times of its lines leave out.
    """

    def __init__(
        self, run: str, catalogue: Catalogue, matcher: LineMatcher, told: dict[str, Any] | None = None, forced: str | None = None,
        *, written_s: float | None = None,
    ) -> None:  # fmt: skip
        self.run = run
        self.clock = LineClock.restore(told["clock"]) if told and "clock" in told else LineClock(written_s)
        self.parser = LogParser.restore(catalogue, told["parser"]) if told else LogParser(catalogue, forced=forced)
        self.events = EventReader()
        if told:
            self.events.restore(told["events"])
        self._found: list[Event] = []
        self.watch_for(matcher)

    def watch_for(self, matcher: LineMatcher) -> None:
        """Hand on the lines that ``matcher`` and the event reader want."""
        self.matcher = matcher
        self.parser.wanted, self.parser.line_sink = _Wanted(matcher, self.events, self.clock), self._line
        self.parser.noted = self.clock.note

    @property
    def resume_offset(self) -> int:
        """Where a reader with this state must go on: the start of what was not a whole line yet."""
        return int(self.parser.state()["resume_offset"])

    def feed(self, data: bytes) -> list[Item]:
        """The items of the next bytes, in the order of the log."""
        return self._ordered(self.parser.feed(data))

    def flush(self) -> list[Item]:
        """What the unfinished last line holds, for a file that will not grow."""
        items = [*self._ordered(self.parser.flush()), *self.events.flush()]
        self.clock.stamp(items)
        return items

    def fell_silent(self) -> list[Item]:
        """What is held until it is clear that nothing contradicts it: an error after which nothing more was written."""
        items: list[Item] = list(self.events.flush())
        self.clock.stamp(items)
        return items

    def timed(self, items: Sequence[Item]) -> list[Item | Silence]:
        """``items``, which were just read, with the silences between their lines."""
        return in_time(items, self.clock.take_silences())

    def state(self) -> dict[str, Any]:
        return {"parser": self.parser.state(), "events": self.events.state(), "clock": self.clock.state()}

    def _line(self, line: bytes, offset: int) -> None:
        self.clock.note(offset)
        self.events.take(line, offset)
        self._found += self.matcher.events(line, offset)

    def _ordered(self, items: list[Item]) -> list[Item]:
        found, self._found = self._found, []
        ordered = in_order(items, found + self.events.settle(items))
        self.clock.stamp(ordered)
        return ordered


class Pipeline:
    """The fold over all files of all runs. Owned by one thread."""

    def __init__(self, engine: Engine, catalogue: Catalogue, *, forced: str | None = None) -> None:
        self.engine = engine
        self.catalogue = catalogue
        self.forced = forced
        self.matcher = LineMatcher(engine.patterns, WANTED)
        self.runs: dict[str, RunState] = {}
        self.files: dict[str, FileFold] = {}

    def open(self, path: str, run: str, told: dict[str, Any] | None = None, *, written_s: float | None = None) -> FileFold:
        """Begin to fold ``path``, last written at ``written_s``, as part of ``run``, from the saved state ``told`` where there is one."""
        fold = self.files[path] = FileFold(run, self.catalogue, self.matcher, told, self.forced, written_s=written_s)
        state = self.runs.setdefault(run, RunState(run))
        if path not in state.paths:
            state.paths.append(path)
        return fold

    def judge_by(self, engine: Engine) -> None:
        """From now on these rules hold. What a file has shown stays; alerts of rules that are gone are forgotten."""
        self.engine = engine
        self.matcher = LineMatcher(engine.patterns, WANTED)
        for fold in self.files.values():
            fold.watch_for(self.matcher)
        for run in self.runs.values():
            self.forget_other_rules(run)

    def forget_other_rules(self, run: RunState) -> bool:
        """Drop what rules other than the present ones left behind; whether an alert of theirs fired."""
        known = {rule.id for rule in self.engine.rules}
        gone = {rule: alert for rule, alert in run.alerts.items() if rule not in known}
        for rule in gone:
            del run.alerts[rule]
            run.marks.pop(rule, None)
        return any(alert.state == FIRING for alert in gone.values())

    def restart(self, path: str, reason: str, *, written_s: float | None = None) -> None:
        """The file was truncated or replaced: its reader forgets, and the run's next attempt begins."""
        name = self.files[path].run
        self.files[path] = FileFold(name, self.catalogue, self.matcher, None, self.forced, written_s=written_s)
        run = self.runs[name]
        run.rewritten(run.paths.index(path), reason)

    def advance(
        self, path: str, data: bytes, now: float, turn: Turn, *, heard_s: float | None, time_s: float | None, own_clock: bool = False
    ) -> None:
        """Fold the next bytes of ``path``.

        ``now`` is when they are judged, ``heard_s`` when the file last grew, ``time_s`` when its lines were written where that is
        known (None for a log that was there before); all Unix seconds. With ``own_clock`` the times that the lines tell themselves
        count, where they do.
        """
        fold = self.files[path]
        run = self.runs[fold.run]
        lines, own_lines = fold.parser.lines, fold.parser.own_lines
        items = fold.feed(data)
        told_by_us = fold.parser.own_lines - own_lines
        own_clock = own_clock and fold.clock.known
        if heard_s is not None and not own_clock and (not told_by_us or fold.parser.lines - lines > told_by_us):
            run.heard(heard_s, len(data))
        if time_s is not None:
            items += self._taken_back(run, path, items)
        timed = fold.timed(items)
        if own_clock:
            self._see_in_time(run, path, timed, now, turn)
        else:
            self._see(run, path, items, now, time_s, turn)
        run.format = fold.parser.format or run.format
        turn.runs[run.run] = run

    def _taken_back(self, run: RunState, path: str, items: Sequence[Item]) -> list[Item]:
        """What steps in one file say of a crash that another file of the run told (``.err``), as both are followed live.

        Only a crash that was told before counts: of two files that grew between two looks nobody knows the order.
        """
        others = [self.files[other] for other in run.paths if other != path and other in self.files]
        steps = [item for item in items if isinstance(item, Observation)]
        return [event for other in others if other.events.told_crash for item in steps for event in other.events.note_observation(item.at)]

    def set_clock(self, path: str, written_s: float, turn: Turn) -> None:
        """All of ``path`` has been read, which was last written at ``written_s`` (Unix s): hold its own clock against that."""
        fold = self.files[path]
        run = self.runs[fold.run]
        if not fold.clock.known:
            return
        ahead_s = set_clock(run, fold.clock, written_s, whole_run=path == self._first_timed(run))
        if ahead_s:
            turn.moved_s[run.run] = turn.moved_s.get(run.run, 0.0) + ahead_s
        turn.runs[run.run] = run

    def _first_timed(self, run: RunState) -> str | None:
        return next((path for path in run.paths if path in self.files and self.files[path].clock.known), None)

    def fell_silent(self, path: str, now: float, turn: Turn) -> None:
        """``path`` was not written to for a while: take what was held back."""
        fold = self.files[path]
        run = self.runs[fold.run]
        items = fold.fell_silent()
        if items:
            self._see(run, path, items, now, now, turn)
            turn.runs[run.run] = run

    def tick(self, now: float, turn: Turn, *, wanted: Callable[[RunState], bool] = lambda _: True) -> None:
        """Time has passed: let the rules that look at the clock judge."""
        for run in self.runs.values():
            if wanted(run):
                told = self.engine.tick(run, now)
                if told:
                    turn.transitions += told
                    turn.runs[run.run] = run

    def let_go(self, now: float, turn: Turn, *, wanted: Callable[[RunState], bool]) -> None:
        """Runs that ended ``LET_GO_S`` ago: what still stands of them is closed, so that no receiver keeps an alert for ever."""
        for run in self.runs.values():
            over = run.ended is not None or first_cause(run) is not None
            if over and run.last_line_s is not None and now - run.last_line_s > LET_GO_S and wanted(run):
                told = close_all(self.engine.rules, run, now, f"the run ended {human_duration(now - run.last_line_s)} ago")
                if told:
                    turn.transitions += told
                    turn.runs[run.run] = run

    def _see(self, run: RunState, path: str, items: Iterable[Item], now: float, time_s: float | None, turn: Turn) -> None:
        see, source = self.engine.see, run.paths.index(path)
        for item in items:
            if not isinstance(item, Progress):
                item.source = source
            item.time_s = time_s
            before = run.observations
            told = see(run, item, now)
            if told:
                turn.transitions += told
            if run.observations != before and isinstance(item, Observation):
                turn.observations.append((run.run, run.attempt, item))

    def _see_in_time(self, run: RunState, path: str, items: Iterable[Item | Silence], now: float, turn: Turn) -> None:
        """The same by the times that the lines tell."""
        source, looked_at = run.paths.index(path), len(run.paths) == 1
        for item in items:
            if isinstance(item, Silence):
                turn.transitions += silent(self.engine, run, item.from_s, item.to_s, looked_at=looked_at)
                continue
            if not isinstance(item, Progress):
                item.source = source
            if item.time_s is not None:
                turn.transitions += printed_at(self.engine, run, item.time_s)
            before = run.observations
            turn.transitions += self.engine.see(run, item, item.time_s or run.last_line_s or now)
            if run.observations != before and isinstance(item, Observation):
                turn.observations.append((run.run, run.attempt, item))


def set_clock(run: RunState, clock: LineClock, written_s: float, *, whole_run: bool = True) -> float:
    """A log that was last written at ``written_s`` (Unix s) was read to its end: by how many seconds its clock was set ahead.

    What it said last it said then, and not earlier, unless the file is a later copy.
    """
    ahead_s = shift_s(clock.last_s, written_s, has_dates=clock.has_dates) if clock.last_s is not None else 0.0
    if ahead_s:
        clock.set_ahead(ahead_s)
        if whole_run:
            run.set_clock(ahead_s)
    if run.last_line_s is not None and 0.0 <= written_s - run.last_line_s <= COPIED_S:
        run.last_line_s = written_s
    return ahead_s if whole_run else 0.0
