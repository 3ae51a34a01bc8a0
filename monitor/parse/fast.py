"""The fast path: a file is read by the block, as columns where its lines are alike.

What comes out is what ``LogParser.feed`` gives, less an object for each observation: lines that say nothing are passed over, those of
a known template become columns, and every other line goes through the parser as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from monitor.parse.block import Block
from monitor.parse.digits import Floats, Ints
from monitor.parse.gate import LineSearch, compiled_gate
from monitor.parse.known import COLD, EVENT_ONLY, NOTHING_SAID, UNKNOWN, Known, in_play
from monitor.parse.lines import MAX_LINE_BYTES, plain
from monitor.parse.own import ours
from monitor.parse.parser import LogParser
from monitor.parse.segment import Group, Points, take
from rules.observation import Item, Observation

BLOCK_BYTES = 1 << 20
FIRST_BYTES = 1 << 14
"""The first block; each next one is twice as large, so that what one teaches helps with most of the file."""
SPARSE_BLOCKS = 4
"""Blocks that are searched as one where few lines count."""
FEW_LINES = 4
"""Lines between two that the parser takes that are not worth columns."""
MANY_LINES = 64
"""Lines of a key that is new in a block for which the rest of the block is begun anew."""
SPARSE_SHARE, DENSE_SHARE = 0.1, 0.2
"""Share of a block's bytes in lines with a literal below which the next block is searched, and above which it is read whole."""


@dataclass(frozen=True, slots=True)
class Column:
    """One metric's points in one block, in the order of the log; ``offsets`` are the bytes of the file where their lines start."""

    metric: str
    name: str
    offsets: Ints
    steps: Floats
    values: Floats


class Sink(Protocol):
    """Where what was read goes."""

    def take(self, items: list[Item]) -> None: ...

    def block(self, columns: Sequence[Column], items: list[Item]) -> None:
        """The columns of one block and what else its lines gave."""
        ...


