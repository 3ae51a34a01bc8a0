"""Which lines the rules and the event reader want to see, and what the rules' patterns find in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from monitor.notify.text import clean
from rules.observation import Event
from rules.regex import Pattern, compile_pattern
from rules.rule import LinePattern

MATCHED_BYTES = 8192
"""Of a longer line only the head is searched."""


class LineMatcher:
    """The patterns of all rules of one file. ``interesting`` is one RE2 pattern that every line of interest contains.

    ``literals`` are those of the event reader: a line without any of them says nothing to it.
    """

    def __init__(self, patterns: Mapping[str, LinePattern], literals: Iterable[bytes] = ()) -> None:
        self._patterns = [
            (rule, compile_pattern(lines.match), compile_pattern(lines.ignore) if lines.ignore else None)
            for rule, lines in patterns.items()
        ]
        wanted = [f"(?:{lines.match})" for lines in patterns.values()]
        wanted += [re.escape(literal.decode()) for literal in literals]
        self.interesting: Pattern | None = compile_pattern("|".join(wanted), bounded=False) if wanted else None

    def events(self, line: bytes, offset: int) -> list[Event]:
        """An event of kind ``match`` for each rule whose pattern the line contains and whose ``ignore`` it does not."""
        head = line[:MATCHED_BYTES]
        return [
            Event("match", clean(head.decode("utf-8", "replace")), None, offset, fields={"rule": rule})
            for rule, match, ignore in self._patterns
            if match.search(head) and not (ignore and ignore.search(head))
        ]
