"""Lines between two that only the parser can follow, as columns: what ``Fold.take`` makes of them one after another.

The fold stands behind the last of them afterwards. Where a line means something that columns do not follow, the segment ends before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.parse.anew import begins_anew, placed_anew
from monitor.parse.digits import Flags, Floats, Ints
from monitor.parse.fold import GENERAL, MAX_COUNTED, Fold
from monitor.parse.placing import NAN, Placed, Rows, placed
from monitor.parse.reading import Anchor, Reading
from monitor.parse.repeats import MAX_STEPPED, TRAIN_LOSS_EPOCH, may_be_epoch_mean
from rules.observation import TRAIN_LOSS, VAL_LOSS, Item, Observation, Progress

MAX_SAID = 512


@dataclass(slots=True)
class Group:
    """Lines of one reading: their numbers in the block, their places' numbers by role, and the values of each metric."""

    reading: Reading
    metrics: tuple[str, ...]
    lines: Ints
    numbers: dict[str, Floats]
    values: list[Floats]
    total: str = ""
    """The bar's total, where it tells what the line is of."""

    def between(self, start: int, stop: int) -> Group | None:
        """The group's lines from ``start`` on and before ``stop``; None where there are none."""
        first, last = np.searchsorted(self.lines, (start, stop)).tolist()
        if first == last:
            return None
        if last - first == self.lines.size:
            return self
        numbers = {role: column[first:last] for role, column in self.numbers.items()}
        values = [column[first:last] for column in self.values]
        return Group(self.reading, self.metrics, self.lines[first:last], numbers, values, self.total)


@dataclass(slots=True)
class Points:
    """One metric's points in the order of the log: the numbers of their lines, where they stand, what they are."""

    name: str
    _columns: list[tuple[Ints, Floats, Floats]] = field(default_factory=list)
    _single: list[tuple[int, float, float]] = field(default_factory=list)

    def add(self, line: int, step: float, value: float) -> None:
        """One more."""
        self._single.append((line, step, value))

    def extend(self, lines: Ints, steps: Floats, values: Floats) -> None:
        """Many more."""
        self._close()
        self._columns.append((lines, steps, values))

    def joined(self) -> tuple[Ints, Floats, Floats]:
        """All of them: lines, steps, values."""
        self._close()
        lines, steps, values = (np.concatenate(column) for column in zip(*self._columns, strict=True))
        return lines, steps, values

    def _close(self) -> None:
        if self._single:
            lines, steps, values = zip(*self._single, strict=True)
            self._columns.append((np.array(lines, np.int64), np.array(steps, np.float64), np.array(values, np.float64)))
            self._single = []


def columnar(reading: Reading) -> bool:
    """Whether lines of a reading can be followed as columns."""
    in_sections = reading.heading or (reading.by_section and any(value.metric == TRAIN_LOSS for value in reading.values))
    told = reading.bar or reading.main_bar or reading.started or in_sections or reading.in_val is not None
    return not (told or (reading.section and reading.full))


def take(groups: Sequence[Group], fold: Fold, into: dict[str, Points], items: list[Item], offset_of: Callable[[int], int]) -> int:
    """Take the groups' lines, all between two lines that the parser took; the first line that could not be taken, or -1.

    ``into`` gets the points, ``items`` the progress. A group whose anchor is ``NEXT`` leaves what still waits to the fold.
    """
    if not _can_be_followed(groups, fold):
        return min(int(group.lines[0]) for group in groups)
    counted = [group for group in groups if group.reading.anchor is Anchor.COUNT]
    rest = [group for group in groups if group.reading.anchor is not Anchor.COUNT]
    lines, ranks = _order([group.lines for group in rest])
    where = _places(rest, ranks, fold) if rest else None
    stop = -1
    if where is not None and where.steps.size < lines.size:
        stop = int(lines[where.steps.size])
        if not where.steps.size and not counted:
            return stop
        rest, ranks = _cut(rest, ranks, stop)
        counted = [cut for group in counted if (cut := group.between(0, stop)) is not None]
    emitted: list[_Series] = []
    axis_lines = np.zeros(0, np.int64)
    if where is not None:
        had_steps, fold.place = fold.place.has_steps, where.place
        names = [_named(group, fold) for group in rest]
        stepped = _stepped(rest, names, where, ranks, fold)
        for group, named, rank in zip(rest, names, ranks, strict=True):
            emitted += _placed_series(group, named, where, rank, stepped, had_steps=had_steps)
        _totals(rest, fold)
        axis_lines = lines[: where.steps.size][~np.isnan(where.steps)]
        _wait(rest, where, lines, emitted, fold)
    emitted += _counted_series(counted, fold)
    parts = [group for group in (*rest, *counted) if group.reading.section]
    if parts:
        fold.section = max(parts, key=lambda group: int(group.lines[-1])).reading.section
    _emit(emitted, fold, into)
    _progress([*rest, *counted], fold, axis_lines, items, offset_of)
    return stop


