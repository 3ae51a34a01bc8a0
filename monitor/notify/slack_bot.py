"""Slack by a bot token: one message a run, edited in place; each event a reply in its thread, the curve as an image.

Scopes: ``chat:write`` and, for the image, ``files:write``. Limits: https://docs.slack.dev/reference/methods/chat.postMessage (one message a
second a channel), /chat.update (tier 3: 50 a minute). What was done of a message stands in the memory, so that a second try does only
the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, Chart, DeliveryError, Memory, no_chart
from monitor.notify.notification import Notification
from monitor.notify.present import Present
from monitor.notify.slack_api import NEW_MESSAGE_NEEDED, SlackApi, SlackError
from monitor.notify.slack_board import board
from monitor.notify.slack_text import blocks, fallback
from rules.alert import FIRING
from rules.fields import Duration
from rules.verdict import Severity

MAX_EDITS = 20
"""Messages edited a refresh: a third of what tier 3 allows in the minute between two."""


class Spec(ChannelSpec):
    """Slack, bot token."""

    kind: ClassVar[str] = "slack"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("bot_token",), ("channel",))
    interval_s: ClassVar[float] = 1.0

    bot_token: SecretStr | None = Field(None, description="xoxb-... (a secret: ${VAR} or bot_token_file)")
    channel: str | None = Field(
        None, pattern=r"^[#@]?[\w.-]{1,80}$", description="the channel's id (C0123456789) or name; invite the bot to it"
    )
    broadcast: Severity = Field(Severity.CRITICAL, description="from this severity on a reply is shown in the channel too")
    images: bool = Field(True, description="the curve as an image with each alert (needs files:write and the extra `charts`)")
    edit: Duration = Field(60.0, description="how often a run's message is brought up to date")
    api_url: str = Field("https://slack.com/api/", description="for GovSlack, or a proxy", pattern=r"^https?://")

    def build(self, name: str) -> Channel:
        token = self.bot_token.get_secret_value() if self.bot_token else ""
        api = SlackApi(token, self.api_url.rstrip("/") + "/")
        how = {"broadcast": self.broadcast, "images": self.images, "refresh_s": self.edit, **self.common(name, (token,))}
        return SlackBot(api=api, channel=self.channel or "", **how)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBot(ChannelBase):
    kind: ClassVar[str] = "slack"
    api: SlackApi = field(repr=False)
    channel: str
    broadcast: Severity = Severity.CRITICAL
    images: bool = True
    chart: Chart = no_chart

    def payload(self, told: Notification) -> dict[str, Any]:
        """The event, as a reply in the thread of its run (``send`` adds ``thread_ts``)."""
        return {**_message(fallback(told), blocks(told)), "metadata": {"event_type": "loss_watch", "event_payload": {"id": told.id}}}

    def headline(self, told: Notification) -> dict[str, Any]:
        """The run's own message, which is edited in place."""
        return _message(*board(told))

    def send(self, told: Notification, memory: Memory) -> str:
        if told.kind in ("test", "digest", "summary"):
            self.api.call("chat.postMessage", {"channel": self.channel, **self.payload(told)})
            return "posted"
        if "ts" not in memory:
            self._open(told, memory)
        if memory.get("told") != told.id:
            self._reply(told, memory)
        if memory.get("drawn") != told.id and self._is_firing(told):
            self._draw(told, memory)
        self._edit(told, memory)
        return f"posted in thread {memory.get('ts')}"

    def refresh(self, now_present: Present, memories: dict[str, Memory]) -> str:
        """Bring the messages of runs that have one up to date: the state, the step, the loss, the next milestone."""
        edited = 0
        for run in now_present.runs:
            memory = memories.get(run.run)
            if memory and "ts" in memory and edited < MAX_EDITS:
                edited += self._edit(run, memory, soft=False)
        return f"{edited} messages edited"

    def _open(self, told: Notification, memory: Memory) -> None:
        message = self.headline(told)
        answer = self.api.call("chat.postMessage", {"channel": self.channel, **message})
        memory.update(ts=answer["ts"], channel=answer.get("channel", self.channel), shown=_hash(message))

    def _reply(self, told: Notification, memory: Memory) -> None:
        loud = self._is_firing(told) and Severity(told.severity).rank >= self.broadcast.rank
        reply = {**self.payload(told), "channel": memory["channel"], "thread_ts": memory["ts"], "reply_broadcast": loud}
        try:
            self.api.call("chat.postMessage", reply)
        except SlackError as failed:
            if failed.code not in NEW_MESSAGE_NEEDED:
                raise
            self._open(told, memory)  # somebody deleted the message
            self.api.call("chat.postMessage", {**reply, "channel": memory["channel"], "thread_ts": memory["ts"]})
        memory["told"] = told.id

    def _draw(self, told: Notification, memory: Memory) -> None:
        """The curve below the event. It is a picture of what the words said: where it fails, the words must do."""
        memory["drawn"] = told.id
        if self.images and not memory.get("no_files"):
            image = self.chart(told)
            if image is not None:
                try:
                    self.api.upload(image, f"{told.run}.png", f"{told.context.metric} of {told.run}", memory["channel"], memory["ts"])
                except DeliveryError as failed:
                    memory["no_files"] = isinstance(failed, SlackError) and failed.code == "missing_scope"

    def _edit(self, told: Notification, memory: Memory, *, soft: bool = True) -> int:
        """Edit the run's message where it would look different; 1 where it was. ``soft``: a failure is left to the next refresh."""
        message = self.headline(told)
        if memory.get("shown") == _hash(message):
            return 0
        try:
            self.api.call("chat.update", {"channel": memory["channel"], "ts": memory["ts"], **message})
        except DeliveryError as failed:
            if isinstance(failed, SlackError) and failed.code in NEW_MESSAGE_NEEDED:
                memory.clear()
            elif not soft:
                raise
            return 0
        memory["shown"] = _hash(message)
        return 1

    @staticmethod
    def _is_firing(told: Notification) -> bool:
        return any(t.state == FIRING for t in told.transitions)


def _message(text: str, made: list[dict[str, Any]]) -> dict[str, Any]:
    return {"text": text, "blocks": made, "unfurl_links": False, "unfurl_media": False}


def _hash(message: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:16]
