"""Bytes of one log file to observations, events and progress: the fold that everything else builds on.

A parser owns no file, clock or thread. However the bytes are cut, and whether they come at once or as the file grows, the
items are the same. Its state is bounded and JSON-able; it holds no log text but names of metrics.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from monitor.parse import general
from monitor.parse.catalogue import Catalogue
from monitor.parse.fold import Fold
from monitor.parse.format import Format
from monitor.parse.lightning import LightningReader, may_matter
from monitor.parse.lines import LineBuffer, plain
from monitor.parse.numbers import cut
from monitor.parse.reading import NOTHING, Reading
from monitor.parse.source import SourceListing
from monitor.parse.tables import Table
from rules.observation import Item

MAX_READINGS = 8192
"""Skeletons remembered; a log with more kinds of lines than that is looked at anew."""

SETTLED = 64
"""Items after which a file has shown what it is."""
MAX_EARLY = 24
MAX_EARLY_BYTES = 400
"""Lines that may be a metric's, kept until a format is recognised that knows what they mean."""

_RANK = re.compile(rb"^(?:\s*\[?rank ?\d+\]?:\s?|\(\w[\w.]*(?:\(\w+\))? pid=\d+(?:, ip=[\d.]+)?\)\s?)", re.I)


class Wanted(Protocol):
    """A compiled pattern of ``re`` or ``re2`` over bytes, or whatever searches like one."""

    def search(self, string: bytes) -> Any: ...


