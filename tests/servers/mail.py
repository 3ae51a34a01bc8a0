"""A real SMTP server on loopback (aiosmtpd): plain, STARTTLS or TLS, with login, and with answers of its own to RCPT and DATA."""

from __future__ import annotations

import email
import email.policy
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass(frozen=True)
class Letter:
    sender: str
    to: list[str]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class Post:
    """What the server received. ``rcpt`` and ``data`` are answers such as ``451 try later``, used until taken away."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.rcpt: str | None = None
        self.data: str | None = None
        self.arrived = threading.Condition()
        self.host, self.port = "127.0.0.1", 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data:
            return self.data
        with self.arrived:
            self.letters.append(Letter(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
            self.arrived.notify_all()
        return "250 queued"

    def wait_for(self, count: int, timeout_s: float = 10.0) -> list[Letter]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.letters) >= count, timeout_s), f"{len(self.letters)} of {count} letters came"
            return list(self.letters)


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for ``name`` and its key, by openssl."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    kind = "IP" if name[0].isdigit() else "DNS"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, "-subj", "/CN=test",
         "-addext", f"subjectAltName={kind}:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@contextmanager
def post_office(
    *, tls: str = "off", cert: tuple[Path, Path] | None = None, login: tuple[str, str] | None = None, port: int = 0
) -> Iterator[Post]:
    """A server; ``tls`` is off, starttls or tls; ``login`` the one user and password that it takes."""
    post = Post()
    context = None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*cert)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and login == (data.login.decode(), data.password.decode())
        return AuthResult(success=good, handled=not good and False)

    how: dict[str, Any] = {"hostname": "127.0.0.1", "port": port or _free_port()}
    if login:
        how |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls == "starttls"}
    if tls == "starttls":
        how |= {"tls_context": context, "require_starttls": True}
    if tls == "tls":
        how |= {"ssl_context": context}
    controller = Controller(post, **how)
    controller.start()
    post.port = int(how["port"])
    try:
        yield post
    finally:
        controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
