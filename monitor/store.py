"""The state file: offsets, runs, observations, alerts, history and the outbox in one SQLite database.

One ``commit`` is one transaction: what was read, what became of it and what is to be sent stand together or not at all, so a
process killed at any instant loses no alert. The journal is the rollback journal, not WAL: WAL wants shared memory, which a
home directory on NFS does not give (sqlite.org/wal.html). Deleting the file is safe; logs are then read anew.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.runrecord import run_as_json, run_from_json, settle
from rules.alert import EVENT_KEYS, Transition
from rules.history import RunState
from rules.jsonable import jsonable
from rules.observation import Observation

SCHEMA_VERSION = 1
BUSY_S = 15.0
KEPT_TRANSITIONS = 20_000
TOLD = (*EVENT_KEYS, "time_s")
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files(path TEXT PRIMARY KEY, run TEXT NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs(run TEXT PRIMARY KEY, state TEXT NOT NULL, updated_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS observations(run TEXT NOT NULL, attempt INTEGER NOT NULL, metric TEXT NOT NULL, at REAL NOT NULL,
  value REAL, special TEXT, epoch REAL, time_s REAL);
CREATE INDEX IF NOT EXISTS observations_by_run ON observations(run, attempt);
CREATE TABLE IF NOT EXISTS transitions(id INTEGER PRIMARY KEY, run TEXT NOT NULL, attempt INTEGER NOT NULL, rule TEXT NOT NULL,
  kind TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL, step REAL, value REAL, message TEXT NOT NULL, time_s REAL);
"""


class StateError(Exception):
    """The state file cannot be used; the text says why and what to do."""


def other_version(path: Path, wrong: Exception) -> StateError:
    """What the file holds is not what this version writes."""
    return StateError(f"{path}: was written by another version ({wrong!r}); move it away, the logs are then read anew")


