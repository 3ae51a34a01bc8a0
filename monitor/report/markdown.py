"""The document as Markdown, for an issue, a merge request or a mail. The chart is told in words and a sparkline."""

from __future__ import annotations

import re
from functools import singledispatch

from monitor.notify.text import clean
from monitor.report.document import Block, Cell, Code, Document, Listing, Picture, Table, Text, Toned
from monitor.report.html import clean_line

_SPECIAL = re.compile(r"([\\`*\[\]<|]|(?<!\w)_|_(?!\w)|~~|^[#>+-])")


def as_markdown(document: Document) -> str:
    """CommonMark with tables. Log text in it is cleaned and escaped."""
    lines = [f"# {_text(document.title)}", "", f"**{_text(document.headline.text)}**", ""]
    for section in document.sections:
        lines += [f"## {_text(section.title)}", ""]
        for block in section.blocks:
            lines += [_block(block), ""]
    return "\n".join([*lines, "---", "", _text(document.colophon), ""])


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(type(block))


@_block.register
def _(block: Text) -> str:
    return f"**{_cell(block.text)}**" if block.lead else _cell(block.text)


@_block.register
def _(block: Listing) -> str:
    return "\n".join(f"- {_text(item)}" for item in block.items)


@_block.register
def _(block: Table) -> str:
    rule = ["--:" if i in block.numeric else ":--" for i in range(len(block.head))]
    rows = [block.head, rule, *block.rows]
    return "\n".join("| " + " | ".join(cell if row is rule else _cell(cell) for cell in row) + " |" for row in rows)  # type: ignore[misc]


@_block.register
def _(block: Code) -> str:
    lines = [clean_line(line).replace("```", "'''") for line in block.text.rstrip("\n").split("\n")[:400]]
    return "\n".join([*([f"{_text(block.title)}:", ""] if block.title else []), "```", *lines, "```"])


@_block.register
def _(block: Picture) -> str:
    return _text(block.words)


def _cell(cell: Cell) -> str:
    return _text(cell.text if isinstance(cell, Toned) else cell)


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", clean(text, 400))
