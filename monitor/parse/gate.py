"""Which literals a line must contain to mean anything, once a file has shown what it is: what a long file is scanned for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any

from monitor.parse.format import Format
from monitor.parse.pairs import HOLE
from rules.regex import Presence, compile_literals

MIN_LITERAL = 3
LOSS_LITERALS = ("oss", "OSS")
PLACE_LITERALS = ("poch", "POCH", "tep", "TEP", "ter", "pdate", "atch")


@lru_cache(maxsize=4096)
def required(pattern: str) -> frozenset[str]:
    """Literals of which every match of ``pattern`` contains one; empty where none is long enough to be worth a search."""
    tree = re._parser.parse(pattern)  # type: ignore[attr-defined]
    return frozenset() if tree.state.flags & re.IGNORECASE else _best(_alternatives(tree))


def literals_of(formats: Sequence[Format]) -> frozenset[str]:
    """Literals of which every line that one of ``formats`` reads contains one; empty where a rule has none."""
    found: set[str] = set()
    for one in formats:
        if one.reader is not None or one.general or one.repeats_after is not None:
            return frozenset()
        for rule in one.rules:
            needed = required(rule.pattern.pattern)
            if not needed:
                return frozenset()
            found |= needed
    return frozenset(found)


def compiled_gate(literals: Iterable[str | bytes]) -> Any:
    """One RE2 pattern over bytes that searches for any of the literals in linear time."""
    return compile_literals(one if isinstance(one, bytes) else one.encode() for one in literals)


def presence_of(literals: Iterable[str]) -> Presence:
    """Whether a line contains any of the literals."""
    return Presence(b"|".join(re.escape(one.encode()) for one in sorted(literals)))


def _best(found: Sequence[frozenset[str]]) -> frozenset[str]:
    usable = [one for one in found if one and min(map(len, one)) >= MIN_LITERAL]
    return max(usable, key=lambda one: (min(map(len, one)), -len(one)), default=frozenset())


def _alternatives(tree: Any) -> list[frozenset[str]]:
    """For a parsed sequence: sets of literals, of each of which any match contains one."""
    found: list[frozenset[str]] = []
    run = ""
    for kind, value in tree:
        name = str(kind)
        if name == "LITERAL" and chr(value) != HOLE:
            run += chr(value)
            continue
        found.append(frozenset((run,)) if run else frozenset())
        run = ""
        if name == "SUBPATTERN" and not value[1] & re.IGNORECASE:
            found += _alternatives(value[3])
        elif name == "BRANCH":
            branches = [_best(_alternatives(branch)) for branch in value[1]]
            found.append(frozenset().union(*branches) if all(branches) else frozenset())
        elif name in ("MAX_REPEAT", "MIN_REPEAT") and value[0] >= 1:
            found += _alternatives(value[2])
    found.append(frozenset((run,)) if run else frozenset())
    return found


class LineSearch:
    """Finds the lines of a block that contain any of some literals: by hyperscan where the extra ``fast`` is installed, else by RE2."""

    def __init__(self, literals: Iterable[str | bytes]) -> None:
        self._literals = tuple(sorted({one if isinstance(one, bytes) else one.encode() for one in literals}))

    @cached_property
    def _search(self) -> Any:
        return compiled_gate(self._literals).search

    @cached_property
    def _database(self) -> Any:
        return _database(self._literals)

    def holds(self, line: bytes) -> bool:
        """Whether ``line`` contains a literal."""
        return self._search(line) is not None

    def starts(self, text: bytes | bytearray, start: int = 0, stop: int | None = None) -> list[int]:
        """Where the lines that contain a literal start, rising; ``text[start:stop]`` is whole lines, as is what stands before."""
        end = len(text) if stop is None else stop
        return self._one_by_one(bytes(memoryview(text)[:end]), start) if self._database is None else self._scanned(text, start, end)

    def _one_by_one(self, text: bytes, at: int = 0) -> list[int]:
        found_at: list[int] = []
        while (found := self._search(text, at)) is not None:
            start = text.rfind(b"\n", 0, found.start()) + 1
            found_at.append(start)
            at = text.find(b"\n", start) + 1
        return found_at

    def _scanned(self, text: bytes | bytearray, at: int, stop: int) -> list[int]:
        ends: list[int] = []

        def hit(_pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends.append(end)

        self._database.scan(memoryview(text)[at:stop], match_event_handler=hit)
        found_at: list[int] = []
        line_end = -1
        for end in sorted(ends):
            if at + end > line_end:
                found_at.append(text.rfind(b"\n", 0, at + end - 1) + 1)
                line_end = text.find(b"\n", at + end - 1)
        return found_at


@lru_cache(maxsize=8)
def _database(literals: tuple[bytes, ...]) -> Any:
    """A hyperscan database of the literals, None where hyperscan is not installed or refuses them."""
    try:
        import hyperscan
    except ImportError:
        return None
    database = hyperscan.Database()
    try:
        database.compile(expressions=[re.escape(one) for one in literals], ids=list(range(len(literals))))
    except hyperscan.error:
        return None
    return database
