"""Patterns that cost nothing until a line may hold them: compiled when first looked for, and looked for behind a literal of theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Generic, TypeVar

Label = TypeVar("Label")
Found = Callable[[str], re.Match[str] | None]

_TOKEN = re.compile(r"\\(.)|\[\^?\]?(?:\\.|[^\]\\])*\]")
_GROUP = re.compile(r"\([^()]*\)")
_BREAK = re.compile(r".(?:[?*]|\{\d*,?\d*\})\??|\+\??|[\0.^$]")
_HIDDEN = 0xE000
"""Where escaped characters stand while a pattern is taken apart: Unicode's private use."""


class Late:
    """A regular expression that is compiled when it is first looked for: most are never needed."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    @cached_property
    def search(self) -> Found:
        return re.compile(self.pattern).search

    @cached_property
    def match(self) -> Found:
        return re.compile(self.pattern).match

    @cached_property
    def fullmatch(self) -> Found:
        return re.compile(self.pattern).fullmatch

    @cached_property
    def findall(self) -> Callable[[str], list[str]]:
        return re.compile(self.pattern).findall

    @cached_property
    def finditer(self) -> Callable[[str], Iterator[re.Match[str]]]:
        return re.compile(self.pattern).finditer

    @cached_property
    def literal(self) -> str:
        """The longest text outside of groups and choices, which every match contains; empty where there is none."""
        bare = _TOKEN.sub(_hidden, self.pattern)
        while "(" in bare:
            bare = _GROUP.sub("\0", bare)
        longest = "" if "|" in bare else max(_BREAK.split(bare), key=len)
        return "".join(chr(ord(letter) - _HIDDEN) if ord(letter) >= _HIDDEN else letter for letter in longest)


def _hidden(token: re.Match[str]) -> str:
    """An escaped character that stands for itself, out of the way; any other token as a break."""
    return chr(_HIDDEN + ord(token[1])) if token[1] and not token[1].isalnum() else "\0"


class Sought(Generic[Label]):
    """Patterns in an order, with a label each."""

    def __init__(self, patterns: Iterable[tuple[Label, str]]) -> None:
        self.patterns = tuple(patterns)

    @cached_property
    def _sought(self) -> tuple[tuple[str, Late, Label], ...]:
        late = ((Late(pattern), label) for label, pattern in self.patterns)
        return tuple((pattern.literal, pattern, label) for pattern, label in late)

    def first(self, line: str) -> tuple[Label, Late] | None:
        """The first of the patterns that ``line`` contains, with its label."""
        for literal, pattern, label in self._sought:
            if literal in line and pattern.search(line):
                return label, pattern
        return None
