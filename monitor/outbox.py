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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from monitor.notify import queue
from monitor.notify.batch import combine, take
from monitor.notify.channel import Channel
from monitor.notify.digest import enqueue_digests, next_digest_s
from monitor.notify.health import Health
from monitor.notify.lane import Lane, Outcome, Parcel, Refresh
from monitor.notify.notification import Notification
from monitor.notify.present import Present
from monitor.notify.queue import SCHEMA, enqueue
from monitor.notify.trial import Tried, try_channels

__all__ = ["SCHEMA", "Delivery", "Health", "Present", "Tried", "enqueue", "try_channels"]

log = logging.getLogger("loss-watch.outbox")

BUSY_S = 15.0
IDLE_S = 30.0
PRUNE_S = 3600.0


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
        self._unrecorded: list[Outcome] = []
        self._lanes = {channel.name: Lane(channel, self._arrived) for channel in channels}
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._quiet, self._turning = threading.Condition(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._pruned_s, self._storing = 0.0, True

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
        while True:
            if self._thread is None:
                self._turn()
            if self._is_settled():
                return True
            if time.monotonic() > deadline:
                return False
            self._wait_for_outcome(min(0.2, max(0.0, deadline - time.monotonic())))

    def counters(self) -> dict[str, tuple[int, int]]:
        """Channel -> (messages handed over, those that failed), since the process started."""
        return {name: (health.sent, health.failed) for name, health in self.health.items()}

    def _wait_for_outcome(self, timeout_s: float) -> None:
        if self._thread is None:
            self._woken.wait(timeout_s)
            self._woken.clear()
        else:
            self._woken.set()
            with self._quiet:
                self._quiet.wait(timeout_s)

    def _is_settled(self) -> bool:
        now = self._clock()
        with self._turning:
            if self._unrecorded or not self._outcomes.empty() or any(health.busy for health in self.health.values()):
                return False
            try:
                connection = self._connected()
                due = {name: queue.next_due_s(connection, name) for name in self.health}
            except sqlite3.Error:
                return False
            return all(first is None or max(first, self.health[name].not_before_s) > now for name, first in due.items())

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
        with self._turning:
            self._record_safely()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _turn(self) -> float:
        """Record what came back, send what is due; seconds until there may be more to do."""
        with self._turning:
            if not self._record_safely():
                return 1.0
            try:
                waits = [self._digest(), *(self._serve(channel) for channel in self.channels)]
                self._tidy()
                self._stored()
            except sqlite3.Error as wrong:
                self._not_stored(wrong)
                return 1.0
            return max(0.0, min(waits))

    def _digest(self) -> float:
        """Queue the digests that are due; seconds until the next is."""
        channels = tuple(channel for channel in self.channels if channel.route.digest_s is not None)
        if not channels or self.present is None:
            return IDLE_S
        now, connection = self._clock(), self._connected()
        if (next_digest_s(connection, channels) or 0.0) <= now:
            with _transaction(connection):
                enqueue_digests(connection, channels, self.present(), now)
        return max(1.0, min(IDLE_S, (next_digest_s(connection, channels) or 0.0) - now))

    def _serve(self, channel: Channel) -> float:
        """Hand ``channel`` its next message where one is due, else its refresh; seconds until it should be asked again."""
        health, now = self.health[channel.name], self._clock()
        if health.busy:
            return IDLE_S
        if health.not_before_s > now:
            return min(IDLE_S, health.not_before_s - now)
        connection = self._connected()
        rows, begun = queue.next_rows(connection, channel.name, now)
        if rows:
            self._send(channel, rows, now, begun=begun)
            return IDLE_S
        due_s = queue.next_due_s(connection, channel.name)
        return min(IDLE_S, self._refresh(channel, now), IDLE_S if due_s is None else due_s - now)

    def _send(self, channel: Channel, rows: Sequence[queue.Row], now: float, *, begun: bool) -> None:
        connection, told = self._connected(), [row.told for row in rows]
        count, message = (len(rows), combine(told)) if begun else take(told, coalesces=channel.pace.coalesces)
        seqs = tuple(row.seq for row in rows[:count])
        if not begun:
            with _transaction(connection):
                queue.mark(connection, seqs, "sending", now)
        memories = {message.run: queue.read_memory(connection, channel.name, message.run)}
        self.health[channel.name].begun(now, channel.pace.interval_s)
        self._lanes[channel.name].put(Parcel(self._worded(channel, message), memories, seqs, rows[0].queued_s))

    def _worded(self, channel: Channel, message: Notification) -> Notification:
        """The message as this channel's readers get it: what they missed, their own texts."""
        lost = queue.unsaid(self._connected(), channel.name)
        if lost:
            message = replace(message, notes=(*message.notes, _lost(lost)))
        return channel.template.apply(message) if channel.template else message

    def _refresh(self, channel: Channel, now: float) -> float:
        """Let ``channel`` show how things stand, where that is due; seconds until it is."""
        health = self.health[channel.name]
        if channel.refresh_s is None or self.present is None:
            return IDLE_S
        if health.refresh_at_s > now:
            return health.refresh_at_s - now
        health.refresh_at_s, health.busy = now + channel.refresh_s, True
        self._lanes[channel.name].put(Refresh(self.present(), queue.read_memories(self._connected(), channel.name)))
        return channel.refresh_s

    def _arrived(self, outcome: Outcome) -> None:
        self._outcomes.put(outcome)
        self._woken.set()

    def _record_safely(self) -> bool:
        """Write down all outcomes; False where the database would not take them, which are then kept for the next turn."""
        while not self._outcomes.empty():
            self._unrecorded.append(self._outcomes.get())
        try:
            while self._unrecorded:
                self._record(self._unrecorded[0])
                del self._unrecorded[0]
        except sqlite3.Error as wrong:
            self._not_stored(wrong)
            return False
        return True

    def _record(self, outcome: Outcome) -> None:
        name, failed, now, connection = outcome.channel.name, outcome.failed, self._clock(), self._connected()
        health, parcel = self.health[name], outcome.parcel
        aged = isinstance(parcel, Parcel) and now - parcel.queued_s >= outcome.channel.pace.give_up_after_s
        over = failed is not None and (failed.permanent or aged)
        with _transaction(connection):
            for run, memory in outcome.memories.items():
                if memory != parcel.memories.get(run, {}):
                    queue.write_memory(connection, name, run, memory, now)
            if isinstance(parcel, Parcel) and failed is None:
                queue.mark(connection, parcel.seqs, "delivered", now, outcome.said)
                queue.mark_said(connection, name)
            elif isinstance(parcel, Parcel) and over:
                queue.mark(connection, parcel.seqs, "given_up", now, str(failed))
        health.busy = False
        told = isinstance(parcel, Parcel)
        said = health.refused(failed, now, self._rng, message=told, over=over) if failed else health.succeeded(now)
        if said:
            log.warning("channel %s %s", name, said)
        if isinstance(parcel, Parcel) and over:
            health.given_up += len(parcel.seqs)
            log.error("channel %s: %s given up: %s", name, _messages(len(parcel.seqs)), failed)

    def _tidy(self) -> None:
        now = self._clock()
        if now - self._pruned_s >= PRUNE_S:
            with _transaction(self._connected()) as connection:
                queue.prune(connection, now)
            self._pruned_s = now

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # Handed between the calling thread and ours, never used by both: _turning holds them apart.
            self._connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous=FULL")
        return self._connection

    def _not_stored(self, wrong: sqlite3.Error) -> None:
        if self._storing:
            log.error("the outbox cannot be written, nothing is sent until it can: %s", wrong)
        self._storing = False

    def _stored(self) -> None:
        if not self._storing:
            log.warning("the outbox can be written again")
        self._storing = True


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _messages(count: int) -> str:
    return f"{count} message{'s' if count != 1 else ''}"


def _lost(count: int) -> str:
    return f"{_messages(count)} before this one could not be delivered here and {'were' if count != 1 else 'was'} given up"