def _can_be_followed(groups: Sequence[Group], fold: Fold) -> bool:
    if any(group.reading.anchor is Anchor.BAR for group in groups) and fold.bar_total is not None:
        return False
    if not fold.said and any(group.reading.format == GENERAL for group in groups):
        return False
    if any(group.reading.by_section for group in groups) and "none" in (fold.section, *(group.reading.section for group in groups)):
        return False
    if TRAIN_LOSS in fold.stepped or not any(may_be_mean(group) for group in groups):
        return True
    return fold.place.step is None and not any(_tells_steps(group.reading) for group in groups)


def _tells_steps(reading: Reading) -> bool:
    """Whether lines of a reading can be what a loss first counts in steps by."""
    counted = reading.anchor is Anchor.COUNT and reading.epoch_from is None and not reading.by_total
    return counted or any(told is not None for told in (reading.step, reading.batch, reading.default_step))


def may_be_mean(group: Group) -> bool:
    """Whether what the group tells is the mean over an epoch once the loss has counted in steps (``Fold``)."""
    return may_be_epoch_mean(group.reading) and TRAIN_LOSS in group.metrics


def _named(group: Group, fold: Fold) -> tuple[str, ...]:
    """The group's metrics by the names that their values get."""
    if TRAIN_LOSS not in fold.stepped or not may_be_mean(group):
        return group.metrics
    return tuple(TRAIN_LOSS_EPOCH if metric == TRAIN_LOSS else metric for metric in group.metrics)


@dataclass(slots=True)
class _Series:
    """Values of one metric of one group: in which order they are emitted, where they stand."""

    metric: str
    name: str
    lines: Ints
    order: Floats
    at: Floats
    values: Floats
    once: bool = False
    changed: bool = False
    waits: bool = False
    steps: Floats | None = None
    epochs: Floats | None = None


