"""What is known of the lines of one key: that they say nothing, or how to read them as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from monitor.parse.block import Block
from monitor.parse.columns import Columns
from monitor.parse.digits import Floats, Ints
from monitor.parse.foresight import Foresight
from monitor.parse.parser import LogParser
from monitor.parse.reading import NOTHING, Anchor, Reading
from monitor.parse.segment import Group, columnar
from monitor.parse.shape import Shapes
from monitor.parse.source import Sort
from monitor.parse.tableblock import TableRows
from monitor.parse.template import Template, learn, steady

UNKNOWN, COLD, NOTHING_SAID, EVENT_ONLY, LISTED = -1, -2, -3, -4, -5
"""What is known of a key that has no template: nothing yet; its lines go through the parser; they say nothing; they say nothing but
to the reader of events; they may say that a program's source is printed."""
MAX_TEMPLATES = 1024
MAX_KINDS = 16_384
MAX_KEY_BYTES = 4096
_EMPTY = {b"": NOTHING_SAID}
ROLES = ("step", "epoch", "batch", "batches", "total_steps", "total_epochs")


class Known:
    """The kinds of lines of one file. They hold as long as the parser reads each key's lines as it did (``LogParser.generation``)."""

    def __init__(self, parser: LogParser, wanted: Callable[[bytes], bool]) -> None:
        self._parser, self._wanted = parser, wanted
        self.sight = Foresight(parser)
        self._generation = parser.generation()
        self.kinds: dict[bytes, int] = {**_EMPTY}
        self.shapes = Shapes()
        self._met: set[bytes] = set()
        self.sorts: dict[bytes, Sort] = {}
        """What keys that tell no number are to a source listing, where they are not plain."""
        self.rows: dict[bytes, tuple[Sort, bool]] = {}
        """Keys of the lines of a table's block: what they are to a source listing, and whether they say nothing by themselves."""
        self.blocks = TableRows()
        """Those of them that say nothing by themselves, as rows of many blocks."""
        self.templates: list[Template] = []
        self._readings: dict[Reading, Reading] = {}
        """Each reading once: a table makes one for each row."""
        self.telling: set[int] = set()
        """The templates whose lines the reader of events wants too."""

    def changed(self) -> bool:
        """Whether what was known no longer holds; it is then forgotten."""
        if self._parser.generation() == self._generation:
            return False
        self._generation = self._parser.generation()
        self.kinds, self.templates, self.telling, self.sorts, self.rows, self.blocks = {**_EMPTY}, [], set(), {}, {}, TableRows()
        return True

    def look(self, key: bytes, line: bytes) -> int:
        """What ``line``, which the parser can say the meaning of, tells of its key. Most keys of running text come only once."""
        if key not in self._met:
            if len(self._met) < MAX_KINDS and len(key) <= MAX_KEY_BYTES:
                self._met.add(key)
            return UNKNOWN
        reading, start = self.sight.meaning(line)
        if reading is None or len(self.kinds) >= MAX_KINDS or len(key) > MAX_KEY_BYTES:
            return COLD
        if reading is not NOTHING:
            if not self.sight.certain(reading, line):
                if self.sight.is_row(line):
                    self.rows[key] = self.sight.sort_of(line), False
                return UNKNOWN
            kind = self._template(line, reading, start)
        elif self.sight.passes(line) and self._always_nothing(line):
            kind = self._silent(key, line)
        else:
            kind = COLD
        if kind < 0 and self.sight.is_row(line):
            self._row(key, line, silent=reading is NOTHING and self.sight.is_steady(line))
        self.kinds[key] = kind
        return kind

    def _row(self, key: bytes, line: bytes, *, silent: bool) -> None:
        sort = self.sight.sort_of(line)
        self.rows[key] = sort, silent
        if silent and sort in (Sort.PLAIN, Sort.BLANK, Sort.DIVIDER):
            self.blocks.learn(key, line)

    def _always_nothing(self, line: bytes) -> bool:
        """Whether every line of this one's key says nothing."""
        return self.sight.is_silent(line) or self.sight.is_steady(line) or steady(line, self.sight.never_says)

    def _silent(self, key: bytes, line: bytes) -> int:
        """The kind of lines that tell no number."""
        sort = self.sight.sort_of(line)
        if sort is not Sort.PLAIN:
            self.sorts[key] = sort
        if sort not in (Sort.PLAIN, Sort.BLANK, Sort.DIVIDER):
            return LISTED
        return EVENT_ONLY if self._wanted(line) else NOTHING_SAID

    def sort_of(self, key: bytes) -> Sort | None:
        """What a key whose lines tell no number is to a source listing; None where they may tell one."""
        return self.sorts.get(key, Sort.PLAIN) if self.kinds.get(key, UNKNOWN) in (NOTHING_SAID, EVENT_ONLY, LISTED) else None

    def _template(self, line: bytes, reading: Reading, start: int) -> int:
        if len(self.templates) >= MAX_TEMPLATES or not columnar(reading) or not self.sight.is_steady(line):
            return COLD
        template = learn(line, start, self._readings.setdefault(reading, reading))
        if template is None:
            return COLD
        self.templates.append(template)
        if self._wanted(line):
            self.telling.add(len(self.templates) - 1)
        return len(self.templates) - 1

    def groups(self, block: Block, kinds: Ints) -> list[Group]:
        """The block's lines of a template, by reading."""
        lines = np.flatnonzero(kinds >= 0)
        if not lines.size:
            return []
        order = lines[np.argsort(kinds[lines], kind="stable")]
        bounds = np.flatnonzero(np.diff(kinds[order])) + 1
        by_reading: dict[int, list[tuple[Template, Columns, Ints]]] = {}
        for members in np.split(order, bounds):
            template = self.templates[int(kinds[members[0]])]
            by_reading.setdefault(id(template.reading), []).append((template, Columns(template, block.digits, members), members))
        return [one for parts in by_reading.values() for one in self._group(parts)]

    def _group(self, parts: list[tuple[Template, Columns, Ints]]) -> list[Group]:
        reading = parts[0][0].reading

        where = {role: at for role in ROLES if (at := getattr(reading, role)) is not None}
        wanted = (*where.values(), *(reading.full or ()), *(value.index for value in reading.values))
        found = [columns.numbers(wanted) for _, columns, _ in parts]

        def number(index: int) -> Floats:
            return found[0][index] if len(found) == 1 else np.concatenate([one[index] for one in found])

        lines = np.concatenate([members for _, _, members in parts]) if len(parts) > 1 else parts[0][2]
        numbers = {role: number(at) for role, at in where.items()}
        if reading.step is not None and (reading.scale != 1.0 or reading.offset):
            numbers["step"] = numbers["step"] * reading.scale + reading.offset
        if reading.full is not None:
            numbers["of"], numbers["full"] = number(reading.full[1]), number(reading.full[0])
        made = Group(reading, self.sight.metrics_of(reading), lines, numbers, [number(value.index) for value in reading.values])
        if len(parts) > 1:
            made = _picked(made, np.argsort(lines, kind="stable"))
        if reading.full is not None:
            made = _picked(made, np.flatnonzero(made.numbers["full"] == made.numbers["of"]))
        return _by_total(made) if reading.by_total and reading.anchor is Anchor.COUNT else [made]


def _picked(group: Group, rows: Ints) -> Group:
    numbers = {role: column[rows] for role, column in group.numbers.items()}
    return Group(group.reading, group.metrics, group.lines[rows], numbers, [column[rows] for column in group.values])


def _by_total(group: Group) -> list[Group]:
    made = []
    for total in np.unique(group.numbers["of"]).tolist():
        one = _picked(group, np.flatnonzero(group.numbers["of"] == total))
        one.total = f"{total:.0f}"
        made.append(one)
    return made


def in_play(groups: Sequence[Group], parser: LogParser) -> tuple[list[Group], list[int]]:
    """The groups that can be followed as columns from here, and the lines of the others."""
    hot, cold = [], []
    for group in groups:
        if group.reading.anchor is Anchor.BAR and parser.fold.bar_total is not None:
            cold += group.lines.tolist()
        elif group.lines.size:
            hot.append(group)
    return hot, cold
