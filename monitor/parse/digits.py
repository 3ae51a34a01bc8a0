"""The runs of digits of a block of lines, found for all lines at once, and each line's key: the line less its numbers' digits.

Two lines of one key have the same skeleton (``numbers.cut``) and as many runs of digits, each with the same neighbours. A run keeps its
width in the key where its width may matter (times, dates, ranks, thousands), and its digits where they are part of a word (``loss_0``).
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

PAD = b"\n" * 16
"""What stands before the lines: so the eight bytes up to a number's end can be read at once."""
_ZERO, _COMMA, _NEWLINE = 48, 44, 10
_MARK_ZERO, _MARK_ANY = 14, 24
"""What stands in a key for a digit: ten control codes for those of words, one for any other. So the digits themselves can be deleted."""
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_@"
_IN_WORD = np.array([byte in _LETTERS for byte in range(256)])
_KEEPS_WIDTH = np.array([byte in b":-" for byte in range(256)])
_LOW_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_PAIRS = np.uint64(0x000000FF000000FF)
_HUNDREDS = np.uint64(0x000F424000000064)
_ONES = np.uint64(0x0000271000000001)
MAX_RUN = 16
"""Digits of a run that are read; a longer one has no value here."""


class Digits:
    """The runs of digits of whole lines; ``padded`` has as many bytes as ``PAD`` before them, the last of which is a line's end."""

    def __init__(self, padded: bytes) -> None:
        self._padded = padded
        every = np.frombuffer(padded, np.uint8)
        self.bytes = every[len(PAD) :]
        digit = (every[len(PAD) - 1 :] - np.uint8(_ZERO)) < 10
        edges = np.flatnonzero(digit[1:] != digit[:-1])
        self.starts: Ints = edges[0::2]
        self.ends: Ints = edges[1::2]
        newlines = np.flatnonzero(self.bytes == _NEWLINE)
        self.line_starts: Ints = np.concatenate((np.zeros(1, np.int64), newlines + 1))
        """Where the lines start, and the end of the text."""

    def line(self, at: int) -> bytes:
        """Line ``at``, without its end."""
        return self._padded[len(PAD) + int(self.line_starts[at]) : len(PAD) - 1 + int(self.line_starts[at + 1])]

    def slice(self, start: int, end: int) -> bytes:
        return self._padded[len(PAD) + start : len(PAD) + end]

    def keys(self) -> list[bytes]:
        """The key of each line."""
        starts, ends, text = self.starts, self.ends, self.bytes
        out = text.copy()
        marks = (text - np.uint8(_MARK_ZERO)) <= _MARK_ANY - _MARK_ZERO
        if marks.any():
            out[marks] = 1  # what a log prints is no mark
        if starts.size:
            before, after = text[starts - 1], text[ends]
            if starts[0] == 0:
                before[0] = _NEWLINE
            word = _IN_WORD[before]
            held = word | _KEEPS_WIDTH[before] | _KEEPS_WIDTH[after]
            joined = (after[:-1] == _COMMA) & (starts[1:] == ends[:-1] + 1)
            held[:-1] |= joined
            held[1:] |= joined
            out[starts] = _MARK_ANY
            self._hold(out, held, word)
        keys = out.tobytes().translate(None, b"0123456789").split(b"\n")
        keys.pop()
        return keys

    def _hold(self, out: npt.NDArray[np.uint8], held: Flags, word: Flags) -> None:
        """Mark each digit of the runs that are ``held``, and which digit it is in those of a ``word``."""
        runs = np.flatnonzero(held)
        if not runs.size:
            return
        starts, lengths = self.starts[runs], self.ends[runs] - self.starts[runs]
        reached = np.cumsum(lengths)
        places = np.repeat(starts - (reached - lengths), lengths) + np.arange(int(reached[-1]))
        out[places] = _MARK_ANY
        of_words = places[np.repeat(word[runs], lengths)]
        out[of_words] = self.bytes[of_words] - (_ZERO - _MARK_ZERO)

    @cached_property
    def firsts(self) -> Ints:
        """The number of the first run at or after the start of each line, and of the text's end."""
        return np.searchsorted(self.starts, self.line_starts)

    def signatures(self) -> Ints:
        """How many runs each line has and how long it is without them, as one number: high and low half."""
        reached = np.concatenate((np.zeros(1, np.int64), np.cumsum(self.ends - self.starts)))[self.firsts]
        return (np.diff(self.firsts) << 32) + np.diff(self.line_starts) - 1 - np.diff(reached)

    def values(self, runs: Ints) -> tuple[Floats, Ints]:
        """The runs as whole numbers, and how many digits each has; of a run longer than ``MAX_RUN`` only the end counts.

        What is the same for all of them comes once: an array of one.
        """
        ends = self.ends[runs]
        lengths = _once(ends - self.starts[runs])
        if lengths.size == 1 and lengths[0] <= 2:
            value = self._digit(ends - 1)
            return (value if lengths[0] == 1 else self._digit(ends - 2) * 10.0 + value), lengths
        value = _eight_digits(_once(self.eights[ends + 8]), np.minimum(lengths, 8))
        if lengths.size and lengths.max() > 8:
            value = _eight_digits(_once(self.eights[ends]), np.clip(lengths - 8, 0, 8)) * 1e8 + value
        return value, lengths

    def long_values(self, runs: Ints) -> tuple[npt.NDArray[np.longdouble], Flags]:
        """The runs as whole numbers of up to 24 digits in extended precision, and which of them have no more."""
        ends = self.ends[runs]
        lengths = ends - self.starts[runs]
        made = np.zeros(runs.size, np.longdouble)
        for before in (16, 8, 0):
            digits = _eight_digits(self.eights[ends + 8 - before], np.clip(lengths - before, 0, 8))
            made = np.asarray(made * 1e8 + digits, np.longdouble)
        return made, lengths <= 24

    def _digit(self, places: Ints) -> Floats:
        """The values of single digits, that of the first where all are the same."""
        return np.asarray(_once(self.bytes[places]) - np.uint8(_ZERO), np.float64)

    @cached_property
    def eights(self) -> npt.NDArray[np.uint64]:
        """The eight bytes from each byte of the padded text on, as one little-endian number."""
        return np.ndarray((len(self._padded) - 7,), np.dtype("<u8"), self._padded, 0, (1,))


def _once(column: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A column, or its first number alone where all are the same."""
    return column[:1] if column.size > 1 and column[0] == column[-1] and bool((column == column[0]).all()) else column


def _eight_digits(eights: npt.NDArray[np.uint64], lengths: Ints) -> Floats:
    """The last ``lengths`` of eight digits as a number: three multiplications (Mula, http://0x80.pl/articles/simd-parsing-int-sequences.html)."""
    junk = ((8 - lengths) * 8).astype(np.uint64)
    digits = np.where(lengths > 0, ((eights & _LOW_NIBBLES) >> (junk % np.uint64(64))) << (junk % np.uint64(64)), np.uint64(0))
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    made = ((pairs & _PAIRS) * _HUNDREDS + ((pairs >> np.uint64(16)) & _PAIRS) * _ONES) >> np.uint64(32)
    return np.asarray(made, np.float64)
