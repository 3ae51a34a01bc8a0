"""Follows standard input (or any pipe): what has gone by cannot be read again, so there is nothing to resume."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable

from monitor.tail.discover import STDIN
from monitor.tail.lanenews import LaneItem, Settled
from monitor.tail.news import Chunk, FileNews, Position

READ_BYTES = 1 << 16


class Stream:
    """Reads ``descriptor`` in a thread of its own until its end; the daemon thread may be left standing in a read."""

    def __init__(self, descriptor: int, emit: Callable[[LaneItem], bool], path: str = STDIN) -> None:
        self._descriptor = descriptor
        self._emit = emit
        self._path = path
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tail stdin", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        self._emit(FileNews(self._path, "found", "reading standard input"))
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        offset, news = 0, FileNews(self._path, "gone", "standard input ended")
        while not self._stopping:
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except OSError as error:
                news = FileNews(self._path, "failing", f"standard input: {(error.strerror or str(error)).lower()}")
                break
            if not data:
                break
            start, offset = offset, offset + len(data)
            position = Position(self._path, offset=offset, size=offset)
            if not self._emit(Chunk(self._path, data, position, start, None, at_end=not ready.poll(0), mtime_s=time.time())):
                return
        self._emit(Chunk(self._path, b"", Position(self._path, offset=offset, size=offset), offset, None, at_end=True, mtime_s=time.time()))
        self._emit(news)
        self._emit(Settled(1))
