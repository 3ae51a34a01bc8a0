"""Lines of one known key as columns: their numbers are parsed for all lines at once, without an object for a line.

A template is learned from a line that the parser has read, and holds for all lines of its key (``digits``). A number's value is its
digits as a whole number over a power of ten, which rounds as ``float`` does up to 15 digits and 22 places.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitor.parse.digits import Digits, Flags, Floats, Ints
from monitor.parse.numbers import NUMBER
from monitor.parse.reading import Anchor, Reading

_NUMBERS = re.compile(NUMBER)
_RUNS = re.compile(rb"[0-9]+")
_PLAIN = re.compile(rb"([+-]?)([0-9]*)(\.?)([0-9]*)(?:[eE]([+-]?)([0-9]+))?")
_FREE = re.compile(rb"(?<![A-Za-z_@0-9:-])(?<![0-9],)[0-9]+(?![0-9:-])(?!,[0-9])")
"""The runs of digits whose width a key does not tell."""
_TENS = np.array([10.0**k for k in range(23)])
MAX_DIGITS = 15
MAX_PLACES = 22


@dataclass(frozen=True, slots=True)
class Number:
    """Where a number of the line stands: the runs of digits before and after its dot and of its exponent, or what it always is."""

    whole: int | None = None
    fraction: int | None = None
    sign: float = 1.0
    exponent_sign: int = 1
    exponent: int | None = None
    always: float | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """``numbers``: those of the line, None for one that cannot be read here (and that the reading does not need)."""

    reading: Reading
    metrics: tuple[str, ...]
    numbers: tuple[Number | None, ...]


def learn(line: bytes, start: int, reading: Reading, metrics: tuple[str, ...]) -> Template | None:
    """The template of a line that counts from byte ``start``, None where its lines cannot be read as columns."""
    if not columnar(reading):
        return None
    run_at = {found.start(): run for run, found in enumerate(_RUNS.finditer(line))}
    numbers = tuple(_number(found, start, run_at) for found in _NUMBERS.finditer(line[start:]))
    needed = [reading.step, reading.epoch, reading.batch, reading.batches, *(value.index for value in reading.values)]
    if any(at is not None and numbers[at] is None for at in needed):
        return None
    return Template(reading, metrics, numbers)


def steady(line: bytes, view: Callable[[bytes], object]) -> bool:
    """Whether ``view`` of a line is that of every line of its key: tried with other digits in the numbers whose width is free."""
    seen = view(line)
    return all(view(_FREE.sub(other, line)) == seen for other in (b"4", b"73"))


def _number(found: re.Match[bytes], start: int, run_at: dict[int, int]) -> Number | None:
    shape = _PLAIN.fullmatch(found[0])
    if shape is None:
        return None if _RUNS.search(found[0]) else Number(always=float(found[0]))

    def run(group: int) -> int | None:
        return run_at.get(start + found.start() + shape.start(group)) if shape[group] else None

    if (shape[2] and run(2) is None) or (shape[4] and run(4) is None) or (shape[6] and run(6) is None):
        return None
    return Number(run(2), run(4), -1.0 if shape[1] == b"-" else 1.0, -1 if shape[5] == b"-" else 1, run(6))


def columnar(reading: Reading) -> bool:
    """Whether all that a line says stands on the line itself."""
    if reading.weak or reading.bar or reading.full or reading.main_bar or reading.started:
        return False
    if reading.by_total or reading.once or reading.changed or reading.section or reading.by_section:
        return False
    if reading.anchor is not Anchor.LAST or not reading.values or any(value.understudy for value in reading.values):
        return False
    if reading.step is None:
        return reading.epoch is not None and reading.batch is not None and reading.batches is not None and reading.epoch_from is not None
    return reading.batch is None and not reading.local


def by_epoch(reading: Reading) -> bool:
    """Whether the step of a line is the run's only as long as it does not begin anew in an epoch."""
    return reading.step is not None and reading.epoch is not None and not reading.is_global


class Columns:
    """The numbers of the ``lines`` of one template in a block. ``ok`` says of which lines they are exact."""

    def __init__(self, template: Template, digits: Digits, lines: Ints) -> None:
        self._template = template
        self._digits = digits
        self._first = digits.first_runs(lines)
        self.ok: Flags = np.ones(lines.size, bool)

    def number(self, index: int) -> Floats:
        """The values of the line's number ``index``; lines whose number has too many digits are no longer ``ok``."""
        told = self._template.numbers[index]
        if told is None or told.always is not None:
            return np.full(self._first.size, np.nan if told is None else told.always)
        mantissa, count = self._run(told.whole)
        places: Ints = np.zeros(1, np.int64)
        if told.fraction is not None:
            fraction, places = self._run(told.fraction)
            mantissa = mantissa * _TENS[np.minimum(places, MAX_PLACES)] + fraction
            count = count + places
        self.ok &= count <= MAX_DIGITS
        if told.exponent is not None:
            power, width = self._run(told.exponent)
            places = places - told.exponent_sign * power.astype(np.int64)
            self.ok &= (np.abs(places) <= MAX_PLACES) & (width < MAX_DIGITS)
        scale = _TENS[np.minimum(np.abs(places), MAX_PLACES)]
        value = mantissa / scale if told.exponent is None else np.where(places > 0, mantissa / scale, mantissa * scale)
        return np.asarray(value * told.sign if told.sign < 0 else value, np.float64)

    def _run(self, run: int | None) -> tuple[Floats, Ints]:
        if run is None:
            return np.zeros(self._first.size), np.zeros(self._first.size, np.int64)
        return self._digits.values(self._first + run)
