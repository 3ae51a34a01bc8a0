"""The silences in the state file: another process may write them while the watcher runs, so each is one short transaction."""

from __future__ import annotations

import sqlite3

from rules.silence import Silence

SCHEMA = """
CREATE TABLE IF NOT EXISTS silences(id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, rule TEXT NOT NULL,
  until_s REAL, until_step REAL, created_s REAL NOT NULL);
"""
KEPT_OVER_S = 7 * 86_400.0


def read_silences(connection: sqlite3.Connection) -> tuple[Silence, ...]:
    """All of them, oldest first; those that are over are kept a week for the list."""
    rows = connection.execute("SELECT id, run, rule, until_s, until_step, created_s FROM silences ORDER BY id")
    return tuple(Silence(*row) for row in rows)


def add_silence(connection: sqlite3.Connection, silence: Silence) -> int:
    """Its id."""
    row = (silence.run, silence.rule, silence.until_s, silence.until_step, silence.created_s)
    cursor = connection.execute("INSERT INTO silences(run, rule, until_s, until_step, created_s) VALUES(?, ?, ?, ?, ?)", row)
    connection.execute("DELETE FROM silences WHERE until_s < ?", (silence.created_s - KEPT_OVER_S,))
    return int(cursor.lastrowid or 0)


def remove_silence(connection: sqlite3.Connection, silence_id: int) -> bool:
    """Whether there was one."""
    return connection.execute("DELETE FROM silences WHERE id = ?", (silence_id,)).rowcount > 0
