"""The places of many lines at once: what ``Place.see`` gives them one after another.

What a line does not print is carried on from the lines above it. Where a line means something that only the parser can follow
(an epoch in which the step begins anew for the first time), the rows end before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from monitor.parse.digits import Flags, Floats
from monitor.parse.place import MOSTLY_ZERO, Place

NAN = float("nan")


@dataclass(slots=True)
class Rows:
    """What lines print, in the order of the log; NaN where a line does not have it. The flags are those of their readings."""

    step: Floats
    epoch: Floats
    batch: Floats
    batches: Floats
    total: Floats
    epoch_from: Floats
    local: Flags
    is_global: Flags
    measured: Flags
    epoch_only: Flags
    here: Flags

    def __len__(self) -> int:
        return int(self.step.size)


@dataclass(slots=True)
class Placed:
    """The step and the epoch of each line, NaN where nothing tells it; ``reached``: the last step seen at each. ``place`` after all."""

    steps: Floats
    epochs: Floats
    reached: Floats
    place: Place


def placed(rows: Rows, place: Place) -> Placed:
    """The places of the first lines of ``rows``, as many as follow from ``place`` (perhaps none); ``place`` stays what it is."""
    if len(rows) and place.epoch is None and not place.restarts and _steps_alone(rows):
        return _stepped(rows, place)
    batch, batches, step = rows.batch, rows.batches, rows.step
    has_step, has_epoch = ~np.isnan(step), ~np.isnan(rows.epoch)
    both = has_step & ~np.isnan(batch)
    may_be_local = has_step & has_epoch & ~both & ~rows.is_global & (not place.runs_on)
    epoch = carried(rows.epoch, has_epoch, or_nan(place.epoch))
    local = np.logical_or.accumulate(both | (may_be_local & rows.local)) | (place.local is True)
    in_epoch_line = may_be_local & local
    if in_epoch_line.any():
        batch = np.where(in_epoch_line, step, batch)
        batches = np.where(in_epoch_line & ~np.isnan(rows.total), rows.total, batches)
        step = np.where(in_epoch_line, NAN, step)
    printed = ~np.isnan(step)
    per_epoch = carried(batches, ~np.isnan(batches), or_nan(place.batches))
    counts = ~np.isnan(batch) & ~printed & ~(np.isnan(epoch) & np.isnan(batches))
    of_step = carried(epoch, printed | (counts & ~np.isnan(epoch)), or_nan(place.epoch_of_step))
    last_told = previous(of_step, or_nan(place.epoch_of_step))
    before = np.where(np.isnan(last_told), previous(epoch, or_nan(place.epoch)), last_told)
    alone = has_step & ~has_epoch & ~rows.is_global
    first_step = _first(step, alone, place.first_step)
    first = np.fmin.accumulate(np.concatenate(((or_nan(place.first_epoch),), rows.epoch)))[1:]
    numbered, numbers = _numbered(step, batch, epoch, per_epoch, both)
    told = carried(numbered, numbers, or_nan(place.numbered_from))
    moves = printed | counts
    inside = np.where(printed, step, batch)
    in_epoch = carried(inside, moves, or_nan(place.in_epoch))
    was_in = previous(in_epoch, or_nan(place.in_epoch))
    base, gap, made = np.full(len(rows), place.base), np.full(len(rows), or_nan(place.gap)), step
    if counts.any():
        gap = _gaps(inside, was_in, before, epoch, per_epoch, printed, counts, place.gap)
        was_printed = previous(carried(printed.astype(float), moves, float(place.printed)), float(place.printed)) > 0
        base = place.base + np.cumsum(_turns(batch, batches, was_in, before, epoch, per_epoch, counts & ~was_printed, counts, gap))
        counted_from = np.where(np.isnan(told), np.where(first == 0, 0.0, 1.0), told)
        start = np.where(rows.epoch_from == MOSTLY_ZERO, first == 1, rows.epoch_from)
        start = np.where(np.isnan(start), counted_from, start)
        before_it = np.fmax(0.0, epoch - start) * per_epoch
        runs_on = (per_epoch + 1 < batch) & (before_it < batch) & (batch <= before_it + per_epoch)
        derived = np.where(runs_on, 0.0, before_it) + batch
        made = np.where(printed, step, np.where(np.isnan(epoch) | np.isnan(per_epoch), base + batch, derived))
    elif printed.any():
        gap = _gaps(inside, was_in, before, epoch, per_epoch, printed, counts, place.gap)
    reached = carried(made, moves, or_nan(place.step))
    is_printed = carried(printed.astype(float), moves, float(place.printed)) > 0
    falls = alone & (step <= first_step) & ~np.isnan(epoch)
    ends = has_epoch & rows.measured & np.isnan(rows.batch) & ~has_step
    told_late = ends & np.isnan(previous(epoch, or_nan(place.epoch))) & ~np.isnan(was_in)
    odd = told_late if not place.sums_up else counts & ~has_epoch & (batch <= was_in)
    if place.runs_on is None:
        odd = odd | (may_be_local & rows.local & (epoch > before))
    turns = may_be_local & ~local
    end = _regular(odd, turns, alone, falls & ~local, step, was_in, before, epoch, rows, reached, printed, is_printed, place)
    said = ~np.isnan(rows.batch) | has_step | has_epoch
    banner = carried((~rows.measured & ~np.isnan(batch)).astype(float), said, float(place.banner)) > 0
    nowhere = rows.epoch_only | np.isnan(reached) | ~(is_printed | rows.here | banner)
    steps = np.where(moves, made, np.where(nowhere, NAN, reached))
    epochs = np.where(counts & np.isnan(epoch), NAN, epoch)
    after = _after(place, end, epoch, first, per_epoch, local, in_epoch, gap, base, reached, is_printed, moves, told)
    if end:
        after.banner = bool(banner[end - 1])
        after.ended = bool(carried(ends.astype(float), has_epoch, float(place.ended))[end - 1])
        after.summed = bool(carried(rows.measured.astype(float), has_epoch, float(place.summed))[end - 1])
        after.epoch_of_step = or_none(of_step[end - 1])
        after.first_step = or_none(first_step) if alone[:end].any() else place.first_step
    return Placed(steps[:end], epochs[:end], reached[:end], after)


def _steps_alone(rows: Rows) -> bool:
    """Whether every line prints its step and a value, and nothing else of its place."""
    if not rows.measured.all() or np.isnan(rows.step).any():
        return False
    return all(bool(np.isnan(column).all()) for column in (rows.epoch, rows.batch, rows.batches))


def _stepped(rows: Rows, place: Place) -> Placed:
    """The common case, in which a line's place is what it prints."""
    steps = rows.step
    strides = np.diff(steps, prepend=or_nan(place.in_epoch))
    gap = min(float(strides[strides > 0].min(initial=np.inf)), np.inf if place.gap is None else place.gap)
    first = _first(steps, ~rows.is_global, place.first_step)
    last = float(steps[-1])
    after = replace(
        place, step=last, printed=True, in_epoch=last, gap=None if gap == np.inf else gap, has_steps=True, banner=False, epoch_of_step=None,
        first_step=or_none(first),
    )  # fmt: skip
    return Placed(steps, np.full(len(rows), NAN), steps, after)


