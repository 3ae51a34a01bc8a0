"""The outbox: what is to be sent is written with the state that it follows from, and sent afterwards by one thread.

``enqueue`` runs inside the transaction of the store. ``Delivery`` is the other end: it alone decides and records, on its own connection;
each channel's sends run in a thread of that channel, so that one that hangs or is down for hours never holds up another, nor the
loop. No message is lost by a kill; at most the one in flight is repeated, with the same id.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from monitor.notify.channel import Channel
from monitor.notify.dispatch import Dispatch
from monitor.notify.health import Health
from monitor.notify.lane import Lane, Outcome
from monitor.notify.present import Present
from monitor.notify.queue import SCHEMA, enqueue
from monitor.notify.trial import Tried, try_channels

__all__ = ["SCHEMA", "Delivery", "Health", "Present", "Tried", "enqueue", "try_channels"]

log = logging.getLogger("loss-watch.outbox")

BUSY_S = 15.0
AGAIN_S = 1.0
"""How soon a turn that failed (a locked or full disk) is tried again."""


class Delivery:
    """Sends what is in the outbox at ``db_path``. One instance a state file.

    ``clock`` gives Unix seconds; tests turn it by hand and call ``settle``. The database must have the tables of ``SCHEMA``.
    ``present``, where it is set, says how all runs stand: what channels show at a steady pace, and digests, come from it.
    """

    present: Callable[[], Present] | None = None

    def __init__(
        self, db_path: Path | str, channels: Sequence[Channel], clock: Callable[[], float] = time.time, rng: random.Random | None = None
    ) -> None:
        self.channels = tuple(channels)
        self.health: dict[str, Health] = {channel.name: Health() for channel in channels}
        self._path, self._clock, self._rng = str(db_path), clock, rng or random.Random()  # noqa: S311
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._lanes = {channel.name: Lane(channel, self._arrived) for channel in channels}
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._quiet, self._turning = threading.Condition(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._dispatch: Dispatch | None = None
        self._kept: list[Outcome] = []
        self._storing = True

    def start(self) -> None:
        """Begin to send, what an earlier process left included."""
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was enqueued (call after the commit). Cheap, from any thread."""
        self._woken.set()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End within ``timeout_s``. What is unsent stays in the outbox; what is in flight may be sent again by the next process."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        for lane in self._lanes.values():
            lane.close()

    def settle(self, timeout_s: float) -> bool:
        """Wait until everything that is due by the clock has been tried and recorded; False where ``timeout_s`` was not enough.

        Without ``start`` the calling thread does the work (``watch --once``, tests).
        """
        deadline = time.monotonic() + timeout_s
        self._woken.set()
        while True:
            if self._thread is None:
                self._turn()
            if self._is_settled():
                return True
            wait_s = min(0.2, deadline - time.monotonic())
            if wait_s <= 0:
                return False
            if self._thread is None:
                self._woken.wait(wait_s)
                self._woken.clear()
            else:
                with self._quiet:
                    self._quiet.wait(wait_s)

    def counters(self) -> dict[str, tuple[int, int]]:
        """Channel -> (messages handed over, those that failed), since the process started."""
        return {name: (health.sent, health.failed) for name, health in self.health.items()}

    def _is_settled(self) -> bool:
        with self._turning:
            if self._dispatch is None or self._kept or not self._outcomes.empty() or any(h.busy for h in self.health.values()):
                return False
            now = self._clock()
            try:
                return all((due_s := self._dispatch.next_due_s(channel)) is None or due_s > now for channel in self.channels)
            except sqlite3.Error:
                return False

    def _run(self) -> None:
        with suppress(ImportError):
            from monitor.notify import http

            http.warm()
        while not self._stopping.is_set():
            wait_s = self._turn()
            with self._quiet:
                self._quiet.notify_all()
            self._woken.wait(wait_s)
            self._woken.clear()
        self._turn(closing=True)

    def _turn(self, *, closing: bool = False) -> float:
        """Record what came back, send what is due; seconds until there may be more to do. Ends with a turn that sends nothing."""
        with self._turning:
            while not self._outcomes.empty():
                self._kept.append(self._outcomes.get())
            try:
                dispatch = self._dispatching()
                fresh, self._kept = self._kept, []
                if closing:
                    dispatch.channels = ()
                work, wait_s = dispatch.turn(fresh, self._clock(), self.present)
                if closing:
                    dispatch.connection.close()
            except sqlite3.Error as wrong:
                self._not_stored(f"the outbox cannot be written, nothing is sent until it can: {wrong}")
                return AGAIN_S
            except Exception as wrong:  # a fault of ours must not end all delivery
                self._not_stored(f"fault in loss-watch: {type(wrong).__name__}: {wrong}")
                return AGAIN_S
            for channel, parcel in work:
                self._lanes[channel.name].put(parcel)
        if not self._storing:
            log.warning("the outbox can be written again")
        self._storing = True
        return wait_s

    def _arrived(self, outcome: Outcome) -> None:
        self._outcomes.put(outcome)
        self._woken.set()

    def _dispatching(self) -> Dispatch:
        if self._dispatch is None:
            # Handed between the calling thread and ours, never used by both: _turning holds them apart.
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA synchronous=FULL")
            self._dispatch = Dispatch(connection, self.channels, self.health, self._rng)
        return self._dispatch

    def _not_stored(self, said: str) -> None:
        if self._storing:
            log.error("%s", said)
        self._storing = False