def _order(parts: Sequence[Ints]) -> tuple[Ints, list[Ints]]:
    """All lines, rising, and where those of each part stand among them."""
    if len(parts) < 2:
        return (parts[0], [np.arange(parts[0].size)]) if parts else (np.zeros(0, np.int64), [])
    together = np.concatenate(parts)
    order = np.argsort(together, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    return together[order], np.split(rank, np.cumsum([part.size for part in parts])[:-1])


def _cut(groups: Sequence[Group], ranks: Sequence[Ints], stop: int) -> tuple[list[Group], list[Ints]]:
    kept = [(group.between(0, stop), rank) for group, rank in zip(groups, ranks, strict=True)]
    return [group for group, _ in kept if group is not None], [rank[: group.lines.size] for group, rank in kept if group is not None]


def _places(groups: Sequence[Group], ranks: Sequence[Ints], fold: Fold) -> Placed:
    count = sum(group.lines.size for group in groups)

    def gathered(role: str) -> Floats:
        made = np.full(count, NAN)
        for group, rank in zip(groups, ranks, strict=True):
            if role in group.numbers:
                made[rank] = group.numbers[role]
        return made

    def flags(of: Callable[[Reading], bool]) -> Flags:
        made = np.zeros(count, bool)
        for group, rank in zip(groups, ranks, strict=True):
            if of(group.reading):
                made[rank] = True
        return made

    epoch_from = np.full(count, NAN)
    for group, rank in zip(groups, ranks, strict=True):
        if group.reading.epoch_from is not None:
            epoch_from[rank] = group.reading.epoch_from
    rows = Rows(
        gathered("step"), gathered("epoch"), gathered("batch"), gathered("batches"), gathered("total_steps"), epoch_from,
        flags(lambda one: one.local), flags(lambda one: one.is_global), flags(lambda one: bool(one.values)),
        flags(lambda one: one.anchor in (Anchor.EPOCH, Anchor.BAR)), flags(fold.stands_here),
    )  # fmt: skip
    return placed_anew(rows, fold.place) if begins_anew(rows, fold.place) else placed(rows, fold.place)


def _totals(groups: Sequence[Group], fold: Fold) -> None:
    """The totals that the last lines tell."""
    of_steps = [group for group in groups if "total_steps" in group.numbers and group.reading.tells_total(fold.place)]
    of_epochs = [group for group in groups if "total_epochs" in group.numbers]
    if of_steps:
        fold.place.total_steps = float(max(of_steps, key=lambda group: int(group.lines[-1])).numbers["total_steps"][-1])
    if of_epochs:
        fold.place.total_epochs = float(max(of_epochs, key=lambda group: int(group.lines[-1])).numbers["total_epochs"][-1])


def _stepped(groups: Sequence[Group], names: Sequence[tuple[str, ...]], where: Placed, ranks: Sequence[Ints], fold: Fold) -> dict[str, int]:
    """From which line on each metric counts in steps."""
    found: dict[str, int] = {}
    for group, named, rank in zip(groups, names, ranks, strict=True):
        on_axis = ~np.isnan(where.steps[rank])
        if group.reading.default_step is not None or on_axis.any():
            first = int(group.lines[int(np.argmax(on_axis))]) if group.reading.default_step is None else int(group.lines[0])
            for metric in named:
                found[metric] = min(first, found.get(metric, first))
    found.update({metric: -1 for named in names for metric in named if metric in fold.stepped})
    for metric in found:
        if len(fold.stepped) < MAX_STEPPED:
            fold.stepped.add(metric)
    return found


def _placed_series(
    group: Group, named: tuple[str, ...], where: Placed, rank: Ints, stepped: dict[str, int], *, had_steps: bool
) -> list[_Series]:
    reading, lines = group.reading, group.lines
    steps, epochs, reached = where.steps[rank], where.epochs[rank], where.reached[rank]
    if reading.default_step is not None and not had_steps:
        steps = np.where(np.isnan(steps) & np.isnan(reached), reading.default_step, steps)
    waits = reading.anchor is Anchor.NEXT
    somewhere = np.ones(rank.size, bool) if waits else ~(np.isnan(steps) & np.isnan(epochs))
    made = []
    for metric, value, values in zip(named, reading.values, group.values, strict=True):
        own = steps
        if metric in stepped and reading.anchor not in (Anchor.BAR, Anchor.NEXT, Anchor.COUNT):
            own = np.where(np.isnan(steps) & (lines > stepped[metric]), reached, steps)
        at = np.where(np.isnan(own), epochs, own)
        once, changed, ahead = reading.once, metric in reading.changed, waits and reading.step is None
        one = _Series(metric, value.name, lines, lines.astype(float), at, values, once, changed, ahead, own, epochs)
        made.append(one if somewhere.all() else _chosen(one, somewhere))
    return made


def _chosen(one: _Series, which: Flags) -> _Series:
    return _Series(
        one.metric, one.name, one.lines[which], one.order[which], one.at[which], one.values[which], one.once, one.changed, one.waits,
        None if one.steps is None else one.steps[which], None if one.epochs is None else one.epochs[which],
    )  # fmt: skip


def _wait(groups: Sequence[Group], where: Placed, lines: Ints, emitted: list[_Series], fold: Fold) -> None:
    """Give the values that stand before their step the place of the next line that prints one; what is left waits in the fold."""
    if not any(one.waits for one in emitted):
        return
    stepping = np.sort(np.concatenate([group.lines for group in groups if group.reading.step is not None] or [lines[:0]]))
    left: list[tuple[int, Observation]] = []
    for position, one in enumerate(emitted):
        if one.waits:
            at = np.searchsorted(stepping, one.lines)
            found = at < stepping.size
            left += [(int(one.lines[row]), _observation(one, row)) for row in np.flatnonzero(~found).tolist()]
            target = stepping[at[found]]
            row_of = np.searchsorted(lines, target)
            kept = emitted[position] = _chosen(one, found)
            kept.order = target - 0.5
            kept.at = np.where(np.isnan(where.steps[row_of]), where.epochs[row_of], where.steps[row_of])
    left.sort(key=lambda pair: pair[0])
    fold.waiting = [one for _, one in left][-256:]


def _observation(one: _Series, row: int) -> Observation:
    step = None if one.steps is None or np.isnan(one.steps[row]) else float(one.steps[row])
    epoch = None if one.epochs is None or np.isnan(one.epochs[row]) else float(one.epochs[row])
    return Observation(one.metric, float(one.values[row]), step, epoch, one.name, 0)


def _counted_series(groups: Sequence[Group], fold: Fold) -> list[_Series]:
    """The values of lines whose place is how often a line of their rule, or of their total, came."""
    made: list[_Series] = []
    totals = [group for group in groups if group.reading.by_total]
    if totals:
        fold.first_total = fold.first_total or min(totals, key=lambda group: int(group.lines[0])).total
        fold.of_training = max(totals, key=lambda group: int(group.lines[-1])).total == fold.first_total
    kinds = [f"total:{group.total}" if group.reading.by_total else group.reading.rule for group in groups]
    for kind in dict.fromkeys(kinds):
        of_kind = [group for group, its in zip(groups, kinds, strict=True) if its == kind]
        known = kind in fold.counted or len(fold.counted) <= MAX_COUNTED
        if of_kind[0].reading.by_total and not known:
            continue
        lines, ranks = _order([group.lines for group in of_kind])
        start = fold.counted.get(kind, 0) if known else 0
        fold.counted[kind] = start + lines.size
        for group, rank in zip(of_kind, ranks, strict=True):
            made += _counted(group, rank.astype(np.float64) + start, fold)
    return made


def _counted(group: Group, at: Floats, fold: Fold) -> list[_Series]:
    reading, made = group.reading, []
    for metric, value, values in zip(group.metrics, reading.values, group.values, strict=True):
        if reading.by_total and group.total != fold.first_total:
            metric = VAL_LOSS if metric == TRAIN_LOSS else f"val_{metric}"
        if reading.epoch_from is None and not reading.by_total and len(fold.stepped) < MAX_STEPPED:
            fold.stepped.add(metric)
        once, changed = reading.once, metric in reading.changed
        made.append(_Series(metric, value.name, group.lines, group.lines.astype(float), at, values, once, changed))
    return made


def _emit(emitted: Sequence[_Series], fold: Fold, into: dict[str, Points]) -> None:
    """The series in the order of the log, less what was said just before."""
    for metric in dict.fromkeys(one.metric for one in emitted):
        parts = [one for one in emitted if one.metric == metric and one.lines.size]
        if not parts:
            continue
        lines, at, values, once, changed = _joined(parts)
        told = fold.said.get(metric, (NAN, NAN))
        same_at = at == np.concatenate(((told[0],), at[:-1]))
        before = np.concatenate(((told[1],), values[:-1]))
        same_value = values == before
        dropped = same_at & same_value
        if once is not None:
            dropped |= once & same_at
        if changed is not None:
            known = np.ones(at.size, bool)
            known[0] = metric in fold.said
            dropped |= changed & (same_value | (np.isnan(before) & np.isnan(values) & known))
        if dropped.any():
            lines, at, values = lines[~dropped], at[~dropped], values[~dropped]
        if not at.size:
            continue
        if len(fold.said) < MAX_SAID or metric in fold.said:
            fold.said[metric] = (float(at[-1]), float(values[-1]))
        into.setdefault(metric, Points(parts[0].name)).extend(lines, at, values)


def _joined(parts: Sequence[_Series]) -> tuple[Ints, Floats, Floats, Flags | None, Flags | None]:
    if len(parts) == 1:
        one = parts[0]
        every = np.ones(one.at.size, bool)
        return one.lines, one.at, one.values, every if one.once else None, every if one.changed else None
    order = np.argsort(np.concatenate([one.order for one in parts]), kind="stable")
    lines, at, values = (np.concatenate(column)[order] for column in zip(*((p.lines, p.at, p.values) for p in parts), strict=True))
    once = np.concatenate([np.full(one.at.size, one.once) for one in parts])[order]
    changed = np.concatenate([np.full(one.at.size, one.changed) for one in parts])[order]
    return lines, at, values, once if once.any() else None, changed if changed.any() else None


def _progress(groups: Sequence[Group], fold: Fold, axis_lines: Ints, items: list[Item], offset_of: Callable[[int], int]) -> None:
    """How far the run is by the last lines, and how far it goes."""
    place = fold.place
    last = max((int(group.lines[-1]) for group in groups), default=0)
    total = fold.total_here(on_steps=bool(axis_lines.size))
    if total is not None and total != fold.total and (axis_lines.size or any(group.values for group in groups)):
        fold.total = total
        items.append(Progress(total_steps=total, offset=offset_of(last)))
    if axis_lines.size and place.step is not None:
        silent = max((int(group.lines[-1]) for group in groups if not group.values), default=-1)
        if silent >= int(axis_lines[-1]) and (fold.reached is None or place.step > fold.reached):
            items.append(Progress(step=place.step, offset=offset_of(last)))
        fold.reached = place.step
