"""The fast path: a file that has shown its form is read by the chunk, as columns where its lines are alike.

What comes out is what ``LogParser.feed`` gives, less an object for each observation: lines of a known template become columns,
lines that contain none of the file's literals are passed over, and every other line goes through the parser as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

import numpy as np

from monitor.parse.digits import Digits, Floats, Ints
from monitor.parse.gate import LineSearch, compiled_gate
from monitor.parse.lines import MAX_LINE_BYTES
from monitor.parse.parser import LogParser
from monitor.parse.reading import NOTHING
from monitor.parse.template import Columns, Template, by_epoch, columnar, learn, steady
from rules.observation import Item, Observation

BLOCK_BYTES = 1 << 20
FIRST_BYTES = 1 << 14
"""The first block; each next one is twice as large, so that what one teaches helps with most of the file."""
SPARSE_BLOCKS = 4
"""Blocks that are searched as one where few lines count."""
MAX_TEMPLATES = 64
MAX_KINDS = 16_384
MAX_KEY_BYTES = 4096
FEW_LINES = 4
"""Lines of a template in one block that are not worth a column."""
UNKNOWN, COLD, NOTHING_SAID, EVENT_ONLY = -1, -2, -3, -4
"""What is known of a key that has no template: nothing yet; its lines go through the parser; they say nothing; they say nothing but
to the reader of events."""
SPARSE_SHARE, DENSE_SHARE = 0.1, 0.2
"""Share of a block's bytes in lines with a literal below which the next block is searched, and above which it is read whole."""


@dataclass(frozen=True, slots=True)
class Column:
    """One metric's points in one block, in the order of the log; ``lines`` are the numbers of their lines in the block."""

    metric: str
    name: str
    lines: Ints
    steps: Floats
    values: Floats


class Sink(Protocol):
    """Where what was read goes."""

    def take(self, items: list[Item]) -> None: ...

    def block(self, columns: Sequence[Column], items: list[Item], offset_of: Callable[[int], int]) -> None:
        """The columns of one block and what its other lines gave; ``offset_of`` a column's line is its byte in the file."""
        ...


