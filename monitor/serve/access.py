"""Who may ask: a token where one is set, no foreign web site ever. One ASGI layer around the application.

Without a token, what protects a page on loopback from a web site that the user visits is the Host header (DNS rebinding) and
the Origin. With a token, ``Authorization: Bearer TOKEN`` serves scripts and Prometheus, and Basic with any user name and the
token as password serves browsers, which ask for it by themselves; so it never stands in a URL.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/healthz", "/readyz", "/-/healthy", "/-/ready"})
"""Paths that need no token: a probe has none, and they tell nothing."""

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


_CHALLENGES = (b'Bearer realm="loss-watch"', b'Basic realm="loss-watch", charset="UTF-8"')


class Access:
    """Lets a request through to ``app``, or answers 401 (no token), 403 (a foreign site) or 421 (a foreign host name).

    ``hosts``: names beside localhost and bare addresses by which a page without a token may be asked for; None is any.
    """

    def __init__(self, app: App, *, token: str | None = None, hosts: Iterable[str] | None = ()) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._hosts = None if hosts is None else frozenset({"localhost", *hosts})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.lower(): value for key, value in scope["headers"]}
        refusal = self.refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def refusal(self, method: str, path: str, headers: MutableMapping[bytes, bytes]) -> tuple[int, str] | None:
        """The status and text of a request that is turned away, None for one that may pass. Header names in lower case."""
        if self._token is None and self._hosts is not None and not self._is_own_host(self._hosts, headers.get(b"host", b"")):
            return 421, "this name is not ours; ask by address, or set a token"
        if method not in {"GET", "HEAD"} and headers.get(b"sec-fetch-site", b"none") not in {b"same-origin", b"none"}:
            return 403, "a request from another site"
        if self._token is None or path in OPEN or self._has_token(headers.get(b"authorization", b"")):
            return None
        return 401, "a token is needed"

    @staticmethod
    def _is_own_host(hosts: frozenset[str], host: bytes) -> bool:
        name = host.decode("latin-1").lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if not name or name in hosts or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _has_token(self, authorization: bytes) -> bool:
        assert self._token is not None  # noqa: S101  (asked by the caller)
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() == b"basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(given.strip(), self._token)


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    if status == 401:
        headers += [(b"www-authenticate", challenge) for challenge in _CHALLENGES]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
