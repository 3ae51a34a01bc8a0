"""The message that ``notify test`` sends: unmistakably a test, with everything a real one shows."""

from __future__ import annotations

import socket

from monitor.notify.notification import Notification, RunContext, notification


def sample(now: float) -> Notification:
    """A test message, made at ``now`` (Unix s)."""
    context = RunContext(values=(2.19, 1.41, 1.07, 0.88), baseline="an example curve, not a run of yours")
    return notification(
        "test", "test", now, context=context, severity="info", notes=(f"this channel works; sent by loss-watch on {socket.gethostname()}",)
    )


