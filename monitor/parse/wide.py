"""Numbers of more than 15 digits (``repr`` of a float prints up to 17) for many lines at once, each as ``float`` rounds it.

In extended precision the digits are a whole number without loss below 2**64, and so are powers of ten up to 10**27. Their quotient is
rounded once; rounding that to a double gives what ``float`` gives unless it lies just between two doubles. Those are left out, as is
everything on machines without such a type.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.parse.digits import Digits, Flags, Floats, Ints

Longs = npt.NDArray[np.longdouble]

HAS_LONG = np.finfo(np.longdouble).nmant in (63, 112)
MAX_LONG_PLACES = 27
_MOST = np.longdouble(2) ** 64
_TENS: Longs = np.multiply.accumulate(np.array([1, *[10] * MAX_LONG_PLACES], np.longdouble))


def wide_values(digits: Digits, whole: Ints | None, fraction: Ints | None, power: Ints) -> tuple[Floats, Flags]:
    """The numbers whose parts are these runs, times ten to ``power``; and which of them are right."""
    count = power.size
    if not HAS_LONG:
        return np.zeros(count), np.zeros(count, bool)
    made, known = digits.long_values(whole) if whole is not None else (np.zeros(count, np.longdouble), np.ones(count, bool))
    places = -power
    if fraction is not None:
        behind, fits = digits.long_values(fraction)
        width = digits.ends[fraction] - digits.starts[fraction]
        made = made * _TENS[np.minimum(width, MAX_LONG_PLACES)] + behind
        places = places + width
        known &= fits & (width <= MAX_LONG_PLACES)
    known &= (made < _MOST) & (np.abs(places) <= MAX_LONG_PLACES)
    scale = _TENS[np.minimum(np.abs(places), MAX_LONG_PLACES)]
    exact = np.where(places > 0, made / scale, made * scale)
    value = exact.astype(np.float64)
    off = np.abs(exact - value)
    gap = np.spacing(value)
    return value, known & (off * 2 != gap) & (off * 4 != gap)  # below a power of two the gap is half as wide
