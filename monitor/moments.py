"""Which points of columns the reader of events must know of: the steps around the lines that it has taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.parse.blockreader import Column

SEEN_AFTER = 3
"""Steps after a line by which an error before them turns out to be none (``monitor/events/reader.py``)."""


def moments(columns: Sequence[Column], lines: Sequence[int], step: float | None) -> list[tuple[int, float]]:
    """(offset, step) of a block's points: those that tell a reader whose last step was ``step``, and which has taken ``lines``, all.

    Between two lines these are the first steps that differ from the one before, and the last two. ``columns`` stand on different lines.
    """
    if not columns:
        return []
    offsets = np.concatenate([column.offsets for column in columns])
    steps = np.concatenate([column.steps for column in columns])
    if len(columns) > 1:
        order = np.argsort(offsets, kind="stable")
        offsets, steps = offsets[order], steps[order]
    differs = np.diff(steps, prepend=np.nan if step is None else step) != 0
    offsets, steps = offsets[differs], steps[differs]
    bounds = np.concatenate((np.zeros(1, np.int64), np.searchsorted(offsets, np.array(lines, np.int64), side="right"), [offsets.size]))
    places = np.unique((bounds[:, None] + np.arange(-2, SEEN_AFTER)).ravel())
    places = places[(places >= 0) & (places < offsets.size)]
    return list(zip(offsets[places].tolist(), steps[places].tolist(), strict=True))
