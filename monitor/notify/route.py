"""Who is told what, and when: severity, run and rule filters, quiet hours. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from monitor.notify.notification import Notification, worst
from rules.verdict import Severity

_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(?:-|to)\s*(\d{1,2})(?::(\d{2}))?")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A daily span in minutes after local midnight; ``end`` before ``start`` means over midnight."""

    start: int
    end: int

    def until(self, now: float) -> float:
        """When the quiet that holds at ``now`` ends (Unix s); ``now`` itself where none holds. Local time, DST included."""
        local = datetime.fromtimestamp(now).astimezone()
        minute = local.hour * 60 + local.minute
        quiet = self.start <= minute < self.end if self.start <= self.end else minute >= self.start or minute < self.end
        if not quiet:
            return now
        day = local.replace(tzinfo=None, hour=self.end // 60 % 24, minute=self.end % 60, second=0, microsecond=0)
        if day <= local.replace(tzinfo=None):
            day += timedelta(days=1)
        return max(now, day.timestamp())


def quiet_hours(text: Any) -> QuietHours | None:
    """``22:00-07:00`` or ``22-7``. Raises ValueError."""
    if text is None or isinstance(text, QuietHours):
        return text
    found = _HOURS.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"`{text}` are no quiet hours; write 22:00-07:00")
    start, end = (int(found[i]) * 60 + int(found[i + 1] or 0) for i in (1, 3))
    if not (0 <= start < 1440 and 0 <= end <= 1440 and start != end):
        raise ValueError(f"`{text}` are no quiet hours; write 22:00-07:00")
    return QuietHours(start, end)


QuietHoursText = Annotated[
    QuietHours | None,
    BeforeValidator(quiet_hours),
    WithJsonSchema({"type": "string", "examples": ["22:00-07:00"]}),
]


@dataclass(frozen=True, slots=True)
class Route:
    """What one channel takes."""

    min_severity: Severity = Severity.WARNING
    runs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    quiet_hours: QuietHours | None = None
    digest_s: float | None = None

    def select(self, told: Notification) -> Notification | None:
        """The part of ``told`` that this channel takes, None where it takes nothing of it.

        A resolved alert has the severity that it fired with, so who saw it begin sees it end.
        """
        if told.kind == "test":
            return told
        if told.kind == "digest":
            return told if self.digest_s is not None else None
        if not _passes(self.runs, (told.run, told.context.job_name)):
            return None
        if told.kind == "summary":
            return told
        kept = tuple(t for t in told.transitions if self._takes(t.severity) and _passes(self.rules, (t.rule, t.kind)))
        if told.kind == "ended" and self._takes(told.severity):
            return replace(told, transitions=kept)
        if not kept:
            return None
        return told if kept == told.transitions else replace(told, transitions=kept, severity=worst(kept))

    def not_before(self, told: Notification, now: float) -> float:
        """When ``told`` may be sent (Unix s): now, or the end of the quiet hours for what is not critical."""
        if self.quiet_hours is None or told.kind == "test" or told.severity == Severity.CRITICAL.value:
            return now
        return self.quiet_hours.until(now)

    def _takes(self, severity: str) -> bool:
        return Severity(severity).rank >= self.min_severity.rank


def _passes(globs: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether any of ``names`` is wanted: matched by a glob where there are positive ones, and by no ``!glob``."""
    refused = [glob[1:] for glob in globs if glob.startswith("!")]
    wanted = [glob for glob in globs if not glob.startswith("!")]
    shown = [name for name in names if name]
    if any(fnmatchcase(name, glob) for glob in refused for name in shown):
        return False
    return not wanted or any(fnmatchcase(name, glob) for glob in wanted for name in shown)
