"""The silences as the page lists them, adds one, takes one away. They lie in the state file; the loop reads them there.

What is silent is not decided here: ``rules/silence.py`` does that.
"""

from __future__ import annotations

import glob
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from monitor.silences import SCHEMA, add_silence, read_silences, remove_silence
from monitor.store import connect
from rules.silence import Silence, left, until


@dataclass(frozen=True, slots=True)
class SilenceView:
    """One silence: of a run's rule, or of all its rules (``rule`` None). ``until`` is how long it still holds, in words."""

    id: str
    run: str
    rule: str | None
    until: str
    created_s: float


class Silences(Protocol):
    """Called from the server's thread, so an implementation brings its own connection to the state."""

    def all(self) -> Sequence[SilenceView]:
        """Those that hold now, oldest first."""
        ...

    def add(self, run: str, rule: str | None, until: str) -> SilenceView:
        """Raises ValueError, with one sentence for the reader, where ``until`` cannot be understood."""
        ...

    def remove(self, silence_id: str) -> bool:
        """Whether there was one."""
        ...


class StoredSilences:
    """Those of the state file at ``state``, over a connection for each call: the server's thread owns none of the loop's."""

    def __init__(self, state: Path, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def all(self) -> Sequence[SilenceView]:
        now = self._clock()
        with self._connection() as connection:
            return [_view(one, now) for one in read_silences(connection) if one.until_s is None or one.until_s > now]

    def add(self, run: str, rule: str | None, until_text: str) -> SilenceView:
        now = self._clock()
        until_s, until_step = until(until_text, now)
        # A name is meant, not a pattern.
        asked = Silence(0, glob.escape(run), glob.escape(rule) if rule else "*", until_s, until_step, now)
        with self._connection() as connection:
            number = add_silence(connection, asked)
        return SilenceView(str(number), run, rule, left(asked, now), now)

    def remove(self, silence_id: str) -> bool:
        if not silence_id.isdecimal() or len(silence_id) > 15:
            return False
        with self._connection() as connection:
            return remove_silence(connection, int(silence_id))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._state)) as connection:
            connection.executescript(SCHEMA)
            yield connection


def _view(silence: Silence, now: float) -> SilenceView:
    rule = None if silence.rule == "*" else _unescaped(silence.rule)
    return SilenceView(str(silence.id), _unescaped(silence.run), rule, left(silence, now), silence.created_s)


def _unescaped(pattern: str) -> str:
    for escaped, plain in (("[*]", "*"), ("[?]", "?"), ("[[]", "[")):
        pattern = pattern.replace(escaped, plain)
    return pattern