@dataclass(slots=True)
class Changes:
    """What one turn of the loop changed. ``files`` maps a path to (run, JSON-able state of its reader)."""

    runs: dict[str, RunState] = field(default_factory=dict)
    files: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    observations: list[tuple[str, int, Observation]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    moved_s: dict[str, float] = field(default_factory=dict)
    """Run -> seconds by which the times that are stored of it were behind; of its new observations too."""

    def __bool__(self) -> bool:
        return bool(self.runs or self.files or self.transitions)


def default_state_path() -> Path:
    """``$XDG_STATE_HOME/loss-watch/state.sqlite3``."""
    base = os.environ.get("LOSSWATCH_STATE")
    if base:
        return Path(base)
    home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(home) / "loss-watch" / "state.sqlite3"


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the settings that a file on NFS needs. Raises StateError."""
    try:
        if read_only:
            return sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        os.chmod(path, 0o600)
        connection.execute("PRAGMA synchronous=FULL")
    except (sqlite3.Error, OSError) as wrong:
        raise StateError(f"{path}: the state file cannot be opened: {wrong}; --state PATH names another place") from None
    return connection


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.absolute()))


class Store:
    """One state file. ``extra_schema`` are the tables that the outbox and the silences bring along."""

    def __init__(self, path: Path, extra_schema: str = "") -> None:
        self.path = path
        self.connection = connect(path)
        try:
            self.connection.executescript(SCHEMA + extra_schema)
            found = self.meta("schema_version")
            if found is not None and int(found) > SCHEMA_VERSION:
                raise StateError(f"{path}: was written by a newer loss-watch (schema {found}); update, or name another with --state")
            self.set_meta("schema_version", str(SCHEMA_VERSION))
        except sqlite3.OperationalError as wrong:
            raise StateError(f"{path}: the state file cannot be written: {wrong}; --state PATH names another place") from None
        except sqlite3.DatabaseError as wrong:
            raise StateError(f"{path}: the state file is damaged ({wrong}); move it away, the logs are then read anew") from None

    @classmethod
    def read_only(cls, path: Path) -> Store:
        """The same for a reader beside a running watcher. Raises StateError."""
        store = cls.__new__(cls)
        store.path = path
        store.connection = connect(path, read_only=True)
        try:
            store.meta("schema_version")
        except sqlite3.DatabaseError as wrong:
            raise StateError(f"{path}: is no state file of loss-watch ({wrong})") from None
        return store

    def close(self) -> None:
        self.connection.close()

    def meta(self, key: str) -> str | None:
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Raises StateError where it cannot be written."""
        try:
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (key, value))
        except sqlite3.Error as wrong:
            raise StateError(f"{self.path}: cannot be written: {wrong}") from None

    def files(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Path -> (run, the state of its reader)."""
        rows = self.connection.execute("SELECT path, run, state FROM files")
        return {os.fsdecode(path): (run, json.loads(state)) for path, run, state in rows}

    def runs(self) -> dict[str, RunState]:
        """Every run as it stood at the last commit, the points of its present attempt and the one before included."""
        found: dict[str, RunState] = {}
        for run, text in self.connection.execute("SELECT run, state FROM runs").fetchall():
            try:
                told = json.loads(text)
                found[run] = self._with_points(run_from_json(told), told)
            except (KeyError, TypeError, ValueError) as wrong:
                raise other_version(self.path, wrong) from None
        return found

    def _with_points(self, run: RunState, told: dict[str, Any]) -> RunState:
        for attempt, columns, summaries in (
            (run.attempt, run.series, told["series"]),
            (run.attempt - 1, run.earlier, told["earlier"]),
        ):
            rows = self.connection.execute(
                "SELECT metric, at, value, special, epoch, time_s FROM observations WHERE run = ? AND attempt = ? ORDER BY rowid",
                (run.run, attempt),
            )
            for metric, at, value, special, epoch, time_s in rows:
                if metric in columns:
                    columns[metric].put(at, float(special) if special else value, time_s, epoch)
            for metric, summary in summaries.items():
                settle(columns[metric], summary)
        return run

    def commit(self, changes: Changes, now: float, enqueue: Iterable[Any] = ()) -> None:
        """Write ``changes`` in one transaction; each of ``enqueue`` is called with the connection inside it (the outbox's rows)."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                self._write(changes, now)
                for call in enqueue:
                    call(self.connection)
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # a full disk ends the transaction by itself
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as wrong:
            raise StateError(f"{self.path}: cannot be written: {wrong}") from None

    def _write(self, changes: Changes, now: float) -> None:
        run = self.connection.execute
        many = self.connection.executemany
        if changes.files:
            rows = [(_path(path), name, _dump(state)) for path, (name, state) in changes.files.items()]
            many("INSERT OR REPLACE INTO files VALUES(?, ?, ?)", rows)
        if changes.runs:
            states = [(name, _dump(run_as_json(state)), now) for name, state in changes.runs.items()]
            many("INSERT OR REPLACE INTO runs VALUES(?, ?, ?)", states)
        if changes.observations:
            many("INSERT INTO observations VALUES(?, ?, ?, ?, ?, ?, ?, ?)", [_row(*seen) for seen in changes.observations])
        if changes.moved_s:
            moved = [(ahead_s, name) for name, ahead_s in changes.moved_s.items()]
            many("UPDATE observations SET time_s = time_s + ? WHERE run = ?", moved)
        if changes.transitions:
            told = [tuple(getattr(transition, name) for name in TOLD) for transition in changes.transitions]
            many(f"INSERT INTO transitions({', '.join(TOLD)}) VALUES({', '.join('?' * len(TOLD))})", told)
            run("DELETE FROM transitions WHERE id <= (SELECT max(id) FROM transitions) - ?", (KEPT_TRANSITIONS,))

    def forget(self, runs: Sequence[str]) -> None:
        """Drop what is known of ``runs`` (they were judged long ago and their files are gone)."""
        with closing(self.connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            for table in ("runs", "files", "observations", "transitions"):
                cursor.executemany(f"DELETE FROM {table} WHERE run = ?", [(run,) for run in runs])
            cursor.execute("COMMIT")

    def observations(self) -> Iterator[tuple[str, int, str, float, float, float | None, float | None]]:
        """The whole history in the order of reading: run, attempt, metric, step on the log's axis, value, time (Unix s), epoch."""
        rows = self.connection.execute("SELECT run, attempt, metric, at, value, special, time_s, epoch FROM observations ORDER BY rowid")
        for run, attempt, metric, at, value, special, time_s, epoch in rows:
            yield run, attempt, metric, at, float(special) if special else value, time_s, epoch

    def transitions(self, limit: int = 200) -> list[Transition]:
        """The latest transitions, oldest first."""
        rows = self.connection.execute(f"SELECT {', '.join(TOLD)} FROM transitions ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [Transition(*row) for row in reversed(rows)]


def _row(run: str, attempt: int, seen: Observation) -> tuple[Any, ...]:
    value = jsonable(seen.value)
    special = value if isinstance(value, str) else None
    return run, attempt, seen.metric, seen.at, None if special else seen.value, special, seen.epoch, seen.time_s


def _path(path: str) -> str | bytes:
    """A name that is no UTF-8 goes into the file as the bytes that it is."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _dump(told: Any) -> str:
    return json.dumps(told, separators=(",", ":"), allow_nan=False)
