"""The numbers of many lines of one template, parsed without an object for a line.

A number's value is its digits as a whole number over a power of ten, which rounds as ``float`` does up to 15 digits and 22 places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from monitor.parse.digits import Digits, Floats, Ints
from monitor.parse.template import Number, Template
from monitor.parse.wide import wide_values

_TENS = np.array([10.0**k for k in range(23)])
MAX_DIGITS = 15
MAX_PLACES = 22
FEW_ROWS = 512
"""Lines of which numbers of one form are parsed together: there a step costs more by itself than what a column has in common saves."""


class Columns:
    """The numbers of the ``lines`` of one template in a block."""

    def __init__(self, template: Template, digits: Digits, lines: Ints) -> None:
        self._template = template
        self._digits = digits
        self._first = digits.firsts[lines]

    def numbers(self, indices: Iterable[int]) -> dict[int, Floats]:
        """The values of some of each line's numbers by their index in the line, as ``float`` gives them."""
        made: dict[int, Floats] = {}
        forms: dict[object, list[tuple[int, Number]]] = {}
        for index in dict.fromkeys(indices):
            told = self._template.numbers[index]
            if told is None or told.always is not None:
                made[index] = np.full(self._first.size, np.nan if told is None else told.always)
            else:
                forms.setdefault(told.form if self._first.size <= FEW_ROWS else index, []).append((index, told))
        for members in forms.values():
            values = self._values([told for _, told in members])
            made.update((index, values[:, at]) for at, (index, _) in enumerate(members))
        return made

    def _values(self, tolds: Sequence[Number]) -> Floats:
        """The values of numbers of one form, a column each."""
        whole, fraction, exponent = map(self._runs, zip(*((one.whole, one.fraction, one.exponent) for one in tolds), strict=True))
        mantissa, count = np.zeros(1), np.zeros(1, np.int64)
        if whole is not None:
            mantissa, count = self._digits.values(whole)
            for more in range(1, tolds[0].thousands + 1):
                mantissa, count = mantissa * 1000.0 + self._digits.values(whole + more)[0], count + 3
        places = power = np.zeros(1, np.int64)
        if fraction is not None:
            behind, places = self._digits.values(fraction)
            mantissa = mantissa * _TENS[np.minimum(places, MAX_PLACES)] + behind
            count = count + places
        exact = count <= MAX_DIGITS
        if exponent is not None:
            told, width = self._digits.values(exponent)
            power = np.asarray(self._each([one.exponent_sign for one in tolds]) * told, np.int64)
            places = places - power
            exact = exact & (np.abs(places) <= MAX_PLACES) & (width < MAX_DIGITS)
        scale = _TENS[np.minimum(np.abs(places), MAX_PLACES)]
        value = mantissa / scale if exponent is None else np.where(places > 0, mantissa / scale, mantissa * scale)
        size = self._first.size * len(tolds)
        if not exact.all():
            value, rows = np.broadcast_to(value, (size,)).copy(), np.flatnonzero(np.broadcast_to(~exact, (size,)))
            parts = [None if run is None else run[rows] for run in (whole, fraction, exponent)]
            value[rows] = self._long(parts, np.broadcast_to(power, (size,))[rows], tolds[0].thousands)
        signs = self._each([one.sign for one in tolds])
        value = value * signs if signs.min() < 0 else value
        return np.broadcast_to(value, (size,)).reshape(-1, len(tolds))

    def _long(self, parts: Sequence[Ints | None], power: Ints, thousands: int) -> Floats:
        """The numbers of more digits than double precision has: ``parts`` are the runs before and after the dot and of the exponent."""
        whole, fraction, _ = parts
        value, right = wide_values(self._digits, whole, fraction, power)
        if thousands:
            right[:] = False
        runs = [run[~right] for run in parts if run is not None]
        value[~right] = self._one_by_one(runs[0], runs[-1] if len(runs) > 1 else runs[0] + thousands, dot=whole is None)
        return value

    def _runs(self, runs: Sequence[int | None]) -> Ints | None:
        """The same runs of each line, line by line; None where the form has none."""
        if runs[0] is None:
            return None
        return (self._first[:, np.newaxis] + np.array(runs)).ravel() if len(runs) > 1 else self._first + runs[0]

    def _each(self, one_each: Sequence[float]) -> Floats:
        """What is the number's own for each of the numbers, line by line; once where it is the same for all."""
        same = len(set(one_each)) == 1
        return np.array(one_each[:1]) if same else np.tile(np.array(one_each), self._first.size)

    def _one_by_one(self, first: Ints, last: Ints, *, dot: bool) -> list[float]:
        """The numbers of more digits than arithmetic is exact for, from their first run to their last; ``dot``: it stands before them."""
        starts, ends = self._digits.starts[first] - dot, self._digits.ends[last]
        texts = map(self._digits.slice, starts.tolist(), ends.tolist())
        return [float(text.replace(b",", b"")) if b"," in text else float(text) for text in texts]