def _regular(
    odd: Flags, may_turn: Flags, alone: Flags, falls: Flags, step: Floats, was_in: Floats, before: Floats, epoch: Floats, rows: Rows,
    reached: Floats, printed: Flags, is_printed: Flags, place: Place,
) -> int:  # fmt: skip
    """How many lines come before the first whose meaning depends on more than is followed here."""
    was_printed = previous(is_printed.astype(float), float(place.printed)) > 0
    if place.local is None:
        odd = odd | (may_turn & (epoch > before) & (step < was_in))
    if place.restarts:
        odd = odd | alone
    elif place.local is None:
        odd = odd | (falls & was_printed & (step < was_in))
    unmeasured = printed & ~rows.measured
    if unmeasured.any():
        odd = odd | (unmeasured & (step < previous(reached, or_nan(place.step))) & was_printed)
    return int(np.argmax(odd)) if odd.any() else len(rows)


def _numbered(step: Floats, batch: Floats, epoch: Floats, per_epoch: Floats, both: Flags) -> tuple[Floats, Flags]:
    """Which number the first epoch has, by the lines that tell the step and the batch; and which lines tell it."""
    if not both.any():
        return step, both
    done = step - batch
    tells = both & ~np.isnan(epoch) & (per_epoch > 0) & (done >= 0)
    tells[tells] = done[tells] % per_epoch[tells] == 0
    first = np.full(step.size, NAN)
    first[tells] = epoch[tells] - done[tells] / per_epoch[tells]
    first[(first != 0) & (first != 1)] = NAN
    return first, tells


