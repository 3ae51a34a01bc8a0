"""The fast path: a file is read by the block, as columns where its lines are alike.

What comes out is what ``LogParser.feed`` gives, less an object for each observation: lines that say nothing are passed over, those of
a known template become columns, and every other line goes through the parser as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from monitor.parse.block import Block
from monitor.parse.blockreader import BlockReader, Column
from monitor.parse.buffer import Readable, WholeLines
from monitor.parse.digits import PAD
from monitor.parse.gate import LineSearch, compiled_gate
from monitor.parse.known import Known
from monitor.parse.lines import plain
from monitor.parse.own import ours
from monitor.parse.parser import LogParser
from rules.observation import Item

BLOCK_BYTES = 1 << 20
FIRST_BYTES = 1 << 14
"""The first block; each next one is twice as large, so that what one teaches helps with most of the file."""
SPARSE_BLOCKS = 4
"""Blocks that are searched as one where few lines count."""
SPARSE_SHARE, DENSE_SHARE = 0.1, 0.2
"""Share of a block's bytes in lines with a literal below which the next block is searched, and above which it is read whole."""


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
        self._base = 0
        """The byte of the file up to which it was read."""
        self._size = FIRST_BYTES
        self._search: LineSearch | None = None
        self._sparse = False
        self._searchable = True

    def read(self, source: Readable) -> None:
        """Read the file from its start to its end. What ``source`` raises goes on to the caller."""
        lines = WholeLines(source, BLOCK_BYTES * SPARSE_BLOCKS)
        while True:
            while lines.fill(min(self._most_bytes(), self._size)):
                size = lines.stop - lines.start
                done = self._block(lines)
                lines.took(done)
                self._base += done
                if done == size:
                    self._size = min(BLOCK_BYTES * SPARSE_BLOCKS, 2 * self._size)
            if not self._unfinished(lines):
                break
        self._sink.take(self._parser.flush())

    def _unfinished(self, lines: WholeLines) -> bool:
        """Read on as the parser does by itself, where a line is too long to be held or has no end; False at the end of the file."""
        self._parser.take_over(self._base)
        self._parser.line_sink = self._event_sink
        long = lines.long
        while piece := lines.take_all():
            self._sink.take(self._parser.feed(piece))
            if long and self._parser.between_lines:
                rest, self._base = self._parser.hand_over()
                lines.put_back(rest)
                self._parser.line_sink = None
                return True
        return False

    def _wanted(self, line: bytes) -> bool:
        """Whether the reader of events must see the lines of this one's kind."""
        return self._literals is not None and self._literals.search(line) is not None and not self._neutral(line)

    def _most_bytes(self) -> int:
        return BLOCK_BYTES * SPARSE_BLOCKS if self._sparse else BLOCK_BYTES

    def _block(self, lines: WholeLines) -> int:
        """Read the first of the whole lines, all of them where nothing new was learned; how many bytes. 0: try fewer."""
        if self._search is None and self._parser.settled():
            words = self._parser.gate_literals()
            if words:
                self._search = LineSearch([*words, *self._all_literals])
        if self._sparse and self._search is not None and not self._hungry():
            return self._searched(lines, self._search)
        block = Block(bytes(memoryview(lines.text)[lines.start - len(PAD) : lines.stop]), self._base)
        read = BlockReader(block, self._known, self._parser, self._parser.gate)
        done = self._read(read)
        self._sparse = self._search is not None and self._searchable and read.told < SPARSE_SHARE * block.count
        return done

    def _searched(self, lines: WholeLines, search: LineSearch) -> int:
        """Pass over all lines but those that contain a literal."""
        text: bytes | bytearray = lines.text
        if text.find(b"\r", lines.start, lines.stop) >= 0:
            text = text.replace(b"\r", b"\n")
        starts = search.starts(text, lines.start, lines.stop)
        size = lines.stop - lines.start
        if not starts:
            return size
        joined = b"".join([PAD, *(text[start : text.find(b"\n", start) + 1] for start in starts)])
        if len(joined) > BLOCK_BYTES:  # not so few lines after all: by blocks of the usual size, which need less memory
            self._sparse, self._searchable = False, False
            return 0
        read = BlockReader(Block(joined, self._base - lines.start, text, starts, lines.stop), self._known, self._parser, None)
        if self._read(read) < len(joined) - len(PAD):
            return text.find(b"\n", starts[read.done - 1]) + 1 - lines.start
        self._sparse = len(joined) < DENSE_SHARE * size
        return size

    def _read(self, read: BlockReader) -> int:
        read.all()
        if self._event_sink is not None:
            self._events(read)
        self._sink.block(read.columns(), read.items)
        return read.block.end_of(read.done)

    def _events(self, read: BlockReader) -> None:
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

    def _fed(self, read: BlockReader, at: int) -> int:
        """Hand on the lines after line ``at`` until no more is wanted; the byte of the first that was not."""
        stop = read.block.reach(read.done)
        for line, offset in read.block.after(at):
            if not self._hungry() or offset >= stop:
                return offset
            if self._event_sink is not None and not ours(line):
                self._event_sink(line, offset)
        return stop
