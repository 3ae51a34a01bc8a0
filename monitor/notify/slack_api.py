"""Slack's Web API: a call, and what its answers mean. https://docs.slack.dev/apis/web-api/

Slack says ``200`` and ``{"ok": false, "error": CODE}``; only too many requests are a ``429``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.notify import http
from monitor.notify.channel import DeliveryError
from monitor.notify.text import clean

PASSING = frozenset({
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "request_timeout", "service_unavailable", "team_added_to_org",
    "accesslimited", "message_limit_exceeded", "org_login_required",
})  # fmt: skip
"""Errors that go by. All others say that token, channel or message must be mended first."""
NEW_MESSAGE_NEEDED = frozenset({
    "message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed", "cannot_reply_to_message",
})  # fmt: skip


class SlackError(DeliveryError):
    """Slack refused; ``code`` is its word for it."""

    def __init__(self, method: str, code: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{method}: {code}", permanent=code not in PASSING, retry_after_s=retry_after_s)
        self.code = code


@dataclass(frozen=True, slots=True)
class SlackApi:
    token: str = field(repr=False)
    url: str = "https://slack.com/api/"

    def call(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Slack's answer. Raises DeliveryError (a SlackError where Slack said why)."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json; charset=utf-8"}
        body = json.dumps(arguments, ensure_ascii=False).encode()
        return self._read(method, http.request("POST", self.url + method, content=body, headers=headers, secrets=(self.token,)))

    def upload(self, image: bytes, name: str, title: str, channel: str, thread_ts: str) -> None:
        """Show an image in a thread: an address, the bytes, and the word that they are there. Raises DeliveryError.

        https://docs.slack.dev/messaging/working-with-files#upload (files.upload is gone since 2025).
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        asked = {"filename": name, "length": str(len(image)), "alt_txt": title}
        method = "files.getUploadURLExternal"
        place = self._read(method, http.request("POST", self.url + method, data=asked, headers=headers, secrets=(self.token,)))
        where = str(place["upload_url"])
        http.accept(http.request("POST", where, files={"file": (name, image, "image/png")}, secrets=(where,)), where)
        done = {"files": [{"id": place["file_id"], "title": title}], "channel_id": channel, "thread_ts": thread_ts}
        self.call("files.completeUploadExternal", done)

    def _read(self, method: str, reply: http.Reply) -> Mapping[str, Any]:
        if reply.status != 200:
            http.accept(reply, self.url, secrets=(self.token,))
        try:
            answer = json.loads(reply.body)
        except ValueError:
            raise DeliveryError(f"{method}: an answer that is no JSON: {reply.text}") from None
        if not isinstance(answer, dict) or not answer.get("ok"):
            code = clean(str(answer.get("error", "no reason given")) if isinstance(answer, dict) else "no object", 80)
            raise SlackError(method, code, http.retry_after_s(reply.headers.get("retry-after"), 0.0))
        return answer
