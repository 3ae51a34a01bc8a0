"""One thread a channel that does one thing after the other and says what came of each. It touches no database and decides nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from monitor.notify.channel import Channel, DeliveryError
from monitor.notify.notification import Notification
from monitor.notify.present import Present
from monitor.notify.text import clean
from monitor.redact import redact

log = logging.getLogger("loss-watch.outbox")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message, what its channel remembers of the run, the rows it stands for, and when the oldest of them was queued (Unix s)."""

    told: Notification
    memories: Mapping[str, Any]
    seqs: tuple[int, ...]
    queued_s: float


@dataclass(frozen=True, slots=True)
class Refresh:
    """How all runs stand, for a channel that shows it at a steady pace, and what it remembers of each run."""

    present: Present
    memories: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. ``memories`` (by run) count also after a failure: a half-sent message may have opened its thread."""

    channel: Channel
    parcel: Parcel | Refresh
    memories: Mapping[str, Any]
    said: str = ""
    failed: DeliveryError | None = None


class FaultError(DeliveryError):
    """A fault of ours while a message was made or sent: it may pass, but a message that is the cause must not hold up the rest."""


class Lane:
    """The thread of one channel, started by its first parcel. A daemon thread: a receiver that hangs cannot hold up the exit."""

    def __init__(self, channel: Channel, done: Callable[[Outcome], None]) -> None:
        self._channel, self._done = channel, done
        self._parcels: SimpleQueue[Parcel | Refresh | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, parcel: Parcel | Refresh) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"channel {self._channel.name}", daemon=True)
            self._thread.start()
        self._parcels.put(parcel)

    def close(self) -> None:
        """Let the thread end after what it is doing; does not wait."""
        self._parcels.put(None)

    def _run(self) -> None:
        while (parcel := self._parcels.get()) is not None:
            self._done(self._sent(parcel))

    def _sent(self, parcel: Parcel | Refresh) -> Outcome:
        memories = deepcopy(dict(parcel.memories))
        try:
            return Outcome(self._channel, parcel, memories, said=self._do(parcel, memories))
        except DeliveryError as failed:
            return Outcome(self._channel, parcel, memories, failed=failed)
        except Exception as failed:  # a fault of ours must end neither the thread nor the message
            said = clean(redact(f"{type(failed).__name__}: {failed}", self._channel.secrets), 200)
            log.error("channel %s: fault in loss-watch: %s", self._channel.name, said)
            return Outcome(self._channel, parcel, memories, failed=FaultError(said))

    def _do(self, parcel: Parcel | Refresh, memories: dict[str, Any]) -> str:
        if isinstance(parcel, Refresh):
            return self._channel.refresh(parcel.present, memories)
        return self._channel.send(parcel.told, memories.setdefault(parcel.told.run, {}))
