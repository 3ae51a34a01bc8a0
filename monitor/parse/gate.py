"""Which literals a line must contain to mean anything, once a file has shown what it is: what a long file is scanned for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from monitor.parse.format import Format
from monitor.parse.pairs import HOLE
from rules.regex import compile_literals

MIN_LITERAL = 3
LOSS_LITERALS = ("oss", "OSS")
PLACE_LITERALS = ("poch", "POCH", "tep", "TEP", "ter", "pdate")


def required(pattern: str) -> frozenset[str]:
    """Literals of which every match of ``pattern`` contains one; empty where none is long enough to be worth a search."""
    return _best(_alternatives(re._parser.parse(pattern)))  # type: ignore[attr-defined]


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
        if name == "SUBPATTERN":
            found += _alternatives(value[3])
        elif name == "BRANCH":
            branches = [_best(_alternatives(branch)) for branch in value[1]]
            found.append(frozenset().union(*branches) if all(branches) else frozenset())
        elif name in ("MAX_REPEAT", "MIN_REPEAT") and value[0] >= 1:
            found += _alternatives(value[2])
    found.append(frozenset((run,)) if run else frozenset())
    return found
