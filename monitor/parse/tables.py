"""Tables: a line of column names and lines of numbers under it (CSV, blanks, bars), and blocks of ``| name | value |`` rows.

A table is not read number by number: a row is cut at its separators, and each cell belongs to its column. A table of a step or epoch
and a loss is a training's wherever it stands; one whose rows begin with a name compares runs, and is none.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from monitor.parse.names import TEST_WORDS, TRAIN_WORDS, VAL_WORDS, is_metric, loss_kind, role, safe, words
from monitor.parse.numbers import cut, number
from monitor.parse.reading import Reading, Value
from rules.observation import TRAIN_LOSS, VAL_LOSS

_NAME = re.compile(r"[A-Za-z_#%][\w ./@%()\[\]:*+-]{0,59}")
_CELL = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|nan|NaN|inf|Inf|Infinity)%?")
_SPLIT = {
    ",": re.compile(rb","), "\t": re.compile(rb"\t"), "|": re.compile(rb" *(?:\||\xe2\x94\x82|\xe2\x94\x83) *"),
    " ": re.compile(rb" +"), "  ": re.compile(rb" {2,}"), ";": re.compile(rb";"),
}  # fmt: skip
_EDGES = re.compile(rb"^(?:\||\xe2\x94\x82|\xe2\x94\x83)+ *| *(?:\||\xe2\x94\x82|\xe2\x94\x83)+$")
_COUNT = re.compile(rb"(\d+) ?/ ?\d+")
_PAIRS = (",", "\t", ";")
_WORD = re.compile(rb"[A-Za-z]{2}(?!\w* +\d)")
"""What begins a row of a comparison (``| base | 2000 | 2.7 |``: the runs of others), and no row of a training; a month may."""
_LIVE = re.compile(r"rew|fps|elapsed", re.I)
_RULE_LINE = re.compile(rb"\s*[+|]?[-=+|: ]{10,}\s*$")
_BAR = re.compile(rb"\|[^|]*\| *\d+(?:\.\d+)?%|^(?:Epoch \d+/\d+ :)?\s*$|^[^ -~]+$")
"""A bar between the names of the columns and the first row, as fastai draws it, and what wipes it out."""
_ROW = re.compile(rb"\s*\|\s*([A-Za-z_][\w ./@%()-]*?)\s*\|\s*([^|]*?)\s*\|\s*$")
_PLACE = re.compile(rb"step|epoch|iter|update|round|Up\.|\bep\b", re.I)
MAX_COLUMNS = 100
MAX_ROWS = 200
ROWS_OF_DOUBT = 3
"""Rows after which bare ``train`` and ``val`` are losses, if they were no counts and the training's has not risen."""


