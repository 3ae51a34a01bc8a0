"""Slack's Web API as far as the bot uses it: keeps messages as Slack does, holds to its block models, refuses as it was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from slack_sdk.models.blocks import Block

from servers.receiver import Answer, Receiver, Request, receiver

CHANNEL = "C0123456789"


class Workspace:
    """``refuse`` maps a method to answers given before it works again: an error's name, or an ``Answer``."""

    def __init__(self, token: str = "xoxb-1-good") -> None:
        self.token = token
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.refuse: dict[str, list[Any]] = {}
        self.calls: list[str] = []
        self.receiver: Receiver

    @property
    def roots(self) -> list[dict[str, Any]]:
        return [message for message in self.messages.values() if "thread_ts" not in message]

    def replies(self, ts: str) -> list[dict[str, Any]]:
        return [message for message in self.messages.values() if message.get("thread_ts") == ts]

    def __call__(self, request: Request) -> Answer:
        method = request.path.rpartition("/")[2]
        self.calls.append(method)
        if request.path.startswith("/upload/"):
            self.uploads[method] = request.body
            return Answer(200, "OK - 70")
        refused = self.refuse.get(method) or []
        if refused:
            said = refused.pop(0)
            return said if isinstance(said, Answer) else self._error(said)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self._error("invalid_auth")
        return Answer(200, json.dumps(getattr(self, "_" + method.replace(".", "_"))(request)))

    def _error(self, code: str) -> Answer:
        return Answer(200, json.dumps({"ok": False, "error": code}))

    def _valid(self, sent: dict[str, Any]) -> str:
        assert sent["text"], "no_text"
        for block in Block.parse_all(sent["blocks"]):
            block.validate_json()
        assert len(sent["blocks"]) <= 50
        return str(sent["text"])

    def _chat_postMessage(self, request: Request) -> dict[str, Any]:
        sent = request.json
        self._valid(sent)
        if "thread_ts" in sent and sent["thread_ts"] not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        ts = f"1795435200.{len(self.messages):06d}"
        self.messages[ts] = sent
        return {"ok": True, "ts": ts, "channel": CHANNEL}

    def _chat_update(self, request: Request) -> dict[str, Any]:
        sent = request.json
        self._valid(sent)
        if sent["channel"] != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if sent["ts"] not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        self.messages[sent["ts"]].update(text=sent["text"], blocks=sent["blocks"])
        return {"ok": True}

    def _files_getUploadURLExternal(self, request: Request) -> dict[str, Any]:
        asked = parse_qs(request.body.decode())
        assert int(asked["length"][0]) > 0
        number = f"F{len(self.files)}"
        return {"ok": True, "upload_url": f"{self.receiver.url}/upload/{number}", "file_id": number}

    def _files_completeUploadExternal(self, request: Request) -> dict[str, Any]:
        sent = request.json
        assert sent["files"][0]["id"] in self.uploads
        self.files.append(sent)
        return {"ok": True}


@contextmanager
def workspace() -> Iterator[Workspace]:
    made = Workspace()
    with receiver(made) as made.receiver:
        yield made
