"""One block being read: what of it is known becomes columns, every other line goes through the parser, in the order of the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.parse.block import Block
from monitor.parse.digits import Floats, Ints
from monitor.parse.gate import LineSearch
from monitor.parse.known import COLD, EVENT_ONLY, NOTHING_SAID, UNKNOWN, Known, in_play
from monitor.parse.parser import LogParser
from monitor.parse.segment import Group, Points, take
from monitor.parse.tableblock import TableBlocks
from rules.observation import Item, Observation

FEW_LINES = 12
"""Lines between two that the parser takes that are not worth columns."""
MOST_ALONE = 4096
"""Lines that the parser takes at most before columns are tried again."""
MANY_LINES = 64
"""Lines of a key that is new in a block for which the rest of the block is begun anew; those in question for which it is searched."""


@dataclass(frozen=True, slots=True)
class Column:
    """One metric's points in one block, in the order of the log; ``offsets`` are the bytes of the file where their lines start."""

    metric: str
    name: str
    offsets: Ints
    steps: Floats
    values: Floats


class BlockReader:
    """Reads one block: its groups of columns, and what was made of it so far."""

    def __init__(self, block: Block, known: Known, parser: LogParser, search: LineSearch | None) -> None:
        """``search`` finds the lines that the parser or the reader of events may want; None where that is not known."""
        self.block = block
        self._known, self._parser, self._search = known, parser, search
        self._kinds = block.kinds(known.kinds, UNKNOWN)
        self.items: list[Item] = []
        self._points: dict[str, Points] = {}
        self.done = 0
        self.told = 0
        """Lines that were read, as columns or by the parser."""
        self._groups: list[Group] = []
        self._tables: TableBlocks | None = None
        self._asked: Ints | None = None
        """The lines that may say something; None where a line's meaning does not depend on it and the place alone."""
        self._window = block.count
        """Lines of the block that are tried as columns at once: a try looks at all of them, however few columns can follow."""
        self._alone, self._patience = 0, FEW_LINES
        """Lines that the parser takes before columns are tried again, and the next such number: lines that columns cannot follow come in
        numbers."""
        self._late = 0
        """Lines that went through the parser although their key can be read as columns by now."""

    def candidates(self, search: LineSearch) -> Ints:
        """The lines that the reader of events may want: those with a literal that are not known to say nothing."""
        kinds = self._kinds
        telling = (kinds < 0) & (kinds != NOTHING_SAID)
        for kind in self._known.telling:
            telling |= kinds == kind
        lines = np.flatnonzero(telling[: self.done])
        if lines.size >= MANY_LINES:  # few lines have a literal
            return np.intersect1d(lines, self.block.with_literal(search), assume_unique=True)
        return np.array([at for at in lines.tolist() if search.holds(self.block.line(at))], np.int64)

    def columns(self) -> list[Column]:
        """What was read, each metric's points in the order of the block."""
        made = []
        for metric, points in self._points.items():
            lines, steps, values = points.joined()
            made.append(Column(metric, points.name, self.block.offsets(lines), steps, values))
        return made

    def all(self) -> None:
        """Read the block; ``done`` lines of it where the rest is better begun anew."""
        cold = np.flatnonzero((self._kinds == UNKNOWN) | (self._kinds == COLD)).tolist()
        if self._parser.follows():
            self._groups, more = in_play(self._known.groups(self.block, self._kinds), self._parser)
            self.told = sum(group.lines.size for group in self._groups)
            if self._search is not None and not self.block.partial:
                cold = self._telling(cold, self._search)
            cold = sorted([*cold, *more]) if more else cold
            self._asked = np.sort(np.concatenate([np.array(cold, np.int64), *(group.lines for group in self._groups)]))
        else:
            cold = np.flatnonzero((self._kinds != NOTHING_SAID) & (self._kinds != EVENT_ONLY)).tolist()
        self.told += len(cold)
        done = self._cold(-1) if self._parser.waits() or not self._parser.idle() else 0
        bars = self._parser.lightning is not None
        for at in cold:
            if at < done:
                continue
            if bars and self._bar(at):
                done = at + 1
                continue
            if self._says_nothing(at):
                continue
            done = self._between(done, at)
            if at < done:
                continue
            done = self._cold(at)
            if self._known.changed() or self._learns_much(at):
                self.done = done
                return
        self.done = self._between(done, self.block.count)

    def _telling(self, cold: list[int], search: LineSearch) -> list[int]:
        """Which of the lines in question have a literal. Where most lines have one, finding all costs more than looking at a few."""
        if 2 * len(cold) > self.block.count:
            return sorted({*cold}.intersection(self.block.with_literal(search).tolist()))
        gate = self._parser.gate
        return [at for at in cold if gate is None or gate.search(self.block.line(at))]

    def _says_nothing(self, at: int) -> bool:
        """Whether a line that is in question can be passed over: known to by now, or by what the parser says of it."""
        key = self.block.key(at)
        kind = self._known.kinds.get(key, UNKNOWN)
        if kind in (NOTHING_SAID, EVENT_ONLY):
            return True
        if not self._parser.follows() or kind not in (UNKNOWN, COLD):
            return False
        line = self.block.line(at)
        return self._known.sight.says_nothing(line) and (kind == COLD or self._known.look(key, line) != UNKNOWN)

    def _learns_much(self, at: int) -> bool:
        """Whether a line that the parser has just taken is the first of many of its kind in the block, to be begun anew as columns."""
        key = self.block.key(at)
        if self._kinds[at] != UNKNOWN or self._known.kinds.get(key, UNKNOWN) < 0 or not self._parser.follows():
            return False
        self._late += 1
        return self._late >= 4 * MANY_LINES or self.block.count_ahead(at, 8 * MANY_LINES) >= MANY_LINES

    def _between(self, start: int, stop: int) -> int:
        """Take the groups' lines from ``start`` on and before ``stop`` as columns; the first line that was not read."""
        while start < stop:
            end = min(stop, start + self._window)
            groups = [cut for group in self._groups if (cut := group.between(start, end)) is not None]
            count = sum(group.lines.size for group in groups)
            if count and (count < FEW_LINES or self._alone):
                start = self._one_by_one(groups, start)
                continue
            odd = take(groups, self._parser.fold, self._points, self.items, self.block.offset) if count else -1
            self._look_as_far_as(groups, odd, odd - start)
            start = end if odd < 0 else self._cold(odd)
        return start

    def _look_as_far_as(self, groups: list[Group], odd: int, lines: int) -> None:
        """Choose how many lines are tried as columns next, by how far those that were just tried went: to line ``odd`` after ``lines``."""
        if odd < 0:
            self._window, self._patience = min(4 * self._window, self.block.count), FEW_LINES
            return
        self._window = max(MANY_LINES, 2 * lines)
        if sum(int(np.searchsorted(group.lines, odd)) for group in groups) >= FEW_LINES:
            self._patience = FEW_LINES
        else:
            self._alone, self._patience = self._patience, min(2 * self._patience, MOST_ALONE)

    def _one_by_one(self, groups: list[Group], start: int) -> int:
        """Let the parser take the groups' lines, as many as columns are not to be tried for; the first line that was not read."""
        lines = sorted(line for group in groups for line in group.lines.tolist())
        for at in lines[: self._alone or None]:
            if at >= start:
                start = self._cold(at)
        self._alone = max(0, self._alone - len(lines))
        return start

    def _cold(self, at: int) -> int:
        """One line through the parser, and those after it that it needs; the number of the next line that was not read."""
        at = self._next(at) if at >= 0 else 0
        while at < self.block.count and (self._parser.waits() or not self._parser.idle()):
            if self._asked is not None and self._parser.minds_no_silence():
                ahead = int(np.searchsorted(self._asked, at))
                at = int(self._asked[ahead]) if ahead < self._asked.size else self.block.count
            at = self._next(at) if at < self.block.count else at
        return at

    def _next(self, at: int) -> int:
        """Take line ``at``, where it begins blocks of a table many of them; the number of the next line that was not read."""
        if self._known.blocks.any and self._parser.between_blocks():
            if self._tables is None or self._tables.is_old(at):
                silent = (self._kinds == NOTHING_SAID) | (self._kinds == EVENT_ONLY)
                self._tables = TableBlocks(self.block, self._known.blocks, silent, at)
            stop = self._tables.take(at, self._parser.fold, self._known.sight, self._points, self.items, self.block.offset)
            if stop > at:
                return stop
        self._line(at)
        return at + 1

    def _line(self, at: int) -> None:
        key = self.block.key(at)
        sort = self._known.sort_of(key) if not self._parser.follows() else None
        if not key or (sort is not None and self._parser.pass_over(sort)):
            return
        line = self.block.line(at)
        items: list[Item] = []
        row = self._known.rows.get(key)
        if row is None or self._parser.waits():
            self._parser.line(line, self.block.offset(at), items)
        else:
            self._parser.row(line, row[0], self.block.offset(at), items, silent=row[1])
        if row is None and self._kinds[at] == UNKNOWN and key not in self._known.kinds and not self._parser.waits():
            self._known.look(key, line)
        self._keep(items, at)

    def _bar(self, at: int) -> bool:
        """Take line ``at`` where it is a bar's next state that says nothing but new training values."""
        items: list[Item] = []
        followed = self._parser.follow_bar(self.block.line(at), self.block.offset(at), items)
        self._keep(items, at)
        return followed

    def _keep(self, items: list[Item], at: int) -> None:
        """What line ``at`` has given."""
        for item in items:
            if isinstance(item, Observation):
                points = self._points.get(item.metric)
                if points is None:
                    points = self._points[item.metric] = Points(item.name or item.metric)
                points.add(at, item.at, item.value)
            else:
                self.items.append(item)
