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
from rules.alert import Transition
from rules.conditions.crash import first_cause
from rules.ending import close_all
from rules.engine import Engine
from rules.history import RunState
from rules.observation import Event, Item, Observation, Progress
from rules.units import human_duration

LET_GO_S = 24 * 3600.0
"""How long the alerts of a run that ended stand: a day, for somebody to see them in the morning."""


@dataclass(slots=True)
class Turn:
    """What one turn of the fold changed: the runs, the observations that were new, and what there is to tell."""

    runs: dict[str, RunState] = field(default_factory=dict)
    observations: list[tuple[str, int, Observation]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)


@dataclass(slots=True)
class _Wanted:
    """Which plain lines the parser hands on: those of interest, and all while the event reader is inside a traceback or a list."""

    matcher: LineMatcher
    events: EventReader

    def search(self, line: bytes) -> object:
        return self.events.hungry or (self.matcher.interesting is not None and self.matcher.interesting.search(line))


class FileFold:
    """One file's reader: its parser, its events, the patterns of the rules. JSON-able between two feeds."""

    def __init__(
        self, run: str, catalogue: Catalogue, matcher: LineMatcher, told: dict[str, Any] | None = None, forced: str | None = None
    ) -> None:
        self.run = run
        self.parser = LogParser.restore(catalogue, told["parser"]) if told else LogParser(catalogue, forced=forced)
        self.events = EventReader()
        if told:
            self.events.restore(told["events"])
        self._found: list[Event] = []
        self.watch_for(matcher)

    def watch_for(self, matcher: LineMatcher) -> None:
        """Hand on the lines that ``matcher`` and the event reader want."""
        self.matcher = matcher
        self.parser.wanted, self.parser.line_sink = _Wanted(matcher, self.events), self._line

    @property
    def resume_offset(self) -> int:
        """Where a reader with this state must go on: the start of what was not a whole line yet."""
        return int(self.parser.state()["resume_offset"])

    def feed(self, data: bytes) -> list[Item]:
        """The items of the next bytes, in the order of the log."""
        return self._ordered(self.parser.feed(data))

    def flush(self) -> list[Item]:
        """What the unfinished last line holds, for a file that will not grow."""
        items = self._ordered(self.parser.flush())
        return [*items, *self.events.flush()]

    def fell_silent(self) -> list[Item]:
        """What is held until it is clear that nothing contradicts it: an error after which nothing more was written."""
        return list(self.events.flush())

    def state(self) -> dict[str, Any]:
        return {"parser": self.parser.state(), "events": self.events.state()}

    def _line(self, line: bytes, offset: int) -> None:
        self.events.take(line, offset)
        self._found += self.matcher.events(line, offset)

    def _ordered(self, items: list[Item]) -> list[Item]:
        found, self._found = self._found, []
        return in_order(items, found + self.events.settle(items))


class Pipeline:
    """The fold over all files of all runs. Owned by one thread."""

    def __init__(self, engine: Engine, catalogue: Catalogue, *, forced: str | None = None) -> None:
        self.engine = engine
        self.catalogue = catalogue
        self.forced = forced
        self.matcher = LineMatcher(engine.patterns, WANTED)
        self.runs: dict[str, RunState] = {}
        self.files: dict[str, FileFold] = {}

    def open(self, path: str, run: str, told: dict[str, Any] | None = None) -> FileFold:
        """Begin to fold ``path`` as part of ``run``, from the saved state ``told`` where there is one."""
        fold = self.files[path] = FileFold(run, self.catalogue, self.matcher, told, self.forced)
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
        known = {rule.id for rule in engine.rules}
        for run in self.runs.values():
            for rule in [rule for rule in run.alerts if rule not in known]:
                del run.alerts[rule]
                run.marks.pop(rule, None)

    def restart(self, path: str, reason: str) -> None:
        """The file was truncated or replaced: its reader forgets, and the run's next attempt begins."""
        name = self.files[path].run
        self.files[path] = FileFold(name, self.catalogue, self.matcher, None, self.forced)
        run = self.runs[name]
        run.rewritten(run.paths.index(path), reason)

    def advance(self, path: str, data: bytes, now: float, turn: Turn, *, heard_s: float | None, time_s: float | None) -> None:
        """Fold the next bytes of ``path``.

        ``now`` is when they are judged, ``heard_s`` when the file last grew, ``time_s`` when its lines were written where that is
        known (None for a log that was there before); all Unix seconds.
        """
        fold = self.files[path]
        run = self.runs[fold.run]
        lines, own_lines = fold.parser.lines, fold.parser.own_lines
        items = fold.feed(data)
        told_by_us = fold.parser.own_lines - own_lines
        if heard_s is not None and (not told_by_us or fold.parser.lines - lines > told_by_us):
            run.heard(heard_s, len(data))
        if time_s is not None:
            items += self._taken_back(run, path, items)
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

    def finish(self, path: str, now: float, turn: Turn) -> None:
        """The file will not grow: take what its unfinished last line holds."""
        fold = self.files[path]
        run = self.runs[fold.run]
        self._see(run, path, fold.flush(), now, None, turn)
        run.format = fold.parser.format or run.format
        turn.runs[run.run] = run

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
            if item.time_s is None:
                item.time_s = time_s
            before = run.observations
            told = see(run, item, now if time_s is None else (item.time_s or now))
            if told:
                turn.transitions += told
            if run.observations != before and isinstance(item, Observation):
                turn.observations.append((run.run, run.attempt, item))
