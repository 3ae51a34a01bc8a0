"""Whether the lines that come by are a program's own source, printed at the head of its log: nothing there is an observation.

A traceback quotes single lines of source and a warning one; a listing is many of them together, or a docstring.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache

from rules.regex import Presence

_SOURCE = re.compile(
    rb"""\s*(?:def\s|class\s+\w+.*:|import\s\w|from\s[\w.]+\simport\s|return\b|if\s.*:\s*(?:\#.*)?$|elif\s.*:|else:|for\s.*\sin\s.*:|while\s.*:|
        try:|except\b.*:|with\s.*:|@\w+|print\(|self\.\w|assert\s|raise\s|\#\s|//\s|\w[\w.\[\], ]*\s[-+*/]?=\s[^=]*[(\[{])""",
    re.X,
)
_SOURCE_ANYWHERE = (
    rb"""\b(?:def|class|import|assert|raise)[\s\v]|\breturn\b|\b(?:if|elif|for|while|with|except)\b.*:|(?:else|try):|\bprint\(|\bself\.|@\w|"""
    rb"""[#/][\s\v]|[\s\v][-+*/]?=[\s\v][^=]*[(\[{]|\"\"\"|'''"""
)
"""What any line of source or docstring contains, whatever label stands before it."""
_DIVIDER = re.compile(rb"\s*[=\-*#_]{16,}\s*$")
_QUOTES = (b'"""', b"'''")
ENOUGH = 4
MOST = 6
MAX_QUOTED_LINES = 120


class Sort(Enum):
    """What a line is by itself."""

    PLAIN = 0
    BLANK = 1
    SOURCE = 2
    DIVIDER = 3
    QUOTES = 4
    """A docstring that begins or ends."""
    QUOTED = 5
    """A docstring of one line."""


def sort_of(line: bytes) -> Sort:
    """What a plain line is by itself."""
    if any(quotes in line for quotes in _QUOTES):
        return Sort.QUOTES if sum(line.count(quotes) for quotes in _QUOTES) % 2 == 1 else Sort.QUOTED
    if not line.strip():
        return Sort.BLANK
    if _SOURCE.match(line):
        return Sort.SOURCE
    return Sort.DIVIDER if _DIVIDER.match(line) else Sort.PLAIN


@cache
def _anywhere() -> Presence:
    return Presence(_SOURCE_ANYWHERE)


def may_be_source(line: bytes) -> bool:
    """Whether what stands behind a line's labels may be source, or begin or end a docstring (a superset)."""
    return _anywhere().search(line) is not None


@dataclass(slots=True)
class SourceListing:
    """``weight`` rises with each line of source and falls with any other; ``quoted`` counts down in a docstring."""

    weight: int = 0
    quoted: int = 0

    @property
    def begun(self) -> bool:
        """Whether a line that is plain by itself would be taken otherwise than one outside of any listing."""
        return self.weight > 0 or self.quoted > 0

    def see(self, line: bytes) -> bool:
        """Take one plain line; whether it stands in a listing."""
        return self.move(sort_of(line))

    def move(self, sort: Sort) -> bool:
        """Take one line by its sort; whether it stands in a listing."""
        if sort is Sort.QUOTES:
            self.quoted = 0 if self.quoted else MAX_QUOTED_LINES
        if sort in (Sort.QUOTES, Sort.QUOTED):
            return True
        if self.quoted:
            self.quoted -= 1
            return True
        if sort is Sort.SOURCE:
            self.weight = min(MOST, self.weight + 1)
        elif sort is Sort.DIVIDER:
            self.weight = 0
        elif sort is Sort.PLAIN:
            self.weight = max(0, self.weight - 1)
        return self.weight >= ENOUGH
