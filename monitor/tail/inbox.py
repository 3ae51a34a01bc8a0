"""The queue between those who read files and the one who judges: bounded in bytes, so that memory stays flat while catching up."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Many put, one takes. ``put`` waits while ``most_bytes`` are queued; closing lets all who wait go."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._queue: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T, size_bytes: int = 0) -> bool:
        """Queues ``item``; False when the inbox is closed. One item larger than the bound passes when the queue is empty."""
        with self._changed:
            while not self._closed and self._bytes and self._bytes + size_bytes > self._most_bytes:
                self._changed.wait()
            if self._closed:
                return False
            self._queue.append((item, size_bytes))
            self._bytes += size_bytes
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> list[T]:
        """All that is queued; waits at most ``timeout_s`` for the first."""
        with self._changed:
            if not self._queue and not self._closed:
                self._changed.wait(timeout_s)
            taken = [item for item, _ in self._queue]
            self._queue.clear()
            self._bytes = 0
            self._changed.notify_all()
            return taken

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nothing more is taken in. Safe in a signal handler: the condition's lock may be taken again by the thread that holds it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