class FastReader:
    """Feeds one file to a parser and its sink, by the block."""

    def __init__(
        self, parser: LogParser, sink: Sink, literals: Sequence[bytes] = (), hungry: Callable[[], object] | None = None,
        neutral: Callable[[bytes], bool] | None = None,
    ) -> None:  # fmt: skip
        self._parser, self._sink = parser, sink
        self._literals = compiled_gate(literals) if literals else None
        self._all_literals: Sequence[bytes] = literals
        self._hungry = hungry if hungry is not None else lambda: False
        self._neutral = neutral if neutral is not None else lambda _line: False
        self._known = Known(parser, self._wanted)
        self._event_sink, parser.line_sink = parser.line_sink, None
        self._chunks: list[bytes] = []
        self._held = 0
        self._base = 0
        self._size = FIRST_BYTES
        self._search: LineSearch | None = None
        self._sparse = False
        self._searchable = True
        self._long_line = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the file."""
        if self._long_line:
            self._by_line(chunk)
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._held >= min(self._most_bytes(), self._size):
            self._whole_lines()

    def flush(self) -> None:
        """The end of the file."""
        if not self._long_line:
            self._whole_lines()
        if not self._long_line:
            self._parser.take_over(self._base)
            self._by_parser(self._all_held())
        self._sink.take(self._parser.flush())

    def _wanted(self, line: bytes) -> bool:
        """Whether the reader of events must see the lines of this one's kind."""
        return self._literals is not None and self._literals.search(line) is not None and not self._neutral(line)

    def _most_bytes(self) -> int:
        return BLOCK_BYTES * SPARSE_BLOCKS if self._sparse else BLOCK_BYTES

    def _all_held(self) -> bytes:
        held = b"".join(self._chunks)
        self._chunks, self._held = [], 0
        return held

    def _whole_lines(self) -> None:
        held = self._all_held()
        end = held.rfind(b"\n") + 1
        at = 0
        while at < end:
            size = min(self._most_bytes(), self._size)
            stop = end if end - at <= size else held.find(b"\n", at + size) + 1
            done = self._block(held[at:stop])
            self._base += done
            at += done
            if at == stop:
                self._size = min(BLOCK_BYTES * SPARSE_BLOCKS, 2 * self._size)
        self._chunks, self._held = [held[end:]], len(held) - end
        if self._held > MAX_LINE_BYTES:
            self._leave()

    def _leave(self) -> None:
        """Go on as the parser does by itself: a line is too long to be held."""
        self._long_line = True
        self._parser.take_over(self._base)
        self._by_line(self._all_held())

    def _by_parser(self, chunk: bytes) -> None:
        self._parser.line_sink = self._event_sink
        self._sink.take(self._parser.feed(chunk))

    def _by_line(self, chunk: bytes) -> None:
        self._by_parser(chunk)
        self._parser.line_sink = None
        if self._parser.between_lines:
            rest, self._base = self._parser.hand_over()
            self._chunks, self._held, self._long_line = [rest], len(rest), False

    def _block(self, text: bytes) -> int:
        """Read the first whole lines of ``text``, all of them where nothing new was learned; how many bytes. 0: try fewer."""
        if self._search is None and self._parser.settled():
            words = self._parser.gate_literals()
            if words:
                self._search = LineSearch([*words, *self._all_literals])
        if self._sparse and self._search is not None and not self._hungry():
            return self._searched(text.replace(b"\r", b"\n") if b"\r" in text else text)
        block = Block(text, self._base)
        read = _Reading(block, self._known, self._parser, self._parser.gate)
        done = self._read(read)
        self._sparse = self._search is not None and self._searchable and read.told < SPARSE_SHARE * block.count
        return done

    def _searched(self, text: bytes) -> int:
        """Pass over all lines but those that contain a literal."""
        starts = self._search.starts(text) if self._search is not None else []
        if not starts:
            return len(text)
        joined = b"".join([text[start : text.find(b"\n", start) + 1] for start in starts])
        if len(joined) > BLOCK_BYTES:  # not so few lines after all: by blocks of the usual size, which need less memory
            self._sparse, self._searchable = False, False
            return 0
        read = _Reading(Block(joined, self._base, text, starts), self._known, self._parser, None)
        if self._read(read) < len(joined):
            return text.find(b"\n", starts[read.done - 1]) + 1
        self._sparse = len(joined) < DENSE_SHARE * len(text)
        return len(text)

    def _read(self, read: _Reading) -> int:
        read.all()
        if self._event_sink is not None:
            self._events(read)
        self._sink.block(read.columns(), read.items)
        return read.block.end_of(read.done)

    def _events(self, read: _Reading) -> None:
        """Hand the reader of events the lines that it wants, and those after them that it is hungry for."""
        block, sink, done = read.block, self._event_sink, -1
        if sink is None or self._literals is None:
            return
        if self._hungry():
            done = self._fed(read, -1)
        for at in read.candidates():
            line = block.line(at)
            if block.offset(at) < done or block.is_bar(at) or not self._literals.search(line) or ours(plain(line)):
                continue
            sink(plain(line), block.offset(at))
            if self._hungry():
                done = self._fed(read, at)

    def _fed(self, read: _Reading, at: int) -> int:
        """Hand on the lines after line ``at`` until no more is wanted; the byte of the first that was not."""
        stop = read.block.offset(read.done - 1) if read.done else 0
        for line, offset in read.block.after(at):
            if not self._hungry() or offset > stop:
                return offset
            if self._event_sink is not None and not ours(line):
                self._event_sink(line, offset)
        return stop + 1


