"""Whether the lines that come by are a program's own source, printed at the head of its log: nothing there is an observation.

A traceback quotes single lines of source and a warning one; a listing is many of them together, or a docstring.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SOURCE = re.compile(
    rb"""\s*(?:def\s|class\s+\w+.*:|import\s\w|from\s[\w.]+\simport\s|return\b|if\s.*:\s*(?:\#.*)?$|elif\s.*:|else:|for\s.*\sin\s.*:|while\s.*:|
        try:|except\b.*:|with\s.*:|@\w+|print\(|self\.\w|assert\s|raise\s|\#\s|//\s|\w[\w.\[\], ]*\s[-+*/]?=\s[^=]*[(\[{])""",
    re.X,
)
_DIVIDER = re.compile(rb"\s*[=\-*#_]{16,}\s*$")
_QUOTES = (b'"""', b"'''")
ENOUGH = 4
MOST = 6
MAX_QUOTED_LINES = 120


@dataclass(slots=True)
class SourceListing:
    """``weight`` rises with each line of source and falls with any other; ``quoted`` counts down in a docstring."""

    weight: int = 0
    quoted: int = 0

    def see(self, line: bytes) -> bool:
        """Take one plain line; whether it stands in a listing."""
        if any(quotes in line for quotes in _QUOTES):
            opens = sum(line.count(quotes) for quotes in _QUOTES) % 2 == 1
            if opens:
                self.quoted = 0 if self.quoted else MAX_QUOTED_LINES
            return True
        if self.quoted:
            self.quoted -= 1
            return True
        if not line.strip():
            return self.weight >= ENOUGH
        if _SOURCE.match(line):
            self.weight = min(MOST, self.weight + 1)
        elif _DIVIDER.match(line):
            self.weight = 0
        else:
            self.weight = max(0, self.weight - 1)
        return self.weight >= ENOUGH


def neutral(line: bytes) -> bool:
    """Whether a line says nothing of a listing."""
    return not any(quotes in line for quotes in _QUOTES) and not _SOURCE.match(line)
