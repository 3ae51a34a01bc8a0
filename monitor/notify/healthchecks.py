"""A dead man's switch: a ping while the watcher lives, so that somebody else notices when it does not. https://healthchecks.io/docs/http_api/

The ping follows the loop, not the thread that sends it: a loop that stands still is a dead watcher. Alerts go to ``/log``, which
changes no state there, or to ``/fail`` where that is asked for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field

from monitor.notify import http
from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, Memory, SecretUrl
from monitor.notify.digest import row
from monitor.notify.notification import Notification
from monitor.notify.present import Present
from monitor.notify.text import cut_bytes
from monitor.notify.wording import plain
from rules.alert import FIRING
from rules.fields import Duration
from rules.verdict import Severity

MAX_BODY_BYTES = 10_000
"""The service keeps the first 100 kB of a ping's body; a few lines serve."""


class Spec(ChannelSpec):
    """healthchecks.io, or a server that speaks its pings."""

    kind: ClassVar[str] = "healthchecks"
    shorthand: ClassVar[str] = "ping_url"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("ping_url",),)

    ping_url: SecretUrl | None = Field(None, description="https://hc-ping.com/UUID or https://hc-ping.com/KEY/SLUG")
    every: Duration = Field(60.0, description="how often it is pinged; the check's period should be three times that")
    fail: bool = Field(False, description="a critical alert pings /fail, so that the check goes down")

    def build(self, name: str) -> Channel:
        url = self.ping_url.get_secret_value().rstrip("/") if self.ping_url else ""
        return Healthchecks(url=url, fail=self.fail, refresh_s=self.every, **self.common(name, (url,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthchecks(ChannelBase):
    kind: ClassVar[str] = "healthchecks"
    url: str = field(repr=False)
    fail: bool = False

    def payload(self, told: Notification) -> tuple[str, str]:
        """Which end of the URL, and the body."""
        worst = any(t.state == FIRING and t.severity == Severity.CRITICAL.value for t in told.transitions)
        return ("/fail" if self.fail and worst else "/log"), cut_bytes("\n".join(plain(told)), MAX_BODY_BYTES)

    def send(self, told: Notification, memory: Memory) -> str:
        return self._ping(*self.payload(told))

    def refresh(self, now_present: Present, memories: dict[str, Memory]) -> str:
        if now_present.is_stale(time.time()):
            return "the loop stands still, no ping"
        if self.fail and any(t.severity == Severity.CRITICAL.value for run in now_present.runs for t in run.transitions):
            return self._ping("/fail", _body(now_present))
        return self._ping("", _body(now_present))

    def _ping(self, end: str, body: str) -> str:
        url = self.url + end
        return http.accept(http.request("POST", url, content=body.encode(), secrets=self.secrets), url, secrets=self.secrets)


def _body(now_present: Present) -> str:
    return cut_bytes("\n".join(row(run) for run in now_present.runs), MAX_BODY_BYTES)
