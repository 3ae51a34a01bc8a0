"""When a line was written, by the time at its own head: what logging, glog, ``ts`` and the like put there.

``LineClock`` hears every plain line of one file. A line of the same minute as the one before costs one comparison of bytes; only a new
minute is parsed. It gives the time of a line that says something, and the silences between lines. Nothing is taken for a time
that has a word before it which is no level, rank or key of a JSON line: a date in a sentence is data.

A time without a zone is the watcher's own; one without a year or a date is placed before ``written_s`` and goes on over new
year and midnight. A clock that only tells how long the program has run (``0:12:30``) serves as well: what counts are differences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from rules.observation import Item

QUIET_S = 60.0
"""A shorter silence is not told: no rule looks at less."""
DAY_S = 86400.0
HEAD_BYTES = 96
TRIED_LINES, TRIED_AFTER = 400, 64
"""Lines that are looked at before a file counts as one without times; from then on every 64th is."""
KEPT_NOTES = 256
MAX_SILENCES = 1000
_WORDS = (
    rb"INFO|DEBUG|WARN(?:ING)?|ERROR|CRITICAL|FATAL|NOTICE|NeMo|[IWEDF]|rank|default|pid|ip|time|timestamp|asctime|ts|date|datetime|level|"
    rb"levelname|severity|std(?:out|err)|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
)
_LEAD = rb"^(?:[^A-Za-z]{0,24}(?:(?:" + _WORDS + rb")(?![A-Za-z])[^A-Za-z]{0,24}){0,4}?)??"
_SECONDS = rb":(\d\d)(?:[.,]\d{1,9})?"
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_DATED = tuple((shape, _SECONDS + zone) for shape, zone in (
    (rb"(\d{4}[-/.]\d\d[-/.]\d\d[T _]\d\d:\d\d)", rb"\ ?(Z|UTC|[+-]\d\d:?\d\d)?(?![\d.])"),
    (rb"((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ ]{1,2}\d{1,2}[ ]\d\d:\d\d)", rb"(?:[ ](?:[A-Z]{3,4}[ ])?(\d{4}))?(?!\d)"),
    (rb"(?<=\[)(\d\d/\d\d[ ]\d\d:\d\d)", rb"()(?!\d)"),
    (rb"(?<=[IWEF])(\d{4}[ ]\d\d:\d\d)", rb"()(?!\d)"),
))  # fmt: skip
"""With a date: ISO 8601 and what logging makes of it; ctime, syslog and ``ts``; detectron2 (month/day); glog and absl (monthday)."""
_DATELESS = re.compile(rb"^(?:\[?(?:rank|default) ?\d+\]?: ?)?[\[(]?(\d\d:\d\d)" + _SECONDS + rb"()(?=[\s\]),|])")
_SECOND = re.compile(rb"\d\d(?:[.,]\d{1,9})?")
SECONDS_BYTES = 12
_ALL = (*(re.compile(_LEAD + shape + rest) for shape, rest in _DATED), _DATELESS)
_THERE = (*(re.compile(shape + rest) for shape, rest in _DATED), re.compile(rb"(\d\d:\d\d)" + _SECONDS + rb"()(?=[\s\]),|])"))
"""The same at the column where the line before had its time."""


class Silence(NamedTuple):
    """No line was written from ``from_s`` to ``to_s`` (Unix seconds), ``QUIET_S`` or longer."""

    from_s: float
    to_s: float


class LineClock:
    """One file's clock. ``written_s``: when the file was last written (Unix s), for what a time leaves out."""

    def __init__(self, written_s: float | None = None) -> None:
        self.written_s = written_s
        self.last_s: float | None = None
        self.ahead_s = 0.0
        """What is added to what the lines say (``set_ahead``)."""
        self.silences: list[Silence] = []
        self._shape: int | None = None
        self._missed = 0
        self._untimed = 0
        self._day_s: float | None = None
        self._year: int | None = None
        self._minute, self._minute_s, self._at = b"", 0.0, 0
        self._line = b""
        self._fresh = False
        self._notes: dict[int, tuple[float, bytes]] = {}
        """Offset of a line -> its minute (Unix s) and what it says of the seconds."""

    @property
    def known(self) -> bool:
        """Whether the file's lines have shown a time."""
        return self._shape is not None

    @property
    def has_dates(self) -> bool:
        return self._shape == 0

    def hear(self, line: bytes) -> None:
        """The next plain line of the file, whatever it says."""
        if self._minute and line.startswith(self._minute, self._at):
            self._line, self._fresh, self._untimed = line, True, 0
            return
        self._fresh = False
        self._untimed += 1
        if self._shape is None:
            self._missed += 1
            if self._missed > TRIED_LINES and self._missed % TRIED_AFTER:
                return
        self._new_minute(line)

    def note(self, offset: int) -> None:
        """The line that was just heard says something: its time is kept for what it gives, which may come later."""
        if self._fresh:
            self._fresh = False
            at = self._at + len(self._minute) + 1
            self._notes[offset] = (self._minute_s, self._line[at : at + SECONDS_BYTES])

    def stamp(self, items: Iterable[Item]) -> None:
        """Give the items the times of their lines, where those told one."""
        notes = self._notes
        if not notes:
            return
        offset, time_s = -1, None
        for item in items:  # a line may give a dozen
            if item.offset != offset:
                offset = item.offset
                noted = notes.get(offset)
                seconds = _seconds(noted[1]) if noted is not None else None
                time_s = noted[0] + seconds if noted is not None and seconds is not None else None
            if item.time_s is None:
                item.time_s = time_s
        while len(notes) > KEPT_NOTES:
            del notes[next(iter(notes))]

    def set_ahead(self, ahead_s: float) -> None:
        """From now on the file's times are ``ahead_s`` seconds later than they say."""
        self.ahead_s += ahead_s
        self._minute_s += ahead_s
        self.last_s = None if self.last_s is None else self.last_s + ahead_s

    def take_silences(self) -> list[Silence]:
        """The silences since the last call, in their order."""
        self._time_s()
        found, self.silences = self.silences, []
        return found

    def state(self) -> list[Any]:
        """JSON-able; ``restore`` takes it back. What was noted must have been stamped."""
        last_s = self._time_s() if self._line else None
        return [
            self.written_s, self.last_s if last_s is None else last_s, self.ahead_s, self._shape, self._missed, self._untimed, self._day_s,
            self._year,
        ]  # fmt: skip

    @classmethod
    def restore(cls, state: Sequence[Any]) -> LineClock:
        clock = cls(state[0])
        clock.last_s, clock.ahead_s, clock._shape, clock._missed, clock._untimed, clock._day_s, clock._year = state[1:]
        return clock

    def _time_s(self) -> float | None:
        """Of the last line that told one; None where its seconds are odd after all."""
        at = self._at + len(self._minute) + 1
        seconds = _seconds(self._line[at : at + SECONDS_BYTES])
        if seconds is None:
            return None
        self.last_s = self._minute_s + seconds
        return self.last_s

    def _new_minute(self, line: bytes) -> None:
        found, shape = self._found(line)
        if found is None:
            return
        before = self._time_s() if self._line else self.last_s
        minute = found[1]
        minute_s = self._minute_s
        if minute != self._minute:
            placed = self._in_same_hour(minute)
            placed = self._placed(shape, found, before) if placed is None else placed
            if placed is None:
                return
            minute_s = placed
        self._shape = shape
        self._minute, self._minute_s, self._at = minute, minute_s, found.start(1)
        self._line, self._fresh = line, True
        lines, self._untimed = self._untimed, 0
        now = self._time_s()
        if now is None or before is None or len(self.silences) >= MAX_SILENCES:
            return
        # Of the lines between nobody knows when they came; the longest silence is at least an even share.
        quiet_s = (now - before) / lines
        if quiet_s >= QUIET_S:
            self.silences.append(Silence(now - quiet_s, now))

    def _found(self, line: bytes) -> tuple[re.Match[bytes] | None, int]:
        """The time of a line and which shape it has."""
        if self._shape is not None:
            there = _THERE[self._shape].match(line, self._at) if self._minute else None
            return there or _ALL[self._shape].match(line[:HEAD_BYTES]), self._shape
        head = line[:HEAD_BYTES]
        return next(((found, shape) for shape, one in enumerate(_ALL) if (found := one.match(head)) is not None), (None, 0))

    def _in_same_hour(self, minute: bytes) -> float | None:
        """Unix seconds of a later minute of the hour of the line before; None where it is none."""
        known = self._minute
        if minute[:-2] != known[:-2] or not known[-2:] < minute[-2:] < b"60":
            return None
        return self._minute_s + 60.0 * (int(minute[-2:]) - int(known[-2:]))

    def _placed(self, shape: int, found: re.Match[bytes], before: float | None) -> float | None:
        """Unix seconds of the beginning of a minute; None where there is no such minute."""
        before = None if before is None else before - self.ahead_s
        try:
            return _PLACES[shape](self, found[1], found[3], before) + self.ahead_s
        except (ValueError, OverflowError, OSError):
            return None

    def _iso(self, minute: bytes, zone: bytes | None, before: float | None) -> float:
        year, month, day, hour, minutes = (int(minute[a:b]) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16)))
        return datetime(year, month, day, hour, minutes, tzinfo=_zone(zone)).timestamp()

    def _named_month(self, minute: bytes, year: bytes | None, before: float | None) -> float:
        month, day, clock = minute.split()
        at = (_MONTHS.index(month) + 1, int(day), int(clock[:2]), int(clock[3:]))
        return datetime(int(year), *at).timestamp() if year else self._of_year(at, before)

    def _month_and_day(self, minute: bytes, _: bytes | None, before: float | None) -> float:
        digits = minute.replace(b"/", b"").replace(b" ", b"").replace(b":", b"")
        month, day, hour, minutes = (int(digits[i : i + 2]) for i in (0, 2, 4, 6))
        return self._of_year((month, day, hour, minutes), before)

    def _of_year(self, at: tuple[int, int, int, int], before: float | None) -> float:
        """In the year before the file was written, or the one after the line before."""
        if self._year is None:
            latest = (self.written_s if self.written_s is not None else 0.0) + DAY_S
            self._year = datetime.fromtimestamp(latest).year
            if datetime(self._year, *at).timestamp() > latest:
                self._year -= 1
        if before is not None and datetime(self._year, *at).timestamp() < before - 180 * DAY_S:
            self._year += 1
        return datetime(self._year, *at).timestamp()

    def _of_day(self, minute: bytes, _: bytes | None, before: float | None) -> float:
        """On the day that the file was written or the one before, or on the day of the line before, or the next."""
        hour, minutes = int(minute[:2]), int(minute[3:])
        if hour > 23 or minutes > 59:
            raise ValueError
        since_midnight = 3600.0 * hour + 60.0 * minutes
        if self._day_s is None:
            latest = self.written_s if self.written_s is not None else 0.0
            midnight = datetime.fromtimestamp(latest).replace(hour=0, minute=0, second=0, microsecond=0)
            self._day_s = midnight.timestamp() - (DAY_S if midnight.timestamp() + since_midnight > latest + QUIET_S else 0.0)
        found = self._day_s + since_midnight
        if before is not None and found < before - DAY_S / 2:
            self._day_s += DAY_S
            return found + DAY_S
        # A line of another rank from before midnight.
        return found - DAY_S if before is not None and found > before + DAY_S / 2 else found


