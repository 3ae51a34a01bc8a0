"""What a line would mean to a parser, without giving it the line: what lets many lines of one kind be read, or passed over, at once."""

from __future__ import annotations

import re
import zlib

from monitor.parse.label import label_end
from monitor.parse.lightningtext import may_matter
from monitor.parse.lines import plain
from monitor.parse.numbers import cut
from monitor.parse.own import ours
from monitor.parse.parser import LogParser, rank_end
from monitor.parse.reading import NOTHING, Reading
from monitor.parse.source import Sort, sort_of
from monitor.parse.tables import touches
from monitor.parse.template import steady

_LEFT_OVER = re.compile(rb"[A-Za-z_@.][0-9]*\.[0-9]|[eE][+-][0-9]+\.[0-9]|\x1b[0-9]")
"""Where digits may be left in a skeleton that a line's key does not tell: ``1.2.3``, ``v2.0``. Elsewhere it tells enough of them all.
Behind an escape two digits are part of it (``ESC 7``), the others are not."""


class Foresight:
    """Looks at lines as one parser would now. It takes none."""

    def __init__(self, parser: LogParser) -> None:
        self._parser = parser

    def look(self, line: bytes) -> tuple[bool, bytes]:
        """All that a line's reading depends on: whether a rank stands before it, and its skeleton."""
        text, start = _behind_rank(line)
        return bool(start), cut(text[start:])[0]

    def is_steady(self, line: bytes) -> bool:
        """Whether all lines of this one's key look as it does."""
        return (plain(line) == line and _LEFT_OVER.search(line) is None) or steady(line, self.look)

    def meaning(self, line: bytes) -> tuple[Reading | None, int]:
        """What a line means, and at which byte of its plain text that begins; None where only the line's turn can tell."""
        parser = self._parser
        text, start = _behind_rank(line)
        if parser.gate is not None and parser.gate.search(text[start:]) is None:
            return NOTHING, start
        if parser.passes_by_hint(text[start:]):
            return NOTHING, start
        if parser.in_table():
            start += parser.row_start(text[start:])
            return parser.table.row_reading(text[start:]), start
        skeleton, numbers = cut(text[start:])
        if not numbers and not parser.recogniser.begins_section(text[start:]):
            return NOTHING, start
        reading = parser.recogniser.known(skeleton)
        if reading is None and parser.settled():
            reading = parser.recogniser.read(skeleton, text[start:], 0, [])
        if reading is not None and parser.fold.is_deaf_to(reading):
            return NOTHING, start
        return reading, start

    def never_says(self, line: bytes) -> bool:
        """Whether a line says nothing and lets no format be recognised."""
        if self._parser.settled() or self._parser.in_table():
            return self.meaning(line)[0] is NOTHING
        return self._parser.recogniser.never_reads(self.look(line)[1])

    def is_silent(self, line: bytes) -> bool:
        """Whether no line of this one's key can say anything, since what they all hold is no hint."""
        if b"\x1b" in line:
            return False  # an escape may take a digit with it
        text, gate = plain(line), self._parser.gate
        return self._parser.passes_by_hint(text) if gate is None else self._parser.gate_is_wordy and gate.search(text) is None

    def passes(self, line: bytes) -> bool:
        """Whether a line whose reading is NOTHING may be passed over wherever the parser is ``idle``."""
        parser, text = self._parser, plain(line)
        repeats = parser.recogniser.repeats
        if ours(text) or (repeats is not None and repeats.search(text) is not None):
            return False
        if parser.gate is not None:
            return True
        text = text[_behind_rank(line)[1] :]
        if parser.lightning is not None and may_matter(text):
            return False
        if parser.recogniser.active:
            return True
        may_touch = b"|" in text or b"---" in text
        return not (parser.table.columns or b"%|" in text or (may_touch and (touches(text) or touches(text[label_end(text) :]))))

    def says_nothing(self, line: bytes) -> bool:
        """Whether a line of a file that ``follows`` says nothing to it and can be passed over."""
        return self.meaning(line)[0] is NOTHING and self.passes(line)

    def sort_of(self, line: bytes) -> Sort:
        """What a line is to the source listing that it may stand in; ``PLAIN`` once no listing is looked for."""
        if not self._parser.listens:
            return Sort.PLAIN
        text, start = _behind_rank(line)
        return sort_of(text[start + label_end(text[start:]) :])

    def is_row(self, line: bytes) -> bool:
        """Whether a line, and any other of its kind, is part of a table's block and bare of labels, where no format is known."""
        parser = self._parser
        elsewhere = parser.recogniser.active or parser.gate or parser.table.columns
        return not elsewhere and touches(line) and plain(line) == line and not label_end(line)

    def certain(self, reading: Reading, line: bytes) -> bool:
        """Whether a line's values count at once, and under which names is known."""
        fold = self._parser.fold
        if reading.weak:
            return str(reading.kind or zlib.crc32(self.look(line)[1])) in fold.repeats.settled
        return all(fold.is_settled(value) for value in reading.values if value.understudy)

    def metrics_of(self, reading: Reading) -> tuple[str, ...]:
        """The metrics that a reading's values go by."""
        return tuple(self._parser.fold.settled_name(value, reading) for value in reading.values)


def _behind_rank(line: bytes) -> tuple[bytes, int]:
    """A line's plain text, and where in it stands what follows the rank."""
    text = plain(line)
    return text, rank_end(text)
