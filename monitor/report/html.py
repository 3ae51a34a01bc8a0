"""The document as one HTML file: no script, no request to anywhere, for a desk, a phone and paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, singledispatch
from html import escape
from importlib.resources import files

from monitor.notify.text import clean
from monitor.report.document import Block, Cell, Code, Document, Listing, Picture, Table, Text, Toned

MAX_CELL = 400
_GAPS = re.compile(r"( +)")


def as_html(document: Document) -> str:
    """The whole page as text (UTF-8). Log text in it is cleaned and escaped."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_text(document.title)}</title><style>{_style()}</style></head><body><main>",
        f'<h1>{_text(document.title)}</h1><p class="headline {document.headline.tone}">{_text(document.headline.text)}</p>',
    ]
    for section in document.sections:
        parts.append(f"<section><h2>{_text(section.title)}</h2>")
        parts += [_block(block) for block in section.blocks]
        parts.append("</section>")
    parts.append(f"<footer>{_text(document.colophon)}</footer></main></body></html>\n")
    return "\n".join(parts)


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(type(block))


@_block.register
def _(block: Text) -> str:
    tone = f" {block.text.tone}" if isinstance(block.text, Toned) else ""
    return f'<p class="{"lead" if block.lead else ""}{tone}">{_cell(block.text)}</p>'


@_block.register
def _(block: Listing) -> str:
    return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in block.items) + "</ul>"


@_block.register
def _(block: Table) -> str:
    def row(cells: Sequence[Cell], tag: str) -> str:
        out = []
        for i, cell in enumerate(cells):
            classes = [*(["n"] if i in block.numeric else []), *([cell.tone] if isinstance(cell, Toned) else [])]
            attribute = f' class="{" ".join(classes)}"' if classes else ""
            text = _cell(cell)
            # A long dotted name may break after a dot, and nowhere else.
            out.append(f"<{tag}{attribute}>{text if ' ' in text else text.replace('.', '.<wbr>')}</{tag}>")
        return f"<tr>{''.join(out)}</tr>"

    head = f"<thead>{row(block.head, 'th')}</thead>" if any(block.head) else ""
    return f'<div class="wide"><table>{head}<tbody>{"".join(row(cells, "td") for cells in block.rows)}</tbody></table></div>'


@_block.register
def _(block: Code) -> str:
    lines = "\n".join(clean_line(line) for line in block.text.split("\n")[:400])
    body = f"<pre>{escape(lines)}</pre>"
    return f"<details><summary>{_text(block.title)}</summary>{body}</details>" if block.folded else body


@_block.register
def _(block: Picture) -> str:
    legend = "".join(f'<span><i class="{name}"></i>{_text(words)}</span>' for name, words in block.legend)
    return f'<figure><div class="w">{block.wide}</div><div class="s">{block.narrow}</div><figcaption>{legend}</figcaption></figure>'


def clean_line(line: str, limit: int = 300) -> str:
    """A line of code or traceback: its spaces are kept, all that is not printable goes."""
    return "".join(part if part.isspace() else clean(part, limit) for part in _GAPS.split(line[: 2 * limit]))[:limit].rstrip()


def _cell(cell: Cell) -> str:
    return _text(cell.text if isinstance(cell, Toned) else cell)


def _text(text: str) -> str:
    return escape(clean(text, MAX_CELL), quote=True)


@cache
def _style() -> str:
    css = files("monitor.report").joinpath("report.css").read_text("utf-8")
    return " ".join(css.split())
