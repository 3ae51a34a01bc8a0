"""The fast path: a file that has shown its form is read by the chunk, as columns where its lines are alike.

What comes out is what ``LogParser.feed`` gives, less an object for each observation: lines of a known template become columns,
lines that contain none of the file's literals are passed over, and every other line goes through the parser as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from monitor.parse.gate import LineSearch, compiled_gate
from monitor.parse.lines import MAX_LINE_BYTES
from monitor.parse.numbers import cut
from monitor.parse.parser import LogParser
from monitor.parse.template import DIGITS, Columns, Floats, Template, columnar, learn
from rules.observation import Item, Observation

Ints = npt.NDArray[np.int64]

BLOCK_BYTES = 1 << 20
FIRST_BYTES = 1 << 16
MAX_TEMPLATES = 24
DENSE_SHARE = 0.03
"""Share of lines that look like a template's above which a block is split into lines; below, it is searched."""


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
        self._literals = literals
        self._hungry = hungry if hungry is not None else lambda: False
        self._templates: dict[bytes, int] = {}
        self._known: list[Template] = []
        self._rest = b""
        self._base = 0
        self._fast = False
        self._gate: Any = None
        self._search: LineSearch | None = None

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the file."""
        if not self._fast:
            self._sink.take(self._parser.feed(chunk))
            self._begin()
            return
        self._rest += chunk
        if len(self._rest) >= (BLOCK_BYTES if self._known else min(BLOCK_BYTES, FIRST_BYTES)):
            self._whole_lines()

    def _whole_lines(self) -> None:
        end = self._rest.rfind(b"\n") + 1
        if not end:
            if len(self._rest) > MAX_LINE_BYTES:
                self._leave()
            return
        rest = self._rest
        at, self._rest = 0, rest[end:]
        while at < end:
            size = BLOCK_BYTES if self._known else FIRST_BYTES
            stop = end if end - at <= size else rest.find(b"\n", at + size) + 1
            self._block(rest[at:stop])
            self._base += stop - at
            at = stop

    def flush(self) -> None:
        """The end of the file."""
        if self._fast:
            self._whole_lines()
        if self._fast:
            self._leave()
        self._sink.take(self._parser.flush())

    def _begin(self) -> None:
        literals = self._parser.gate_literals()
        if literals:
            self._fast = True
            self._gate = compiled_gate([*literals, *self._literals])
            self._search = LineSearch([*literals, *self._literals])
            self._rest, self._base = self._parser.hand_over()

    def _leave(self) -> None:
        rest, self._rest, self._fast = self._rest, b"", False
        self._parser.take_over(self._base)
        self._sink.take(self._parser.feed(rest))

    def _block(self, text: bytes) -> None:
        if b"\r" in text:
            text = text.replace(b"\r", b"\n")
        likely = sum(text.count(one.literal) for one in self._known)
        if likely and likely > DENSE_SHARE * text.count(b"\n"):
            self._dense(text)
        else:
            self._searched(text)

    def _searched(self, text: bytes) -> None:
        """Pass over all lines but those that contain a literal."""
        if self._hungry() or not self._known:
            self._line_by_line(text)
            return
        starts = self._search.starts(text) if self._search is not None else []
        lines = [text[start : text.find(b"\n", start)] for start in starts]
        if lines:
            joined = b"\n".join(lines) + b"\n"
            self._columns(_Block(lines, self._base, len(text), starts, text), joined)

    def _line_by_line(self, text: bytes) -> None:
        items: list[Item] = []
        at, size, search = 0, len(text), self._gate.search
        while at < size:
            if not self._hungry():
                found = search(text, at)
                if found is None:
                    break
                at = text.rfind(b"\n", 0, found.start()) + 1
            end = text.find(b"\n", at)
            self._line(text[at:end], self._base + at, items)
            at = end + 1
        self._sink.take(items)

    def _line(self, line: bytes, offset: int, items: list[Item]) -> None:
        before = len(items)
        if not line:
            return
        self._parser.line(line, offset, items)
        if len(items) > before and len(self._known) < MAX_TEMPLATES:
            self._learn(line)

    def _learn(self, line: bytes) -> None:
        reading = self._parser.reading_of(line)
        if reading is None or not columnar(reading) or line.translate(None, DIGITS) in self._templates or self._gate_of_events(line):
            return
        metrics = self._parser.metrics_of(reading)
        template = learn(line, reading, metrics)
        if template is not None and len(template.literal) >= 3:
            self._templates[template.key] = len(self._known)
            self._known.append(template)

    def _gate_of_events(self, line: bytes) -> bool:
        words = cut(line)[0]
        return any(literal in words for literal in self._literals)

    def _dense(self, text: bytes) -> None:
        """Split the block into lines."""
        lines = text.split(b"\n")
        lines.pop()
        self._columns(_Block(lines, self._base, len(text)), text)

    def _columns(self, block: _Block, text: bytes) -> None:
        """Lines of a template become columns, the others go through the parser where they may matter. ``text``: the block's lines."""
        keys = text.translate(None, DIGITS).split(b"\n")
        keys.pop()
        cold = block.columns(map(self._templates.get, keys, repeat(-1)), self._known, self._parser)
        if block.text is None and not self._hungry():
            cold = [at for at in cold if self._gate.search(block.lines[at])]
        done = 0
        for at in cold:
            if at >= done:
                done = self._cold(block, at)
        if block.hot.size:
            block.replay(len(block.lines), self._parser)
        self._sink.block(block.settled(), block.items, block.offset)

    def _cold(self, block: _Block, at: int) -> int:
        """One line through the parser, and those after it that it needs; the number of the next line that was not read."""
        block.replay(at, self._parser)
        self._cold_line(block, at)
        at += 1
        while self._hungry() or self._parser.waits():
            if self._hungry():
                for line, offset in block.between(at):
                    if not self._hungry():
                        break
                    self._parser.line(line, offset, block.items)
            if at >= len(block.lines):
                break
            self._cold_line(block, at)
            at += 1
        return at

    def _cold_line(self, block: _Block, at: int) -> None:
        items: list[Item] = []
        block.read = at
        self._line(block.lines[at], block.offset(at), items)
        if block.is_hot(at):
            items = [item for item in items if not isinstance(item, Observation) or item.metric not in block.gathered]
        block.found(at, items)


