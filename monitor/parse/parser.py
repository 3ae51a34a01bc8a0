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
from monitor.parse.gate import LOSS_LITERALS, MIN_LITERAL, PLACE_LITERALS, compiled_gate, literals_of
from monitor.parse.label import label_end, labels
from monitor.parse.lightning import LightningReader, may_matter
from monitor.parse.lines import LineBuffer, plain
from monitor.parse.names import METRIC_WORDS, words
from monitor.parse.numbers import cut
from monitor.parse.own import ours
from monitor.parse.reading import NOTHING, Reading
from monitor.parse.source import Sort, SourceListing, sort_of
from monitor.parse.tables import Table, touches
from rules.observation import Item, Observation

MAX_READINGS = 8192
"""Skeletons remembered; a log with more kinds of lines than that is looked at anew."""

SETTLED = 64
"""Items after which a file has shown what it is."""
SURE = 200
"""Items after which no other format is looked for, and only lines with the literals of what was found are read."""
MAX_EARLY = 24
MAX_EARLY_BYTES = 400
"""Lines that may be a metric's, kept until a format is recognised that knows what they mean."""

_RANK = re.compile(
    rb"^(?:\s*\[?(?:rank|default) ?\d+\]?:\s?|\(\w[\w.]*(?:\(\w+\))? pid=\d+(?:, ip=[\d.]+)?\)\s?|"
    rb"\[\d+,\d+\]\s?<std\w+>:|\s*\d{1,5}: (?=\D))", re.I
)
"""Who wrote a line: torchrun, Ray, mpirun --tag-output, srun --label (the blank after its colon, and no more). Other labels: ``label``."""


class Wanted(Protocol):
    """A compiled pattern of ``re`` or ``re2`` over bytes, or whatever searches like one."""

    def search(self, string: bytes) -> Any: ...


