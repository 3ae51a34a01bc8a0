"""The loop: wake, read, advance, commit, hand over. It owns all mutable state; other threads read its snapshot.

One turn: take what the tailer has, fold it, decide what people are told, write all of it in one transaction, wake the delivery,
publish a new snapshot. Nothing here blocks on a file system, a receiver or a reader of the page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Protocol

from monitor import announce
from monitor.earlier import EarlierRuns
from monitor.notify.channel import Channel
from monitor.notify.notification import Kind, Notification
from monitor.outbox import Delivery
from monitor.outlook import Outlook
from monitor.pipeline import Pipeline, Turn
from monitor.silences import read_silences
from monitor.snapshot import Counters, RunView, Snapshot
from monitor.store import Changes, StateError, Store, other_version
from monitor.tail.news import Chunk, FileNews, News, Position
from monitor.tail.runs import name_runs
from monitor.telling import tell
from monitor.unwritten import Unwritten
from monitor.views import run_view
from rules.alert import FIRING, Transition
from rules.engine import Engine
from rules.history import RunState
from rules.silence import Silence, silenced
from rules.spec import Rulebook

log = logging.getLogger("loss-watch")

TICK_S = 1.0
LONG_STOP_S = 6 * 3600.0
"""After a stop longer than this, only what still stands is told."""
SILENT_S = 5.0
"""After this much silence an error is judged by what stands in the log, without waiting for what might follow."""
KEPT_NEWS = 200
STDIN = "-"


class Tails(Protocol):
    """What the loop needs of the tailer."""

    def wait(self, timeout_s: float) -> list[News]: ...
    def caught_up(self) -> bool: ...
    def lag_bytes(self) -> dict[str, int]: ...


@dataclass(slots=True)
class Followed:
    """One file as the loop knows it. ``catching_up``: what it holds was there before, so people are told only what still stands."""

    position: Position
    catching_up: bool = False
    read_s: float | None = None
    """When it last gave bytes (Unix s), until what it held back was taken."""


@dataclass
class Daemon:
    """The watcher. ``clock`` gives Unix seconds. ``listener`` is called with each transition as it is judged (the event lines)."""

    pipeline: Pipeline
    store: Store
    channels: Sequence[Channel]
    delivery: Delivery
    clock: Callable[[], float]
    version: str
    rules_label: str = "preset default"
    baseline: Mapping[str, Any] | None = None
    page_url: str | None = None
    listener: Callable[[Transition], None] = lambda _: None
    files: dict[str, Followed] = field(default_factory=dict)
    snapshot: Snapshot = field(init=False)
    failing: set[str] = field(default_factory=set)
    """Files and directories that cannot be read at present, as it was said of them."""
    ready: bool = False
    stubborn: bool = False
    """Whether a state file that cannot be written is waited for, instead of an error."""
    patience_s: float = SILENT_S
    """How long what followed an error is waited for; 0 for a call that will not come again soon."""
    by_log_clock: bool = False
    """Whether the times of the lines count also for what came while the watcher lived: for a call that comes now and then."""

    def __post_init__(self) -> None:
        self._outlook = Outlook()
        self._unwritten = Unwritten()
        self._views: dict[str, RunView] = {}
        self._earlier = EarlierRuns()
        self._present: set[str] = set()
        """Runs of which a file was found since the start. The state file may know others, of earlier calls with other PATHs."""
        self._counters = Counters()
        self._news: tuple[Transition, ...] = ()
        self._ticked_s = 0.0
        self.silences: tuple[Silence, ...] = ()
        self._reloaded: tuple[bool, float | None] = (True, None)
        self.snapshot = Snapshot(self.clock(), self.version, self.rules_label)

    def resume(self) -> dict[str, Position]:
        """Take up what the state file knows; path -> where to go on reading."""
        now = self.clock()
        beat = self.store.meta("heartbeat_s")
        long_stop = beat is None or now - float(beat) > LONG_STOP_S
        self.pipeline.runs = self.store.runs()
        self._earlier = EarlierRuns(self.pipeline.runs.values())
        for known in self.pipeline.runs.values():
            self._earlier.give(known)
        positions: dict[str, Position] = {}
        for path, (run, told) in self.store.files().items():
            try:
                fold = self.pipeline.open(path, run, told["fold"])
                position = replace(Position.from_json(told["position"]), offset=fold.resume_offset)
            except (KeyError, TypeError, ValueError) as wrong:
                raise other_version(self.store.path, wrong) from None
            positions[path] = position
            self.files[path] = Followed(position, long_stop or bool(told["catching_up"]), read_s=now)
            if long_stop:
                self.pipeline.runs[run].caught_up = False
        self._news = tuple(reversed(self.store.transitions(KEPT_NEWS)))
        self.store.set_meta("heartbeat_s", str(now))
        return positions

    def turn(self, tails: Tails, timeout_s: float, *, tick: bool = False) -> bool:
        """One turn of the loop; whether anything was read. ``tick``: ask the rules that look at the clock, whenever that was last."""
        news = tails.wait(timeout_s)
        now = self.clock()
        turn, changes = Turn(), Changes()
        self._open_new([item for item in news if isinstance(item, Chunk) and item.path not in self.files])
        for item in news:
            if isinstance(item, Chunk):
                self._fold(item, now, turn, changes)
            else:
                self._say(item)
        if tick or now - self._ticked_s >= TICK_S or now < self._ticked_s:
            self._ticked_s = now
            self._hear_silences(now, turn)
            self._take_held(now, turn, changes)
            self.pipeline.tick(now, turn, wanted=lambda run: run.run in self._present and not self._is_catching_up(run))
            self.pipeline.let_go(now, turn, wanted=lambda run: not self._is_catching_up(run))
        caught_up = tails.caught_up()
        finished = self._catch_ups_that_end(changes, turn, all_read=caught_up)
        self.ready = self.ready or caught_up
        self._commit(turn, changes, finished, now)
        self._publish(turn, tails, now)
        return bool(news)

    def _fold(self, chunk: Chunk, now: float, turn: Turn, changes: Changes) -> None:
        path = chunk.path
        followed = self.files[path]
        self._arrives(self.pipeline.files[path].run)
        fresh = chunk.reset is not None
        if fresh:
            self.pipeline.restart(path, f"the file was {chunk.reset}", written_s=chunk.mtime_s)
        live = not followed.catching_up
        lines, own_clock = self.pipeline.files[path].parser.lines, self.by_log_clock or not live
        written_s = min(now, chunk.mtime_s)
        self.pipeline.advance(path, chunk.data, now, turn, heard_s=written_s, time_s=now if live else None, own_clock=own_clock)
        if chunk.at_end and own_clock:
            self.pipeline.set_clock(path, written_s, turn)
        fold = self.pipeline.files[path]
        followed.position = chunk.position
        followed.read_s = now
        if chunk.at_end and now - chunk.mtime_s >= self.patience_s:
            followed.read_s = None
            self.pipeline.fell_silent(path, now, turn)
        if chunk.at_end:
            followed.catching_up = False
        changes.files[path] = (fold.run, self._file_state(path))
        self._counters = Counters(
            self._counters.lines + fold.parser.lines - lines, self._counters.bytes + len(chunk.data),
            self._counters.observations,
        )  # fmt: skip

    def _open_new(self, chunks: Sequence[Chunk]) -> None:
        """Files seen for the first time: which run each belongs to, and whether it stood there before the watcher came."""
        if not chunks:
            return
        known = {path: self.pipeline.files[path].run for path in self.files}
        named = name_runs([chunk.path for chunk in chunks if chunk.path != STDIN], known)
        for chunk in chunks:
            path = chunk.path
            if path in self.files:
                continue
            stood_before = not self.ready and path != STDIN
            self.files[path] = Followed(Position(path), catching_up=stood_before)
            fold = self.pipeline.open(path, named.get(path, "stdin"), written_s=chunk.mtime_s)
            run = self.pipeline.runs[fold.run]
            if not stood_before and not run.observations:
                run.caught_up = True
            self._earlier.give(run)

    def _arrives(self, name: str) -> None:
        """A file of this run stands there. What people were told by rules that are gone since then no longer stands."""
        if name in self._present:
            return
        self._present.add(name)
        run = self.pipeline.runs[name]
        if self.pipeline.forget_other_rules(run):
            run.caught_up = False

    def _file_state(self, path: str) -> dict[str, Any]:
        followed = self.files[path]
        return {
            "position": followed.position.as_json(), "catching_up": followed.catching_up,
            "fold": self.pipeline.files[path].state(),
        }  # fmt: skip

    def _hear_silences(self, now: float, turn: Turn) -> None:
        """What another process wrote; a silence that ended lets what still stands be told."""
        before, self.silences = self.silences, read_silences(self.store.connection)
        if before != self.silences:
            self._views = {}  # what is shown as silenced has changed
        for run in self.pipeline.runs.values():
            ended = run.caught_up and any(_ended(silence, self.silences, run, now) for silence in (*before, *self.silences))
            if ended and set(run.told) != {rule for rule, alert in run.alerts.items() if alert.state == FIRING}:
                run.caught_up = False
                turn.runs[run.run] = run

    def _take_held(self, now: float, turn: Turn, changes: Changes) -> None:
        """Files that fell silent: an error that nothing followed is a crash now."""
        for path, followed in self.files.items():
            if followed.read_s is not None and now - followed.read_s >= self.patience_s:
                followed.read_s = None
                self.pipeline.fell_silent(path, now, turn)
                changes.files[path] = (self.pipeline.files[path].run, self._file_state(path))

    def _is_catching_up(self, run: RunState) -> bool:
        return any(path in self.files and self.files[path].catching_up for path in run.paths)

    def _catch_ups_that_end(self, changes: Changes, turn: Turn, *, all_read: bool) -> list[RunState]:
        """The runs that were catching up before this turn and no longer are."""
        if all_read:
            for path, followed in self.files.items():
                if followed.catching_up:
                    followed.catching_up = False
                    changes.files[path] = (self.pipeline.files[path].run, self._file_state(path))
        runs = [run for run in self.pipeline.runs.values() if not run.caught_up and run.run in self._present]
        ended = [run for run in runs if not self._is_catching_up(run)]
        for run in ended:
            run.caught_up = True
            turn.runs[run.run] = run
            self._earlier.take(run)
        for run in ended:
            self._earlier.give(run)
        return ended

    def _commit(self, turn: Turn, changes: Changes, finished: Sequence[RunState], now: float) -> None:
        messages = self._messages(turn, finished, now)
        changes.runs = turn.runs
        changes.observations = turn.observations
        changes.moved_s = turn.moved_s
        changes.transitions = turn.transitions
        self._counters = replace(self._counters, observations=self._counters.observations + len(turn.observations))
        self._unwritten.take(changes, messages)
        if self._unwritten.write(self.store, self.channels, now, stubborn=self.stubborn):
            self.delivery.wake()
        for told in turn.transitions:
            self.listener(told)

    def _messages(self, turn: Turn, finished: Sequence[RunState], now: float) -> list[Notification]:
        just_caught_up = {run.run for run in finished}
        by_run: dict[str, list[Transition]] = {}
        for told in turn.transitions:
            by_run.setdefault(told.run, []).append(told)
        messages = []
        for name, run in turn.runs.items():
            self._earlier.take(run)
            kind: Kind = "transitions"
            if name in just_caught_up:
                kind, transitions = "catch_up", announce.caught_up(run, self.pipeline.engine, now, self.silences)
            elif run.caught_up:
                transitions = announce.live(run, by_run.get(name, ()), self.silences)
            else:
                continue
            if announce.ends(run):
                kind = "ended"
            if transitions or kind == "ended":
                messages.append(tell(self._view(run, now), kind, transitions, now, page_url=self.page_url))
        return messages

    def _view(self, run: RunState, now: float, lags: Mapping[str, int] | None = None) -> RunView:
        lag = sum((lags or {}).get(path, 0) for path in run.paths)
        forecasts = self._outlook.of(run, self.pipeline.engine, now) if run.caught_up else {}
        muted = [rule for rule in run.alerts if silenced(self.silences, run, rule, now)] if self.silences else ()
        return run_view(run, self.pipeline.engine, forecasts=forecasts, lag_bytes=lag, baseline=self.baseline, silenced=muted)

    def _publish(self, turn: Turn, tails: Tails, now: float) -> None:
        lags = tails.lag_bytes()
        for name, run in self.pipeline.runs.items():
            if name in self._present and (name in turn.runs or name not in self._views):
                self._views[name] = self._view(run, now, lags)
        if turn.transitions:
            self._news = (*reversed(turn.transitions), *self._news)[:KEPT_NEWS]
        self.snapshot = Snapshot(
            time_s=now, version=self.version, rules_label=self.rules_label, address=self.page_url, runs=tuple(self._views.values()),
            counters=self._counters, notifications=self.delivery.counters(), ready=self.ready, last_reload_ok=self._reloaded[0],
            last_reload_s=self._reloaded[1], news=self._news,
        )  # fmt: skip

    def reload(self, book: Rulebook | None) -> None:
        """Take new rules from the next line on; None says that they could not be read and the old ones stay."""
        self._reloaded = (book is not None, self.clock() if book is not None else self._reloaded[1])
        if book is None:
            return
        self.pipeline.judge_by(Engine(book.rules))
        self.rules_label = book.label
        self._outlook, self._views = Outlook(), {}
        for run in self.pipeline.runs.values():
            run.caught_up = False  # so that what the new rules make of it is told as a difference

    def beat(self) -> None:
        """Note in the state file that the watcher lives, for the next start to know how long it was away."""
        try:
            self.store.set_meta("heartbeat_s", str(self.clock()))
        except StateError:
            log.info("no heartbeat written")  # the next commit says why

    def _say(self, news: FileNews) -> None:
        if news.kind == "found" and news.path in self.pipeline.files:
            self._arrives(self.pipeline.files[news.path].run)
        (self.failing.add if news.kind == "failing" else self.failing.discard)(news.path)
        level = logging.INFO if news.kind in ("found", "recovered", "gone") else logging.WARNING
        log.log(level, "%s: %s", news.path, news.text)


def _ended(silence: Silence, now_held: Sequence[Silence], run: RunState, now: float) -> bool:
    """Whether ``silence`` concerned ``run`` and no longer holds: over, or taken away."""
    return fnmatchcase(run.run, silence.run) and (silence not in now_held or silence.is_over(run, now))
