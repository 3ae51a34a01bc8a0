"""From a PATH to the files it means now, one name at a time, never setting foot on another mount than one's own.

Symbolic links are followed by hand for that reason: the kernel would walk through a hung mount without asking. What lies on
another mount comes back as the part of the PATH that is left, for those who look after that mount.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from dataclasses import dataclass, field, replace
from functools import lru_cache

from monitor.tail.follow import trouble
from monitor.tail.listing import EntryKind, Listing, Listings, Matches
from monitor.tail.mounts import Mount, MountTable

LOG_SUFFIXES = (".out", ".err", ".log")
LOGS = "<logs>"
"""Stands for the pattern of a directory that was given as a PATH: its logs."""
MOST_LINKS = 40
"""As many links as Linux itself follows in one path (path_resolution(7))."""
MOST_DIRECTORIES = 20_000
_MAGIC = re.compile(r"[*?[]")
_NUMBER = re.compile(r"(\d+)")
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def is_pattern(path: str) -> bool:
    return _MAGIC.search(path) is not None


def natural_key(path: str) -> list[tuple[int, int, str]]:
    """Sorts `x_2.out` before `x_10.out`."""
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in _NUMBER.split(path)]


@dataclass(frozen=True, slots=True)
class Source:
    """What is left to walk of one PATH: ``real`` is reached, then the names of a ``link``'s target, then ``parts`` (names or patterns).

    ``shown`` is the way so far as a person would name it. ``origin`` is the PATH as it was given.
    """

    origin: str
    shown: str
    real: str
    parts: tuple[str, ...]
    link: tuple[str, ...] = ()
    hops: int = 0

    @classmethod
    def absolute(cls, path: str, directory: str) -> Source:
        """``path`` (relative to ``directory``) walked from the root; its files are shown with their absolute names."""
        whole = os.path.normpath(os.path.join(directory, path))
        return cls(path, "/", "/", _names(whole))

    @classmethod
    def typed(cls, path: str, directory: str) -> Source:
        """``path`` walked from ``directory``; its files are shown as they were typed."""
        if os.path.isabs(path):
            return cls.absolute(path, directory)
        return cls(path, "", directory, _names(os.path.normpath(path)))


@dataclass(slots=True)
class Findings:
    """What one walk found: files (real path -> links followed, shown path), what lies elsewhere, what could not be read."""

    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    elsewhere: list[Source] = field(default_factory=list)
    directories: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)
    known: int = 0
    """Files that stand in a listing which an earlier walk has been through; they are not named again."""

    def add(self, real: str, hops: int, shown: str) -> None:
        """One file under several names keeps the one that is no link, else the first in natural order."""
        known = self.files.get(real)
        if known is None or (hops, natural_key(shown)) < (known[0], natural_key(known[1])):
            self.files[real] = (hops, shown)

    def by_name(self) -> dict[str, str]:
        """Shown path -> real path, in natural order."""
        return {shown: real for real, (_, shown) in sorted(self.files.items(), key=lambda item: natural_key(item[1][1]))}


Through = dict[tuple[str, str, str], Listing]
"""Which listing a walk has been through, by directory (as shown, really) and pattern: 10,000 names are not walked again for nothing."""


class Walk:
    """One pass over PATHs on ``mount`` (None: all mounts). Never raises OSError: trouble is among the findings.

    ``through`` is kept by those who walk again and again: the files of a listing that has not changed since are only counted.
    """

    def __init__(
        self, listings: Listings, mounts: MountTable | None = None, mount: Mount | None = None, through: Through | None = None
    ) -> None:
        self.found = Findings()
        self._through: Through = {} if through is None else through
        self._listings = listings
        self._mounts = mounts
        self._mount = mount
        self._kinds: dict[str, tuple[EntryKind, str]] = {}
        self._deep_visited = 0

    def walk(self, source: Source) -> None:
        if self._foreign(source.real):
            self.found.elsewhere.append(source)
        elif source.link:
            self._enter(source, source.link[0], replace(source, link=source.link[1:]))
        elif not source.parts:
            self._end(source)
        else:
            part = source.parts[0]
            if part == "**":
                self._deep(source, source.parts[1:] or ("*",))
            elif is_pattern(part):
                self._pattern(source, part, source.parts[1:])
            else:
                self._enter(source, part, replace(source, parts=source.parts[1:], shown=os.path.join(source.shown, part)))

    def _foreign(self, real: str) -> bool:
        return self._mounts is not None and self._mount is not None and self._mounts.of(real) != self._mount

    def _enter(self, source: Source, name: str, after: Source) -> None:
        if name == "..":
            self.walk(replace(after, real=os.path.dirname(source.real)))
            return
        child = os.path.join(source.real, name)
        if self._foreign(child):
            self.found.elsewhere.append(replace(after, real=child))
            return
        try:
            kind, target = self._kind(child)
        except OSError as error:
            self._refused(child, error)
            return
        if kind != "link":
            self.walk(replace(after, real=child))
        elif source.hops >= MOST_LINKS:
            self.found.problems[after.shown] = trouble(OSError(errno.ELOOP, ""))
        else:
            start = "/" if target.startswith("/") else source.real
            self.walk(replace(after, real=start, link=_names(target) + after.link, hops=source.hops + 1))

    def _kind(self, path: str) -> tuple[EntryKind, str]:
        if path not in self._kinds:
            mode = os.lstat(path).st_mode
            linked = stat.S_ISLNK(mode)
            self._kinds[path] = ("link" if linked else "dir" if stat.S_ISDIR(mode) else "file", os.readlink(path) if linked else "")
        return self._kinds[path]

    def _end(self, source: Source) -> None:
        try:
            kind, _ = self._kind(source.real)
            if kind != "dir":
                self.found.add(source.real, source.hops, source.shown)
                return
        except OSError as error:
            self._refused(source.real, error)
            return
        self._pattern(source, LOGS, ())

    def _pattern(self, source: Source, part: str, rest: tuple[str, ...]) -> None:
        try:
            listing = self._listings.of(source.real)
        except OSError as error:
            self._refused(source.real, error)
            return
        self.found.directories.add(source.real)
        matches = listing.matches.get(part)
        if matches is None:
            matches = listing.matches[part] = _match(listing, part)
        if not rest:
            place = (source.shown, source.real, part)
            if self._through.get(place) is listing:
                self.found.known += len(matches.files)
            else:
                self._through[place] = listing
                for name in matches.files:
                    self.found.add(os.path.join(source.real, name), source.hops, os.path.join(source.shown, name))
        for name, kind in matches.others:
            if part is not LOGS or kind == "link":
                self._enter(source, name, replace(source, parts=rest, shown=os.path.join(source.shown, name)))

    def _deep(self, source: Source, rest: tuple[str, ...]) -> None:
        """``**``: this directory and all below it, but for hidden ones and links."""
        self._deep_visited += 1
        if self._deep_visited > MOST_DIRECTORIES:
            self.found.problems[source.origin] = f"** reaches more than {MOST_DIRECTORIES} directories; the rest is left out"
            return
        self.walk(replace(source, parts=rest))
        try:
            names = self._listings.of(source.real).names
        except OSError as error:
            self._refused(source.real, error)
            return
        self.found.directories.add(source.real)
        for name, kind in names.items():
            if kind == "dir" and not name.startswith("."):
                below = replace(source, real=os.path.join(source.real, name), shown=os.path.join(source.shown, name), parts=("**", *rest))
                if self._foreign(below.real):
                    self.found.elsewhere.append(below)
                else:
                    self._deep(below, rest)

    def _refused(self, path: str, error: OSError) -> None:
        """What does not exist is no trouble: it is waited for."""
        if error.errno not in _ABSENT:
            self.found.problems[path] = trouble(error)


def _names(path: str) -> tuple[str, ...]:
    return tuple(name for name in path.split("/") if name not in ("", "."))


def _match(listing: Listing, part: str) -> Matches:
    """The names that ``part`` matches as a shell would (no hidden ones unless asked for), or that are ``part`` to the letter."""
    accepts, hidden = _matcher(part), part.startswith(".")
    names = [name for name in listing.names if name == part or ((hidden or not name.startswith(".")) and accepts.match(name))]
    if part is LOGS:
        names = [name for name in listing.names if name.endswith(LOG_SUFFIXES) and not name.startswith(".")]
    others = tuple((name, listing.names[name]) for name in names if listing.names[name] != "file")
    return Matches(tuple(name for name in names if listing.names[name] == "file"), others)


@lru_cache(maxsize=512)
def _matcher(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))
