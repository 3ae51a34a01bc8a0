"""Where the numbers stand in the lines of one known key, so that they can be read as columns.

A template is learned from a line that the parser has read, and holds for all lines of its key (``digits``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from monitor.parse.lines import ESCAPE, plain
from monitor.parse.numbers import NUMBER
from monitor.parse.reading import Reading

_NUMBERS = re.compile(NUMBER)
_RUNS = re.compile(rb"[0-9]+")
_PLAIN = re.compile(rb"([+-]?)([0-9,]*)(\.?)([0-9]*)(?:[eE]([+-]?)([0-9]+))?")
_FREE = re.compile(rb"(?<![A-Za-z_@0-9:-])(?<![0-9],)[0-9]+(?![0-9:-])(?!,[0-9])")
"""The runs of digits whose width a key does not tell."""
_NO_WORD = re.compile(rb"(?<![A-Za-z_@0-9])[0-9]+")
"""The runs whose digits a key does not tell."""
_ESCAPED = re.compile(rb"\x1b[0-9]")
"""A digit that is part of an escape where it is one of two, and stands for itself where it is another."""


@dataclass(frozen=True, slots=True)
class Number:
    """Where a number of the line stands: the runs of digits before and after its dot and of its exponent, or what it always is.

    ``thousands``: how many further runs of three digits the whole part has.
    """

    whole: int | None = None
    fraction: int | None = None
    sign: float = 1.0
    exponent_sign: int = 1
    exponent: int | None = None
    always: float | None = None
    thousands: int = 0

    @property
    def form(self) -> tuple[bool, bool, bool, int]:
        """Which of its parts it has: numbers of one form are parsed alike."""
        return self.whole is None, self.fraction is None, self.exponent is None, self.thousands


@dataclass(frozen=True, slots=True)
class Template:
    """``numbers``: those of the line, None for one that cannot be read here (and that the reading does not need)."""

    reading: Reading
    numbers: tuple[Number | None, ...]


def learn(line: bytes, start: int, reading: Reading) -> Template | None:
    """The template of a line whose plain text counts from byte ``start``, None where its lines cannot be read as columns."""
    plainly = _plain_places(line)
    if plainly is None:
        return None
    text, places = plainly
    run_at = {found.start(): (run, found.end() - found.start()) for run, found in enumerate(_RUNS.finditer(line))}

    def run(at: int, width: int) -> int | None:
        told = run_at.get(places[start + at] if places is not None else start + at)
        return told[0] if told is not None and told[1] == width else None

    found = list(_NUMBERS.finditer(text[start:]))
    if places is not None and any(places[start + one.end() - 1] - places[start + one.start()] != len(one[0]) - 1 for one in found):
        return None
    numbers = tuple(_number(one, run) for one in found)
    where = (reading.step, reading.epoch, reading.batch, reading.batches, reading.total_steps, reading.total_epochs, *(reading.full or ()))
    if any(at is not None and not _has_digits(numbers[at]) for at in where):
        return None
    return None if any(numbers[value.index] is None for value in reading.values) else Template(reading, numbers)


def steady(line: bytes, view: Callable[[bytes], object]) -> bool:
    """Whether ``view`` of a line is that of every line of its key: tried with other digits, also more of them where their width is free."""
    if _ESCAPED.search(line):
        return False
    seen = view(line)
    others = [_FREE.sub(other, line) for other in (b"4", b"73")]
    others += [_NO_WORD.sub(lambda run, digit=digit: digit * len(run[0]), line) for digit in (b"4", b"7")]  # type: ignore[misc]
    return all(view(other) == seen for other in {*others} - {line})


def _plain_places(line: bytes) -> tuple[bytes, list[int] | None] | None:
    """The plain text of a line and where each of its bytes stands in the line, None for the places where they are the same."""
    if b"\x08" in line or b"\x00" in line:
        return None
    if b"\x1b" not in line:
        return line, None
    places: list[int] = []
    at = 0
    for found in ESCAPE.finditer(line):
        places += range(at, found.start())
        at = found.end()
    places += range(at, len(line))
    return plain(line), places


def _has_digits(number: Number | None) -> bool:
    return number is not None and number.always is None


def _number(found: re.Match[bytes], run: Callable[[int, int], int | None]) -> Number | None:
    shape = _PLAIN.fullmatch(found[0])
    if shape is None:
        return None if _RUNS.search(found[0]) else Number(always=float(found[0]))
    groups = shape[2].split(b",")

    def run_of(group: int) -> int | None:
        return run(found.start() + shape.start(group), len(shape[group])) if shape[group] else None

    whole = run(found.start() + shape.start(2), len(groups[0])) if shape[2] else None
    if (shape[2] and whole is None) or (shape[4] and run_of(4) is None) or (shape[6] and run_of(6) is None):
        return None
    sign = -1.0 if shape[1] == b"-" else 1.0
    return Number(whole, run_of(4), sign, -1 if shape[5] == b"-" else 1, run_of(6), thousands=len(groups) - 1)
