"""Who is let through: the token's owner, health probes, the page itself; no foreign web site."""

from __future__ import annotations

import asyncio
import base64

import pytest

from monitor.serve.access import Access, Message, Receive, Scope, Send

TOKEN = "s3cret-token"
BASIC = b"Basic " + base64.b64encode(f"anyone:{TOKEN}".encode())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def ask(access: Access, path: str = "/", method: str = "GET", **headers: bytes) -> tuple[int, dict[bytes, bytes]]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    given = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    asyncio.run(access({"type": "http", "method": method, "path": path, "headers": given}, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (b"Bearer " + TOKEN.encode(), 200),
        (BASIC, 200),
        (b"Bearer wrong", 401),
        (b"Basic " + base64.b64encode(b"anyone:wrong"), 401),
        (b"Basic !!!", 401),
        (b"Digest " + TOKEN.encode(), 401),
        (TOKEN.encode(), 401),
        (b"Bearer ", 401),
        (b"", 401),
    ],
)
def test_the_token_opens_as_bearer_and_as_basic_password(authorization: bytes, status: int) -> None:
    assert status == ask(Access(app, token=TOKEN), authorization=authorization)[0]


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/metrics", 401), ("/api/v1/runs", 401), ("/", 401)])
def test_only_health_needs_no_token(path: str, status: int) -> None:
    assert status == ask(Access(app, token=TOKEN), path)[0]


def test_a_refusal_tells_a_browser_to_ask_for_the_token() -> None:
    assert ask(Access(app, token=TOKEN))[1][b"www-authenticate"].startswith(b"Basic")


@pytest.mark.parametrize(
    ("host", "status"),
    [(b"127.0.0.1:10311", 200), (b"localhost:8000", 200), (b"[::1]:10311", 200), (b"login1:10311", 200), (b"", 200),
     (b"evil.example", 421), (b"127.0.0.1.evil.example:10311", 421), (b"localhost.evil.example", 421)],
)  # fmt: skip
def test_a_name_that_a_web_site_rebound_to_us_is_refused(host: bytes, status: int) -> None:
    assert status == ask(Access(app, hosts=["login1"]), host=host)[0]


def test_beyond_loopback_any_name_may_lead_here() -> None:
    assert 200 == ask(Access(app, hosts=None), host=b"watch.example")[0]


def test_with_a_token_any_name_may_lead_here() -> None:
    assert 200 == ask(Access(app, token=TOKEN), host=b"watch.example", authorization=BASIC)[0]


@pytest.mark.parametrize(("site", "status"), [(b"same-origin", 200), (b"none", 200), (b"cross-site", 403), (b"same-site", 403)])
def test_another_site_changes_nothing_here(site: bytes, status: int) -> None:
    assert status == ask(Access(app), method="POST", sec_fetch_site=site)[0]


def test_every_answer_forbids_scripts_from_elsewhere_and_inline() -> None:
    for headers in (ask(Access(app))[1], ask(Access(app, token=TOKEN))[1]):
        policy = headers[b"content-security-policy"].decode()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert b"nosniff" == headers[b"x-content-type-options"]
