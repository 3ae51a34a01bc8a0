"""A real HTTP receiver on loopback that answers as it was told: a script of answers, the last of which holds on.

An answer is a status, ``Answer(...)``, ``HANG`` (takes the request and never answers) or ``DROP`` (closes the connection instead).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG, DROP = "hang", "drop"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)


SLACK = {
    200: "ok", 400: "invalid_payload", 403: "action_prohibited", 404: "no_service", 410: "channel_is_archived", 429: "rate_limited",
    500: "rollup_error",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    time_s: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """``script`` may be a list of answers or a function of the request."""

    def __init__(self, script: list[Any] | Callable[[Request], Any] | None = None) -> None:
        self.script: list[Any] | Callable[[Request], Any] = script if script is not None else [200]
        self.requests: list[Request] = []
        self.arrived = threading.Condition()
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed half-way: as with any server, nothing arrived
                    self.close_connection = True
                    return
                headers = {k.lower(): v for k, v in self.headers.items()}
                receiver._take(self, Request(self.command, self.path, headers, body, time.time()))

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _take(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        with self.arrived:
            said = self.script(request) if callable(self.script) else self._next()
            self.requests.append(request)
            self.arrived.notify_all()
        if said == HANG:
            self.released.wait(60)
        if said in (HANG, DROP):
            handler.close_connection = True
            handler.connection.close()
            return
        answer = said if isinstance(said, Answer) else Answer(said, SLACK.get(said, ""))
        raw = answer.body.encode()
        try:
            handler.send_response(answer.status)
            for name, value in {"Content-Length": str(len(raw)), **answer.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(raw)
        except OSError:
            pass

    def _next(self) -> Any:
        assert isinstance(self.script, list)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def wait_for(self, count: int, timeout_s: float = 10.0) -> list[Request]:
        """The requests, once there are ``count``; fails after ``timeout_s``."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, timeout_s), f"{len(self.requests)} of {count} requests came"
            return list(self.requests)


@contextmanager
def receiver(script: list[Any] | Callable[[Request], Any] | None = None) -> Iterator[Receiver]:
    made = Receiver(script)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        made.server.shutdown()
        made.server.server_close()
