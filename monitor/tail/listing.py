"""What stands in a directory, listed again only when the directory's own time has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

EntryKind = Literal["file", "dir", "link"]
SETTLED_S = 3.0
"""A listing is believed while the directory's time stands still only if it was made this long after that time was first seen:
two changes within one tick of the file system's clock (2 s at the coarsest) look like one."""
BELIEVED_S = 60.0
"""No listing is believed for longer: some network file systems never touch a directory's time."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The names that a pattern matches: plain files, and links and directories."""

    files: tuple[str, ...]
    others: tuple[tuple[str, EntryKind], ...]


@dataclass(slots=True)
class Listing:
    """The names in one directory and what each is (a link is not followed). The object stays the same while the names do.

    ``matches`` keeps what patterns made of the names: those that are files, and the others, which a walk has to follow each time.
    """

    names: dict[str, EntryKind]
    mtime_ns: int
    made_s: float
    mtime_seen_s: float
    matches: dict[str, Matches] = field(default_factory=dict)


class Listings:
    """Directory listings, kept between passes. Raises OSError as ``os.scandir`` does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, Listing] = {}

    def of(self, directory: str) -> Listing:
        now = self._clock()
        mtime_ns = os.stat(directory).st_mtime_ns
        kept = self._kept.get(directory)
        if kept and kept.mtime_ns == mtime_ns and kept.made_s - kept.mtime_seen_s >= SETTLED_S and now - kept.made_s < BELIEVED_S:
            return kept
        names: dict[str, EntryKind] = {}
        with os.scandir(directory) as entries:
            for entry in entries:
                names[entry.name] = "link" if entry.is_symlink() else "dir" if entry.is_dir(follow_symlinks=False) else "file"
        seen_s = kept.mtime_seen_s if kept and kept.mtime_ns == mtime_ns else now
        if kept and kept.names == names:
            kept.mtime_ns, kept.made_s, kept.mtime_seen_s = mtime_ns, now, seen_s
            return kept
        self._kept[directory] = fresh = Listing(names, mtime_ns, now, seen_s)
        return fresh
