"""Lines of one known skeleton as columns: their numbers are parsed for all lines at once, without an object for a line.

A template is learned from a line that the parser has read. ``key`` is the line without its digits and dots; lines of the same key
have the same words, and where their numbers stand is checked before they count. A number's value is its digits as a whole number
over a power of ten, which rounds as ``float`` does up to 15 digits and 22 places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.parse.numbers import HOLE, NUMBER
from monitor.parse.reading import Anchor, Reading

DIGITS = b"0123456789."
_IS_DIGIT = bytes(1 if byte in DIGITS else 0 for byte in range(256))
_NUMBERS = re.compile(NUMBER)
_RUNS = re.compile(rb"[0-9.]+")
_PLAIN = re.compile(rb"([+-]?)([0-9]+(?:\.[0-9]*)?)(?:[eE]([+-])([0-9]+))?")
_TENS = np.array([10.0**k for k in range(23)])
MAX_DIGITS = 15

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Number:
    """Where a number of the line stands: its run of digits, its sign, the sign and the run of its exponent, or what it always is."""

    run: int = 0
    sign: float = 1.0
    exponent_sign: int = 1
    exponent: int | None = None
    always: float | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """``gaps``: lengths of the words before each run of digits. A sign belongs to the words, and so do nan and inf."""

    key: bytes
    reading: Reading
    metrics: tuple[str, ...]
    gaps: tuple[int, ...]
    numbers: tuple[Number, ...]
    literal: bytes


def learn(line: bytes, reading: Reading, metrics: tuple[str, ...]) -> Template | None:
    """The template of a line, None where its lines cannot be read as columns (a sign, nan, thousands, no step of its own)."""
    if not columnar(reading) or b"\n" in line or b"\r" in line:
        return None
    runs = [(found.start(), found.end()) for found in _RUNS.finditer(line)]
    starts = {start: at for at, (start, _) in enumerate(runs)}
    numbers: list[Number] = []
    for found in _NUMBERS.finditer(line):
        made = _number(found, starts, runs)
        if made is None:
            return None
        numbers.append(made)
    if not runs or line[runs[-1][1] : runs[-1][1] + 1] in (b",",) or _glued(line, runs):
        return None
    ends = [0, *(end for _, end in runs)]
    gaps = tuple(start - ends[at] for at, (start, _) in enumerate(runs))
    literal = max(_NUMBERS.sub(HOLE, line).split(HOLE), key=len)
    return Template(line.translate(None, DIGITS), reading, metrics, gaps, tuple(numbers), literal)


def _number(found: re.Match[bytes], starts: dict[int, int], runs: list[tuple[int, int]]) -> Number | None:
    shape = _PLAIN.fullmatch(found[0])
    if shape is None:
        return None if _RUNS.search(found[0]) else Number(always=float(found[0]))
    first = starts.get(found.start() + len(shape[1]))
    exponent = starts.get(found.start() + shape.start(4)) if shape[4] is not None else None
    if first is None or (shape[4] is not None and exponent is None):
        return None
    if runs[exponent if exponent is not None else first][1] != found.end():
        return None
    return Number(first, -1.0 if shape[1] == b"-" else 1.0, -1 if shape[3] == b"-" else 1, exponent)


def columnar(reading: Reading) -> bool:
    """Whether all that a line says stands on the line itself."""
    if reading.weak or reading.bar or reading.full or reading.main_bar or reading.started:
        return False
    if reading.by_total or reading.once or reading.changed:
        return False
    if reading.anchor is not Anchor.LAST or not reading.values or any(value.understudy for value in reading.values):
        return False
    if reading.step is None:
        return reading.epoch is not None and reading.batch is not None and reading.batches is not None and reading.epoch_from is not None
    return reading.batch is None and not reading.local and (reading.epoch is None or reading.is_global)


def _glued(line: bytes, runs: list[tuple[int, int]]) -> bool:
    """Whether two runs are joined by a comma (grouped thousands in other lines) or a run is no plain number."""
    joined = any(line[end:start] == b"," for (_, end), (start, _) in pairwise(runs))
    return joined or any(line[start:end].count(b".") > 1 or line[start:end].startswith(b".") for start, end in runs)


class Columns:
    """The numbers of ``count`` lines of one template. ``ok`` says which lines are as the template has them."""

    def __init__(self, template: Template, text: bytes, count: int) -> None:
        self.template = template
        self.count = count
        self._runs: dict[int, tuple[Floats, Any]] = {}
        self._bytes = np.frombuffer(text, np.uint8)
        mask = np.frombuffer(text.translate(_IS_DIGIT), np.uint8)
        edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
        if mask.size and mask[0]:
            edges = np.concatenate((np.zeros(1, edges.dtype), edges))
        if mask.size and mask[-1]:
            edges = np.concatenate((edges, np.full(1, mask.size, edges.dtype)))
        runs = len(template.gaps)
        self.whole = edges.size == 2 * runs * count
        if not self.whole:
            return
        table = edges.reshape(count, 2 * runs)
        self._starts, self._ends = table[:, 0::2], table[:, 1::2]
        gaps = np.array(template.gaps)
        self.ok = np.ones(count, bool)
        if runs > 1:
            self.ok &= ((self._starts[:, 1:] - self._ends[:, :-1]) == gaps[1:]).all(axis=1)
        line_starts = np.concatenate((np.zeros(1, np.int64), np.flatnonzero(self._bytes == 10)[: count - 1] + 1))
        self.ok &= (self._starts[:, 0] - line_starts) == gaps[0]

    def number(self, index: int) -> Floats:
        """The values of the line's number ``index``; lines whose number has too many digits are no longer ``ok``."""
        told = self.template.numbers[index]
        if told.always is not None:
            return np.full(self.count, told.always)
        mantissa, places = self._run(told.run)
        if told.exponent is not None:
            power, _ = self._run(told.exponent)
            places = places - told.exponent_sign * power
            self.ok &= np.abs(places) <= 22
            scale = _TENS[np.minimum(np.abs(places), 22).astype(np.int64)]
            mantissa = np.where(places > 0, mantissa / scale, mantissa * scale)
        else:
            mantissa = mantissa / _TENS[places]
        return np.asarray(mantissa * told.sign, np.float64)

    def _run(self, run: int) -> tuple[Floats, Any]:
        """Digits of a run as a whole number, and how many of them stand after the dot."""
        known = self._runs.get(run)
        if known is None:
            known = self._runs[run] = self._parsed(run)
        return known

    def _parsed(self, run: int) -> tuple[Floats, Any]:
        starts, ends = self._starts[:, run], self._ends[:, run]
        lengths = ends - starts
        longest = min(int(lengths.max()), MAX_DIGITS + 1)
        if longest == MAX_DIGITS + 1:
            self.ok &= lengths <= longest
        back = np.arange(longest, 0, -1)
        digits = np.take(self._bytes, ends[:, None] - back, mode="clip").astype(np.int16) - 48
        inside = lengths[:, None] >= back
        dots = inside & (digits == -2)
        counts = dots.sum(axis=1)
        digits[~inside | dots] = 0
        if not counts.any():
            return digits @ _TENS[back - 1], 0
        self.ok &= counts <= 1
        places = np.where(counts == 1, longest - 1 - dots.argmax(axis=1), 0)
        if (places == places[0]).all() and counts.all():
            after = int(places[0])
            weights = np.concatenate((_TENS[back[: longest - after - 1] - 2], np.zeros(1), _TENS[back[longest - after :] - 1]))
            return digits @ weights, after
        left = back[None, :] - 1 > places[:, None]
        return (digits * np.where(left, _TENS[np.maximum(back - 2, 0)], _TENS[back - 1])).sum(axis=1), places
