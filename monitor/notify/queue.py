"""The outbox's rows: what is queued, being sent, delivered, given up. Plain SQL on a connection that somebody else owns.

A row is ``queued`` -> ``sending`` (committed before anything is sent) -> ``delivered`` | ``given_up``. A row that a killed process left in
``sending``, and one whose attempt failed, stays so and is sent again with the same rows, hence the same id.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.notify.channel import Channel
from monitor.notify.notification import Notification

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, channel TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued', queued_s REAL NOT NULL, due_s REAL NOT NULL, ended_s REAL, note TEXT NOT NULL DEFAULT '',
  said INTEGER NOT NULL DEFAULT 0, UNIQUE(channel, id));
CREATE INDEX IF NOT EXISTS outbox_open ON outbox(channel, state, seq);
CREATE TABLE IF NOT EXISTS outbox_memory(channel TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL, touched_s REAL NOT NULL,
  PRIMARY KEY(channel, run)) WITHOUT ROWID;
"""

MAX_ROWS = 1000
"""Rows that one message stands for at the most; bounds memory after a long outage."""
KEPT_S = 7 * 86_400.0
"""How long a delivered or given-up row is kept, for ``status``; a channel's memory of a run is kept four times as long."""


@dataclass(frozen=True, slots=True)
class Row:
    """``told`` is None where another version wrote what this one cannot read."""

    seq: int
    queued_s: float
    told: Notification | None


def enqueue(connection: sqlite3.Connection, told: Notification, channels: Iterable[Channel], now: float) -> int:
    """Queue ``told`` for each channel that takes it, inside the caller's transaction; how many rows that made.

    The same notification is queued once a channel, however often this is called.
    """
    made = 0
    for channel in channels:
        part = channel.route.select(told)
        if part is not None:
            body = json.dumps(part.as_json(), ensure_ascii=False, allow_nan=False)
            due_s = channel.route.not_before(part, now)
            made += connection.execute(
                "INSERT OR IGNORE INTO outbox(id, channel, run, body, queued_s, due_s) VALUES(?, ?, ?, ?, ?, ?)",
                (part.id, channel.name, part.run, body, now, due_s),
            ).rowcount
    return made


def next_rows(connection: sqlite3.Connection, channel: str, now: float, limit: int = MAX_ROWS) -> tuple[list[Row], bool]:
    """What ``channel`` is to send at ``now``, oldest first, and whether it was begun before (then exactly these, together)."""
    begun = _rows(connection, "channel = ? AND state = 'sending'", (channel,), MAX_ROWS)
    if begun:
        return begun, True
    return _rows(connection, "channel = ? AND state = 'queued' AND due_s <= ?", (channel, now), limit), False


def next_due_s(connection: sqlite3.Connection, channel: str) -> float | None:
    """When the first open row of ``channel`` may be sent (Unix s); None where nothing is open."""
    found = connection.execute("SELECT min(due_s) FROM outbox WHERE channel = ? AND state IN ('queued', 'sending')", (channel,)).fetchone()
    return None if found[0] is None else float(found[0])


def open_count(connection: sqlite3.Connection) -> dict[str, int]:
    """Undelivered rows a channel."""
    rows = connection.execute("SELECT channel, count(*) FROM outbox WHERE state IN ('queued', 'sending') GROUP BY channel")
    return {str(channel): int(count) for channel, count in rows}


def mark(connection: sqlite3.Connection, seqs: Sequence[int], state: str, now: float, note: str = "") -> None:
    """Move rows on. A row that is done keeps no body: what was told is in the history."""
    done = state in ("delivered", "given_up")
    connection.executemany(
        "UPDATE outbox SET state = ?, note = ?, ended_s = ?, body = CASE WHEN ? THEN '' ELSE body END WHERE seq = ?",
        [(state, note, now if done else None, done, seq) for seq in seqs],
    )


def unsaid(connection: sqlite3.Connection, channel: str) -> int:
    """Messages of ``channel`` that were given up and that its readers have not been told of."""
    found = connection.execute("SELECT count(*) FROM outbox WHERE channel = ? AND state = 'given_up' AND said = 0", (channel,)).fetchone()
    return int(found[0])


def mark_said(connection: sqlite3.Connection, channel: str) -> None:
    connection.execute("UPDATE outbox SET said = 1 WHERE channel = ? AND state = 'given_up'", (channel,))


def read_memory(connection: sqlite3.Connection, channel: str, run: str) -> dict[str, Any]:
    found = connection.execute("SELECT body FROM outbox_memory WHERE channel = ? AND run = ?", (channel, run)).fetchone()
    return dict(json.loads(found[0])) if found else {}


def read_memories(connection: sqlite3.Connection, channel: str) -> dict[str, Any]:
    """What ``channel`` remembers, by run."""
    found = connection.execute("SELECT run, body FROM outbox_memory WHERE channel = ?", (channel,))
    return {str(run): dict(json.loads(body)) for run, body in found}


def write_memory(connection: sqlite3.Connection, channel: str, run: str, memory: dict[str, Any], now: float) -> None:
    connection.execute("INSERT OR REPLACE INTO outbox_memory VALUES(?, ?, ?, ?)", (channel, run, json.dumps(memory), now))


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Forget rows that are done and old, and what channels remember of runs long gone."""
    connection.execute("DELETE FROM outbox WHERE state IN ('delivered', 'given_up') AND ended_s < ?", (now - KEPT_S,))
    connection.execute("DELETE FROM outbox_memory WHERE touched_s < ?", (now - 4 * KEPT_S,))


def _rows(connection: sqlite3.Connection, where: str, values: tuple[Any, ...], limit: int) -> list[Row]:
    found = connection.execute(f"SELECT seq, queued_s, body FROM outbox WHERE {where} ORDER BY seq LIMIT ?", (*values, limit))
    return [Row(int(seq), float(queued_s), _read(body)) for seq, queued_s, body in found]


def _read(body: str) -> Notification | None:
    try:
        return Notification.from_json(json.loads(body))
    except (KeyError, TypeError, ValueError):
        return None
