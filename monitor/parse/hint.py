"""Whether a line can say anything: one search over its bytes that ends most lines of running text before they are cut or read.

A line without a hint says nothing to the general reader, is neither a line of column names nor a row of a table's block, and the
skeleton of no part of it matches one of the given patterns. Lines that differ only in their digits all have one, or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from monitor.parse.gate import required
from monitor.parse.heading import HEADING
from monitor.parse.names import LOSS_WORDS, METRIC_WORDS
from monitor.parse.pairs import HOLE
from rules.regex import Presence

_DIGIT = r"(?:[0-9]|(?i:nan|inf))"
_NUMBER = r"(?:[-+]?\.?[0-9][0-9.,eE+-]*|[-+]?(?i:nan|inf(?:inity)?))"
"""More than ``numbers.NUMBER``, without its conditions on what stands beside it."""
_GAP = r"[^A-Za-z0-9]*"
_NAME = rf"(?:steps?|iter(?:ation)?s?|updates?|epochs?{_GAP}(?:num|no|idx)?|round|batch{_GAP}(?:idx|id)?)"
_PLACE = rf"(?i:(?:{_NAME}|(?:^|[^A-Za-z])(?:ep|it|up)){_GAP}(?:tensor\(|np\.float|{_DIGIT}))"
"""A name of a place and its number, with what may stand between the two (``names.role``, ``pairs.key_before``)."""
_BREAKS = ",;`!?"
"""What never stands between a metric's name and its number (``pairs``)."""
_COUNTS = r"(?i:step|epoch|iter|update|up|ep|round)"
"""What a line of column names has beside a metric (``tables``)."""
_VALIDATION = "(?:val|valid|validation|test|dev|eval)"
_SPLITS = rf"(?:^|[^A-Za-z])(?i:train(?:ing)?[^A-Za-z].*\b{_VALIDATION}\b|{_VALIDATION}[^A-Za-z].*\btrain(?:ing)?\b)"
"""Or a column ``train`` beside one ``val``, which say no loss."""
_HEADED = rf"(?:^|[^A-Za-z])(?i:{HEADING})[^A-Za-z0-9|]*$"
_TURN = rf"\xe7\xac\xac ?{_NUMBER}"
"""``第 5 步``: step 5 (``general``)."""
_LEADING = rf"(?:^|[\s\v\[\]():\x80-\xff]){_NUMBER} ?/ *{_NUMBER}(?:[\]):,\x80-\xff]| = |\s+\()"
"""``[  10/200]: ...``: nothing names the count, but it stands where a step does (``general``)."""
_ROW = r"\|[^|]*\|[^|]*\|[\s\v]*$"
_BAR = r"%\|"
"""A bar is kept while nothing is recognised (``Recogniser.remember``)."""
_IN_WORD = re.compile(r"(?<![A-Za-z_@0-9])[0-9]+")
TELLING = 6
"""Characters of a literal that few lines contain by chance; for a shorter one more of the pattern is searched for."""
_CATEGORIES = {"CATEGORY_SPACE": r"\s\v\x1c-\x1f", "CATEGORY_WORD": r"A-Za-z0-9_", "CATEGORY_DIGIT": "0-9"}
_WORD = re._constants.CATEGORY_WORD  # type: ignore[attr-defined]
_ANY = r"(?s:.{1,4})"
"""One character: up to four bytes."""


@lru_cache(maxsize=64)
def hint(patterns: frozenset[str], *, general: bool) -> Presence:
    """A search for lines that one of ``patterns`` (of skeletons) may match, or where ``general`` that may say something to the
    general reader or to a table; any line where a pattern does not tell what its lines must contain."""
    needed = [*(_general() if general else ()), *(needs(pattern) or "" for pattern in sorted(patterns))]
    return Presence(("|".join(needed) if needed else r"[^\x00-\xff]").encode("latin-1"))


def _general() -> Iterable[str]:
    words = sorted(METRIC_WORDS | LOSS_WORDS)
    small, capital, upper = ("|".join(form(word) for word in words) for form in (str.lower, str.capitalize, str.upper))
    metric = rf"(?:(?:^|[^A-Za-z])(?:{small})|{capital}|(?:^|[^A-Z])(?:{upper}))"
    measured = rf"{metric}(?:(?:[^a-z{_BREAKS}]|tensor\(|np\.float)[^{_BREAKS}]*)?{_DIGIT}"
    measures = rf"{metric}(?:[^a-z]|$)"
    header = rf"{measures}.*{_COUNTS}|{_COUNTS}.*{measures}"
    return measured, header, _SPLITS, _HEADED, _PLACE, _TURN, _LEADING, _ROW, _BAR


