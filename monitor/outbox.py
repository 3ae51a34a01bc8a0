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
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from monitor.notify import queue
from monitor.notify.batch import combine, take
from monitor.notify.channel import Channel, DeliveryError
from monitor.notify.lane import Lane, Outcome, Parcel
from monitor.notify.queue import SCHEMA, enqueue
from rules.units import human_duration

__all__ = ["SCHEMA", "Delivery", "Health", "Tried", "enqueue", "try_channels"]

log = logging.getLogger("loss-watch.outbox")

BUSY_S = 15.0
FIRST_RETRY_S = 2.0
LAST_RETRY_S = 300.0
IDLE_S = 30.0
PRUNE_S = 3600.0


@dataclass(slots=True)
class Health:
    """How a channel fares: for ``/metrics``, the page and ``status``. ``sent`` counts attempts, ``failed`` those that failed."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    attempts: int = 0
    failing_since_s: float | None = None
    problem: str = ""
    not_before_s: float = 0.0
    busy: bool = False


def backoff_s(attempts: int, rng: random.Random) -> float:
    """Seconds until try number ``attempts`` + 1: doubling from 2 s to 5 min, less up to half of it at random so that many
    watchers do not come back at once ("equal jitter", AWS Architecture Blog 2015)."""
    full = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts - 1, 16))
    return full / 2 + rng.uniform(0.0, full / 2)


class Delivery:
    """Sends what is in the outbox at ``db_path``. One instance a state file.

    ``clock`` gives Unix seconds; tests turn it by hand and call ``settle``. The database must have the tables of ``SCHEMA``.
    """

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
                waits = [self._serve(channel) for channel in self.channels]
                self._tidy()
                self._stored()
            except sqlite3.Error as wrong:
                self._not_stored(wrong)
                return 1.0
            return max(0.0, min(IDLE_S, *waits)) if waits else IDLE_S

    def _serve(self, channel: Channel) -> float:
        """Hand ``channel`` its next message where one is due; seconds until it should be asked again."""
        health, now = self.health[channel.name], self._clock()
        if health.busy:
            return IDLE_S
        if health.not_before_s > now:
            return health.not_before_s - now
        connection = self._connected()
        rows, begun = queue.next_rows(connection, channel.name, now)
        if not rows:
            due_s = queue.next_due_s(connection, channel.name)
            return IDLE_S if due_s is None else due_s - now
        told = [row.told for row in rows]
        count, message = (len(rows), combine(told)) if begun else take(told, coalesces=channel.pace.coalesces)
        seqs = tuple(row.seq for row in rows[:count])
        if not begun:
            with _transaction(connection):
                queue.mark(connection, seqs, "sending", now)
        lost = queue.unsaid(connection, channel.name)
        if lost:
            message = replace(message, notes=(*message.notes, _lost(lost)))
        memory = queue.read_memory(connection, channel.name, message.run)
        health.busy = True
        health.sent += 1
        health.not_before_s = now + channel.pace.interval_s
        self._lanes[channel.name].put(Parcel(message, memory, seqs, rows[0].queued_s))
        return IDLE_S

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
        name, parcel, failed = outcome.channel.name, outcome.parcel, outcome.failed
        now, connection, health = self._clock(), self._connected(), self.health[outcome.channel.name]
        over = failed is not None and (failed.permanent or now - parcel.queued_s >= outcome.channel.pace.give_up_after_s)
        with _transaction(connection):
            if outcome.memory != parcel.memory:
                queue.write_memory(connection, name, parcel.told.run, outcome.memory, now)
            if failed is None:
                queue.mark(connection, parcel.seqs, "delivered", now, outcome.said)
                queue.mark_said(connection, name)
            elif over:
                queue.mark(connection, parcel.seqs, "given_up", now, str(failed))
        health.busy = False
        if failed is None:
            self._recovered(name, health, now)
        else:
            self._failed(outcome, failed, now, over=over)

    def _recovered(self, name: str, health: Health, now: float) -> None:
        if health.failing_since_s is not None:
            log.warning("channel %s works again after %s", name, human_duration(now - health.failing_since_s))
        health.attempts, health.failing_since_s, health.problem = 0, None, ""

    def _failed(self, outcome: Outcome, failed: DeliveryError, now: float, *, over: bool) -> None:
        health, count = self.health[outcome.channel.name], len(outcome.parcel.seqs)
        health.failed += 1
        health.attempts += 1
        if over:
            health.given_up += count
            log.error("channel %s: %s given up: %s", outcome.channel.name, _messages(count), failed)
        elif health.failing_since_s is None:
            log.warning("channel %s fails, its messages are kept and tried again: %s", outcome.channel.name, failed)
        health.failing_since_s = now if health.failing_since_s is None else health.failing_since_s
        health.problem = str(failed)
        asked_s = failed.retry_after_s
        wait_s = 0.0 if over and asked_s is None else max(backoff_s(health.attempts, self._rng) if asked_s is None else 0.0, asked_s or 0.0)
        health.not_before_s = max(health.not_before_s, now + wait_s)

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


class Tried(NamedTuple):
    """What came of a test message: ``sent: 200 ok`` or ``failed: ...``."""

    channel: Channel
    outcome: str

    @property
    def worked(self) -> bool:
        return self.outcome.startswith("sent")


def try_channels(channels: Sequence[Channel], now: float | None = None) -> list[Tried]:
    """Send a test message through each channel, one after the other and past the outbox. ``now`` is Unix seconds."""
    from monitor.notify.sample import sample

    told, tried = sample(time.time() if now is None else now), []
    for channel in channels:
        try:
            tried.append(Tried(channel, f"sent: {channel.send(told, {})}"))
        except DeliveryError as failed:
            tried.append(Tried(channel, f"failed: {failed}{'' if failed.permanent else ' (would be tried again)'}"))
    return tried