class LogParser:
    """One log file's fold: ``feed`` it bytes, take items.

    ``format`` is the name of the format it settled on, ``general`` where only the general reader found anything, None before.
    ``lines`` and ``cut_lines`` count lines, and those over 1 MiB that were cut; ``own_lines`` those that loss-watch itself wrote,
    which say nothing. ``offset`` counts the bytes taken.
    """

    def __init__(self, catalogue: Catalogue, *, forced: str | None = None) -> None:
        self.catalogue = catalogue
        self.forced = forced
        self.format: str | None = None
        self.line_sink: Callable[[bytes, int], None] | None = None
        self.wanted: Wanted | None = None
        self.noted: Callable[[int], None] | None = None
        """Told where each line starts that may give an item, before it is read."""
        self.own_lines = 0
        self._buffer = LineBuffer()
        self._fold = Fold()
        self._lightning: LightningReader | None = None
        self._active: list[Format] = []
        self._readings: dict[bytes, Reading] = {}
        self._started = False
        self._count = 0
        self._leans = False
        self._gate_words: list[str] | None = None
        self._gate: Wanted | None = None
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

    @property
    def bar_only(self) -> frozenset[str]:
        """Losses that only a progress bar has shown here, for want of a line that tells them."""
        return frozenset(self._fold.bar_only)

    def learn(self, other: LogParser) -> None:
        """Take over what another file of the same run has told of steps that this file does not show."""
        if other._lightning is not None:
            self._hints = {f"of {epoch}": step for epoch, step in other._lightning.ends.items() if epoch.isdigit()}

    def _segment(self, segment: bytes, offset: int, items: list[Item], *, bar: bool) -> None:
        line = plain(segment)
        if ours(line):
            self.own_lines += 1
            return
        if self.line_sink is not None and not bar and (self.wanted is None or self.wanted.search(line)):
            self.line_sink(line, offset)
        wrapped = _RANK.match(line)
        if wrapped:
            line = line[wrapped.end() :]
        if self._gate is not None and self._gate.search(line) is None:
            return
        if self.noted is not None:
            self.noted(offset)
        if self._lightning is not None and may_matter(line):
            start = 0 if line[:1] == b" " else label_end(line)
            items += self._lightning.take(line[start:].decode("utf-8", "replace"), offset)
        if self._count < SETTLED and self._listing.see(line[label_end(line) :]):
            return
        if not self._tabular(line, offset, items):
            self._plain_line(line, offset, items)

    def _plain_line(self, line: bytes, offset: int, items: list[Item]) -> None:
        skeleton, numbers = cut(line)
        if not numbers or self._repeated:
            self._repeated = self._repeats is not None and self._repeats.search(line) is not None
            return
        reading = self._readings.get(skeleton)
        if reading is None:
            reading = self._read(skeleton, line, offset, items)
        if not self._active:
            self._remember(skeleton, numbers, offset, reading)
        if reading is NOTHING:
            self._repeated = self._repeats is not None and self._repeats.search(line) is not None
        else:
            made = self._fold.take(reading, numbers, offset, (reading.kind or zlib.crc32(skeleton)) if reading.weak else 0)
            if made:
                items += made
                self._started = self._started or any(isinstance(one, Observation) for one in made)
                self._count += len(made)
                self._leans = self._leans or (reading.step is None and bool(reading.values))
                if self._gate_words is None and self._count >= SURE:
                    self.gate_literals()
                if self.format is None:
                    self.format = general.GENERAL

    def settled(self) -> bool:
        """Whether the file has shown what it is, and what a line means depends on the line and the place that was reached."""
        return self._count >= SURE and self._lightning is None and not self._table.columns and self.gate_literals() is not None

    def gate_literals(self) -> list[str]:
        """Literals of which a line must contain one to mean anything from here on; empty while that is not known."""
        if self._gate_words is None and self._count >= SURE and self._lightning is None and not self._table.columns:
            found = literals_of(self._active) if self._active else self._general_words()
            self._gate_words = sorted(found)
            self._gate = compiled_gate(found) if found else None
        return self._gate_words or []

    def _general_words(self) -> frozenset[str]:
        places = PLACE_LITERALS if self._leans else ()
        names = (*self._fold.said, *(name.partition(":")[2] for name in self._fold.bound.values()))
        said = {word for name in names for word in words(name) if word in METRIC_WORDS and len(word) >= MIN_LITERAL}
        return frozenset((*LOSS_LITERALS, *places, *said, *(word.upper() for word in said), *(word[1:] for word in said if len(word) > 3)))

    def hand_over(self) -> tuple[bytes, int]:
        """The unfinished end of what was fed and where it starts, for a reader that goes on line by line with ``line``."""
        return self._buffer.hand_over()

    def take_over(self, offset: int) -> None:
        """Go on with ``feed`` at ``offset``, the start of a line."""
        lines, cut_lines = self._buffer.lines, self._buffer.cut_lines
        self._buffer = LineBuffer(offset)
        self._buffer.lines, self._buffer.cut_lines = lines, cut_lines

    def line(self, line: bytes, offset: int, items: list[Item]) -> None:
        """Take one complete line; its items are added to ``items``."""
        self._segment(line, offset, items, bar=False)

    def look(self, line: bytes) -> tuple[bool, bytes]:
        """All that a line's reading depends on: whether a rank stands before it, and its skeleton."""
        line = plain(line)
        wrapped = _RANK.match(line)
        return bool(wrapped), cut(line[wrapped.end() :] if wrapped else line)[0]

    @property
    def fold(self) -> Fold:
        """Where the file stands: for a reader of columns, which brings it on."""
        return self._fold

    @property
    def between_lines(self) -> bool:
        """Whether no line is being skipped to its end."""
        return not self._buffer.skipping

    def generation(self) -> object:
        """What changes whenever a line may mean something else than a line of its kind did before."""
        settled = (self._count >= SETTLED, self._gate_words is None)
        return len(self._active), settled, tuple(self._table.columns), tuple(self._fold.bound.items())

    def follows(self) -> bool:
        """Whether what a line means depends on the line and the place that was reached, so that many can be read at once."""
        return self.settled() or (bool(self._table.columns) and not self._active and self._lightning is None and self._gate is None)

    def idle(self) -> bool:
        """Whether a line that says nothing leaves the parser as it is: neither in a source listing nor in a table's block."""
        listed = self._count < SETTLED and bool(self._listing.weight or self._listing.quoted)
        return not listed and (bool(self._active) or not self._table.in_block)

    def is_ours(self, line: bytes) -> bool:
        return ours(plain(line))

    def passes(self, line: bytes) -> bool:
        """Whether a line whose reading is NOTHING may be passed over wherever the parser is ``idle``."""
        text = plain(line)
        if ours(text) or (self._repeats is not None and self._repeats.search(text)):
            return False
        if self._gate is not None:
            return True
        wrapped = _RANK.match(text)
        text = text[wrapped.end() :] if wrapped else text
        if self._lightning is not None and may_matter(text):
            return False
        return bool(self._active) or not (self._table.columns or b"%|" in text or touches(text[label_end(text) :]) or touches(text))

    def sort_of(self, line: bytes) -> Sort:
        """What a line is to the source listing that it may stand in; ``PLAIN`` once no listing is looked for."""
        if self._count >= SETTLED:
            return Sort.PLAIN
        text = plain(line)
        wrapped = _RANK.match(text)
        text = text[wrapped.end() :] if wrapped else text
        return sort_of(text[label_end(text) :])

    def pass_over(self, sort: Sort) -> bool:
        """Pass over a line that says nothing but where it stands in a listing; False where it must be taken all the same."""
        if self.waits() or (self._table.in_block and not self._active):
            return False
        if self._count < SETTLED:
            self._listing.move(sort)
        return True

    def says_nothing(self, line: bytes) -> bool:
        """Whether a line of a file that ``follows`` says nothing to it and can be passed over."""
        return self.meaning(line)[0] is NOTHING and self.passes(line)

    def meaning(self, line: bytes) -> tuple[Reading | None, int]:
        """What a line means, and at which byte of its plain text that begins; None where only the line's turn can tell."""
        text = plain(line)
        wrapped = _RANK.match(text)
        start = wrapped.end() if wrapped else 0
        if self._gate is not None and self._gate.search(text[start:]) is None:
            return NOTHING, start
        if self._table.columns and not self._active:
            start += self._row_start(text[start:])
            return self._table.row_reading(text[start:]), start
        skeleton, numbers = cut(text[start:])
        if not numbers:
            return NOTHING, start
        reading = self._readings.get(skeleton)
        return self._read(skeleton, text[start:], 0, []) if reading is None and self.settled() else reading, start

    def never_says(self, line: bytes) -> bool:
        """Whether a line says nothing and lets no format be recognised: what the parser would find, without reading it."""
        if self.settled() or (self._table.columns and not self._active):
            return self.meaning(line)[0] is NOTHING
        text = plain(line)
        wrapped = _RANK.match(text)
        skeleton = cut(text[wrapped.end() :] if wrapped else text)[0].decode("utf-8", "replace")
        return all(self._is_silent(skeleton[end:]) for end in (0, *(end for end, _ in labels(skeleton))))

    def _is_silent(self, text: str) -> bool:
        if any(one.read(text) not in (None, NOTHING) for one in self._active):
            return False
        if self.forced is None and any(one.recognises(text) for one in self.catalogue.that_recognise(text) if one not in self._active):
            return False
        return general.read(text) is NOTHING

    def certain(self, reading: Reading, line: bytes) -> bool:
        """Whether a line's values count at once, and under which names is known."""
        if reading.weak:
            text = plain(line)
            wrapped = _RANK.match(text)
            skeleton = cut(text[wrapped.end() :] if wrapped else text)[0]
            return str(reading.kind or zlib.crc32(skeleton)) in self._fold.settled
        return all(self._fold.is_settled(value) for value in reading.values if value.understudy)

    def metrics_of(self, reading: Reading) -> tuple[str, ...]:
        """The metrics that a reading's values go by."""
        return tuple(self._fold.settled_name(value, reading) for value in reading.values)

    def waits(self) -> bool:
        """Whether something that was read waits for the next line."""
        return bool(self._fold.waiting or self._fold.bar or self._repeated)

    def _remember(self, skeleton: bytes, numbers: list[bytes], offset: int, reading: Reading) -> None:
        """Keep a line that may mean something to a format which is recognised only later."""
        telling = b"%|" in skeleton if reading is NOTHING else reading.weak or not reading.values
        if telling and len(skeleton) <= MAX_EARLY_BYTES:
            self._early = [*self._early[1 - MAX_EARLY :], (skeleton, numbers, offset)]

    def _row_start(self, line: bytes) -> int:
        start = label_end(line)
        if start and self._table.fits(line) and not self._table.fits(line[start:]):
            start = 0  # a column of times is no label
        return start

    def _tabular(self, line: bytes, offset: int, items: list[Item]) -> bool:
        """Whether the line is a table's row, whose items are then taken. Only where no format has been recognised."""
        if self._active or (self._gate is not None and not self._table.columns):
            return False
        return self._table_line(line[self._row_start(line) :], offset, items)

    def row(self, line: bytes, sort: Sort, offset: int, items: list[Item], *, silent: bool) -> None:
        """Take a line of a table's block that stands bare, whose sort is known; ``silent``: by itself it says nothing."""
        if self._count < SETTLED and self._listing.move(sort):
            return
        if not self._table_line(line, offset, items) and not silent:
            self._plain_line(line, offset, items)

    def is_row(self, line: bytes) -> bool:
        """Whether a line, and any other of its kind, is part of a table's block and bare of labels, where no format is known."""
        return not (self._active or self._gate or self._table.columns) and touches(line) and plain(line) == line and not label_end(line)

    def _table_line(self, line: bytes, offset: int, items: list[Item]) -> bool:
        found = self._table.see(line)
        if found is None:
            return False
        if not self._fold.said:
            self._fold.place.forget()
        made = self._fold.take(found[0], found[1], offset)
        items += made
        if made:
            self._started = self._started or any(isinstance(one, Observation) for one in made)
            if self.format in (None, general.GENERAL):
                self.format = "table"
        return True

    def _read(self, skeleton: bytes, line: bytes, offset: int, items: list[Item]) -> Reading:
        text = skeleton.decode("utf-8", "replace")
        reading = self._recognise(text, line, offset, items)
        if reading is None or reading.format == general.GENERAL:
            reading = self._behind_labels(text, reading, line, offset, items)
        if len(self._readings) >= MAX_READINGS:
            self._readings.clear()
        self._readings[skeleton] = reading
        return reading

    def _behind_labels(self, text: str, whole: Reading | None, line: bytes, offset: int, items: list[Item]) -> Reading:
        """The reading of a line that no format knows as it stands: what stands behind its labels may be known."""
        best = whole
        for end, plainly in labels(text):
            bare = self._recognise(text[end:], line, offset, items)
            if bare is None:
                continue
            if bare.format != general.GENERAL:
                return bare.behind(text[:end], text[end:])
            if best is None or bare.placed > best.placed or (plainly and bare.placed == best.placed):
                best = bare.behind(text[:end], text[end:])
        return NOTHING if best is None else best

    def _recognise(self, text: str, line: bytes, offset: int, items: list[Item]) -> Reading | None:
        """What a skeleton means; NOTHING where a format ignores it, None where nothing knows it."""
        for one in self._active:
            reading = one.read(text)
            if reading is not None:
                return reading
        if self.forced is None and self._gate_words is None:
            for one in self.catalogue.that_recognise(text):
                if one not in self._active and one.recognises(text):
                    self._activate(one)
                    if one.reader == "lightning" and self._lightning is not None:
                        items += self._lightning.take(line[label_end(line) :].decode("utf-8", "replace"), offset)
                    self._replay(one, items)
                    return one.read(text)
        if self._active and not any(one.general for one in self._active):
            return None
        reading = general.read(text)
        return None if reading is NOTHING else reading

    def _activate(self, one: Format) -> None:
        self._active.append(one)
        self._readings.clear()
        self._repeats = one.repeats_after or self._repeats
        if not self._started:
            seen, self._fold = self._fold.place, Fold()
            self._fold.place.total_steps = seen.total_steps
        if self.format in (None, general.GENERAL, "table"):
            self.format = one.name
        if one.reader == "lightning" and self._lightning is None:
            self._lightning = LightningReader(ends=dict(self._hints))

    def _replay(self, one: Format, items: list[Item]) -> None:
        """Read the early lines again, now that their format is known."""
        early, self._early = self._early, []
        for skeleton, numbers, offset in early:
            text = skeleton.decode("utf-8", "replace")
            read = ((one.read(text[at:]), at) for at in (0, *(end for end, _ in labels(text))))
            reading, at = next((found for found in read if found[0] is not None), (None, 0))
            if reading is not None and reading is not NOTHING:
                items += self._fold.take(reading.behind(text[:at], text[at:]), numbers, offset)

    def state(self) -> dict[str, Any]:
        """The fold as JSON-able values, under 64 KiB. ``resume_offset`` is where ``feed`` must go on after ``restore``."""
        return {
            "resume_offset": self._buffer.segment_start, "line_start": self._buffer.line_start, "lines": self.lines,
            "cut_lines": self.cut_lines, "skipping": self._buffer.skipping, "forced": self.forced, "format": self.format,
            "active": [one.name for one in self._active], "fold": self._fold.state(), "started": self._started,
            "table": self._table.state(), "repeated": self._repeated,
            "count": self._count, "leans": self._leans, "gate": self._gate_words,
            "listing": [self._listing.weight, self._listing.quoted],
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
        parser._leans, parser._gate_words = state["leans"], state["gate"]
        parser._gate = compiled_gate(parser._gate_words) if parser._gate_words else None
        parser._table = Table.restore(state["table"])
        parser._early = [(s.encode("latin-1"), [n.encode("latin-1") for n in numbers], at) for s, numbers, at in state["early"]]
        if state["lightning"] is not None:
            parser._lightning = LightningReader.restore(state["lightning"])
        return parser