_PLACES: tuple[Callable[[LineClock, bytes, bytes | None, float | None], float], ...] = (
    LineClock._iso, LineClock._named_month, LineClock._month_and_day, LineClock._month_and_day, LineClock._of_day,
)  # fmt: skip


def _seconds(text: bytes) -> float | None:
    """``23,456 - INFO`` is 23.456; None for what is no second."""
    found = _SECOND.match(text)
    return None if found is None else float(found[0].replace(b",", b"."))


def _zone(written: bytes | None) -> timezone | None:
    if not written:
        return None
    if written in (b"Z", b"UTC"):
        return UTC
    away = timedelta(hours=int(written[1:3]), minutes=int(written[-2:]))
    return timezone(-away if written[:1] == b"-" else away)


def in_time(items: Sequence[Item], silences: Sequence[Silence]) -> list[Item | Silence]:
    """Both in the order of the log: a silence stands before the first item that was written at its end or later."""
    if not silences:
        return list(items)
    told: list[Item | Silence] = []
    left = list(reversed(silences))
    for item in items:
        while left and item.time_s is not None and left[-1].to_s <= item.time_s:
            told.append(left.pop())
        told.append(item)
    return [*told, *reversed(left)]


def shift_s(last_s: float, written_s: float, *, has_dates: bool) -> float:
    """What to add to a log's times so that its last one is when the file was last written: another time zone, or unknown days.

    0 where they agree, and where a date says that the file is a later copy.
    """
    off = written_s - last_s
    zone = round(off / 1800.0) * 1800.0
    if -5.0 <= off - zone <= QUIET_S and abs(zone) <= 14 * 3600.0:
        return zone
    return 0.0 if has_dates else off // DAY_S * DAY_S