class LogParser:
    """One log file's fold: ``feed`` it bytes, take items.

    ``format`` is the name of the format it settled on, ``general`` where only the general reader found anything, None before.
    ``lines`` and ``cut_lines`` count lines, and those over 1 MiB that were cut. ``offset`` counts the bytes taken.
    """

    def __init__(self, catalogue: Catalogue, *, forced: str | None = None) -> None:
        self.catalogue = catalogue
        self.forced = forced
        self.format: str | None = None
        self.line_sink: Callable[[bytes, int], None] | None = None
        self.wanted: Wanted | None = None
        self._buffer = LineBuffer()
        self._fold = Fold()
        self._lightning: LightningReader | None = None
        self._active: list[Format] = []
        self._readings: dict[bytes, Reading] = {}
        self._started = False
        self._count = 0
        self._listing = SourceListing()
        self._hints: dict[str, int] = {}
        self._repeats: re.Pattern[bytes] | None = None
        self._repeated = False
        self._table = Table()
        self._early: list[tuple[bytes, list[bytes], int]] = []
        if forced is not None and forced != general.GENERAL:
            self._activate(catalogue.named(forced))

    @property
    def lines(self) -> int:
        return self._buffer.lines

    @property
    def cut_lines(self) -> int:
        return self._buffer.cut_lines

    @property
    def offset(self) -> int:
        return self._buffer.offset

    def feed(self, data: bytes) -> list[Item]:
        """The items that the next bytes of the file complete, in the order of the log."""
        items: list[Item] = []
        for segment, offset, bar in self._buffer.feed(data):
            if segment:
                self._segment(segment, offset, items, bar=bar)
        return items

    def flush(self) -> list[Item]:
        """The end of the file: what the unfinished last line and a bar's last state hold. For commands that read once."""
        items: list[Item] = []
        rest = self._buffer.take_rest()
        if rest is not None:
            self._segment(rest[0], rest[1], items, bar=False)
        items += self._fold.flush()
        if self._lightning is not None:
            items += self._lightning.flush()
        return items

    def learn(self, other: LogParser) -> None:
        """Take over what another file of the same run has told of steps that this file does not show."""
        if other._lightning is not None:
            self._hints = {f"of {epoch}": step for epoch, step in other._lightning.ends.items() if epoch.isdigit()}

    def _segment(self, segment: bytes, offset: int, items: list[Item], *, bar: bool) -> None:
        line = plain(segment)
        if self.line_sink is not None and not bar and (self.wanted is None or self.wanted.search(line)):
            self.line_sink(line, offset)
        wrapped = _RANK.match(line)
        if wrapped:
            line = line[wrapped.end() :]
        if self._lightning is not None and may_matter(line):
            found = self._lightning.take(line.decode("utf-8", "replace"), offset)
            items += found
        if self._count < SETTLED and self._listing.see(line):
            return
        if self._tabular(line, offset, items):
            return
        skeleton, numbers = cut(line)
        if not numbers or self._repeated:
            self._repeated = self._repeats is not None and self._repeats.search(line) is not None
            return
        reading = self._readings.get(skeleton)
        if reading is None:
            reading = self._read(skeleton, line, offset, items)
        if not self._active:
            self._remember(skeleton, numbers, offset, reading)
        if reading is not NOTHING:
            made = self._fold.take(reading, numbers, offset, zlib.crc32(skeleton) if reading.weak else 0)
            if made:
                items += made
                self._started = True
                self._count += len(made)
                if self.format is None:
                    self.format = general.GENERAL

    def _remember(self, skeleton: bytes, numbers: list[bytes], offset: int, reading: Reading) -> None:
        """Keep a line that may mean something to a format which is recognised only later."""
        telling = b"%|" in skeleton if reading is NOTHING else reading.weak or not reading.values
        if telling and len(skeleton) <= MAX_EARLY_BYTES:
            self._early = [*self._early[1 - MAX_EARLY :], (skeleton, numbers, offset)]

    def _tabular(self, line: bytes, offset: int, items: list[Item]) -> bool:
        """Whether the line is a table's row, whose items are then taken. Only where no format has been recognised."""
        if self._active:
            return False
        found = self._table.see(line)
        if found is None:
            return False
        made = self._fold.take(found[0], found[1], offset)
        items += made
        if made:
            self._started = True
            if self.format in (None, general.GENERAL):
                self.format = "table"
        return True

    def _read(self, skeleton: bytes, line: bytes, offset: int, items: list[Item]) -> Reading:
        text = skeleton.decode("utf-8", "replace")
        reading = self._recognise(text, line, offset, items)
        if len(self._readings) >= MAX_READINGS:
            self._readings.clear()
        self._readings[skeleton] = reading
        return reading

    def _recognise(self, text: str, line: bytes, offset: int, items: list[Item]) -> Reading:
        for one in self._active:
            reading = one.read(text)
            if reading is not None:
                return reading
        if self.forced is None:
            for one in self.catalogue.formats:
                if one not in self._active and one.recognises(text):
                    self._activate(one)
                    if one.reader == "lightning" and self._lightning is not None:
                        items += self._lightning.take(line.decode("utf-8", "replace"), offset)
                    self._replay(one, items)
                    reading = one.read(text)
                    return NOTHING if reading is None else reading
        if self._active and not any(one.general for one in self._active):
            return NOTHING
        return general.read(text)

    def _activate(self, one: Format) -> None:
        self._active.append(one)
        self._readings.clear()
        self._repeats = one.repeats_after or self._repeats
        if not self._started:
            self._fold = Fold()
        if self.format in (None, general.GENERAL, "table"):
            self.format = one.name
        if one.reader == "lightning" and self._lightning is None:
            self._lightning = LightningReader(ends=dict(self._hints))

    def _replay(self, one: Format, items: list[Item]) -> None:
        """Read the early lines again, now that their format is known."""
        early, self._early = self._early, []
        for skeleton, numbers, offset in early:
            reading = one.read(skeleton.decode("utf-8", "replace"))
            if reading is not None and reading is not NOTHING:
                items += self._fold.take(reading, numbers, offset)

    def state(self) -> dict[str, Any]:
        """The fold as JSON-able values, under 64 KiB. ``resume_offset`` is where ``feed`` must go on after ``restore``."""
        return {
            "resume_offset": self._buffer.segment_start, "line_start": self._buffer.line_start, "lines": self.lines,
            "cut_lines": self.cut_lines, "skipping": self._buffer.skipping, "forced": self.forced, "format": self.format,
            "active": [one.name for one in self._active], "fold": self._fold.state(), "started": self._started,
            "table": self._table.state(), "repeated": self._repeated,
            "count": self._count, "listing": [self._listing.weight, self._listing.quoted],
            "early": [[s.decode("latin-1"), [n.decode("latin-1") for n in numbers], at] for s, numbers, at in self._early],
            "lightning": None if self._lightning is None else self._lightning.state(),
        }  # fmt: skip

    @classmethod
    def restore(cls, catalogue: Catalogue, state: dict[str, Any]) -> LogParser:
        """The parser that ``state`` came from, at ``state["resume_offset"]``. A format that is gone is done without."""
        parser = cls(catalogue)
        parser.forced, parser.format = state["forced"], state["format"]
        parser._buffer = LineBuffer(state["resume_offset"], state["line_start"], skipping=state["skipping"])
        parser._buffer.lines, parser._buffer.cut_lines = state["lines"], state["cut_lines"]
        known = {one.name: one for one in catalogue.formats}
        parser._active = [known[name] for name in state["active"] if name in known]
        parser._fold = Fold.restore(state["fold"])
        parser._started, parser._repeated = state["started"], state["repeated"]
        parser._repeats = next((one.repeats_after for one in parser._active if one.repeats_after is not None), None)
        parser._count, parser._listing = state["count"], SourceListing(*state["listing"])
        parser._table = Table.restore(state["table"])
        parser._early = [(s.encode("latin-1"), [n.encode("latin-1") for n in numbers], at) for s, numbers, at in state["early"]]
        if state["lightning"] is not None:
            parser._lightning = LightningReader.restore(state["lightning"])
        return parser
