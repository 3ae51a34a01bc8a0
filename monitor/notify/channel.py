"""What a channel is, and what all channels have in common: a name, what it takes, how fast, and how it fails.

A channel is one file: ``payload(notification)`` is pure, ``send`` is thin and raises ``DeliveryError``. It keeps nothing between two
messages but what it writes into ``memory``, which the outbox stores a channel and run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from monitor.notify.notification import Notification
from monitor.notify.present import Present
from monitor.notify.route import QuietHoursText, Route
from monitor.notify.template import Template, TemplateSpec
from rules.fields import Duration
from rules.verdict import Severity

Memory = MutableMapping[str, Any]
"""What a channel remembers of a run (a thread's ts, the first mail's Message-ID): JSON-able, kept in the outbox."""

Chart = Callable[[Notification], bytes | None]
"""A PNG of the run's curve, or None where there is none (no values, no matplotlib)."""


def no_chart(_: Notification) -> bytes | None:
    """The chart of a channel that was given none."""
    return None


class DeliveryError(Exception):
    """A message did not arrive. ``permanent``: trying again cannot help. ``retry_after_s``: the receiver said when to."""

    def __init__(self, problem: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(problem)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Pace:
    """How a channel is fed. ``interval_s`` lies between two messages; ``coalesces`` says that many may become one summary."""

    interval_s: float = 0.0
    coalesces: bool = True
    give_up_after_s: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBase:
    """The fields of every channel. ``secrets`` are what an error must never show."""

    name: str
    route: Route = field(default_factory=Route)
    pace: Pace = field(default_factory=Pace)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    template: Template | None = None
    refresh_s: float | None = None
    """How often ``refresh`` is wanted; None for a channel that only tells events."""

    def refresh(self, now_present: Present, memories: dict[str, Memory]) -> str:
        """Nothing is shown at a steady pace here."""
        return ""


class Channel(Protocol):
    """One way to reach somebody."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def route(self) -> Route: ...
    @property
    def pace(self) -> Pace: ...
    @property
    def secrets(self) -> tuple[str, ...]: ...
    @property
    def template(self) -> Template | None: ...
    @property
    def refresh_s(self) -> float | None: ...

    def payload(self, told: Notification) -> Any:
        """What will be sent: pure, within the receiver's limits, escaped."""
        ...

    def send(self, told: Notification, memory: Memory) -> str:
        """Deliver, within a bounded time; what the receiver answered, in a few words. Raises DeliveryError."""
        ...

    def refresh(self, now_present: Present, memories: dict[str, Memory]) -> str:
        """Show how things stand now: edit what was posted, send again what still fires. ``memories`` is by run. Raises DeliveryError."""
        ...


def _http_url(value: SecretStr) -> SecretStr:
    """Refuse what no request can be sent to; the text never shows the value."""
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no http:// or https:// URL")
    return value


SecretUrl = Annotated[SecretStr, AfterValidator(_http_url)]
"""The URL of a receiver, whose path, query or password may be a secret."""
Globs = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class ChannelSpec(BaseModel):
    """Parameters that every channel takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str]
    shorthand: ClassVar[str] = ""
    """The key that a bare value stands for: ``webhook: https://...``."""
    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Of each of these groups of keys one must be given (checked apart, since a ``${VAR}`` that is not set leaves one empty)."""
    interval_s: ClassVar[float] = 0.0
    coalesces: ClassVar[bool] = True

    name: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,60}$", description="what logs and metrics call it; the kind by default")
    min_severity: Severity = Field(Severity.WARNING, description="info, warning or critical: what is below is not sent")
    runs: Globs = Field((), description="only runs or job names that one of these globs matches; `!glob` leaves out")
    rules: Globs = Field((), description="only rules whose id or kind one of these globs matches; `!glob` leaves out")
    quiet_hours: QuietHoursText = Field(None, description="22:00-07:00, local time: what is below critical waits for the end")
    digest: Duration | None = Field(None, description="a regular line that says how all runs stand, such as 6h")
    rate_limit: Duration | None = Field(None, description="at the most one message in this time; what comes between is put together")
    give_up_after: Duration = Field(86_400.0, description="how long an undelivered message is tried again")
    template: TemplateSpec | None = Field(None, description="jinja2 texts in place of ours: title, body")

    def build(self, name: str) -> Channel:
        raise NotImplementedError

    def common(self, name: str, secrets: tuple[str, ...] = ()) -> Mapping[str, Any]:
        """The keyword arguments of ``ChannelBase`` that follow from the common parameters."""
        return {
            "name": name,
            "route": Route(self.min_severity, self.runs, self.rules, self.quiet_hours, self.digest),
            "pace": Pace(max(self.interval_s, self.rate_limit or 0.0), self.coalesces or self.rate_limit is not None, self.give_up_after),
            "secrets": tuple(secret for secret in secrets if secret),
            "template": self.template.build() if self.template else None,
        }



def charted(channels: Iterable[Channel], chart: Chart) -> list[Channel]:
    """``channels``, those that can show an image given ``chart``."""
    return [replace(channel, chart=chart) if hasattr(channel, "chart") else channel for channel in channels]  # type: ignore[type-var]