class _Block:
    """One block's lines: which are read as columns, what they gave, and what the others gave between them."""

    def __init__(self, lines: list[bytes], base: int, size: int, starts: list[int] | None = None, text: bytes | None = None) -> None:
        self.lines = lines
        self.text = text
        """The block of which ``lines`` are only some, that start at ``starts``; None where they are all."""
        self.items: list[Item] = []
        self.hot: Ints = np.zeros(0, np.int64)
        self.gathered: dict[str, tuple[str, list[Ints], list[Floats], list[Floats]]] = {}
        self.read = -1
        """The last line that the parser itself has taken."""
        self._base = base
        self._size = size
        self._starts = starts

    def offset(self, at: int) -> int:
        """The byte of the file where line ``at`` starts."""
        if self._starts is None and len(self.lines) - at < 4096:
            return self._base + self._size - sum(map(len, self.lines[at:])) - (len(self.lines) - at)
        if self._starts is None:
            self._starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        return self._base + self._starts[at]

    def between(self, at: int) -> Iterator[tuple[bytes, int]]:
        """The block's lines between line ``at - 1`` and line ``at`` that are not among ``lines``, with their offsets."""
        if self.text is None:
            return
        start = self.offset(at - 1) - self._base + len(self.lines[at - 1]) + 1
        stop = self.offset(at) - self._base if at < len(self.lines) else self._size
        while start < stop:
            end = self.text.find(b"\n", start)
            yield self.text[start:end], self._base + start
            start = end + 1

    def columns(self, kinds: Iterator[int], known: list[Template], parser: LogParser) -> list[int]:
        """Read the templates' lines as columns; the numbers of all other lines, rising."""
        kind_of = np.fromiter(kinds, np.int64, len(self.lines))
        cold: list[int] = np.flatnonzero(kind_of < 0).tolist()
        groups = {int(kind): np.flatnonzero(kind_of == kind) for kind in np.unique(kind_of) if kind >= 0}
        hot = [self._group(known[kind], members, cold, parser) for kind, members in groups.items()]
        self.hot = np.sort(np.concatenate(hot)) if hot else self.hot
        cold.sort()
        return cold

    def _group(self, template: Template, members: Ints, cold: list[int], parser: LogParser) -> Ints:
        lines = self.lines
        text = b"\n".join(lines if members.size == len(lines) else [lines[at] for at in members.tolist()])
        columns = Columns(template, text, len(members))
        if not columns.whole:
            cold += members.tolist()
            return np.zeros(0, np.int64)
        steps = parser.steps_of(template.reading, columns.number)
        values = [columns.number(value.index) for value in template.reading.values]
        at = members
        if not columns.ok.all():
            cold += at[~columns.ok].tolist()
            steps, values, at = steps[columns.ok], [one[columns.ok] for one in values], at[columns.ok]
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
            parser.line(self.lines[last], self.offset(last), items)
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
