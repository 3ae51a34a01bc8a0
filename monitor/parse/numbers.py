"""Numbers as logs print them, and a line's skeleton: the line with every number taken out.

What a line means depends on its words, not on its numbers. So a line is cut once into words and numbers, and what the words
mean is looked up. A number is never part of an identifier (``loss_0``, ``ndcg@10``, ``fc1``) nor of a version (``1.2.3``).
"""

from __future__ import annotations

import re

HOLE = b"\x00"
"""What stands in a skeleton for a number. A log's own NUL bytes are dropped before (file systems leave them after a crash)."""

NUMBER = (
    rb"(?<![A-Za-z0-9_.@])(?:(?<![)\]])[+-])?"
    rb"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|(?:nan|NaN|NAN|inf|Inf|INF|Infinity)"
    rb"(?![A-Za-z0-9_]|[ ]+(?:iterations|or|and|in|is|detected|values?|grad(?:s|ients?)?|loss(?:es)?(?![ ]*[:=]|[ ]+[-+.\dni]))\b))"
)
"""One number: grouped thousands, decimals, exponents, nan and the infinities; a sign counts unless it joins two words."""

_PARTS = re.compile(b"(" + NUMBER + b")").split
_MULTIPLE = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9}


def cut(line: bytes) -> tuple[bytes, list[bytes]]:
    """The skeleton of a line, each number a ``HOLE``, and the numbers as they stand."""
    parts = _PARTS(line)
    return HOLE.join(parts[::2]), parts[1::2]


def number(text: bytes) -> float:
    """The value of one number that ``cut`` has found."""
    try:
        return float(text)
    except ValueError:
        return float(text.replace(b",", b""))


def multiple(after: str) -> float:
    """What a unit letter right after a number makes of it: ``1.2k`` and ``1.2kit`` are 1200. 1 where it is none (``3ms``, ``11810MiB``)."""
    if after[:1] in _MULTIPLE and (not after[1:2].isalpha() or re.match("it\\b", after[1:])):
        return _MULTIPLE[after[0]]
    return 1.0
