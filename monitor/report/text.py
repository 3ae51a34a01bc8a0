"""A section as plain lines for a terminal: what ``explain`` prints below an alert's numbers. Pure."""

from __future__ import annotations

from functools import singledispatch

from monitor.ink import paint
from monitor.notify.text import clean
from monitor.report.document import Block, Cell, Code, Listing, Picture, Section, Table, Text, Toned
from monitor.report.html import clean_line

STYLES = {"good": "green", "warn": "yellow", "bad": "red", "quiet": "dim"}
MAX_CODE_LINES = 40


def section_lines(section: Section, color: bool = False) -> list[str]:
    """The blocks of a section, indented by two; charts are left out. Log text is cleaned."""
    lines = [paint(section.title, "bold", color)]
    for block in section.blocks:
        lines += [f"  {line}" for line in _block(block, color)]
    return lines


@singledispatch
def _block(block: Block, _color: bool) -> list[str]:
    raise TypeError(type(block))


@_block.register
def _(block: Text, color: bool) -> list[str]:
    return [_cell(block.text, color)]


@_block.register
def _(block: Listing, _color: bool) -> list[str]:
    return [f"- {clean(item, 300)}" for item in block.items]


@_block.register
def _(block: Table, color: bool) -> list[str]:
    rows = [*([block.head] if any(block.head) else []), *block.rows]
    widths = [max(len(_plain(row[i])) for row in rows) for i in range(len(block.head))]
    out = []
    for row in rows:
        cells = []
        for i, cell in enumerate(row):
            gap = " " * (widths[i] - len(_plain(cell)))
            cells.append(gap + _cell(cell, color) if i in block.numeric else _cell(cell, color) + gap)
        out.append("   ".join(cells).rstrip())
    return out


@_block.register
def _(block: Code, color: bool) -> list[str]:
    lines = [clean_line(line) for line in block.text.rstrip("\n").split("\n")]
    shown = lines[-MAX_CODE_LINES:]
    return [*([f"{block.title}:"] if block.title else []), *(paint(f"    {line}", "dim", color) for line in shown)]


@_block.register
def _(_block: Picture, _color: bool) -> list[str]:
    return []


def _plain(cell: Cell) -> str:
    return clean(cell.text if isinstance(cell, Toned) else cell, 120)


def _cell(cell: Cell, color: bool) -> str:
    return paint(_plain(cell), STYLES[cell.tone], color) if isinstance(cell, Toned) else clean(cell, 300)