class FastReader:
    """Feeds one file to a parser and its sink, by the chunk where that is sound."""

    def __init__(self, parser: LogParser, sink: Sink, literals: Sequence[bytes] = (), hungry: Callable[[], object] | None = None) -> None:
        self._parser, self._sink = parser, sink
        self._literals = compiled_gate(literals) if literals else None
        self._all_literals: Sequence[bytes] = literals
        self._hungry = hungry if hungry is not None else lambda: False
        self._kinds: dict[bytes, int] = {b"": NOTHING_SAID}
        self._telling: set[int] = set()
        """The templates whose lines the reader of events wants too."""
        self._known: list[Template] = []
        self._rest = b""
        self._chunks: list[bytes] = []
        self._held = 0
        self._base = 0
        self._fast = False
        self._size = FIRST_BYTES
        self._gate: Any = None
        self._search: LineSearch | None = None
        self._sparse = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the file."""
        if not self._fast:
            self._sink.take(self._parser.feed(chunk))
            self._begin()
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._held >= min(self._most_bytes(), self._size):
            self._whole_lines()

    def _most_bytes(self) -> int:
        return BLOCK_BYTES * SPARSE_BLOCKS if self._sparse else BLOCK_BYTES

    def _all_held(self) -> bytes:
        held = b"".join((self._rest, *self._chunks))
        self._chunks, self._held = [], 0
        return held

    def _whole_lines(self) -> None:
        self._rest = rest = self._all_held()
        end = rest.rfind(b"\n") + 1
        if not end:
            if len(rest) > MAX_LINE_BYTES:
                self._leave()
            return
        at, self._rest = 0, rest[end:]
        while at < end:
            size = min(self._most_bytes(), self._size)
            stop = end if end - at <= size else rest.find(b"\n", at + size) + 1
            self._block(rest[at:stop])
            self._base += stop - at
            at = stop
            self._size = min(BLOCK_BYTES * SPARSE_BLOCKS, 2 * self._size)

    def flush(self) -> None:
        """The end of the file."""
        if self._fast:
            self._whole_lines()
        if self._fast:
            self._leave()
        self._sink.take(self._parser.flush())

    def _begin(self) -> None:
        if not self._parser.settled():
            return
        words = self._parser.gate_literals()
        if words:
            self._gate = compiled_gate([*words, *self._all_literals])
            self._search = LineSearch([*words, *self._all_literals])
        self._fast = True
        self._rest, self._base = self._parser.hand_over()

    def _leave(self) -> None:
        rest, self._rest, self._fast = self._all_held(), b"", False
        self._parser.take_over(self._base)
        self._sink.take(self._parser.feed(rest))

    def _block(self, text: bytes) -> None:
        if b"\r" in text:
            text = text.replace(b"\r", b"\n")
        if self._sparse and self._search is not None and not self._hungry():
            self._searched(text, self._search.starts(text))
            return
        block = _Block(text, self._base)
        told = self._columns(block)
        self._sparse = told * len(text) < SPARSE_SHARE * len(text) * block.count

    def _searched(self, text: bytes, starts: list[int]) -> None:
        """Pass over all lines but those that contain a literal."""
        if not starts:
            return
        joined = b"".join([text[start : text.find(b"\n", start) + 1] for start in starts])
        self._columns(_Block(joined, self._base, text, starts))
        self._sparse = len(joined) < DENSE_SHARE * len(text)

    def _columns(self, block: _Block) -> int:
        """Lines of a template become columns, those that say nothing are dropped, the others go through the parser; how many were read."""
        kinds = block.kinds(self._kinds)
        cold: list[int] = np.flatnonzero((kinds < 0) & (kinds != NOTHING_SAID)).tolist()
        for kind in self._telling:
            cold += np.flatnonzero(kinds == kind).tolist()
        hot = block.columns(kinds, self._known, cold, self._parser)
        if self._gate is not None and not block.partial and not self._hungry():
            cold = [at for at in cold if self._gate.search(block.line(at))]
        done = 0
        for at in cold:
            if at >= done and (self._kinds.get(block.keys[at]) != NOTHING_SAID or self._hungry() or self._parser.waits()):
                done = self._cold(block, at)
        if hot:
            block.replay(block.count, self._parser)
        self._sink.block(block.settled(), block.items, block.offset)
        return hot + len(cold)

    def _cold(self, block: _Block, at: int) -> int:
        """One line through the parser, and those after it that it needs; the number of the next line that was not read."""
        if self._kinds.get(block.keys[at]) != EVENT_ONLY and not block.is_hot(at):
            block.replay(at, self._parser)
        self._cold_line(block, at)
        at += 1
        while self._hungry() or self._parser.waits():
            if self._hungry():
                for line, offset in block.between(at):
                    if not self._hungry():
                        break
                    self._parser.line(line, offset, block.items)
            if at >= block.count:
                break
            self._cold_line(block, at)
            at += 1
        return at

    def _cold_line(self, block: _Block, at: int) -> None:
        line, key = block.line(at), block.keys[at]
        if not line:
            return
        kind = self._kinds.get(key, UNKNOWN)
        only_event = kind == EVENT_ONLY or (kind in self._telling and block.is_hot(at))
        if only_event and self._parser.line_sink is not None and not self._parser.waits():
            self._parser.line_sink(line, block.offset(at))
            return
        items: list[Item] = []
        block.read = at
        calm = not (self._hungry() or self._parser.waits())
        self._parser.line(line, block.offset(at), items)
        if kind == UNKNOWN and len(self._kinds) < MAX_KINDS and calm:
            self._kinds[key] = self._kind(line, bool(items)) if len(key) <= MAX_KEY_BYTES else COLD
        if block.is_hot(at):
            items = [item for item in items if not isinstance(item, Observation) or item.metric not in block.gathered]
        block.found(at, items)

    def _kind(self, line: bytes, gave: bool) -> int:
        """What a line that was just read tells of all lines of its key."""
        reading, start = self._parser.reading_of(line)
        if reading is None or (reading is not NOTHING and not (gave and columnar(reading))):
            return COLD
        wanted = self._literals is not None and self._literals.search(line) is not None
        if self._hungry() or self._parser.waits() or (wanted and b"\x1b" in line):
            return COLD
        if not steady(line, self._parser.look):
            return COLD
        if reading is NOTHING:
            return EVENT_ONLY if wanted else NOTHING_SAID
        template = learn(line, start, reading, self._parser.metrics_of(reading))
        if template is None or len(self._known) >= MAX_TEMPLATES:
            return COLD
        self._known.append(template)
        if wanted:
            self._telling.add(len(self._known) - 1)
        return len(self._known) - 1


class _Block:
    """One block's lines: which are read as columns, what they gave, and what the others gave between them.

    Where ``whole`` is given, ``text`` is only those of its lines that start at ``starts``.
    """

    def __init__(self, text: bytes, base: int, whole: bytes | None = None, starts: list[int] | None = None) -> None:
        self._text = text
        self._digits = Digits(text)
        self.keys = self._digits.keys()
        self.count = len(self.keys)
        self.items: list[Item] = []
        self.hot: Ints = np.zeros(0, np.int64)
        self.gathered: dict[str, tuple[str, list[Ints], list[Floats], list[Floats]]] = {}
        self.read = -1
        """The last line that the parser itself has taken."""
        self._base = base
        self._whole, self._starts = whole, starts

    @property
    def partial(self) -> bool:
        return self._whole is not None

    def line(self, at: int) -> bytes:
        starts = self._digits.line_starts
        return self._text[starts[at] : starts[at + 1] - 1]

    def offset(self, at: int) -> int:
        """The byte of the file where line ``at`` starts."""
        return self._base + (int(self._digits.line_starts[at]) if self._starts is None else self._starts[at])

    def between(self, at: int) -> Iterator[tuple[bytes, int]]:
        """The block's lines between line ``at - 1`` and line ``at`` that are not among its own, with their offsets."""
        if self._whole is None:
            return
        start = self.offset(at - 1) - self._base + len(self.line(at - 1)) + 1
        stop = self.offset(at) - self._base if at < self.count else len(self._whole)
        while start < stop:
            end = self._whole.find(b"\n", start)
            yield self._whole[start:end], self._base + start
            start = end + 1

    def kinds(self, known: dict[bytes, int]) -> Ints:
        """What is known of each line's key."""
        return np.fromiter(map(known.get, self.keys, repeat(UNKNOWN)), np.int64, self.count)

    def columns(self, kinds: Ints, known: list[Template], cold: list[int], parser: LogParser) -> int:
        """Read the templates' lines as columns; those that cannot be join ``cold``, which rises. How many were read."""
        groups = {kind: np.flatnonzero(kinds == kind) for kind in np.flatnonzero(np.bincount(kinds[kinds >= 0])).tolist()}
        self._aside(groups, known, cold, parser)
        hot = []
        for kind, members in groups.items():
            if members.size < FEW_LINES:
                cold += members.tolist()
            else:
                hot.append(self._group(known[kind], members, cold, parser))
        cold[:] = set(cold)
        self.hot = np.sort(np.concatenate(hot)) if hot else self.hot
        cold.sort()
        return int(self.hot.size)

    def _aside(self, groups: dict[int, Ints], known: list[Template], cold: list[int], parser: LogParser) -> None:
        """Take the templates out of ``groups`` whose steps may begin anew in an epoch, where some do."""
        counted = {kind: members for kind, members in groups.items() if by_epoch(known[kind].reading)}
        if not counted:
            return
        places, epochs, steps = [], [], []
        for kind, members in counted.items():
            columns, reading = Columns(known[kind], self._digits, members), known[kind].reading
            places.append(members)
            epochs.append(columns.number(reading.epoch or 0))
            steps.append(parser.steps_of(reading, columns.number))
        order = np.argsort(np.concatenate(places), kind="stable")
        if not parser.counts_on(np.concatenate(epochs)[order], np.concatenate(steps)[order]):
            for kind, members in counted.items():
                cold += members.tolist()
                del groups[kind]

    def _group(self, template: Template, at: Ints, cold: list[int], parser: LogParser) -> Ints:
        columns = Columns(template, self._digits, at)
        steps = parser.steps_of(template.reading, columns.number)
        values = [columns.number(value.index) for value in template.reading.values]
        if not columns.ok.all():
            cold += at[~columns.ok].tolist()
            steps, values, at = steps[columns.ok], [one[columns.ok] for one in values], at[columns.ok]
        if not at.size:
            return at
        for metric, value, column in zip(template.metrics, template.reading.values, values, strict=True):
            _, places, all_steps, all_values = self.gathered.setdefault(metric, (value.name, [], [], []))
            places.append(at)
            all_steps.append(steps)
            all_values.append(column)
        return at

    def is_hot(self, at: int) -> bool:
        found = int(np.searchsorted(self.hot, at))
        return found < self.hot.size and int(self.hot[found]) == at

    def replay(self, at: int, parser: LogParser) -> None:
        """Bring the parser to where the last column line before ``at`` leaves it."""
        before = int(np.searchsorted(self.hot, at)) - 1
        last = int(self.hot[before]) if before >= 0 else -1
        if last > self.read:
            self.read = last
            items: list[Item] = []
            sink, parser.line_sink = parser.line_sink, None  # the reader of events has its line already
            parser.line(self.line(last), self.offset(last), items)
            parser.line_sink = sink
            self.items += [item for item in items if not isinstance(item, Observation)]

    def found(self, at: int, items: list[Item]) -> None:
        """What line ``at`` gave beside the columns: into their order where it is a column's metric."""
        for item in items:
            if isinstance(item, Observation) and item.metric in self.gathered:
                _, places, steps, values = self.gathered[item.metric]
                places.append(np.array([at], np.int64))
                steps.append(np.array([item.at]))
                values.append(np.array([item.value]))
            else:
                self.items.append(item)

    def settled(self) -> list[Column]:
        """The columns, each in the order of the block."""
        made = []
        for metric, (name, places, steps, values) in self.gathered.items():
            if len(places) == 1:
                made.append(Column(metric, name, places[0], steps[0], values[0]))
                continue
            at = np.concatenate(places)
            order = np.argsort(at, kind="stable")
            made.append(Column(metric, name, at[order], np.concatenate(steps)[order], np.concatenate(values)[order]))
        return made
