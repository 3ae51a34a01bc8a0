"""Looks after the files of one file system, in a thread of its own, so that one that hangs holds up nobody else.

Polls, finds new files, reads; everything it has to say goes through ``emit``, which may make it wait (back-pressure).
"""

from __future__ import annotations

import fnmatch
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitor.tail.follow import Follower
from monitor.tail.listing import Listings
from monitor.tail.mounts import Mount, MountTable
from monitor.tail.news import FileNews, News, Position
from monitor.tail.pace import Budget, Pace, Timetable
from monitor.tail.walk import LOG_SUFFIXES, Findings, Source, Through, Walk, is_pattern

RESTING_S = 60.0
"""How often the way to a file that was found by its plain name is walked again, for links that now lead elsewhere."""
TROUBLED_S = 5.0
"""A file that cannot be read is tried again at least this often."""
EVENT_GAP_S = 0.25
"""New names that are announced make for one discovery in this time, so that a busy directory costs no more."""
HOLD_S = 8.0
MOST_HELD = 128


@dataclass(frozen=True, slots=True)
class Settings:
    """How a lane paces itself; seconds, and looks per second for all files of the lane together."""

    pace: Pace = field(default_factory=Pace)
    rediscover_s: float = 2.0
    looks_per_s: float = 2000.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Part of a PATH that lies on another mount."""

    source: Source


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything that the first ``sources`` sources gave has been read to its end once."""

    sources: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The PATHs of this lane for which there is no file yet."""

    origins: tuple[str, ...]


LaneItem = News | Elsewhere | Settled | Waiting
Emit = Callable[[LaneItem], bool]


@dataclass(slots=True)
class _Standing:
    """A source and what became of it."""

    source: Source
    due_s: float
    files: int = 0
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Tended:
    """A file that is followed, since when it is silent, and where it really is."""

    follower: Follower
    real: str
    standing: _Standing
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
        self._mounts = mounts
        self._resume = resume
        self._left: dict[str, Position] = {}
        self._settings = settings
        self._clock = clock
        self._watch = watch
        self._listings = Listings(self._beat)
        self._through: Through = {}
        self._standing: list[_Standing] = []
        self._tended: dict[str, _Tended] = {}
        self._names: dict[str, str] = {}
        self._timetable: Timetable[str] = Timetable()
        self._budget = Budget(settings.looks_per_s)
        self._behind: dict[str, None] = {}
        self._held = 0
        self._handed_over: set[Source] = set()
        self._given: deque[Source] = deque()
        self._poked: deque[tuple[str, bool]] = deque()
        self._last_names: set[str] = set()
        self._last_patterns: set[str] = set()
        self._news = threading.Event()
        self._stopping = False
        self._discover_s = 0.0
        self._discovered_s = float("-inf")
        self._settled = 0
        self._waiting: tuple[str, ...] = ()
        self._failing_places: dict[str, str] = {}
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
                self.busy = None
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
            source = self._given.popleft()
            self._standing.append(_Standing(source, now))
            last = os.path.basename(source.origin)
            (self._last_patterns if is_pattern(last) else self._last_names).add(last)
            self._discover_s = now
        looks = dict.fromkeys(self._timetable.take(now))
        looks.update(self._behind)
        looks.update(self._take_poked(now))
        if now >= self._discover_s:
            self._discover(now)
        for path in looks:
            if self._stopping:
                return
            if path in self._tended:
                self._look(path)
        self._settle()
        if not self._behind and not self._given:
            next_s = min(self._discover_s, self._timetable.next_s() or self._discover_s)
            self._news.wait(max(next_s - self._clock(), 0.0))
        self._news.clear()

    def _take_poked(self, now: float) -> dict[str, None]:
        """The followed files among those that were poked. A name that nobody follows makes the next discovery come sooner."""
        looks: dict[str, None] = {}
        while self._poked:
            real, appeared = self._poked.popleft()
            path = self._names.get(real)
            if path is not None:
                looks[path] = None
            elif appeared and self._may_be_wanted(os.path.basename(real)):
                self._discover_s = min(self._discover_s, max(now, self._discovered_s + EVENT_GAP_S))
                for standing in self._standing:
                    standing.due_s = min(standing.due_s, self._discover_s)
        return looks

    def _may_be_wanted(self, name: str) -> bool:
        """A new name is worth a discovery if a PATH could end in it, or if it looks like a directory on the way to one."""
        suffix = os.path.splitext(name)[1]
        if not suffix or suffix in LOG_SUFFIXES or name in self._last_names:
            return True
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._last_patterns)

    def _settle(self) -> None:
        if self._settled < len(self._standing) and not self._behind and not self._given:
            self._settled = len(self._standing)
            self._emit(Settled(self._settled))

    # Finding files

    def _discover(self, now: float) -> None:
        """Walks the sources that are due and begins to follow what is new."""
        self._discovered_s = now
        walk = Walk(self._listings, self._mounts, self.mount, self._through)
        together = Findings()
        owners: dict[str, _Standing] = {}
        problems_changed = False
        for standing in [standing for standing in self._standing if standing.due_s <= now]:
            self.busy = (self._clock(), standing.source.origin)
            walk.found = found = Findings()
            walk.walk(standing.source)
            self.busy = None
            for real, (hops, shown) in found.files.items():
                together.add(real, hops, shown)
                owners.setdefault(real, standing)
            together.directories |= found.directories
            for source in found.elsewhere:
                if source not in self._handed_over:
                    self._handed_over.add(source)
                    self._emit(Elsewhere(source))
            problems_changed |= found.problems != standing.problems
            standing.problems, standing.files = found.problems, len(found.files) + found.known
            resting = found.files and not found.directories and not is_pattern(standing.source.origin)
            standing.due_s = now + (max(RESTING_S, self._settings.rediscover_s) if resting else self._settings.rediscover_s)
        self._discover_s = min((standing.due_s for standing in self._standing), default=now + self._settings.rediscover_s)
        if problems_changed:
            self._say_problems()
        self._follow(together, owners)
        self._say_waiting()

    def _follow(self, found: Findings, owners: dict[str, _Standing]) -> None:
        """Takes up what is new: announced first and read then, so that nothing falls between."""
        fresh: list[str] = []
        for path, real in found.by_name().items():
            tended = self._tended.get(path)
            if tended is not None and tended.real != real:
                self._names.pop(tended.real, None)
                tended.real = real
                self._names[real] = path
            elif tended is None and real not in self._names:
                resume = self._left.pop(path, None) or self._resume.get(path)
                self._tended[path] = _Tended(Follower(path, resume, local=self.mount.local), real, owners[real])
                self._names[real] = path
                found.directories.add(real.rpartition("/")[0] or "/")
                fresh.append(path)
        if self._watch is not None:
            for directory in found.directories:
                self._watch(directory)
        for path in fresh:
            if self._stopping:
                return
            self._look(path)

    def _say_problems(self) -> None:
        places: dict[str, str] = {}
        for standing in self._standing:
            places.update(standing.problems)
        for place, text in places.items():
            if self._failing_places.get(place) != text:
                self._emit(FileNews(place, "failing", text))
        for place in self._failing_places.keys() - places.keys():
            self._emit(FileNews(place, "recovered", "can be read again"))
        self._failing_places = places

    def _say_waiting(self) -> None:
        waiting = tuple(standing.source.origin for standing in self._standing if not standing.files)
        if waiting != self._waiting:
            self._waiting = waiting
            self._emit(Waiting(waiting))

    # Reading files

    def _look(self, path: str) -> None:
        tended = self._tended[path]
        follower = tended.follower
        now = self._clock()
        silent_s = now - tended.written_s if tended.written_s is not None else 0.0
        held = follower.holds
        hold = silent_s < HOLD_S and (held or self._held < MOST_HELD)
        self.busy = (now, path)
        look = follower.look(now, hold=hold)
        self.busy = None
        self._held += follower.holds - held
        self._budget.spend(now)
        for news in look.news:
            if not self._emit(news):
                return
        if not look.present:
            self._lose(path, tended)
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

    def _lose(self, path: str, tended: _Tended) -> None:
        """The path is gone: remember how far it was read, and let discovery wait for it."""
        self._left[path] = tended.follower.position
        self._through.clear()
        del self._tended[path]
        if self._names.get(tended.real) == path:
            del self._names[tended.real]
        self._timetable.drop(path)
        self._behind.pop(path, None)
        tended.standing.due_s = self._discover_s = min(self._discover_s, self._clock() + self._settings.rediscover_s)
        tended.standing.files -= 1
