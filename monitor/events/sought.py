"""Patterns that are looked for in their order, each only in lines that hold a literal of it: most lines hold none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Generic, TypeVar

from monitor.parse.gate import required

Label = TypeVar("Label")


class Sought(Generic[Label]):
    """Patterns with a label each. They are compiled when one is first looked for."""

    def __init__(self, patterns: Iterable[tuple[Label, str]]) -> None:
        self.patterns = tuple(patterns)

    @cached_property
    def _compiled(self) -> tuple[tuple[tuple[str, ...], re.Pattern[str], Label], ...]:
        return tuple((tuple(required(pattern)), re.compile(pattern), label) for label, pattern in self.patterns)

    def first(self, line: str) -> tuple[Label, re.Pattern[str]] | None:
        """The first of the patterns that ``line`` contains, with its label."""
        for literals, pattern, label in self._compiled:
            for literal in literals:
                if literal in line:
                    break
            else:
                if literals:
                    continue
            if pattern.search(line):
                return label, pattern
        return None
