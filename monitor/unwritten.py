"""What turns of the loop changed and the state file does not hold yet: nothing as a rule, more while its disk is full.

A watcher goes on watching meanwhile: its page and its event lines are right, its messages wait until they can be written, and a
process that dies before that reads the same bytes again from the offset that was written last.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from monitor.notify.channel import Channel
from monitor.notify.notification import Notification
from monitor.outbox import enqueue
from monitor.store import Changes, StateError, Store

log = logging.getLogger("loss-watch")

RETRY_S = 5.0


class Unwritten:
    """Takes what a turn changed, writes it in one transaction, keeps it where that fails."""

    def __init__(self) -> None:
        self._changes = Changes()
        self._messages: list[Notification] = []
        self._failed_s: float | None = None

    def take(self, changes: Changes, messages: Sequence[Notification]) -> None:
        """Lay a turn over what waits: the newest state of a file or run, every observation, transition and message."""
        self._changes.runs |= changes.runs
        self._changes.files |= changes.files
        self._changes.observations += changes.observations
        self._changes.transitions += changes.transitions
        for run, ahead_s in changes.moved_s.items():
            self._changes.moved_s[run] = self._changes.moved_s.get(run, 0.0) + ahead_s
        self._messages += messages

    def write(self, store: Store, channels: Sequence[Channel], now: float, *, stubborn: bool) -> bool:
        """Whether messages were written. A failure is said once and tried again; raises StateError where not ``stubborn``."""
        if not (self._changes or self._messages):
            return False
        if self._failed_s is not None and 0 <= now - self._failed_s < RETRY_S:
            return False
        messages = self._messages
        try:
            store.commit(self._changes, now, [lambda db, told=told: enqueue(db, told, channels, now) for told in messages])
        except StateError as wrong:
            if not stubborn:
                raise
            if self._failed_s is None:
                log.warning("%s; it is tried again, messages wait until then", wrong)
            self._failed_s = now
            return False
        if self._failed_s is not None:
            log.warning("%s: is written again", store.path)
        self._changes, self._messages, self._failed_s = Changes(), [], None
        return bool(messages)
