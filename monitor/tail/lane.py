"""Looks after the files of one file system, in a thread of its own, so that one that hangs holds up nobody else.

Polls, finds new files, reads; everything it has to say goes through ``emit``, which may make it wait (back-pressure).
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitor.tail.follow import Follower
from monitor.tail.lanenews import Emit, Settled
from monitor.tail.mounts import Mount, MountTable
from monitor.tail.news import FileNews, Position
from monitor.tail.pace import Budget, Pace, Timetable
from monitor.tail.scout import Scout
from monitor.tail.shard import Shard
from monitor.tail.walk import Source

TROUBLED_S = 5.0
"""A file that cannot be read is tried again at least this often."""
HOLD_S = 8.0
"""A local file is kept open until it has been silent for so long."""
MOST_HELD = 128


@dataclass(frozen=True, slots=True)
class Settings:
    """How a lane paces itself; seconds, and looks per second for all files of the lane together."""

    pace: Pace = field(default_factory=Pace)
    rediscover_s: float = 2.0
    looks_per_s: float = 2000.0
    shard: Shard | None = None


@dataclass(slots=True)
class _Tended:
    """A file that is followed, where it really is, and since when it is silent."""

    follower: Follower
    real: str
    written_s: float | None = None


class Lane:
    """One file system. ``start``, ``give``, ``poke`` and ``stop`` may be called from any thread; none of them waits."""

    def __init__(
        self,
        mount: Mount,
        emit: Emit,
        *,
        mounts: MountTable,
        resume: Mapping[str, Position],
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        watch: Callable[[str], None] | None = None,
    ) -> None:
        self.mount = mount
        self.busy: tuple[float, str] | None = None
        """Since when (by ``clock``) the file system owes an answer, and about what."""
        self._emit = emit
        self._resume = resume
        self._left: dict[str, Position] = {}
        self._settings = settings
        self._clock = clock
        self._watch = watch
        self._scout = Scout(mount, mounts, settings.rediscover_s, self._beat, self._mark, settings.shard)
        self._tended: dict[str, _Tended] = {}
        self._names: dict[str, str] = {}
        self._timetable: Timetable[str] = Timetable()
        self._budget = Budget(settings.looks_per_s)
        self._behind: dict[str, None] = {}
        self._held = 0
        self._given: deque[Source] = deque()
        self._poked: deque[tuple[str, bool]] = deque()
        self._news = threading.Event()
        self._stopping = False
        self._settled = 0
        self._thread = threading.Thread(target=self._run, name=f"tail {mount.point}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def give(self, source: Source) -> None:
        """One more PATH, or part of one, to find files by."""
        self._given.append(source)
        self._news.set()

    def poke(self, real: str, appeared: bool) -> None:
        """Something happened to the file at ``real``: look now. ``appeared``: the name is new there."""
        self._poked.append((real, appeared))
        self._news.set()

    def stop(self) -> None:
        self._stopping = True
        self._news.set()

    def join(self, timeout_s: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _mark(self, what: str | None) -> None:
        self.busy = None if what is None else (self._clock(), what)

    def _beat(self) -> float:
        """The time; and where something is under way, the mark that it goes on."""
        now = self._clock()
        if self.busy is not None:
            self.busy = (now, self.busy[1])
        return now

    def _run(self) -> None:
        said: str | None = None
        while not self._stopping:
            try:
                self._round()
                said = None
            except Exception as error:  # a fault of ours must not end the watch in silence
                self._mark(None)
                text = f"internal error while reading: {type(error).__name__}: {error}"
                if text != said:
                    self._emit(FileNews(self.mount.point, "failing", text))
                said = text
                self._news.wait(TROUBLED_S)
        for tended in self._tended.values():
            tended.follower.close()

    def _round(self) -> None:
        now = self._clock()
        while self._given:
            self._scout.take(self._given.popleft(), now)
        looks = dict.fromkeys(self._timetable.take(now))
        looks.update(self._behind)
        looks.update(self._take_poked(now))
        if now >= self._scout.due_s:
            self._discover(now)
        for path in looks:
            if self._stopping:
                return
            if path in self._tended:
                self._look(path)
        if not self._behind and not self._given:
            self._settle()
            next_s = min(self._scout.due_s, self._timetable.next_s() or self._scout.due_s)
            self._news.wait(max(next_s - self._clock(), 0.0))
        self._news.clear()

    def _take_poked(self, now: float) -> dict[str, None]:
        """The followed files among those that were poked; a new name that nobody follows may be one to find."""
        looks: dict[str, None] = {}
        while self._poked:
            real, appeared = self._poked.popleft()
            path = self._names.get(real)
            if path is not None:
                looks[path] = None
            elif appeared:
                self._scout.announced(os.path.basename(real), now)
        return looks

    def _settle(self) -> None:
        if self._settled < self._scout.sources:
            self._settled = self._scout.sources
            self._emit(Settled(self._settled))

    def _discover(self, now: float) -> None:
        """Takes up what is new: announced first and read then, so that nothing falls between."""
        scouted = self._scout.search(now)
        for item in scouted.tell:
            self._emit(item)
        fresh: list[str] = []
        for path, real in scouted.files.items():
            tended = self._tended.get(path)
            if tended is not None and tended.real != real:
                self._names.pop(tended.real, None)
                tended.real = real
                self._names[real] = path
            elif tended is None and real not in self._names:
                resume = self._left.pop(path, None) or self._resume.get(path)
                self._tended[path] = _Tended(Follower(path, resume, local=self.mount.local), real)
                self._names[real] = path
                scouted.directories.add(os.path.dirname(real))
                fresh.append(path)
        if self._watch is not None:
            for directory in scouted.directories:
                self._watch(directory)
        for path in fresh:
            if self._stopping:
                return
            self._look(path)

    def _look(self, path: str) -> None:
        tended = self._tended[path]
        follower = tended.follower
        now = self._clock()
        silent_s = now - tended.written_s if tended.written_s is not None else 0.0
        held = follower.holds
        self._mark(path)
        look = follower.look(now, hold=silent_s < HOLD_S and (held or self._held < MOST_HELD))
        self._mark(None)
        self._held += follower.holds - held
        self._budget.spend(now)
        for news in look.news:
            if not self._emit(news):
                return
        if not look.present:
            self._lose(path, tended, now)
            return
        self._plan(path, tended, look.changed, now)
        if look.more:
            self._behind[path] = None
        else:
            self._behind.pop(path, None)

    def _plan(self, path: str, tended: _Tended, changed: bool, now: float) -> None:
        """When to look again: by the file's own clock at first (it may have been silent for weeks), then by what is seen."""
        if tended.written_s is None:
            mtime_s = tended.follower.mtime_s
            tended.written_s = now if mtime_s is None else now - max(time.time() - mtime_s, 0.0)
        elif changed:
            tended.written_s = now
        interval_s = self._settings.pace.interval_s(now - tended.written_s) * self._budget.stretch
        if tended.follower.failing:
            interval_s = min(interval_s, TROUBLED_S)
        self._timetable.put(path, self._settings.pace.next_look_s(now, interval_s))

    def _lose(self, path: str, tended: _Tended, now: float) -> None:
        """The path is gone: remember how far it was read, and let the scout wait for it."""
        self._left[path] = tended.follower.position
        del self._tended[path]
        if self._names.get(tended.real) == path:
            del self._names[tended.real]
        self._timetable.drop(path)
        self._behind.pop(path, None)
        self._scout.lost(path, now)