def _gaps(
    inside: Floats, was_in: Floats, before: Floats, epoch: Floats, per_epoch: Floats, printed: Flags, counts: Flags, gap: float | None
) -> Floats:
    """The smallest stride so far, NaN where there was none."""
    counts_here = counts & ~np.isnan(epoch) & np.isnan(per_epoch)
    turns = ~np.isnan(before) & (epoch != before) & ~np.isnan(was_in)
    strides = (printed | (counts_here & ~turns)) & (inside > was_in)
    return np.fmin.accumulate(np.concatenate(((or_nan(gap),), np.where(strides, inside - was_in, NAN))))[1:]


def _turns(
    batch: Floats, batches: Floats, was_in: Floats, before: Floats, epoch: Floats, per_epoch: Floats, goes_on: Flags, counts: Flags,
    gap: Floats,
) -> Floats:
    """What each line adds to the steps of the epochs before it, where their length is not printed or no epoch is."""
    added = np.zeros(batch.size)
    turns = counts & np.isnan(per_epoch) & ~np.isnan(before) & (epoch != before) & ~np.isnan(was_in)
    more = np.where(batch >= np.where(np.isnan(gap), was_in, gap), 0.0, np.where(np.isnan(gap), 1.0, gap))
    added[turns] = (was_in + more)[turns]
    again = goes_on & np.isnan(epoch) & (batch < was_in)
    added[again] = np.nan_to_num(batches[again])
    return added


def _after(
    place: Place, end: int, epoch: Floats, first: Floats, per_epoch: Floats, local: Flags, in_epoch: Floats, gap: Floats, base: Floats,
    reached: Floats, is_printed: Flags, moves: Flags, told: Floats,
) -> Place:  # fmt: skip
    if not end:
        return place
    at = end - 1
    return replace(
        place, step=or_none(reached[at]), printed=bool(is_printed[at]), epoch=or_none(epoch[at]), batches=or_none(per_epoch[at]),
        first_epoch=or_none(first[at]), local=True if local[at] else place.local, in_epoch=or_none(in_epoch[at]), gap=or_none(gap[at]),
        base=float(base[at]), has_steps=place.has_steps or bool(moves[:end].any()), numbered_from=or_none(told[at]),
    )  # fmt: skip


def carried(values: Floats, given: Flags, first: float) -> Floats:
    """``values`` where ``given``, elsewhere the last one given before, ``first`` before all."""
    at = np.maximum.accumulate(np.where(given, np.arange(given.size), -1))
    return np.where(at >= 0, values[at], first)


def _first(values: Floats, given: Flags, before: float | None) -> float:
    """The first value given, ``before`` where there was one; NaN where there is none."""
    if before is not None or not given.any():
        return or_nan(before)
    return float(values[int(np.argmax(given))])


def previous(values: Floats, first: float) -> Floats:
    """For each line what the one before it has, ``first`` for the first."""
    return np.concatenate(((first,), values[:-1]))


def or_nan(value: float | None) -> float:
    """A place's number, NaN where it has none."""
    return NAN if value is None else value


def or_none(value: float) -> float | None:
    """A column's number, None where it has none."""
    return None if value != value else float(value)
