"""How a channel fares, and when it may be used again. Pure but for the random part of the back-off, which is passed in."""

from __future__ import annotations

import random
from dataclasses import dataclass

from monitor.notify.channel import DeliveryError
from rules.units import human_duration

FIRST_RETRY_S = 2.0
LAST_RETRY_S = 300.0


@dataclass(slots=True)
class Health:
    """For ``/metrics``, the page and ``status``. ``sent`` counts attempts, ``failed`` those that failed, ``given_up`` messages.

    Each method says in a line what is worth a log line, empty where nothing changed: a server that is down is told once.
    """

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    attempts: int = 0
    failing_since_s: float | None = None
    problem: str = ""
    not_before_s: float = 0.0
    refresh_at_s: float = 0.0
    busy: bool = False

    def begun(self, now: float, interval_s: float) -> None:
        self.busy = True
        self.sent += 1
        self.not_before_s = now + interval_s

    def succeeded(self, now: float) -> str:
        since_s, self.attempts, self.failing_since_s, self.problem = self.failing_since_s, 0, None, ""
        return f"works again after {human_duration(now - since_s)}" if since_s is not None else ""

    def refused(self, failed: DeliveryError, now: float, rng: random.Random, *, message: bool = True, over: bool = False) -> str:
        """``over``: the ``message`` (a refresh is none) will not be tried again, so the next one need not wait for it."""
        first = self.failing_since_s is None
        self.failed += message
        self.attempts += 1
        self.failing_since_s = now if self.failing_since_s is None else self.failing_since_s
        self.problem = str(failed)
        wait_s = failed.retry_after_s
        if wait_s is None:
            wait_s = 0.0 if over and message else backoff_s(self.attempts, rng)
        self.not_before_s = max(self.not_before_s, now + wait_s)
        return f"fails, its messages are kept and tried again: {failed}" if first and not (over and message) else ""


def backoff_s(attempts: int, rng: random.Random) -> float:
    """Seconds until try number ``attempts`` + 1: doubling from 2 s to 5 min, less up to half of it at random so that many
    watchers do not come back at once ("equal jitter", AWS Architecture Blog 2015)."""
    full = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts - 1, 16))
    return full / 2 + rng.uniform(0.0, full / 2)
