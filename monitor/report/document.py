"""The report as a document that knows no format: sections of texts, tables, charts, code. ``html`` and ``markdown`` write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Toned:
    """A word that means something: ``tone`` is good, warn, bad or quiet."""

    text: str
    tone: str


Cell = str | Toned


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of plain text; a ``lead`` is the sentence that answers the section's question."""

    text: Cell
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """``numeric`` holds the indices of the columns that are aligned to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it is; a ``folded`` one is shown on request where the format can do that, under ``title``."""

    text: str
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart: an SVG for a wide page, one for a narrow one, the legend below it, and the same in words for plain text."""

    wide: str
    narrow: str
    legend: Sequence[tuple[str, str]]
    words: str


Block = Text | Listing | Table | Code | Picture


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """``headline`` is the answer in one sentence, with its tone; ``colophon`` says what made the document, and when."""

    title: str
    headline: Toned
    sections: Sequence[Section]
    colophon: str = ""
