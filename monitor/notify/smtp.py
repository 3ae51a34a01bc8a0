"""How a mail leaves: an SMTP server with STARTTLS or TLS and login, or the machine's own sendmail."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from monitor.notify.channel import DeliveryError
from monitor.notify.text import clean
from monitor.redact import redact

TIMEOUT_S = 20.0
"""Of each answer; RFC 5321 section 4.5.3.2 allows minutes, which no alert has."""

EX_TEMPFAIL = 75
"""sysexits.h: the user is invited to retry."""


class Deliver(Protocol):
    def __call__(self, mail: EmailMessage, sender: str, to: Sequence[str]) -> str:
        """Hand the mail over; what the other side said. Raises DeliveryError."""
        ...


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server. ``tls`` is ``starttls`` (required), ``tls`` (from the first byte) or ``off``."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None

    def __call__(self, mail: EmailMessage, sender: str, to: Sequence[str]) -> str:
        try:
            with self._connected() as line:
                refused = line.send_message(mail, sender, list(to))
        except (smtplib.SMTPException, OSError, ValueError) as failed:
            raise self._problem(failed) from None
        if refused:
            said = "; ".join(f"{who}: {code} {_said(text)}" for who, (code, text) in refused.items())
            return f"accepted, but not for {clean(said, 200)}"
        return f"accepted by {self.host}:{self.port}"

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca_file) if self.tls != "off" else None
        line: smtplib.SMTP
        if self.tls == "tls":
            line = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        else:
            line = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        try:
            line.ehlo()
            if self.tls == "starttls":
                line.starttls(context=context)
                line.ehlo()
            if self.user:
                line.login(self.user, self.password)
        except BaseException:
            line.close()
            raise
        return line

    def _problem(self, failed: Exception) -> DeliveryError:
        """Permanent is what the server refused with 5xx, and a login without its offer. A certificate or a missing STARTTLS is for
        the site to mend, so it is tried again."""
        if isinstance(failed, smtplib.SMTPRecipientsRefused):
            answers = list(failed.recipients.values())
            permanent = all(code >= 500 for code, _ in answers)
            text = "; ".join(f"{code} {_said(said)}" for code, said in answers)
        elif isinstance(failed, smtplib.SMTPResponseException):
            permanent = 500 <= failed.smtp_code < 600
            text = f"{failed.smtp_code} {_said(failed.smtp_error)}"
        else:
            permanent, text = False, f"{type(failed).__name__}: {failed}"
        return DeliveryError(clean(redact(f"{self.host}:{self.port}: {text}", (self.password,)), 300), permanent=permanent)


def _said(text: bytes | str) -> str:
    return clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, 160)


def server(url: str, ca_file: str | None = None) -> Server:
    """The server that ``smtp://user:password@host:587?starttls=off`` or ``smtps://host:465`` names. Raises ValueError, never with the
    password in it. Characters such as ``@`` in a password are written ``%40``."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("an SMTP URL is smtp://user:password@host:587 or smtps://host:465")
    asked = parse_qs(parts.query)
    unknown = set(asked) - {"starttls", "ca_file"}
    if unknown:
        raise ValueError(f"an SMTP URL takes ?starttls=off and ?ca_file=, not {', '.join(sorted(unknown))}")
    starttls = asked.get("starttls", ["on"])[0].lower()
    if starttls not in ("on", "off", "required", "true", "false", "no", "yes"):
        raise ValueError("starttls is on (the default) or off")
    plain = "off" if starttls in ("off", "false", "no") else "starttls"
    tls = "tls" if parts.scheme == "smtps" else plain
    try:
        port = parts.port or (465 if tls == "tls" else 587)
    except ValueError:
        raise ValueError("the port of an SMTP URL is a number up to 65535") from None
    return Server(
        host=parts.hostname, port=port, tls=tls, user=unquote(parts.username or ""), password=unquote(parts.password or ""),
        ca_file=asked.get("ca_file", [ca_file])[0],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sendmail:
    """A local mail program with sendmail's interface (postfix, exim, msmtp). No shell; addresses stand behind ``--``."""

    path: str

    def __call__(self, mail: EmailMessage, sender: str, to: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                [self.path, "-i", "-f", sender, "--", *to], input=mail.as_bytes(), capture_output=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as failed:
            raise DeliveryError(f"{self.path}: {type(failed).__name__}: {clean(str(failed), 200)}") from None
        if done.returncode:
            said = _said(done.stderr[-1000:]) or "no word"
            raise DeliveryError(f"{self.path} ended with {done.returncode}: {said}", permanent=done.returncode in (64, 65, 67, 68))
        return f"taken by {self.path}"
