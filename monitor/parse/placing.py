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


@dataclass(slots=True)
class _Lines:
    """What the lines tell once it is known which steps count within their epoch, and what stood at the line before each.

    ``printed``: a line tells the global step, ``counts``: it tells a batch instead, ``moves``: one of both. ``inside`` is that number,
    ``in_epoch`` the last one, ``was_in`` the one before; ``before`` is the epoch in which that stood. ``alone``: a step without its epoch.
    """

    step: Floats
    batch: Floats
    batches: Floats
    epoch: Floats
    per_epoch: Floats
    of_step: Floats
    before: Floats
    inside: Floats
    in_epoch: Floats
    was_in: Floats
    has_step: Flags
    has_epoch: Flags
    both: Flags
    may_be_local: Flags
    local: Flags
    alone: Flags
    printed: Flags
    counts: Flags
    moves: Flags


def placed(rows: Rows, place: Place) -> Placed:
    """The places of the first lines of ``rows``, as many as follow from ``place`` (perhaps none); ``place`` stays what it is."""
    if len(rows) and place.epoch is None and not place.restarts and _steps_alone(rows):
        return _stepped(rows, place)
    lines = _lines(rows, place)
    first = np.fmin.accumulate(np.concatenate(((or_nan(place.first_epoch),), rows.epoch)))[1:]
    numbered, numbers = _numbered(lines)
    told = carried(numbered, numbers, or_nan(place.numbered_from))
    base, gap, made = _made(rows, lines, first, told, place)
    reached = carried(made, lines.moves, or_nan(place.step))
    is_printed = carried(lines.printed.astype(float), lines.moves, float(place.printed)) > 0
    first_step = _first(lines.step, lines.alone, place.first_step)
    ends = lines.has_epoch & rows.measured & np.isnan(rows.batch) & ~lines.has_step
    end = _regular(rows, lines, ends, reached, is_printed, first_step, place)
    said = ~np.isnan(rows.batch) | lines.has_step | lines.has_epoch
    banner = carried((~rows.measured & ~np.isnan(lines.batch)).astype(float), said, float(place.banner)) > 0
    nowhere = rows.epoch_only | np.isnan(reached) | ~(is_printed | rows.here | banner)
    steps = np.where(lines.moves, made, np.where(nowhere, NAN, reached))
    epochs = np.where(lines.counts & np.isnan(lines.epoch), NAN, lines.epoch)
    if not end:
        return Placed(steps[:0], epochs[:0], reached[:0], place)
    after = _after(lines, end - 1, first, gap, base, reached, is_printed, told, place)
    after.banner = bool(banner[end - 1])
    after.ended = bool(carried(ends.astype(float), lines.has_epoch, float(place.ended))[end - 1])
    after.summed = bool(carried(rows.measured.astype(float), lines.has_epoch, float(place.summed))[end - 1])
    after.first_step = or_none(first_step) if lines.alone[:end].any() else place.first_step
    return Placed(steps[:end], epochs[:end], reached[:end], after)


def _lines(rows: Rows, place: Place) -> _Lines:
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
    moves = printed | counts
    of_step = carried(epoch, printed | (counts & ~np.isnan(epoch)), or_nan(place.epoch_of_step))
    last_told = previous(of_step, or_nan(place.epoch_of_step))
    before = np.where(np.isnan(last_told), previous(epoch, or_nan(place.epoch)), last_told)
    inside = np.where(printed, step, batch)
    in_epoch = carried(inside, moves, or_nan(place.in_epoch))
    return _Lines(
        step, batch, batches, epoch, per_epoch, of_step, before, inside, in_epoch, previous(in_epoch, or_nan(place.in_epoch)),
        has_step, has_epoch, both, may_be_local, local, has_step & ~has_epoch & ~rows.is_global, printed, counts, moves,
    )  # fmt: skip


def _made(rows: Rows, lines: _Lines, first: Floats, told: Floats, place: Place) -> tuple[Floats, Floats, Floats]:
    """What the epochs before each line's have counted where their length is not printed, the smallest stride, and the global step."""
    step, batch, epoch, per_epoch = lines.step, lines.batch, lines.epoch, lines.per_epoch
    gap = _gaps(lines, place.gap) if lines.moves.any() else np.full(len(rows), or_nan(place.gap))
    if not lines.counts.any():
        return np.full(len(rows), place.base), gap, step
    was_printed = previous(carried(lines.printed.astype(float), lines.moves, float(place.printed)), float(place.printed)) > 0
    base = place.base + np.cumsum(_turns(lines, lines.counts & ~was_printed, gap))
    counted_from = np.where(np.isnan(told), np.where(first == 0, 0.0, 1.0), told)
    start = np.where(rows.epoch_from == MOSTLY_ZERO, first == 1, rows.epoch_from)
    start = np.where(np.isnan(start), counted_from, start)
    before_it = np.fmax(0.0, epoch - start) * per_epoch
    runs_on = (per_epoch + 1 < batch) & (before_it < batch) & (batch <= before_it + per_epoch)
    derived = np.where(runs_on, 0.0, before_it) + batch
    return base, gap, np.where(lines.printed, step, np.where(np.isnan(epoch) | np.isnan(per_epoch), base + batch, derived))


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


