"""All PATHs at once: one lane for each file system, one queue towards the daemon, and an eye on lanes that no longer answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from monitor.tail.discover import STDIN
from monitor.tail.inbox import Inbox
from monitor.tail.lane import Lane, Settings
from monitor.tail.lanenews import Elsewhere, LaneItem, Settled, Waiting
from monitor.tail.mounts import Mount, MountTable
from monitor.tail.news import Chunk, FileNews, News, Position
from monitor.tail.pace import Pace
from monitor.tail.remote import RemoteLane
from monitor.tail.shard import Shard
from monitor.tail.stream import Stream
from monitor.tail.walk import Source

REMOTE_SLOWER = 4.0
"""A look at a network file system is a question to its server: hot files there are polled this many times slower."""
REMOTE_LOOKS_PER_S = 100.0
LOCAL_LOOKS_PER_S = 2000.0


class Tailer:
    """Follows ``paths`` from ``resume`` (absolute path -> position) on. Its public methods belong to one thread, and none does file I/O.

    ``hot_s`` and ``cold_s`` bound the time between looks at one file, ``rediscover_s`` is the time between looks for new files,
    ``hang_s`` how long a file system may take to answer before its files are reported; all in seconds. ``queue_bytes`` bounds what
    is read and not yet taken. ``notify=False`` polls only. ``directory`` is what relative paths are relative to.
    ``shard`` leaves the files of other watchers' runs alone.
    """

    def __init__(
        self,
        paths: Sequence[str],
        resume: Mapping[str, Position] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        hot_s: float = 0.25,
        cold_s: float = 30.0,
        rediscover_s: float = 2.0,
        hang_s: float = 5.0,
        queue_bytes: int = 8 << 20,
        notify: bool = True,
        directory: str | None = None,
        stdin: int | None = None,
        mounts: MountTable | None = None,
        shard: Shard | None = None,
    ) -> None:
        self._clock = clock
        self._resume = dict(resume or {})
        self._local = Settings(Pace(hot_s, max(cold_s, hot_s)), rediscover_s, LOCAL_LOOKS_PER_S, shard)
        remote_hot_s = hot_s * REMOTE_SLOWER
        self._remote = Settings(Pace(remote_hot_s, max(cold_s, remote_hot_s)), rediscover_s, REMOTE_LOOKS_PER_S, shard)
        self._hang_s = hang_s
        self._notify = notify
        self._mounts = mounts or MountTable.read()
        self._inbox: Inbox[tuple[str, LaneItem]] = Inbox(queue_bytes)
        self._lanes: dict[str, Lane | RemoteLane] = {}
        self._streams: dict[str, Stream] = {}
        self._wake: Wakes | None = None
        self._given: dict[str, list[Source]] = {}
        self._known: set[Source] = set()
        self._settled: dict[str, int] = {}
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._files: dict[str, set[str]] = {}
        self._lags: dict[str, int] = {}
        self._hung: dict[str, FileNews] = {}
        where = directory or os.getcwd()
        self._sources = [Source.absolute(path, where) for path in dict.fromkeys(paths) if path != STDIN]
        self._stdin = (sys.stdin.fileno() if stdin is None else stdin) if STDIN in paths else None

    def start(self) -> None:
        """Begins to look, in threads of its own."""
        for source in self._sources:
            self._give(source)
        if self._stdin is not None:
            stream = self._streams[STDIN] = Stream(self._stdin, partial(self._put, STDIN))
            stream.start()

    def stop(self) -> None:
        """Ends all looking. Waits at most a second; a lane whose file system hangs is left behind."""
        self._inbox.close()
        for stream in self._streams.values():
            stream.stop()
        for lane in self._lanes.values():
            lane.stop()
        if self._wake is not None:
            self._wake.stop()
        deadline_s = self._clock() + 0.5
        for lane in self._lanes.values():
            lane.join(max(deadline_s - self._clock(), 0.0) if lane.busy is None else 0.0)

    def wait(self, timeout_s: float) -> list[News]:
        """What is new, as soon as there is something; an empty list after ``timeout_s``."""
        deadline_s = self._clock() + timeout_s
        while True:
            left_s = deadline_s - self._clock()
            news = self._take(min(max(left_s, 0.0), 1.0))
            if news or left_s <= 0 or self._inbox.closed:
                return news

    def hush(self) -> None:
        """Ends a ``wait`` at once and takes no more news; ``stop`` is to follow. Safe in a signal handler."""
        self._inbox.close()

    def _take(self, timeout_s: float) -> list[News]:
        news: list[News] = []
        for lane, item in self._inbox.take(timeout_s):
            self._sort(lane, item, news)
        self._watch_lanes(news)
        return news

    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been handed over once. A file system that hangs is not waited for."""
        return all(point in self._hung or self._settled[point] == len(given) for point, given in self._given.items())

    def ended(self) -> bool:
        """Whether there is nothing to wait for in one pass: all is caught up, and standard input has been read to its end."""
        return self.caught_up() and self._streams.keys() <= self._settled.keys()

    def once(self) -> Iterator[list[News]]:
        """Everything up to the end of every file as it is now, then stops. ``start`` is called here."""
        self.start()
        try:
            while not self.ended():
                news = self._take(0.5)
                if news:
                    yield news
        finally:
            self.stop()

    def lag_bytes(self) -> dict[str, int]:
        """For each file the bytes that were in it at the last read and have not been handed over."""
        return dict(self._lags)

    def waiting(self) -> tuple[str, ...]:
        """The PATHs, as given, for which there is no file yet."""
        served: set[str] = set()
        for point, sources in self._given.items():
            served |= {source.origin for source in sources} - set(self._waiting.get(point, ()))
        return tuple(dict.fromkeys(origin for origins in self._waiting.values() for origin in origins if origin not in served))

    def _give(self, source: Source) -> None:
        if source in self._known:
            return
        self._known.add(source)
        mount = self._mounts.of(source.real)
        lane = self._lanes.get(mount.point) or self._open_lane(mount)
        self._given[mount.point].append(source)
        lane.give(source)

    def _open_lane(self, mount: Mount) -> Lane | RemoteLane:
        watch = None
        if mount.local and self._notify:
            if self._wake is None:
                self._wake = Wakes(self._poke, self._unannounced)
            watch = self._wake.watch
        emit = partial(self._put, mount.point)
        lane: Lane | RemoteLane
        if mount.local:
            lane = Lane(mount, emit, mounts=self._mounts, resume=self._resume, settings=self._local, clock=self._clock, watch=watch)
        else:
            lane = RemoteLane(mount, emit, mounts=self._mounts, resume=self._resume, settings=self._remote, clock=self._clock)
        self._lanes[mount.point] = lane
        self._given[mount.point] = []
        self._settled[mount.point] = -1
        self._files[mount.point] = set()
        lane.start()
        return lane

    def _put(self, lane: str, item: LaneItem) -> bool:
        return self._inbox.put((lane, item), len(item.data) if isinstance(item, Chunk) else 0)

    def _unannounced(self, text: str) -> None:
        self._put("", FileNews("inotify", "failing", text))

    def _poke(self, real: str, appeared: bool) -> None:
        lane = self._lanes.get(self._mounts.of(real).point)
        if lane is not None:
            lane.poke(real, appeared)

    def _sort(self, lane: str, item: LaneItem, news: list[News]) -> None:
        """Puts what concerns the daemon into ``news`` and acts on the rest."""
        match item:
            case Chunk():
                self._lags[item.path] = max(item.position.size - item.position.offset, 0)
                news.append(item)
            case FileNews():
                if item.kind == "gone":
                    self._lags.pop(item.path, None)
                    self._files.get(lane, set()).discard(item.path)
                elif item.kind == "found":
                    self._files.setdefault(lane, set()).add(item.path)
                news.append(item)
            case Elsewhere():
                self._give(item.source)
            case Settled():
                self._settled[lane] = item.sources
            case Waiting():
                self._waiting[lane] = item.origins

    def _watch_lanes(self, news: list[News]) -> None:
        """Reports a file system that owes an answer for too long, once, and that it answers again."""
        now = self._clock()
        for point, lane in self._lanes.items():
            busy = lane.busy
            overdue = busy is not None and now - busy[0] > self._hang_s
            if overdue and point not in self._hung:
                paths = tuple(sorted(self._files[point])) or tuple(dict.fromkeys(source.origin for source in self._given[point]))
                text = f"no answer from {lane.mount} for {self._hang_s:g} s; {len(paths)} of its paths wait, all others go on"
                self._hung[point] = FileNews(point, "failing", text, paths)
                news.append(self._hung[point])
            elif not overdue and point in self._hung:
                failing = self._hung.pop(point)
                news.append(FileNews(point, "recovered", f"{lane.mount} answers again", failing.paths))


class Wakes:
    """The announcer of changes, made where the first lane wants it; without one (inotify's limits) everything is polled."""

    def __init__(self, on_change: Callable[[str, bool], None], on_failure: Callable[[str], None]) -> None:
        from monitor.tail.wake import Wake

        self._wake: Wake | None = None
        try:
            self._wake = Wake(on_change, on_failure)
        except OSError as error:
            on_failure(f"changes are not announced here ({(error.strerror or str(error)).lower()}); polling goes on alone")

    def watch(self, directory: str) -> None:
        if self._wake is not None:
            self._wake.watch(directory)

    def stop(self) -> None:
        if self._wake is not None:
            self._wake.stop()
