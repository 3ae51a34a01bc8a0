"""What is sent next, and the record of what was: one ``turn`` is one transaction. No thread, no clock, no network.

A turn writes down what came back, queues the digests that are due, and says what each channel that is free is to do now. What it hands out
is marked in the database before anybody can send it.
"""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from monitor.notify import queue
from monitor.notify.batch import combine, take
from monitor.notify.channel import Channel
from monitor.notify.digest import enqueue_digests, next_digest_s
from monitor.notify.health import Health
from monitor.notify.lane import FaultError, Outcome, Parcel, Refresh
from monitor.notify.notification import Notification
from monitor.notify.present import Present

log = logging.getLogger("loss-watch.outbox")

IDLE_S = 30.0
PRUNE_S = 3600.0
FAULTS = 3
"""Tries of a message that a fault of ours keeps from being sent."""

Work = tuple[Channel, Parcel | Refresh]


@dataclass(slots=True)
class Dispatch:
    """``connection`` is in autocommit mode. ``health`` is the only state that is not in the database."""

    connection: sqlite3.Connection
    channels: Sequence[Channel]
    health: dict[str, Health]
    rng: random.Random
    unrecorded: list[tuple[Outcome, bool]] = field(default_factory=list)
    pruned_s: float = 0.0

    def turn(self, outcomes: Sequence[Outcome], now: float, present: Callable[[], Present] | None) -> tuple[list[Work], float]:
        """What is to be done now, and the seconds until there may be more.

        Raises sqlite3.Error where the database would not take it: nothing is to be done then, and ``outcomes`` are kept.
        """
        self.unrecorded += [(outcome, self._judged(outcome, now)) for outcome in outcomes]
        try:
            for outcome, over in self.unrecorded:
                self._record(outcome, now, over=over)
            waits = [self._digest(now, present)]
            freed = {outcome.channel.name for outcome, _ in self.unrecorded}
            work: list[Work] = []
            free = [channel for channel in self.channels if not self.health[channel.name].busy or channel.name in freed]
            waits += [self._serve(channel, now, present, work) for channel in free]
            self._prune(now)
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        self._handed_out(work, now)
        return work, max(0.0, min(IDLE_S, *waits))

    def next_due_s(self, channel: Channel) -> float | None:
        """When ``channel`` has something to send (Unix s), its back-off counted; None where nothing is open."""
        first_s = queue.next_due_s(self.connection, channel.name)
        return None if first_s is None else max(first_s, self.health[channel.name].not_before_s)

    def _begin(self) -> None:
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")

    def _judged(self, outcome: Outcome, now: float) -> bool:
        """Let the channel's health have the outcome; whether the message is given up. Each change is one line in the log."""
        health, failed, parcel = self.health[outcome.channel.name], outcome.failed, outcome.parcel
        message = isinstance(parcel, Parcel)
        aged = isinstance(parcel, Parcel) and now - parcel.queued_s >= outcome.channel.pace.give_up_after_s
        faulty = isinstance(failed, FaultError) and health.attempts + 1 >= FAULTS
        over = failed is not None and message and (failed.permanent or aged or faulty)
        said = health.refused(failed, now, self.rng, message=message, over=over) if failed else health.succeeded(now)
        if said:
            log.warning("channel %s %s", outcome.channel.name, said)
        if isinstance(parcel, Parcel) and over:
            health.given_up += len(parcel.seqs)
            log.error("channel %s: %s given up: %s", outcome.channel.name, _messages(len(parcel.seqs)), failed)
        return over

    def _record(self, outcome: Outcome, now: float, *, over: bool) -> None:
        name, parcel, failed = outcome.channel.name, outcome.parcel, outcome.failed
        self._begin()
        for run, memory in outcome.memories.items():
            if memory != parcel.memories.get(run, {}):
                queue.write_memory(self.connection, name, run, memory, now)
        if isinstance(parcel, Parcel) and failed is None:
            queue.mark(self.connection, parcel.seqs, "delivered", now, outcome.said)
            queue.mark_said(self.connection, name)
        elif isinstance(parcel, Parcel) and over:
            queue.mark(self.connection, parcel.seqs, "given_up", now, str(failed))

    def _digest(self, now: float, present: Callable[[], Present] | None) -> float:
        """Queue the digests that are due; seconds until the next is."""
        channels = tuple(channel for channel in self.channels if channel.route.digest_s is not None)
        if not channels or present is None:
            return IDLE_S
        if (next_digest_s(self.connection, channels) or 0.0) <= now:
            self._begin()
            enqueue_digests(self.connection, channels, present(), now)
        return max(1.0, (next_digest_s(self.connection, channels) or 0.0) - now)

    def _serve(self, channel: Channel, now: float, present: Callable[[], Present] | None, work: list[Work]) -> float:
        """Give ``channel`` its next message where one is due, else its refresh; seconds until it should be asked again."""
        health = self.health[channel.name]
        if health.not_before_s > now:
            return health.not_before_s - now
        rows, begun = self._rows(channel, now)
        if rows:
            work.append((channel, self._parcel(channel, rows, now, begun=begun)))
            return IDLE_S
        due_s = queue.next_due_s(self.connection, channel.name)
        waits = [IDLE_S] if due_s is None else [due_s - now]
        if channel.refresh_s is not None and present is not None:
            waits.append(health.refresh_at_s - now)
            if health.refresh_at_s <= now:
                work.append((channel, Refresh(present(), queue.read_memories(self.connection, channel.name))))
                return IDLE_S
        return min(waits)

    def _rows(self, channel: Channel, now: float) -> tuple[list[queue.Row], bool]:
        rows, begun = queue.next_rows(self.connection, channel.name, now, queue.MAX_ROWS if channel.pace.coalesces else 1)
        unreadable = [row.seq for row in rows if row.told is None]
        if unreadable:
            self._begin()
            queue.mark(self.connection, unreadable, "given_up", now, "written by another version of loss-watch")
            log.error("channel %s: %s of another version of loss-watch given up", channel.name, _messages(len(unreadable)))
        return [row for row in rows if row.told is not None], begun

    def _parcel(self, channel: Channel, rows: Sequence[queue.Row], now: float, *, begun: bool) -> Parcel:
        told = [row.told for row in rows if row.told is not None]
        count, message = (len(told), combine(told)) if begun else take(told, coalesces=channel.pace.coalesces)
        seqs = tuple(row.seq for row in rows[:count])
        if not begun:
            self._begin()
            queue.mark(self.connection, seqs, "sending", now)
        memories = {message.run: queue.read_memory(self.connection, channel.name, message.run)}
        return Parcel(self._worded(channel, message), memories, seqs, rows[0].queued_s)

    def _worded(self, channel: Channel, message: Notification) -> Notification:
        """The message as this channel's readers get it: what they missed, their own texts."""
        lost = queue.unsaid(self.connection, channel.name)
        if lost:
            message = replace(message, notes=(*message.notes, _lost(lost)))
        return channel.template.apply(message) if channel.template else message

    def _prune(self, now: float) -> None:
        if now - self.pruned_s >= PRUNE_S:
            self._begin()
            queue.prune(self.connection, now)
            self.pruned_s = now

    def _handed_out(self, work: Sequence[Work], now: float) -> None:
        for outcome, _ in self.unrecorded:
            self.health[outcome.channel.name].busy = False
        self.unrecorded.clear()
        for channel, parcel in work:
            health = self.health[channel.name]
            if isinstance(parcel, Parcel):
                health.begun(now, channel.pace.interval_s)
            else:
                health.busy, health.refresh_at_s = True, now + (channel.refresh_s or 0.0)


def _messages(count: int) -> str:
    return f"{count} message{'s' if count != 1 else ''}"


def _lost(count: int) -> str:
    return f"{_messages(count)} before this one could not be delivered here and {'were' if count != 1 else 'was'} given up"
