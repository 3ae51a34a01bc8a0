"""PATHs of a command line as files: a file, a directory, a quoted glob, `-`. For commands that read once and end."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.tail.listing import Listings
from monitor.tail.walk import LOG_SUFFIXES, Source, Walk, is_pattern, natural_key

STDIN = "-"


class TailError(Exception):
    """A file that cannot be read, in one line: ``path``, what is wrong, what to do."""

    def __init__(self, path: str, problem: str, advice: str = "") -> None:
        super().__init__(f"{path}: {problem}" + (f"; {advice}" if advice else ""))
        self.path = path
        self.problem = problem
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Expansion:
    """The files that PATHs mean now, as typed, each once, in natural order; and one error for each PATH that means none."""

    files: tuple[str, ...]
    problems: tuple[TailError, ...]


def expand(paths: Sequence[str], *, directory: str | None = None) -> Expansion:
    """All files that ``paths`` mean. A file reached by several names is there once. `-` comes first, as it is."""
    start = directory or os.getcwd()
    listings = Listings(time.monotonic)
    together = Walk(listings)
    problems: list[TailError] = []
    for path in dict.fromkeys(paths):
        if path == STDIN:
            continue
        walk = Walk(listings)
        walk.walk(Source.typed(path, start))
        for real, (hops, shown) in walk.found.files.items():
            together.found.add(real, hops, shown)
        problems.extend(TailError(where, text) for where, text in sorted(walk.found.problems.items()))
        if not walk.found.files and not walk.found.problems:
            problems.append(_nothing(path, start))
    files = tuple(together.found.by_name())
    return Expansion(((STDIN, *files) if STDIN in paths else files), tuple(problems))


def _nothing(path: str, directory: str) -> TailError:
    if is_pattern(path):
        return TailError(path, "no file matches", "check the pattern; ** also reaches into directories below")
    if os.path.isdir(os.path.join(directory, path)):
        wanted = ", ".join(f"*{suffix}" for suffix in LOG_SUFFIXES)
        return TailError(path, f"no log in this directory ({wanted})", f"name the files: '{os.path.join(path, '*')}'")
    return TailError(path, "no such file or directory", "`watch` waits for it; this command reads what is there")


def looks_expanded(paths: Sequence[str]) -> str | None:
    """How to quote the pattern, where ``paths`` look as if the shell had expanded one (new files would go unnoticed); else None."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        if path != STDIN and not is_pattern(path) and not path.startswith("job:"):
            stem, suffix = os.path.splitext(os.path.basename(path))
            if suffix and stem:
                alike[(os.path.dirname(path), suffix)].append(path)
    expanded = [os.path.join(where, f"*{suffix}") for (where, suffix), names in alike.items() if len(names) > 1]
    if not expanded:
        return None
    quoted = " ".join(f"'{pattern}'" for pattern in sorted(expanded, key=natural_key))
    return f"only these {len(paths)} files are followed; quote the pattern to pick up new ones too: loss-watch {quoted}"