@lru_cache(maxsize=4096)
def needs(pattern: str) -> str | None:
    """What every line must contain whose skeleton ``pattern`` matches, as a pattern of RE2 over bytes; None where that is not known."""
    literals = [max(_IN_WORD.split(literal), key=len) for literal in required(pattern)]
    if literals and min(map(len, literals)) >= TELLING:
        return "|".join(sorted(_exact(literal) for literal in literals))
    tree = re._parser.parse(pattern)  # type: ignore[attr-defined]
    found = None if tree.state.flags & re.IGNORECASE else _most_telling(list(tree))
    if found is not None and _letters(found) > min(map(len, literals), default=-1):
        return found
    return "|".join(sorted(_exact(literal) for literal in literals)) if literals and all(literals) else None


def _most_telling(parsed: Sequence[Any]) -> str | None:
    """The run of a parsed pattern that few other lines contain: of its parts, those of which it is known what they match."""
    if len(parsed) == 1 and str(parsed[0][0]) == "BRANCH":
        branches = [_most_telling(list(branch)) for branch in parsed[0][1][1]]
        return None if None in branches else "|".join(one for one in branches if one is not None)
    runs = [""]
    for kind, value in parsed:
        part = _part(str(kind), value)
        if part is None or _ANY in part:
            runs.append("")
        else:
            runs[-1] += part
    best = max(runs, key=lambda run: (_letters(run), len(run)))
    return best if re._parser.parse(best.replace(_NUMBER, "0")).getwidth()[0] else None  # type: ignore[attr-defined]


def _letters(run: str) -> int:
    return sum(map(str.isalpha, run.replace(_NUMBER, "")))


def _exact(literal: str) -> str:
    return "".join(re.escape(chr(byte)) for byte in literal.encode())


def _of_lines(tree: Any) -> str | None:
    """A parsed pattern of skeletons as one of lines, which matches more: any number for a hole, any character for a class."""
    parts = [_part(str(kind), value) for kind, value in tree]
    return None if None in parts else "".join(part for part in parts if part is not None)


def _part(kind: str, value: Any) -> str | None:
    if kind == "LITERAL":
        return _NUMBER if chr(value) == HOLE else "[0-9]*" if chr(value).isdigit() else _exact(chr(value))
    if kind in ("ANY", "NOT_LITERAL"):
        return _ANY
    if kind == "IN":
        return _one_of(value)
    if kind in ("AT", "ASSERT", "ASSERT_NOT"):
        return ""
    inner: str | None = None
    if kind == "SUBPATTERN" and not value[1] & re.IGNORECASE:
        inner = _of_lines(value[3])
    elif kind == "ATOMIC_GROUP":
        inner = _of_lines(value)
    elif kind == "BRANCH":
        branches = [_of_lines(branch) for branch in value[1]]
        inner = None if None in branches else "|".join(one for one in branches if one is not None)
    elif kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        one = _of_lines(value[2])
        return None if one is None else f"(?:{one}){'+' if value[0] else '*'}"
    return None if inner is None else f"(?:{inner})"


def _one_of(members: Any) -> str:
    """A class of characters as one of bytes, which may hold more; a hole where it may hold one, any digit where it may hold some."""
    kinds = [(str(kind), value) for kind, value in members]
    if kinds[0][0] == "NEGATE":
        return r"[^A-Za-z0-9_]" if {value for _, value in kinds[1:]} == {0, _WORD} else _ANY
    if any(kind == "CATEGORY" and str(value) not in _CATEGORIES for kind, value in kinds):
        return _ANY
    inside = "".join(_member(kind, value) for kind, value in kinds)
    return f"(?:{_NUMBER}|[{inside}\\x80-\\xff])" if ("LITERAL", 0) in kinds else f"[{inside}\\x80-\\xff]"


def _member(kind: str, value: Any) -> str:
    if kind == "CATEGORY":
        return _CATEGORIES[str(value)]
    first, last = value if kind == "RANGE" else (value, value)
    if first <= ord("9") and last >= ord("0"):
        return "0-9" + "".join(re.escape(chr(one)) for one in range(first, min(last, 127) + 1))
    return "".join(re.escape(chr(one)) for one in range(max(1, first), min(last, 127) + 1))
