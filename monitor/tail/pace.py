"""How often a file is looked at: often while it is written, seldom while it is silent, in steps that many files share.

Wake-ups cost more than looks (10,000 silent files with a deadline each: 2.4 % of a core; on shared ticks: 0.6 %), so the
times of looks are rounded up to a grid that is coarser the longer the interval is.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

SILENCE_SHARE = 16
"""A file is looked at again after this fraction of its silence: what it prints next is at most 6 % late."""
GRID_SHARE = 8

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Pace:
    """``hot_s`` seconds between looks at a file that is being written, ``cold_s`` at one that has long been silent."""

    hot_s: float = 0.25
    cold_s: float = 30.0

    def interval_s(self, silent_s: float) -> float:
        """Seconds to the next look at a file silent for ``silent_s``: ``hot_s`` doubled as often as fits, ``cold_s`` at most."""
        wanted_s = silent_s / SILENCE_SHARE
        if wanted_s <= self.hot_s:
            return self.hot_s
        doublings = math.floor(math.log2(wanted_s / self.hot_s))
        return min(self.hot_s * 2.0 ** min(doublings, 40), self.cold_s)

    def next_look_s(self, now: float, interval_s: float) -> float:
        """When to look next: one interval from ``now``, rounded up to the grid (an eighth of the interval, ``hot_s`` at least)."""
        grid_s = max(interval_s / GRID_SHARE, self.hot_s)
        return max(math.ceil((now + interval_s) / grid_s - 0.5) * grid_s, now + interval_s / 2)


@dataclass(slots=True)
class Timetable(Generic[T]):
    """Who is due when. One entry holds for each; a new time replaces the old."""

    _due_s: dict[T, float] = field(default_factory=dict)
    _slots: dict[float, list[T]] = field(default_factory=dict)

    def put(self, who: T, due_s: float) -> None:
        if self._due_s.get(who) != due_s:
            self._due_s[who] = due_s
            self._slots.setdefault(due_s, []).append(who)

    def drop(self, who: T) -> None:
        self._due_s.pop(who, None)

    def take(self, now: float) -> list[T]:
        """Those that are due by ``now``, earliest first; they are off the timetable until put again."""
        due: list[T] = []
        for slot_s in sorted(slot_s for slot_s in self._slots if slot_s <= now):
            for who in self._slots.pop(slot_s):
                if self._due_s.get(who) == slot_s:
                    del self._due_s[who]
                    due.append(who)
        return due

    def next_s(self) -> float | None:
        """When the next slot is; it may turn out empty. None where there is none."""
        return min(self._slots, default=None)


class Budget:
    """Keeps the looks at one file system under ``per_s``: what a site pays for is looks per second, not files."""

    WINDOW_S = 5.0
    MOST_STRETCH = 64.0

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._since: float | None = None
        self._looks = 0
        self.stretch = 1.0

    def spend(self, now: float) -> None:
        """Counts one look; once a window sets the factor by which every interval is to be stretched."""
        self._looks += 1
        if self._since is None:
            self._since = now
        spent_s = now - self._since
        if spent_s >= self.WINDOW_S:
            share = self._looks / spent_s / self._per_s
            self.stretch = min(max(self.stretch * share, 1.0), self.MOST_STRETCH)
            self._since, self._looks = now, 0
