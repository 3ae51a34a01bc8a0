"""A generic webhook: the notification as JSON by POST, signed where a secret is given.

The signature is ``X-LossWatch-Signature: sha256=HEX``, HMAC-SHA256 (RFC 2104) over ``TIMESTAMP.BODY``, the timestamp being that of
``X-LossWatch-Timestamp`` (Unix s), so that a receiver can refuse an old request. ``Idempotency-Key`` is the notification's id: the one
message that a killed process may send twice has the same one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.notify import http
from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, Memory, SecretUrl
from monitor.notify.notification import Notification
from monitor.notify.wording import headline, ordered
from rules.jsonable import jsonable


class Spec(ChannelSpec):
    """JSON by POST to any URL."""

    kind: ClassVar[str] = "webhook"
    shorthand: ClassVar[str] = "url"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("url",),)
    coalesces: ClassVar[bool] = False
    """A program reads it: it wants each event by itself, and is in no hurry."""

    url: SecretUrl | None = Field(None, description="where to post (its path may be a secret: ${VAR} or url_file)")
    secret: SecretStr | None = Field(None, description="key of the HMAC signature")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="further headers, such as Authorization")

    def build(self, name: str) -> Channel:
        url = self.url.get_secret_value() if self.url else ""
        key = self.secret.get_secret_value() if self.secret else ""
        headers = {header: value.get_secret_value() for header, value in self.headers.items()}
        return Webhook(url=url, secret=key, headers=headers, **self.common(name, (url, key, *headers.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(ChannelBase):
    kind: ClassVar[str] = "webhook"
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def payload(self, told: Notification) -> dict[str, Any]:
        """docs/notify/webhook.md documents each key. The first event's facts stand at the top, all of them in ``transitions``."""
        events = ordered(told.transitions)
        first = events[0].as_json() if events else {}
        return {
            "schema_version": 1, "id": told.id, "event": told.kind, "run": told.run, "severity": told.severity, "text": headline(told),
            "time": told.time_s, **{key: first.get(key) for key in ("attempt", "rule", "kind", "state", "step", "value", "message")},
            "transitions": [t.as_json() for t in events], "notes": list(told.notes), "covers": list(told.covers),
            "context": told.as_json()["context"],
        }  # fmt: skip

    def send(self, told: Notification, memory: Memory) -> str:
        body = json.dumps(jsonable(self.payload(told)), ensure_ascii=False, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": told.id, **self.headers}
        if self.secret:
            headers |= signed(body, self.secret, time.time())
        reply = http.request("POST", self.url, content=body, headers=headers, secrets=self.secrets)
        return http.accept(reply, self.url, secrets=self.secrets)


def signed(body: bytes, secret: str, now: float) -> dict[str, str]:
    """The two headers by which a receiver knows that ``body`` is ours and new."""
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-LossWatch-Timestamp": stamp, "X-LossWatch-Signature": f"sha256={digest}"}