@dataclass(slots=True)
class Table:
    """The table that the lines are in. ``columns`` empty: in none. ``begun``: after a row has been read, text ends it no more."""

    separator: str = ""
    columns: list[str] = field(default_factory=list)
    block: dict[str, str] = field(default_factory=dict)
    in_block: bool = False
    begun: bool = False
    doubted: list[float] = field(default_factory=list)
    """What the training's column has shown, while nothing says that it is a loss."""
    refused: list[str] = field(default_factory=list)
    """The names of the last table that was seen to be of no losses: it is not begun again."""

    @property
    def open(self) -> bool:
        """Whether the next line may belong to it: it has columns, or stands within a block."""
        return self.in_block or bool(self.columns)

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Table:
        return cls(**state)

    def fits(self, line: bytes) -> bool:
        """Whether a line has as many cells as the table has columns."""
        return bool(self.columns) and len(cells_of(line, self.separator)) == len(self.columns)

    def see(self, line: bytes) -> tuple[Reading, list[bytes]] | None:
        """Take one plain line. The reading and the numbers of a row or of a block that it ends; None for everything else."""
        if self.in_block or touches(line):
            done = self._block(line)
            if done is not None:
                return done
            if self.in_block and not self.columns:
                return None  # a row of a block is no line of column names
        if self.columns:
            row = self._row(line)
            if row is not None:
                return row
        if len(line) < 4000 and _PLACE.search(line) and not _RULE_LINE.match(line):
            found = header(line)
            if found is not None and found[1] != self.refused:
                self.separator, self.columns = found
                self.begun, self.doubted = False, []
        return None

    def row_reading(self, line: bytes) -> Reading | None:
        """The reading of a row whose numbers are those of the line, None for any other line."""
        if self.in_block or touches(line):
            return None
        cells = cells_of(line, self.separator)
        if len(cells) != len(self.columns) or not all(map(_CELL.fullmatch, cells)) or cells != cut(line)[1]:
            return None
        reading = _reading("table", tuple(self.columns))
        if reading is not None and reading.weak and len(self.doubted) < ROWS_OF_DOUBT:
            return None
        self.begun = True
        return reading

    def _block(self, line: bytes) -> tuple[Reading, list[bytes]] | None:
        row = block_row(line)
        if row is not None:
            self.in_block = True
            if len(self.block) < MAX_ROWS and row[1] is not None:
                self.block.setdefault(row[0], row[1])
            return None
        block, self.block, self.in_block = self.block, {}, False
        reading = block_reading(tuple(block)) if ends_block(line) else None
        return (reading, [number.encode() for number in block.values()]) if reading is not None else None

    def _row(self, line: bytes) -> tuple[Reading, list[bytes]] | None:
        cells = cells_of(line, self.separator)
        if len(cells) != len(self.columns):
            if _RULE_LINE.match(line) or line.lstrip()[:1] in (b"", b"#"):
                return None
            if self.separator == " " and not self.begun and not (cells and _CELL.fullmatch(cells[0])) and not _BAR.search(line):
                self.columns = []
            return None
        if _WORD.search(cells[0]) and not _CELL.fullmatch(cells[0]):
            return None
        names, numbers = [], []
        for name, cell in zip(self.columns, cells, strict=True):
            cell = _counted(name, cell)
            if _CELL.fullmatch(cell):
                names.append(name)
                numbers.append(cell.rstrip(b"%"))
        reading = _reading("table", tuple(names))
        if reading is None or not reading.values or (reading.weak and not self._may_be_losses(reading, numbers)):
            return None
        self.begun = True
        return reading, numbers

    def _may_be_losses(self, reading: Reading, numbers: list[bytes]) -> bool:
        """Whether columns that are called ``train`` and ``val`` and no more may be losses: no counts, nor what rises by learning."""
        if len(self.doubted) >= ROWS_OF_DOUBT:
            return True
        shown = [numbers[value.index] for value in reading.values if value.metric in (TRAIN_LOSS, VAL_LOSS)]
        self.doubted.append(number(next(numbers[value.index] for value in reading.values if value.metric == TRAIN_LOSS)))
        if all(one.isdigit() for one in shown) or (len(self.doubted) == ROWS_OF_DOUBT and self.doubted[-1] > self.doubted[0]):
            self.refused, self.columns, self.doubted = self.columns, [], []
            return False
        return True


def _counted(name: str, cell: bytes) -> bytes:
    """The number of a cell that tells a place and what it is of (``3/10``)."""
    count = _COUNT.fullmatch(cell) if b"/" in cell and role(name) else None
    return cell if count is None else count[1]


def touches(line: bytes) -> bool:
    """Whether a line may be part of a table's block."""
    return line[:4] in (b"----", b"+---") or line[:1] == b"|"


def block_row(line: bytes) -> tuple[str, str | None] | None:
    """The name and the number (None: something else) of a row of a block; None for any other line."""
    row = _ROW.match(line)
    if row is None:
        return None
    return row[1].decode("utf-8", "replace"), row[2].rstrip(b"%").decode("ascii") if _CELL.fullmatch(row[2]) else None


def ends_block(line: bytes) -> bool:
    """Whether a line that is no row ends a block so that it counts."""
    return _RULE_LINE.match(line) is not None


