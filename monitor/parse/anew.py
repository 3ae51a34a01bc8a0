"""The places of many lines at once where the step begins anew with every epoch: what ``Place.see`` gives them one after another.

Such a log tells the epoch on lines of its own, and the step on lines that do not tell it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitor.parse.digits import Flags, Floats
from monitor.parse.place import Place
from monitor.parse.placing import Placed, Rows, carried, or_nan, or_none, previous


def begins_anew(rows: Rows, place: Place) -> bool:
    """Whether ``rows`` are of such a log, as its lines up to ``place`` have shown: none tells more of its place than a step or an epoch."""
    if not place.restarts or place.epoch is None or rows.is_global.any():
        return False
    has_step, has_epoch = ~np.isnan(rows.step), ~np.isnan(rows.epoch)
    return not (has_step & has_epoch).any() and bool(np.isnan(rows.batch).all() and np.isnan(rows.batches).all())


def placed_anew(rows: Rows, place: Place) -> Placed:
    """The places of all ``rows``, for which ``begins_anew`` holds."""
    moves, tells = ~np.isnan(rows.step), ~np.isnan(rows.epoch)
    epoch = carried(rows.epoch, tells, or_nan(place.epoch))
    in_epoch = carried(rows.step, moves, or_nan(place.in_epoch))
    of_step = carried(epoch, moves, or_nan(place.epoch_of_step))
    was_in, before = previous(in_epoch, or_nan(place.in_epoch)), previous(of_step, or_nan(place.epoch_of_step))
    follows = moves & ~np.isnan(was_in)
    inside, back = follows & (epoch == before), follows & (epoch < before)
    turns = follows & ~inside & ~back
    gaps = _gaps(np.where(inside & (rows.step > was_in), rows.step - was_in, np.nan), place.gap)
    base = _bases(rows, turns, back, was_in, gaps, place.base)
    reached = carried(base + rows.step, moves, or_nan(place.step))
    is_printed = carried(np.zeros(len(rows)), moves, float(place.printed)) > 0
    banner = place.banner & ~np.logical_or.accumulate(moves | tells)
    nowhere = rows.epoch_only | np.isnan(reached) | ~(is_printed | rows.here | banner)
    steps = np.where(moves, reached, np.where(nowhere, np.nan, reached))
    return Placed(steps, epoch, reached, _after(rows, place, epoch, of_step, in_epoch, gaps, base, reached))


def _gaps(strides: Floats, gap: float | None) -> Floats:
    """The smallest stride so far, at each line; NaN where there was none."""
    return np.fmin.accumulate(np.concatenate(((or_nan(gap),), strides)))[1:]


def _bases(rows: Rows, turns: Flags, back: Flags, was_in: Floats, gaps: Floats, base: float) -> Floats:
    """What the epochs before each line's have counted: their printed length, else how far they were seen to go."""
    starts_above = rows.step >= np.where(np.isnan(gaps), was_in, gaps)
    seen = was_in + np.where(starts_above, 0.0, np.where(np.isnan(gaps), 1.0, gaps))
    added = np.where(turns, np.where(np.isnan(rows.total) | (rows.total == 0), seen, rows.total), 0.0)
    summed = base + np.cumsum(added)
    return summed - carried(summed, back, 0.0)


def _after(
    rows: Rows, place: Place, epoch: Floats, of_step: Floats, in_epoch: Floats, gaps: Floats, base: Floats, reached: Floats
) -> Place:  # fmt: skip
    moves, tells = ~np.isnan(rows.step), ~np.isnan(rows.epoch)
    after = replace(
        place, epoch=float(epoch[-1]), epoch_of_step=or_none(of_step[-1]), in_epoch=or_none(in_epoch[-1]), gap=or_none(gaps[-1]),
        base=float(base[-1]), step=or_none(reached[-1]), banner=place.banner and not (moves | tells).any(),
    )  # fmt: skip
    if moves.any():
        after.printed, after.has_steps = False, True
        after.first_step = float(rows.step[moves][0]) if place.first_step is None else place.first_step
    if tells.any():
        after.summed = after.ended = bool(rows.measured[tells][-1])
        after.first_epoch = min(float(rows.epoch[tells].min()), np.inf if place.first_epoch is None else place.first_epoch)
    return after
