"""The fast path: a file is read by the block, as columns where its lines are alike.

What comes out is what ``LogParser.feed`` gives, less an object for each observation: lines that say nothing are passed over, those of
a known template become columns, and every other line goes through the parser as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from monitor.parse.ahead import BlocksAhead
from monitor.parse.block import Block
from monitor.parse.blockreader import BlockReader, Column
from monitor.parse.buffer import Readable, WholeLines
from monitor.parse.digits import PAD
from monitor.parse.gate import LineSearch, compiled_gate
from monitor.parse.known import Known
from monitor.parse.own import ours
from monitor.parse.parser import LogParser
from rules.observation import Item

BLOCK_BYTES = 1 << 20
FIRST_BYTES = 1 << 14
"""The first block; each next one is twice as large, so that what one teaches helps with most of the file."""
SPARSE_BLOCKS = 8
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
        self._event_search = LineSearch(literals) if literals else None
        self._hungry = hungry if hungry is not None else lambda: False
        self._neutral = neutral if neutral is not None else lambda _line: False
        self._known = Known(parser, self._wanted)
        self._event_sink, parser.line_sink = parser.line_sink, None
        self._size = FIRST_BYTES
        self._ahead = True
        self._whole = False
        """Whether the last block was read at once: nothing new was learned in it."""
        self._search: LineSearch | None = None
        self._sparse = False
        self._searchable = True

    def read(self, source: Readable, *, ahead: bool = True) -> None:
        """Read the file from its start to its end, with ``ahead`` by two threads. What ``source`` raises goes on to the caller."""
        lines = WholeLines(source, BLOCK_BYTES * SPARSE_BLOCKS)
        self._ahead = ahead
        with BlocksAhead(lines, self._known.shapes) as blocks:
            while self._some(lines, blocks) or self._unfinished(lines):
                pass
        self._sink.take(self._parser.flush())

    def _some(self, lines: WholeLines, blocks: BlocksAhead) -> bool:
        """Read some of the whole lines; False where there are none."""
        self._look_for_literals()
        if self._sparse and self._search is not None and not blocks.pending and not self._hungry():
            return lines.fill(min(BLOCK_BYTES * SPARSE_BLOCKS, self._size)) and self._searched(lines, self._search)
        size = min(BLOCK_BYTES, self._size)
        block = blocks.take(size, ahead=self._ahead and size == BLOCK_BYTES and self._whole and not self._sparse)
        if block is None:
            return False
        self._whole = True
        while block is not None:
            read = BlockReader(block, self._known, self._parser, self._search if self._parser.gate is not None else None)
            self._read(read)
            self._whole = self._whole and read.done == block.count
            self._sparse = self._search is not None and self._searchable and read.told < SPARSE_SHARE * block.count
            block = blocks.rest(block, read.done)
        self._size = min(BLOCK_BYTES * SPARSE_BLOCKS, 2 * self._size)
        return True

    def _unfinished(self, lines: WholeLines) -> bool:
        """Read on as the parser does by itself, where a line is too long to be held or has no end; False at the end of the file."""
        self._parser.take_over(lines.offset)
        self._parser.line_sink = self._event_sink
        long = lines.long
        while piece := lines.take_all():
            self._sink.take(self._parser.feed(piece))
            if long and self._parser.between_lines:
                lines.put_back(self._parser.hand_over()[0])
                self._parser.line_sink = None
                return True
        return False

    def _look_for_literals(self) -> None:
        """Once the file has shown what it is, search for what its lines must contain."""
        if self._search is None and self._parser.settled():
            words = self._parser.gate_literals()
            if words:
                self._search = LineSearch([*words, *self._all_literals])

    def _wanted(self, line: bytes) -> bool:
        """Whether the reader of events must see the lines of this one's kind."""
        return self._literals is not None and self._literals.search(line) is not None and not self._neutral(line)

    def _searched(self, lines: WholeLines, search: LineSearch) -> bool:
        """Pass over all lines but those that contain a literal."""
        text: bytes | bytearray = lines.text
        if text.find(b"\r", lines.start, lines.stop) >= 0:
            text = text.replace(b"\r", b"\n")
        starts = search.starts(text, lines.start, lines.stop)
        size = lines.stop - lines.start
        joined = b"".join([PAD, *(text[start : text.find(b"\n", start) + 1] for start in starts)])
        if len(joined) > BLOCK_BYTES:  # not so few lines after all: by blocks of the usual size, which need less memory
            self._sparse, self._searchable = False, False
            return True
        if starts:
            block = Block(joined, lines.offset - lines.start, text, starts, lines.stop)
            block.find_keys(self._known.shapes)
            read = BlockReader(block, self._known, self._parser, None)
            self._read(read)
            if read.done < block.count:
                size = text.find(b"\n", starts[read.done - 1]) + 1 - lines.start
            else:
                self._sparse = len(joined) < DENSE_SHARE * size
        lines.took(size)
        self._size = min(BLOCK_BYTES * SPARSE_BLOCKS, 2 * self._size)
        return True

    def _read(self, read: BlockReader) -> None:
        read.all()
        if self._event_sink is not None:
            self._events(read)
        self._sink.block(read.columns(), read.items)

    def _events(self, read: BlockReader) -> None:
        """Hand the reader of events the lines that it wants, and those after them that it is hungry for."""
        block, sink, done = read.block, self._event_sink, -1
        if sink is None or self._event_search is None:
            return
        if self._hungry():
            done = self._fed(read, -1)
        for at, line, offset in block.plain_lines(read.candidates(self._event_search)):
            if offset < done or ours(line):
                continue
            sink(line, offset)
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
