"""Which lines the rules and the event reader want to see, and what the rules' patterns find in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from monitor.events.noise import noise_literals
from rules.observation import Event
from rules.regex import Pattern, compile_pattern

if TYPE_CHECKING:
    from rules.rule import LinePattern

MATCHED_BYTES = 8192
"""Of a longer line only the head is searched."""


class LineMatcher:
    """The patterns of all rules of one file. ``interesting`` is one RE2 pattern that every line of interest contains.

    ``literals`` are those of the event reader: a line without any of them says nothing to it.
    """

    def __init__(self, patterns: Mapping[str, LinePattern], literals: Iterable[bytes] = ()) -> None:
        self._patterns = [_Compiled(rule, lines) for rule, lines in patterns.items()]
        wanted = [f"(?:{lines.match})" for lines in patterns.values()]
        wanted += [re.escape(literal.decode()) for literal in literals]
        self.interesting: Pattern | None = compile_pattern("|".join(wanted), bounded=False) if wanted else None

    def events(self, line: bytes, offset: int) -> list[Event]:
        """An event of kind ``match`` for each rule whose pattern the line contains and which does not leave it out."""
        from monitor.notify.text import clean

        head = line[:MATCHED_BYTES]
        return [
            Event("match", clean(head.decode("utf-8", "replace")), None, offset, fields={"rule": one.rule})
            for one in self._patterns
            if one.counts(head)
        ]


class _Compiled:
    """One rule's lines, ready to be searched for."""

    def __init__(self, rule: str, lines: LinePattern) -> None:
        self.rule = rule
        self._match = compile_pattern(lines.match)
        self._ignored = [compile_pattern(one) for one in lines.ignore]
        # A pattern that matches at the very beginning of a piece of noise asks for just that.
        begins = compile_pattern(f"^(?:{lines.match})", bounded=False)
        self._noise = [literal for literal in noise_literals() if not begins.search(literal)] if lines.noise else []

    def counts(self, head: bytes) -> bool:
        if not self._match.search(head) or any(one.search(head) for one in self._ignored):
            return False
        return not any(literal in head for literal in self._noise)
