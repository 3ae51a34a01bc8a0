"""``notify test``: one unmistakable message through each channel, and what came of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from monitor.notify.channel import Channel, DeliveryError
from monitor.notify.notification import Notification, RunContext, notification


class Tried(NamedTuple):
    """What came of a test message: ``sent: 200 ok`` or ``failed: ...``."""

    channel: Channel
    outcome: str

    @property
    def worked(self) -> bool:
        return self.outcome.startswith("sent")


def sample(now: float) -> Notification:
    """The test message, made at ``now`` (Unix s), with all that a real one shows."""
    context = RunContext(values=(2.19, 1.41, 1.07, 0.88), baseline="an example curve, not a run of yours")
    said = f"this channel works; sent by loss-watch on {socket.gethostname()}"
    return notification("test", "test", now, context=context, severity="info", notes=(said,))


def try_channels(channels: Sequence[Channel], now: float | None = None) -> list[Tried]:
    """Send a test message through each channel, one after the other and past the outbox. ``now`` is Unix seconds."""
    told, tried = sample(time.time() if now is None else now), []
    for channel in channels:
        try:
            tried.append(Tried(channel, f"sent: {channel.send(told, {})}"))
        except DeliveryError as failed:
            tried.append(Tried(channel, f"failed: {failed}{'' if failed.permanent else ' (would be tried again)'}"))
    return tried