@lru_cache(maxsize=256)
def block_reading(names: tuple[str, ...]) -> Reading | None:
    """The reading of a block of rows with numbers; None where it says nothing of a training (hyper-parameters)."""
    if len(names) < 2 or not any(is_metric(name) or _LIVE.search(name) for name in names):
        return None
    return _reading("table", names)


def cells_of(line: bytes, separator: str) -> list[bytes]:
    """The cells of a row, stripped."""
    text = line.strip(b" #\r\n") if separator in (" ", "  ", "|") else line.strip(b"\r\n")
    if separator == "|":
        text = _EDGES.sub(b"", text)
    return [cell.strip().strip(b'"') for cell in _SPLIT[separator].split(text)]


def header(line: bytes) -> tuple[str, list[str]] | None:
    """The separator and the names of a line of column names; None for any other line.

    It needs three columns, or two that a comma, a tab or a semicolon parts, one that is a step or an epoch and one that a training
    is judged by. Names may hold single blanks where two or more part them.
    """
    for separator in (",", "\t", "|", ";", "  ", " "):
        raw = separator.encode()
        fewest = 2 if separator in _PAIRS else 3
        if line.count(raw) < fewest - 1 and (separator != "|" or _EDGES.search(line.strip()) is None):
            continue
        cells = [cell.decode("utf-8", "replace") for cell in cells_of(line, separator)]
        if not fewest <= len(cells) <= MAX_COLUMNS or len(set(cells)) != len(cells) or not all(_NAME.fullmatch(cell) for cell in cells):
            continue
        measures = any(is_metric(cell) or loss_kind(cell) for cell in cells) or len(_bare_splits(cells)) == 2
        if measures and any(role(cell) in ("step", "epoch") for cell in cells):
            return " " if separator == "  " else separator, cells
    return None


def _bare_splits(names: Sequence[str]) -> dict[str, str]:
    """The metrics of the columns that say whose they are and no more: ``train``, and ``val`` (or, without it, ``test``)."""
    bare: dict[str, str] = {}
    for metric, split in ((TRAIN_LOSS, TRAIN_WORDS), (VAL_LOSS, VAL_WORDS), (VAL_LOSS, TEST_WORDS)):
        name = next((one for one in names if words(one) and split.issuperset(words(one))), None)
        if name is not None and metric not in bare.values():
            bare[name] = metric
    return bare


@lru_cache(maxsize=256)
def _reading(kind: str, names: tuple[str, ...]) -> Reading | None:
    places: dict[str, int] = {}
    values: list[Value] = []
    best: dict[str, tuple[int, int]] = {}
    for index, name in enumerate(names):
        meaning = role(name)
        if meaning == "step" and name.lower().endswith("total_timesteps"):
            places["step"] = index
            continue
        if meaning in ("step", "epoch") and meaning not in places and name.lower() not in ("iterations", "n_updates"):
            places[meaning] = index
            continue
        said = loss_kind(name)
        values.append(Value(safe(name), name, index))
        if said is not None and (said[0] not in best or said[1] < best[said[0]][0]):
            best[said[0]] = (said[1], len(values) - 1)
    if "step" not in places and "epoch" not in places:
        return None
    for metric, (_, at) in best.items():
        values[at] = Value(metric, values[at].name, values[at].index)
    bare = {} if any(is_metric(name) and loss_kind(name) != (TRAIN_LOSS, 0) for name in names) else _bare_splits(names)
    weak = len(bare) == 2 and not best
    if weak or (set(best) == {TRAIN_LOSS} and list(bare.values()) == [VAL_LOSS]):
        values = [replace(one, metric=bare.get(one.name, one.metric)) for one in values]
    kept = {value.metric: value for value in reversed(values)}
    return Reading(
        kind, step=places.get("step"), epoch=places.get("epoch"), values=tuple(reversed(list(kept.values()))), rule=kind,
        weak=weak, kind=zlib.crc32("\n".join(names).encode()) if weak else 0,
    )  # fmt: skip
