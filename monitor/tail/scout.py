"""Finds the files that PATHs mean on one file system, again and again: which are new, what cannot be read, what is waited for."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.tail.lanenews import Elsewhere, Waiting
from monitor.tail.listing import Listings
from monitor.tail.mounts import Mount, MountTable
from monitor.tail.news import FileNews
from monitor.tail.shard import Shard
from monitor.tail.walk import LOG_SUFFIXES, Findings, Source, Through, Walk, is_pattern

RESTING_S = 60.0
"""How often the way to a file that was found by its plain name is walked again, for links that now lead elsewhere."""
EVENT_GAP_S = 0.25
"""New names that are announced make for one search in this time, so that a busy directory costs no more."""


@dataclass(slots=True)
class _Standing:
    """A source and what became of it. ``resting``: it gave its one file, there is nothing more to find."""

    source: Source
    due_s: float
    files: int = 0
    resting: bool = False
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scouted:
    """What one search found: files (shown path -> real path, known ones of unchanged directories left out), directories, things to tell."""

    files: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    tell: list[Elsewhere | FileNews | Waiting] = field(default_factory=list)


class Scout:
    """Keeps the sources of one lane and when each is to be walked. ``beat`` is a clock that is asked at every directory.

    ``mark`` is told before a walk what is walked, and None after it: the file system may not answer in between.
    """

    def __init__(
        self, mount: Mount, mounts: MountTable, rediscover_s: float, beat: Callable[[], float], mark: Callable[[str | None], None],
        shard: Shard | None = None,
    ) -> None:  # fmt: skip
        self.due_s = 0.0
        self._mount = mount
        self._mounts = mounts
        self._rediscover_s = rediscover_s
        self._mark = mark
        self._shard = shard
        self._listings = Listings(beat)
        self._through: Through = {}
        self._standing: list[_Standing] = []
        self._owner: dict[str, _Standing] = {}
        self._handed_over: set[Source] = set()
        self._searched_s = float("-inf")
        self._failing: dict[str, str] = {}
        self._waiting: tuple[str, ...] = ()
        self._last_names: set[str] = set()
        self._last_patterns: set[str] = set()

    @property
    def sources(self) -> int:
        return len(self._standing)

    def take(self, source: Source, now: float) -> None:
        """One more source, to be walked at the next search."""
        self._standing.append(_Standing(source, now))
        self.due_s = now
        last = os.path.basename(source.origin)
        (self._last_patterns if is_pattern(last) else self._last_names).add(last)

    def announced(self, name: str, now: float) -> None:
        """A new name stands in some directory. Brings the next search forward where a PATH could end in it or lead through it."""
        suffix = os.path.splitext(name)[1]
        wanted = not suffix or suffix in LOG_SUFFIXES or name in self._last_names
        if wanted or any(fnmatch.fnmatchcase(name, pattern) for pattern in self._last_patterns):
            self.due_s = min(self.due_s, max(now, self._searched_s + EVENT_GAP_S))
            for standing in self._standing:
                if not standing.resting:
                    standing.due_s = min(standing.due_s, self.due_s)

    def lost(self, path: str, now: float) -> None:
        """The file that was found at ``path`` is gone: it is to be searched for again."""
        self._through.clear()
        standing = self._owner.pop(path, None)
        if standing is not None:
            standing.files -= 1
            standing.resting = False
            standing.due_s = min(standing.due_s, now + self._rediscover_s)
            self.due_s = min(self.due_s, standing.due_s)

    def search(self, now: float) -> Scouted:
        """Walks the sources that are due."""
        self._searched_s = now
        walk = Walk(self._listings, self._mounts, self._mount, self._through)
        together, scouted = Findings(), Scouted()
        owners: dict[str, _Standing] = {}
        for standing in [standing for standing in self._standing if standing.due_s <= now]:
            walk.found = found = Findings()
            self._mark(standing.source.origin)
            walk.walk(standing.source)
            self._mark(None)
            self._note(standing, found, now)
            for real, (hops, shown) in found.files.items():
                if self._shard is None or self._shard.takes(shown):
                    together.add(real, hops, shown)
                    owners.setdefault(real, standing)
            scouted.directories |= found.directories
            scouted.tell.extend(Elsewhere(source) for source in found.elsewhere if source not in self._handed_over)
            self._handed_over.update(found.elsewhere)
        self.due_s = min((standing.due_s for standing in self._standing), default=now + self._rediscover_s)
        scouted.files = together.by_name()
        for shown, real in scouted.files.items():
            self._owner.setdefault(shown, owners[real])
        scouted.tell.extend(self._changed_problems())
        scouted.tell.extend(self._changed_waiting())
        return scouted

    def _note(self, standing: _Standing, found: Findings, now: float) -> None:
        standing.problems = found.problems
        standing.files = len(found.files) + found.known
        standing.resting = bool(found.files) and not found.directories and not is_pattern(standing.source.origin)
        standing.due_s = now + (max(RESTING_S, self._rediscover_s) if standing.resting else self._rediscover_s)

    def _changed_problems(self) -> list[FileNews]:
        places: dict[str, str] = {}
        for standing in self._standing:
            places.update(standing.problems)
        news = [FileNews(place, "failing", text) for place, text in places.items() if self._failing.get(place) != text]
        news.extend(FileNews(place, "recovered", "can be read again") for place in self._failing.keys() - places.keys())
        self._failing = places
        return news

    def _changed_waiting(self) -> list[Waiting]:
        waiting = tuple(standing.source.origin for standing in self._standing if not standing.files and not standing.problems)
        if waiting == self._waiting:
            return []
        self._waiting = waiting
        return [Waiting(waiting)]
