"""Lines of a known key found without making their keys: the text between their runs of digits is compared for many lines at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from monitor.parse.digits import PAD, Digits, Flags, Ints

MANY_LINES = 256
"""Lines of one key in a block for which its shape is worth a comparison."""
MAX_SHAPES = 8
MAX_LINE_BYTES = 4096
_RUNS = re.compile(rb"[0-9]+")
_HELD = re.compile(rb"(?<=[A-Za-z_@:-])[0-9]+|[0-9]+(?=[:-])|(?<=[0-9],)[0-9]+|[0-9]+(?=,[0-9])")
"""The runs whose width, and perhaps whose digits, their key keeps (``Digits.keys``). Here both must be the same, or the width alone."""
_WORD = re.compile(rb"(?<=[A-Za-z_@])[0-9]+")


class Shape:
    """What all lines of one key have in common, learned from one of them."""

    def __init__(self, key: bytes, line: bytes) -> None:
        self.key = key
        spans = [found.span() for found in _RUNS.finditer(line)]
        ends, starts = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(line)]
        gaps = [line[start:end] for start, end in zip(ends, starts, strict=True)]
        self.signature = _signature(len(spans), sum(map(len, gaps)))
        self._runs = len(spans)
        self._texts = [(run, *word) for run, gap in enumerate(gaps) if len(gap) > 1 for word in _words(gap)]
        self._marks = [(run, gap[0]) for run, gap in enumerate(gaps) if len(gap) == 1]
        number = {start: run for run, (start, _) in enumerate(spans)}
        self._widths = [(number[found.start()], len(found[0])) for found in _HELD.finditer(line)]
        self._digits = [(number[found.start()], *word) for found in _WORD.finditer(line) for word in _words(found[0])]

    def among(self, digits: Digits, lines: Ints) -> Flags:
        """Which of ``lines``, whose signature is this one's, have this key.

        The text before each run is compared from the run backwards. A longer one than it should be would make the line's text longer.
        """
        first = digits.firsts[lines]
        eights, line_ends = digits.eights, digits.line_starts[lines + 1] - 1
        found = np.ones(lines.size, bool)
        for run, mark in self._marks:
            found &= digits.bytes[(digits.starts[first + run] if run < self._runs else line_ends) - 1] == mark
        for run, back, spare, word in self._texts:
            end = digits.starts[first + run] if run < self._runs else line_ends
            seen = eights[end + (len(PAD) - 8 - back)]
            found &= (seen >> spare if spare else seen) == word
        for run, width in self._widths:
            found &= digits.ends[first + run] - digits.starts[first + run] == width
        for run, back, spare, word in self._digits:
            seen = eights[digits.ends[first + run] + (len(PAD) - 8 - back)]
            found &= (seen >> spare if spare else seen) == word
        return found


def _words(text: bytes) -> Iterable[tuple[int, np.uint64, np.uint64]]:
    """``text`` as little-endian words of eight bytes: how far before its end each ends, its spare low bits, the word without them."""
    for end in range(len(text), 0, -8):
        if end < 8 <= len(text):
            end = 8  # the last one overlaps the one before
        part = text[max(0, end - 8) : end]
        yield len(text) - end, np.uint64(8 * (8 - len(part))), np.uint64(int.from_bytes(part, "little"))


def _signature(runs: int, length: int) -> int:
    """What lines of one key share, as one number."""
    return runs << 32 | length


class Shapes:
    """The shapes that many lines of a file have."""

    def __init__(self) -> None:
        self._shapes: dict[bytes, Shape] = {}

    def find(self, digits: Digits, count: int) -> tuple[Ints, list[bytes]]:
        """Which of the shapes' keys each line has, -1 where none; and the keys."""
        found = np.full(count, -1, np.int64)
        if not self._shapes or count < MANY_LINES:
            return found, []
        signatures = digits.signatures()
        keys = []
        for at, (key, shape) in enumerate(list(self._shapes.items())):
            lines = np.flatnonzero(signatures == shape.signature)
            lines = lines[shape.among(digits, lines)] if lines.size else lines
            found[lines] = at
            keys.append(key)
            if lines.size < MANY_LINES // 8:
                del self._shapes[key]
        return found, keys

    def learn(self, keys: Sequence[bytes], line_of: Ints | range, digits: Digits) -> None:
        """Take up the keys that many lines have: ``line_of[i]`` is the number of the line of ``keys[i]``."""
        if len(keys) < MANY_LINES:
            return
        for key, count in Counter(keys).most_common(MAX_SHAPES - len(self._shapes)):
            line = digits.line(line_of[keys.index(key)])
            if count >= MANY_LINES and len(line) <= MAX_LINE_BYTES:
                self._shapes[key] = Shape(key, line)
