"""Blocks of ``| name | value |`` rows between lines of dashes, many at once: their numbers become columns.

What comes out is what ``Table`` and ``Fold`` make of the lines one after another. Taken are only lines that stand bare and say nothing
by themselves; any other goes through the parser, and with it the block that it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.parse.block import Block
from monitor.parse.columns import Columns
from monitor.parse.digits import Flags, Floats, Ints
from monitor.parse.fold import CANONICAL, GENERAL, Fold
from monitor.parse.foresight import Foresight
from monitor.parse.numbers import cut, number
from monitor.parse.reading import Reading, Value
from monitor.parse.segment import Group, Points, take
from monitor.parse.tables import MAX_ROWS, block_reading, block_row, ends_block
from monitor.parse.template import Template, learn
from rules.observation import Item

ODD, RULE, SILENT, ROWS = 0, 1, 2, 3
"""What a line is to a block: nothing that is known here, what ends it so that it counts, what ends it so that it does not; from
``ROWS`` on the number of a row's key."""
FEW_BLOCKS = 4
"""Blocks that are not worth columns."""
MANY_LINES = 128
_ONE_NUMBER = Reading("", values=(Value("", "", 0),))


class TableRows:
    """The keys of the lines of blocks, those that are bare and say nothing by themselves."""

    def __init__(self) -> None:
        self.sorts: dict[bytes, int] = {b"": ROWS}
        """An empty line is no line to the parser, and here a row that gives no number."""
        self.names: dict[str, int] = {}
        self.templates: dict[Template, int] = {}
        """Each once, and its place."""
        self._name_of = [-1]
        self._template_of = [-1]

    @property
    def any(self) -> bool:
        """Whether a row is known."""
        return len(self.sorts) > 1

    def learn(self, key: bytes, line: bytes) -> None:
        """Take up a key by one of its lines."""
        row = block_row(line)
        if row is None:
            self.sorts[key] = RULE if ends_block(line) else ODD
            return
        template = learn(line, 0, _ONE_NUMBER) if row[1] is not None else None
        if row[1] is not None and (template is None or [number(one) for one in cut(line)[1]] != [float(row[1])]):
            return  # digits in its name
        self.sorts[key] = ROWS + len(self._name_of)
        self._name_of.append(-1 if template is None else self.names.setdefault(row[0], len(self.names)))
        self._template_of.append(-1 if template is None else self.templates.setdefault(template, len(self.templates)))

    def names_of(self, sorts: Ints) -> Ints:
        """The place of each row's name, -1 where it gives no number."""
        return np.array([*[-1] * ROWS, *self._name_of], np.int64)[sorts]

    def templates_of(self, sorts: Ints) -> Ints:
        """The place of each row's template."""
        return np.array([*[-1] * ROWS, *self._template_of], np.int64)[sorts]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What blocks of one sequence of rows say: the reading, and in which of their lines each of its numbers stands."""

    reading: Reading | None
    rows: tuple[int, ...]

    def is_ready(self, fold: Fold) -> bool:
        """Whether it is known by which names the block's losses go."""
        losses = [value.metric for value in self.reading.values if value.metric in CANONICAL] if self.reading is not None else []
        return not any(fold.bound.get(metric, f"{GENERAL}:").startswith(f"{GENERAL}:") for metric in losses)


class TableBlocks:
    """The blocks of rows among the lines of ``block``, which has been read up to line ``at``; ``silent``: they are known to say nothing."""

    def __init__(self, block: Block, rows: TableRows, silent: Flags, at: int) -> None:
        self._block, self._rows, self._at, self._known = block, rows, at, len(rows.sorts)
        self._sorts = block.kinds(rows.sorts, ODD)
        self._sorts[silent & (self._sorts == ODD)] = SILENT
        self._odd = np.flatnonzero(self._sorts == ODD)
        ends = np.flatnonzero(self._sorts < ROWS)
        before = np.concatenate((np.array([-1]), ends[:-1]))
        whole = (self._sorts[ends] == RULE) & (ends - before > 2) & (before >= 0) & (self._sorts[before] != ODD)
        self._firsts, self._ends = before[whole] + 1, ends[whole]
        names = rows.names_of(self._sorts)
        numbers: dict[bytes, int] = {}
        spans = zip(self._firsts.tolist(), self._ends.tolist(), strict=True)
        self._plan_of = np.array([numbers.setdefault(names[first:end].tobytes(), len(numbers)) for first, end in spans], np.int64)
        every_name = list(rows.names)
        self._plans = [_plan(np.frombuffer(one, np.int64).tolist(), every_name) for one in numbers]

    def is_old(self, at: int) -> bool:
        """Whether so many lines before line ``at`` were looked at that it is worth to ask what their keys have taught."""
        return at - self._at >= MANY_LINES and len(self._rows.sorts) > self._known

    def take(
        self, at: int, fold: Fold, sight: Foresight, into: dict[str, Points], items: list[Item], offset_of: Callable[[int], int]
    ) -> int:
        """Take the blocks from line ``at`` on, which stands in none; the first line that was not taken: ``at`` where they are few."""
        if self._sorts[at] not in (RULE, SILENT):
            return at
        beyond = np.searchsorted(self._odd, at)
        stop = int(self._odd[beyond]) if beyond < self._odd.size else self._block.count
        first, last = np.searchsorted(self._firsts, at).item(), np.searchsorted(self._ends, stop).item()
        for plan in set(self._plan_of[first:last].tolist()):
            if not self._plans[plan].is_ready(fold):
                last = min(last, first + int(np.argmax(self._plan_of[first:last] == plan)))
        if last - first < FEW_BLOCKS:
            return at
        groups = self._groups(first, last, sight)
        odd = take(groups, fold, into, items, offset_of) if groups else -1
        self._at = int(self._ends[last - 1]) + 1 if odd < 0 else int(self._firsts[np.searchsorted(self._ends, odd)])
        return self._at

    def _groups(self, first: int, last: int, sight: Foresight) -> list[Group]:
        made = []
        for number_of, plan in enumerate(self._plans):
            blocks = first + np.flatnonzero(self._plan_of[first:last] == number_of)
            if plan.reading is None or not blocks.size:
                continue
            columns = [self._column(self._firsts[blocks] + row) for row in plan.rows]
            places = {"step": plan.reading.step, "epoch": plan.reading.epoch}
            numbers = {role: columns[index] for role, index in places.items() if index is not None}
            values = [columns[value.index] for value in plan.reading.values]
            made.append(Group(plan.reading, sight.metrics_of(plan.reading), self._ends[blocks], numbers, values))
        return sorted(made, key=lambda group: int(group.lines[0]))

    def _column(self, lines: Ints) -> Floats:
        """The numbers of one row of many blocks."""
        templates, made = self._rows.templates_of(self._sorts[lines]), np.empty(lines.size)
        every_template = list(self._rows.templates)
        for place in np.unique(templates).tolist():
            like = templates == place
            made[like] = Columns(every_template[place], self._block.digits, lines[like]).numbers([0])[0]
        return made


def _plan(rows: Sequence[int], names: Sequence[str]) -> _Plan:
    told: dict[int, int] = {}
    for at, name in enumerate(rows):
        if name >= 0 and len(told) < MAX_ROWS:
            told.setdefault(name, at)
    return _Plan(block_reading(tuple(names[name] for name in told)), tuple(told.values()))
