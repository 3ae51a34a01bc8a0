"""Which formats a file has shown, and what the skeletons of its lines mean to them.

Only lines with a ``hint`` are read. A skeleton is read once and remembered. While nothing is recognised, lines that may mean something
to a format are kept for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from monitor.parse import general
from monitor.parse.catalogue import Catalogue
from monitor.parse.format import Format
from monitor.parse.heading import may_be_heading
from monitor.parse.hint import hint
from monitor.parse.label import labels
from monitor.parse.reading import NOTHING, Reading
from rules.observation import Item
from rules.regex import Presence

MAX_READINGS = 8192
"""Skeletons remembered; a log with more kinds of lines than that is looked at anew."""
MAX_EARLY = 24
MAX_EARLY_BYTES = 400
"""Lines that may be a metric's, kept until a format is recognised that knows what they mean."""

Activated = Callable[[Format, bytes, int, list[Item]], None]


class Recogniser:
    """``active``: the formats recognised so far, in order. ``closed``: no other is looked for. ``activated`` is told of each."""

    def __init__(self, catalogue: Catalogue, activated: Activated, *, forced: str | None = None) -> None:
        self.catalogue, self.forced = catalogue, forced
        self.active: list[Format] = []
        self.repeats: re.Pattern[bytes] | None = None
        self._banners: re.Pattern[bytes] | None = None
        self.early: list[tuple[bytes, list[bytes], int]] = []
        self.closed = False
        self._activated = activated
        self._readings: dict[bytes, Reading] = {}
        self._hint: Presence | None = None

    def read(self, skeleton: bytes, line: bytes, offset: int, items: list[Item]) -> Reading:
        """What a skeleton means; where a format is recognised by it, ``items`` get what that makes of the lines before."""
        reading = self._readings.get(skeleton)
        if reading is not None:
            return reading
        text = skeleton.decode("utf-8", "replace")
        found = self._recognise(text, line, offset, items)
        reading = found if found is not None and found.format != general.GENERAL else self._behind_labels(text, found, line, offset, items)
        if len(self._readings) >= MAX_READINGS:
            self._readings.clear()
        self._readings[skeleton] = reading
        return reading

    def may_say(self, line: bytes) -> bool:
        """Whether a plain line can say anything, or let a format be recognised; so can then all that differ from it only in digits."""
        if self._hint is None:
            signs = frozenset[str]() if self.forced is not None or self.closed else self.catalogue.signs
            patterns = signs.union(rule.pattern.pattern for one in self.active for rule in one.rules)
            self._hint = hint(patterns, general=not self.active or any(one.general for one in self.active))
        return self._hint.search(line) is not None

    def close(self) -> None:
        """Look for no other format from here on."""
        self.closed, self._hint = True, None

    def go_on(self, active: list[Format], *, closed: bool) -> None:
        """Go on as one whose formats those are."""
        self.active, self.closed, self._hint = active, closed, None
        self.repeats = next((one.repeats_after for one in active if one.repeats_after is not None), None)
        self._listen()

    def known(self, skeleton: bytes) -> Reading | None:
        """What a skeleton was read as, None where it has not come yet."""
        return self._readings.get(skeleton)

    def take_up(self, one: Format) -> None:
        """Go by a format from here on."""
        self.active.append(one)
        self._readings.clear()
        self._hint = None
        self.repeats = one.repeats_after or self.repeats
        self._listen()

    def _listen(self) -> None:
        banners = sorted(frozenset[str]().union(*(one.banners for one in self.active)))
        self._banners = re.compile("|".join(f"(?:{banner})" for banner in banners).encode()) if banners else None

    def begins_section(self, line: bytes) -> bool:
        """Whether a line without a number may begin a part of the log, as a format says or by itself."""
        if self._banners is not None and self._banners.search(line) is not None:
            return True
        return (not self.active or any(one.general for one in self.active)) and may_be_heading(line)

    def remember(self, skeleton: bytes, numbers: list[bytes], offset: int, reading: Reading) -> None:
        """Keep a line that may mean something to a format which is recognised only later."""
        telling = b"%|" in skeleton if reading is NOTHING else reading.weak or not reading.values
        if telling and numbers and len(skeleton) <= MAX_EARLY_BYTES:
            self.early = [*self.early[1 - MAX_EARLY :], (skeleton, numbers, offset)]

    def again(self, one: Format) -> Iterator[tuple[Reading, list[bytes], int]]:
        """The early lines that a format knows: what they mean, their numbers and where they stand. They are then forgotten."""
        early, self.early = self.early, []
        for skeleton, numbers, offset in early:
            text = skeleton.decode("utf-8", "replace")
            read = ((one.read(text[at:]), at) for at in (0, *(end for end, _ in labels(text))))
            reading, at = next((found for found in read if found[0] is not None), (None, 0))
            if reading is not None and reading is not NOTHING:
                yield reading.behind(text[:at], text[at:]), numbers, offset

    def never_reads(self, skeleton: bytes) -> bool:
        """Whether a skeleton says nothing and lets no format be recognised, without reading it."""
        text = skeleton.decode("utf-8", "replace")
        return all(self._is_silent(text[end:]) for end in (0, *(end for end, _ in labels(text))))

    def _is_silent(self, text: str) -> bool:
        if any(one.read(text) not in (None, NOTHING) for one in self.active) or any(self._others(text)):
            return False
        return general.read(text) is NOTHING

    def _others(self, text: str) -> Iterator[Format]:
        if self.forced is None and not self.closed:
            for one in self.catalogue.that_recognise(text):
                if one not in self.active:
                    yield one

    def _behind_labels(self, text: str, whole: Reading | None, line: bytes, offset: int, items: list[Item]) -> Reading:
        """The reading of a line that no format knows as it stands: what stands behind its labels may be known."""
        best, plain = whole, True
        for end, plainly in labels(text):
            plain = plain and plainly
            bare = self._recognise(text[end:], line, offset, items)
            if bare is None:
                continue
            if bare.format != general.GENERAL:
                return bare.behind(text[:end], text[end:])
            told = bare.behind(text[:end], text[end:])
            if best is None or bare.placed > best.placed or (plain and bare.placed == best.placed):
                best, plain = told, True
            plain = plain or replace(told, kind=best.kind) == best  # a name that changes nothing was a label
        return NOTHING if best is None else best

    def _recognise(self, text: str, line: bytes, offset: int, items: list[Item]) -> Reading | None:
        """What a skeleton means; NOTHING where a format ignores it, None where nothing knows it."""
        for one in self.active:
            reading = one.read(text)
            if reading is not None:
                return reading
        for one in self._others(text):
            self.take_up(one)
            self._activated(one, line, offset, items)
            return one.read(text)
        if self.active and not any(one.general for one in self.active):
            return None
        reading = general.read(text)
        return None if reading is NOTHING else reading