class _Reading:
    """One block being read: its groups of columns, and what was made of it so far."""

    def __init__(self, block: Block, known: Known, parser: LogParser, gate: Any) -> None:
        self.block = block
        self._known, self._parser, self._gate = known, parser, gate
        self._kinds = block.kinds(known.kinds, UNKNOWN)
        self.items: list[Item] = []
        self._points: dict[str, Points] = {}
        self.done = 0
        self.told = 0
        """Lines that were read, as columns or by the parser."""
        self._groups: list[Group] = []

    def candidates(self) -> list[int]:
        """The lines that the reader of events may want."""
        kinds = self._kinds
        telling = (kinds < 0) & (kinds != NOTHING_SAID)
        for kind in self._known.telling:
            telling |= kinds == kind
        known, keys = self._known.kinds, self.block.keys
        return [at for at in np.flatnonzero(telling[: self.done]).tolist() if known.get(keys[at]) != NOTHING_SAID]

    def columns(self) -> list[Column]:
        """What was read, each metric's points in the order of the block."""
        made = []
        for metric, points in self._points.items():
            offsets = self.block.offsets(np.concatenate(points.lines))
            made.append(Column(metric, points.name, offsets, np.concatenate(points.steps), np.concatenate(points.values)))
        return made

    def all(self) -> None:
        """Read the block; ``done`` lines of it where the rest is better begun anew."""
        cold = np.flatnonzero((self._kinds == UNKNOWN) | (self._kinds == COLD)).tolist()
        if self._parser.follows():
            self._groups, more = in_play(self._known.groups(self.block, self._kinds), self._parser)
            self.told = sum(group.lines.size for group in self._groups)
            if self._gate is not None and not self.block.partial:
                cold = [at for at in cold if self._gate.search(self.block.line(at))]
            cold = sorted([*cold, *more]) if more else cold
        else:
            cold = np.flatnonzero((self._kinds != NOTHING_SAID) & (self._kinds != EVENT_ONLY)).tolist()
        self.told += len(cold)
        done = self._cold(-1) if self._parser.waits() or not self._parser.idle() else 0
        for at in cold:
            if at < done or self._says_nothing(at):
                continue
            done = self._between(done, at)
            if at < done:
                continue
            done = self._cold(at)
            if self._known.changed() or self._learns_much(at):
                self.done = done
                return
        self.done = self._between(done, self.block.count)

    def _says_nothing(self, at: int) -> bool:
        """Whether a line that is in question can be passed over: known to by now, or by what the parser says of it."""
        key = self.block.keys[at]
        kind = self._known.kinds.get(key, UNKNOWN)
        if kind in (NOTHING_SAID, EVENT_ONLY):
            return True
        if not self._parser.follows() or kind not in (UNKNOWN, COLD):
            return False
        line = self.block.line(at)
        return self._known.sight.says_nothing(line) and (kind == COLD or self._known.look(key, line) != UNKNOWN)

    def _learns_much(self, at: int) -> bool:
        """Whether a line that the parser has just taken is the first of many of its kind in the block, to be begun anew as columns."""
        key = self.block.keys[at]
        if self._kinds[at] != UNKNOWN or self._known.kinds.get(key, UNKNOWN) < 0 or not self._parser.follows():
            return False
        return self.block.keys[at : at + 8 * MANY_LINES].count(key) >= MANY_LINES

    def _between(self, start: int, stop: int) -> int:
        """Take the groups' lines from ``start`` on and before ``stop`` as columns; the first line that was not read."""
        while start < stop:
            groups = [cut for group in self._groups if (cut := group.between(start, stop)) is not None]
            count = sum(group.lines.size for group in groups)
            if not count:
                return stop
            if count < FEW_LINES:
                for at in sorted(line for group in groups for line in group.lines.tolist()):
                    if at >= start:
                        start = self._cold(at)
                continue
            odd = take(groups, self._parser.fold, self._points, self.items, self.block.offset)
            start = stop if odd < 0 else self._cold(odd)
        return start

    def _cold(self, at: int) -> int:
        """One line through the parser, and those after it that it needs; the number of the next line that was not read."""
        if at >= 0:
            self._line(at)
        at += 1
        while at < self.block.count and (self._parser.waits() or not self._parser.idle()):
            self._line(at)
            at += 1
        return at

    def _line(self, at: int) -> None:
        line, key = self.block.line(at), self.block.keys[at]
        sort = self._known.sort_of(key) if not self._parser.follows() else None
        if not line or (sort is not None and self._parser.pass_over(sort)):
            return
        items: list[Item] = []
        row = self._known.rows.get(key)
        if row is None or self._parser.waits():
            self._parser.line(line, self.block.offset(at), items)
        else:
            self._parser.row(line, row[0], self.block.offset(at), items, silent=row[1])
        if row is None and self._kinds[at] == UNKNOWN and key not in self._known.kinds and not self._parser.waits():
            self._known.look(key, line)
        for item in items:
            if isinstance(item, Observation):
                points = self._points.setdefault(item.metric, Points(item.name or item.metric))
                points.lines.append(np.array([at], np.int64))
                points.steps.append(np.array([item.at]))
                points.values.append(np.array([item.value]))
            else:
                self.items.append(item)