def _regular(rows: Rows, lines: _Lines, ends: Flags, reached: Floats, is_printed: Flags, first_step: float, place: Place) -> int:
    """How many lines come before the first whose meaning depends on more than is followed here."""
    epoch, was_in = lines.epoch, lines.was_in
    was_printed = previous(is_printed.astype(float), float(place.printed)) > 0
    if place.sums_up:
        odd = lines.counts & ~lines.has_epoch & (lines.batch <= was_in)
    else:  # the first line that tells the epoch of the batches above it
        odd = ends & np.isnan(previous(epoch, or_nan(place.epoch))) & ~np.isnan(was_in)
    if place.runs_on is None:
        odd |= lines.may_be_local & rows.local & (epoch > lines.before)
    if place.local is None:
        odd |= lines.may_be_local & ~lines.local & (epoch > lines.before) & (lines.step < was_in)
    if place.restarts:
        odd |= lines.alone
    elif place.local is None:
        falls = lines.alone & (lines.step <= first_step) & ~np.isnan(epoch) & ~lines.local
        odd |= falls & was_printed & (lines.step < was_in)
    unmeasured = lines.printed & ~rows.measured
    if unmeasured.any():
        odd |= unmeasured & (lines.step < previous(reached, or_nan(place.step))) & was_printed
    return int(np.argmax(odd)) if odd.any() else len(rows)


def _numbered(lines: _Lines) -> tuple[Floats, Flags]:
    """Which number the first epoch has, by the lines that tell the step and the batch; and which lines tell it."""
    if not lines.both.any():
        return lines.step, lines.both
    done, per_epoch = lines.step - lines.batch, lines.per_epoch
    tells = lines.both & ~np.isnan(lines.epoch) & (per_epoch > 0) & (done >= 0)
    tells[tells] = done[tells] % per_epoch[tells] == 0
    first = np.full(done.size, NAN)
    first[tells] = lines.epoch[tells] - done[tells] / per_epoch[tells]
    first[(first != 0) & (first != 1)] = NAN
    return first, tells


def _gaps(lines: _Lines, gap: float | None) -> Floats:
    """The smallest stride so far, NaN where there was none."""
    counts_here = lines.counts & ~np.isnan(lines.epoch) & np.isnan(lines.per_epoch)
    turns = ~np.isnan(lines.before) & (lines.epoch != lines.before) & ~np.isnan(lines.was_in)
    strides = (lines.printed | (counts_here & ~turns)) & (lines.inside > lines.was_in)
    return np.fmin.accumulate(np.concatenate(((or_nan(gap),), np.where(strides, lines.inside - lines.was_in, NAN))))[1:]


def _turns(lines: _Lines, goes_on: Flags, gap: Floats) -> Floats:
    """What each line adds to the steps of the epochs before it, where their length is not printed or no epoch is."""
    batch, was_in = lines.batch, lines.was_in
    added = np.zeros(batch.size)
    turns = lines.counts & np.isnan(lines.per_epoch) & ~np.isnan(lines.before) & (lines.epoch != lines.before) & ~np.isnan(was_in)
    more = np.where(batch >= np.where(np.isnan(gap), was_in, gap), 0.0, np.where(np.isnan(gap), 1.0, gap))
    added[turns] = (was_in + more)[turns]
    again = goes_on & np.isnan(lines.epoch) & (batch < was_in)
    added[again] = np.nan_to_num(lines.batches[again])
    return added


def _after(
    lines: _Lines, at: int, first: Floats, gap: Floats, base: Floats, reached: Floats, is_printed: Flags, told: Floats, place: Place
) -> Place:
    """The place at line ``at``."""
    return replace(
        place, step=or_none(reached[at]), printed=bool(is_printed[at]), epoch=or_none(lines.epoch[at]),
        batches=or_none(lines.per_epoch[at]), first_epoch=or_none(first[at]), local=True if lines.local[at] else place.local,
        in_epoch=or_none(lines.in_epoch[at]), gap=or_none(gap[at]), base=float(base[at]), numbered_from=or_none(told[at]),
        has_steps=place.has_steps or bool(lines.moves[: at + 1].any()), epoch_of_step=or_none(lines.of_step[at]),
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
