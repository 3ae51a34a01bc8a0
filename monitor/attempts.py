"""Where the attempts of a run begin: its state is told of columns by the few points that decide.

A ``RunState`` looks at every point. Where the steps rise, and where they fall so far that only a new start can be meant, few points
tell it the same as all. Where that is not sure it is told of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from operator import attrgetter

import numpy as np

from monitor.lanes import KEPT_POINTS, Flags, Floats, Lane, lane_of
from monitor.parse.blockreader import Column
from rules.history import SETTLED, RunState
from rules.observation import Event, Item, Observation

TURNS = frozenset({"started", "requeued"})
"""Kinds of event that mean something for where an attempt begins."""

_OFFSET = attrgetter("offset")


class Attempts:
    """Folds the columns of one file into a run's state."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self._requeued = False
        """Whether the log has said that the job was requeued: then the points that an attempt has shown are counted."""
        self._lanes: dict[str, Lane] = {}
        """The last points of each metric in the present attempt; the state has not been told of all of them."""

    def block(self, groups: Sequence[Sequence[Column]], items: Sequence[Item]) -> None:
        """The columns of one block, those of the same lines together, and the events and progress of its lines."""
        turns = [item for item in items if not isinstance(item, Event) or item.kind in TURNS]
        requeued = any(isinstance(item, Event) and item.kind == "requeued" for item in turns)
        self._requeued |= requeued
        alike = [part for group in groups for part in self._alike(group)]
        if not turns and not self._requeued and all(map(self._rises, alike)):
            for part in alike:
                self._hold(part, self._risen(part[0]))
        elif requeued or self._is_owed():
            self._every_point([[column] for group in groups for column in group], turns)
        else:
            self._turn([[column] for part in alike for column in part] if self._requeued else alike, turns)

    def take(self, items: Sequence[Item]) -> None:
        """What came next as objects, in the order of the log."""
        if items:
            self._requeued |= any(isinstance(item, Event) and item.kind == "requeued" for item in items)
            told = [point for lane in self._lanes.values() for point in lane.tell(slice(None))]
            self._see([*sorted(told, key=_OFFSET), *items])
            for metric, (name, offset) in _ends(items).items():
                self._go_on(metric, metric, name, offset)

    def close(self) -> None:
        """The end of the file: how far it came."""
        self._see(sorted((point for lane in self._lanes.values() for point in lane.tell(slice(-1, None))), key=_OFFSET))

    def _alike(self, group: Sequence[Column]) -> Iterable[list[Column]]:
        """The columns of the same lines whose last points before these were of one line, too: what one shows, all do."""
        made: dict[tuple[int, float, bool] | None, list[Column]] = {}
        for column in group:
            lane = self._lanes.get(column.metric)
            last = (int(lane.offsets[-1]), float(lane.steps[-1]), lane.twice) if lane is not None else None
            made.setdefault(last, []).append(column)
        return made.values()

    def _rises(self, alike: Sequence[Column]) -> bool:
        steps, lane = alike[0].steps, self._lanes.get(alike[0].metric)
        return not ((steps[1:] < steps[:-1]).any() or (lane is not None and lane.steps[-1] > steps[0]))

    def _risen(self, column: Column) -> Lane:
        """The last points of a metric that rises."""
        held, steps = self._lanes.get(column.metric), column.steps
        if held is not None and steps.size < KEPT_POINTS:
            return held.followed_by(column).since(-1)
        twice = bool((steps[1:] == steps[:-1]).any()) or (held is not None and (held.twice or bool(held.steps[-1] == steps[0])))
        return lane_of(column).last(twice=twice)

    def _hold(self, alike: Sequence[Column], lane: Lane) -> None:
        for column in alike if lane.steps.size else ():
            self._lanes[column.metric] = lane if column.metric == lane.metric else lane.of(column, self._told(column.metric, lane.steps))

    def _told(self, metric: str, steps: Floats) -> Flags:
        """Which of the steps, the last ones of a metric, the state has seen of it."""
        series = self.state.metric(metric)
        return steps <= (series.reached.get(0, -math.inf) if series is not None else -math.inf)

    def _joined(self, column: Column) -> Lane:
        held = self._lanes.get(column.metric)
        return lane_of(column) if held is None else held.followed_by(column)

    def _turn(self, alike: Sequence[Sequence[Column]], items: Sequence[Item]) -> None:
        """A block in which attempts may begin."""
        unseen = bool(items) and not self.state.series
        if unseen:  # an announced start is one only where something was seen before
            self._see(sorted((point for lane in self._lanes.values() for point in lane.tell(slice(1))), key=_OFFSET))
        lanes = [self._joined(part[0]) for part in alike]
        picked = [np.zeros(lane.steps.size, bool) for lane in lanes]
        starts = _starts(lanes, picked, self.state.series)
        if starts is None:
            self._every_point(alike, items)
            return
        told: list[Item] = []
        for lane, chosen in zip(lanes, picked, strict=True):
            chosen[:1] |= unseen
            for first in (0, *map(lane.first_since, starts)) if self._requeued else ():
                chosen[first : first + SETTLED] = True
            told += lane.tell(chosen)
        self._see(sorted([*told, *items], key=_OFFSET))
        if starts:
            self._lanes = {}
        for part, lane in zip(alike, lanes, strict=True):
            self._hold(part, lane.since(starts[-1] if starts else -1))

    def _every_point(self, alike: Sequence[Sequence[Column]], items: Sequence[Item]) -> None:
        """Let the state see all of a block, and go on from what it makes of it."""
        elsewhere, lanes = self._elsewhere(alike), [self._joined(part[0]) for part in alike]
        told: list[Item] = [point for lane in (*elsewhere, *lanes) for point in lane.tell(slice(None))]
        self._see(sorted([*told, *items], key=_OFFSET))
        for lane in elsewhere:
            self._go_on(lane.metric, lane.metric, lane.name, int(lane.offsets[-1]))
        for part, lane in zip(alike, lanes, strict=True):
            for column in part:
                self._go_on(column.metric, lane.metric, column.name, int(lane.offsets[-1]))

    def _elsewhere(self, alike: Sequence[Sequence[Column]]) -> list[Lane]:
        """What is held of metrics that a block does not show."""
        shown = {column.metric for part in alike for column in part}
        return [lane for metric, lane in self._lanes.items() if metric not in shown]

    def _go_on(self, metric: str, known_as: str, name: str, offset: int) -> None:
        """Hold what the state, which has seen all, has of a metric or of one that is like it."""
        series = self.state.metric(known_as)
        reached = series.reached.get(0) if series is not None else None
        if series is None or reached is None:
            self._lanes.pop(metric, None)
            return
        count = KEPT_POINTS if reached == series.steps[-1] else 1
        steps, values = np.array(series.steps[-count:]), np.array(series.values[-count:])
        steps[-1] = reached
        told, offsets = self._told(metric, steps), np.full(steps.size, offset)
        self._lanes[metric] = Lane(metric, name, offsets, steps, values, told, series.many_ranks, steps.size)

    def _is_owed(self) -> bool:
        """Whether a new start was announced that no step has shown: any jump may be it."""
        return max(self.state.witnesses.values(), default=0) >= self.state.attempt

    def _see(self, items: Iterable[Item]) -> None:
        for item in items:
            self.state.see(item)


def _ends(items: Iterable[Item]) -> dict[str, tuple[str, int]]:
    """Each metric of the items with its name and where it was last."""
    return {item.metric: (item.name or item.metric, item.offset) for item in items if isinstance(item, Observation)}


def _starts(lanes: Sequence[Lane], picked: Sequence[Flags], known: Container[str]) -> list[int] | None:
    """The bytes where new attempts begin, None where only the state can tell; the points that show it are picked.

    The first metric to fall begins the attempt; another one's fall over the same start is none, since its point before is of the last.
    """
    falls = sorted((int(lane.offsets[at]), which, at) for which, lane in enumerate(lanes) for at in lane.falls.tolist())
    starts: list[int] = []
    start = -1
    for offset, which, at in falls:
        lane = lanes[which]
        if lane.offsets[at - 1] < start:
            continue
        if not lane.surely_begins_anew(at, start):
            return None
        picked[which][lane.seen_at_a_fall(at, start, known=lane.metric in known)] = True
        start = offset
        starts.append(start)
    return starts
