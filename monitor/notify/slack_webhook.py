"""Slack by an incoming webhook: one flat message each, since a webhook tells no ``ts`` to thread under or to edit.

Limits: https://docs.slack.dev/reference/block-kit/blocks (section 3000 characters, 50 blocks a message),
https://docs.slack.dev/apis/web-api/rate-limits (one message a second a channel).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from monitor.notify import http
from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, Memory, SecretUrl
from monitor.notify.notification import Notification
from monitor.notify.slack_text import blocks, fallback


class Spec(ChannelSpec):
    """Slack, incoming webhook."""

    kind: ClassVar[str] = "slack"
    shorthand: ClassVar[str] = "webhook_url"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("webhook_url",),)
    interval_s: ClassVar[float] = 1.0

    webhook_url: SecretUrl | None = Field(None, description="the incoming webhook's URL (a secret: ${VAR} or webhook_url_file)")

    def build(self, name: str) -> Channel:
        url = self.webhook_url.get_secret_value() if self.webhook_url else ""
        return SlackWebhook(url=url, **self.common(name, (url,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackWebhook(ChannelBase):
    kind: ClassVar[str] = "slack"
    url: str = field(repr=False)

    def payload(self, told: Notification) -> dict[str, Any]:
        return {"text": fallback(told), "blocks": blocks(told), "unfurl_links": False, "unfurl_media": False}

    def send(self, told: Notification, memory: Memory) -> str:
        return http.accept(http.request("POST", self.url, json=self.payload(told), secrets=self.secrets), self.url, secrets=self.secrets)
