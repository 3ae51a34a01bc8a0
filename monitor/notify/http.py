"""One bounded HTTP request to a receiver, and what its answer means for a second try. The only importer of httpx.

Each wait is bounded: for the connection, between two reads, and for the whole body (``TOTAL_S``); of the answer at most
``MAX_ANSWER_BYTES`` are read. A server that sends its headers byte by byte can still hold its own channel, and no other, for long.
Redirects are not followed, since a webhook that redirects is misconfigured and a secret must not travel on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from monitor.notify.channel import DeliveryError
from monitor.notify.text import clean
from monitor.redact import redact, safe_url

if TYPE_CHECKING:
    import httpx

CONNECT_S = 5.0
READ_S = 10.0
TOTAL_S = 20.0
MAX_ANSWER_BYTES = 65_536

RETRIED = frozenset({408, 409, 421, 423, 425, 429})
"""4xx that pass: timeout, conflict, misdirected, locked, too early, too many. Every other 4xx says that the request itself is wrong."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return clean(self.body[:2000].decode("utf-8", "replace"), 200)


@cache
def _client() -> httpx.Client:
    """Shared by all channels and threads (httpx clients are thread-safe); keeps connections so that an alert needs no new handshake."""
    import httpx

    import monitor

    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    agent = f"loss-watch/{getattr(monitor, '__version__', '0')}"
    return httpx.Client(timeout=timeout, follow_redirects=False, headers={"User-Agent": agent})


def warm() -> None:
    """Import and build what the first request needs (0.2 s), so that the first alert does not wait for it."""
    _client()


def request(method: str, url: str, *, secrets: tuple[str, ...] = (), **how: Any) -> Reply:
    """Send one request; ``how`` is httpx's (``json``, ``content``, ``data``, ``files``, ``headers``).

    Any answer is returned, also a refusal. Raises DeliveryError (not permanent) where there was none; its text shows the server's
    name only, never the path of a webhook.
    """
    import httpx

    deadline = time.monotonic() + TOTAL_S
    try:
        with _client().stream(method, url, **how) as answer:
            body = b""
            for piece in answer.iter_bytes(4096):
                body += piece
                if len(body) >= MAX_ANSWER_BYTES or time.monotonic() > deadline:
                    break
            return Reply(answer.status_code, body[:MAX_ANSWER_BYTES], dict(answer.headers))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failed:
        said = redact(str(failed) or type(failed).__name__, (url, *secrets))
        broken = isinstance(failed, (httpx.InvalidURL, httpx.UnsupportedProtocol))
        raise DeliveryError(f"{safe_url(url)}: {type(failed).__name__}: {clean(said, 200)}", permanent=broken) from None


def accept(reply: Reply, url: str, *, secrets: tuple[str, ...] = (), what: str = "") -> str:
    """``200 ok`` for a 2xx. Raises DeliveryError for all else: permanent where the request itself was refused (RFC 9110 section 15.5)."""
    said = clean(redact(what or reply.text, (url, *secrets)), 160)
    line = f"{reply.status} {said}".strip()
    if 200 <= reply.status < 300:
        return line
    wait_s = retry_after_s(reply.headers.get("retry-after"), time.time())
    permanent = reply.status < 500 and reply.status not in RETRIED
    raise DeliveryError(f"{safe_url(url)} answered {line}", permanent=permanent, retry_after_s=wait_s)


def retry_after_s(text: str | None, now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for: a count, or a date (RFC 9110 section 10.2.3). None where it says nothing usable."""
    if not text:
        return None
    try:
        return max(0.0, min(float(text), 86_400.0))
    except ValueError:
        pass
    try:
        return max(0.0, min(parsedate_to_datetime(text).timestamp() - now, 86_400.0))
    except (ValueError, TypeError, OverflowError):
        return None
