"""E-mail by SMTP: plain text and HTML, one conversation a run.

STARTTLS is required unless it is switched off, certificates are verified. Message-ID follows from the notification, so that the one
mail which a killed process may send twice carries the same one and mail programs drop it. RFC 5322 (headers, threads), RFC 3834
(``Auto-Submitted``), RFC 5321 section 4.2.1 (4xx passes, 5xx does not).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from monitor.notify import smtp
from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, Chart, Memory, no_chart
from monitor.notify.mail_html import CHART_ID, html_body
from monitor.notify.notification import Notification
from monitor.notify.text import clean
from monitor.notify.wording import headline, plain

MAX_SUBJECT = 180


def _addresses(value: Any) -> Any:
    """``a@x, b@y`` or a list; a display name is kept."""
    given = value.split(",") if isinstance(value, str) else list(value or ())
    told = tuple(str(each).strip() for each in given if str(each).strip())
    for each in told:
        try:
            _address(each)
        except (ValueError, IndexError, HeaderParseError):
            raise ValueError(f"`{clean(each, 80)}` is no mail address") from None
    return told


def _sender(value: str | None) -> str | None:
    if value is not None:
        _addresses(value)
    return value


def _smtp_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        smtp.server(value.get_secret_value())
    return value


class Spec(ChannelSpec):
    """E-mail."""

    kind: ClassVar[str] = "email"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("to",), ("smtp_url", "sendmail"))

    smtp_url: Annotated[SecretStr | None, AfterValidator(_smtp_url)] = Field(
        None, description="smtp://user:password@host:587 (STARTTLS) or smtps://host:465 (TLS)"
    )
    sendmail: str | None = Field(None, description="path of a sendmail program, instead of smtp_url", pattern=r"^/[^\n]+$")
    from_: Annotated[str | None, AfterValidator(_sender)] = Field(None, alias="from", description="the sender's address")
    to: Annotated[tuple[str, ...], BeforeValidator(_addresses)] = Field((), description="the readers' addresses")
    ca_file: str | None = Field(None, description="certificates of a site's own authority (PEM)")

    def build(self, name: str) -> Channel:
        sender = self.from_ or self.to[0]
        if self.smtp_url is None:
            return Email(sender=sender, to=self.to, deliver=smtp.Sendmail(self.sendmail or ""), **self.common(name))
        url = self.smtp_url.get_secret_value()
        server = smtp.server(url, self.ca_file)
        return Email(sender=sender, to=self.to, deliver=server, **self.common(name, (url, server.password)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(ChannelBase):
    kind: ClassVar[str] = "email"
    sender: str
    to: tuple[str, ...]
    deliver: smtp.Deliver = field(repr=False)
    chart: Chart = no_chart

    def payload(self, told: Notification) -> EmailMessage:
        """The mail as the first of its conversation; ``send`` adds what it answers."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = _address(self.sender)
        mail["To"] = tuple(_address(each) for each in self.to)
        mail["Subject"] = clean(headline(told), MAX_SUBJECT)
        mail["Date"] = format_datetime(_moment(told.time_s))
        mail["Message-ID"] = f"<{told.id}.{self.name}@{self._domain()}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-LossWatch-Run"] = clean(told.run, 120).encode("ascii", "replace").decode()
        mail.set_content("\n".join(plain(told)) + "\n", cte="quoted-printable")
        image = self.chart(told)
        mail.add_alternative(html_body(told, with_chart=image is not None), subtype="html", cte="quoted-printable")
        if image is not None:
            parts = mail.get_payload()
            html = parts[-1] if isinstance(parts, list) else mail
            if isinstance(html, EmailMessage):
                html.add_related(image, "image", "png", cid=f"<{CHART_ID}>", filename="curve.png", disposition="inline")
        return mail

    def send(self, told: Notification, memory: Memory) -> str:
        mail = self.payload(told)
        first = memory.get("message_id")
        if first and first != mail["Message-ID"]:
            mail["In-Reply-To"] = mail["References"] = first
        said = self.deliver(mail, parseaddr(self.sender)[1], tuple(parseaddr(each)[1] for each in self.to))
        if not first and told.kind not in ("test", "digest", "summary"):
            memory["message_id"] = str(mail["Message-ID"])
        return said

    def _domain(self) -> str:
        return parseaddr(self.sender)[1].rpartition("@")[2] or "localhost"


def _address(text: str) -> Address:
    """Raises ValueError, IndexError or HeaderParseError (the library's own ways to refuse)."""
    shown, spec = parseaddr(text)
    if "@" not in spec or any(c in text for c in "\r\n\0"):
        raise ValueError(text)
    return Address(display_name=shown, addr_spec=spec)


def _moment(time_s: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_s, UTC)


