"""Everything else, through apprise (the extra ``apprise``): https://github.com/caronc/apprise/wiki names the URL of each service.

Plain text only. Each URL is a delivery of its own: one that failed is tried again without repeating the others.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, DeliveryError, Memory
from monitor.notify.notification import Notification
from monitor.notify.text import clean, cut
from monitor.notify.wording import headline, plain
from monitor.redact import redact
from rules.alert import FIRING, RESOLVED

MAX_BODY = 1900
"""Characters of a body: Discord takes 2000, the least of the chat services."""
_PING = re.compile(r"@(?=everyone\b|here\b|channel\b|all\b|room\b)|<(?=[@!#&])")


def _urls(value: Any) -> Any:
    return [part for part in re.split(r"[,\s]+(?=[a-z0-9+]+://)", value.strip()) if part] if isinstance(value, str) else value


def _known(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if find_spec("apprise") is None:
        raise ValueError("the extra `apprise` is not installed: pip install 'loss-watch[apprise]'")
    import apprise

    for number, url in enumerate(value, 1):
        if apprise.Apprise.instantiate(url.get_secret_value(), suppress_exceptions=True) is None:
            raise ValueError(f"URL number {number} is none that apprise knows")
    return value


class Spec(ChannelSpec):
    """Any service that apprise knows."""

    kind: ClassVar[str] = "apprise"
    shorthand: ClassVar[str] = "urls"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("urls",),)

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(_urls), AfterValidator(_known)] = Field(
        (), description="apprise URLs (secrets: ${VAR} or urls_file)"
    )

    def build(self, name: str) -> Channel:
        urls = tuple(url.get_secret_value() for url in self.urls)
        return Apprise(urls=urls, **self.common(name, urls))


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise(ChannelBase):
    kind: ClassVar[str] = "apprise"
    urls: tuple[str, ...] = field(repr=False)

    def payload(self, told: Notification) -> tuple[str, str, str]:
        """Title, body, and apprise's kind of message (``failure``, ``warning``, ``success``, ``info``)."""
        body = "\n".join(plain(told)[1:]).strip() or headline(told)
        return _disarmed(headline(told)), cut(_disarmed(body), MAX_BODY), _type(told)

    def send(self, told: Notification, memory: Memory) -> str:
        done = set(memory["done"]) if memory.get("id") == told.id else set()
        failures = []
        for number, url in enumerate(self.urls):
            if number not in done:
                problem = _notify(url, *self.payload(told))
                if problem is None:
                    done.add(number)
                else:
                    failures.append(f"URL {number + 1}: {clean(redact(problem, self.secrets), 160)}")
                memory.update(id=told.id, done=sorted(done))
        if failures:
            raise DeliveryError("; ".join(failures))
        return f"{len(self.urls)} sent"


def _notify(url: str, title: str, body: str, kind: str) -> str | None:
    """Send by one URL; what went wrong, None where nothing did."""
    import apprise

    asset = apprise.AppriseAsset(app_id="loss-watch", app_desc="loss-watch", secure_logging=True, async_mode=False)
    sender = apprise.Apprise(asset=asset)
    sender.add(url)
    with apprise.LogCapture(level=logging.WARNING) as captured:  # type: ignore[no-untyped-call]
        if sender.notify(body=body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
            return None
        lines = captured.getvalue().strip().splitlines()
    return lines[-1] if lines else "not sent, apprise does not say why"


def _type(told: Notification) -> str:
    firing = [t.severity for t in told.transitions if t.state == FIRING]
    if firing:
        return "failure" if "critical" in firing else "warning"
    return "success" if any(t.state == RESOLVED for t in told.transitions) else "info"


def _disarmed(text: str) -> str:
    """``@everyone`` and its like with a zero-width space, since a log line must not ring a whole team's phones."""
    return _PING.sub(lambda found: found[0] + "\u200b", text)
