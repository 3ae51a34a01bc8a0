"""A format of which only its name and its signs are read: what the start of every command needs of each that ships.

The rest of a file is read when a log shows that format. Reading all of them whole takes longer than everything else at start.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from monitor.parse.format import Format, over_skeletons
from monitor.parse.formatfile import read_format

PRIORITY = 5
"""Of a format that names none; lower is tried first."""
_HEAD = re.compile(r"name: ([a-z][\w-]*)$", re.M)
_PRIORITY = re.compile(r"^priority: (\d+)$", re.M)
_SIGNS = re.compile(r"^recognise:\n((?:  - '(?:[^'\n]|'')*'\n)+)(?=[a-z]|\Z)", re.M)
_SIGN = re.compile(r"  - '(.*)'\n")


@dataclass(frozen=True, eq=False)
class Listed:
    """A format's name, the patterns of skeletons that give it away, when it is tried, and how the rest of it is read."""

    name: str
    signs: tuple[str, ...]
    priority: int
    read: Callable[[], Format]

    @cached_property
    def whole(self) -> Format:
        """All of it. Raises FormatError, OSError."""
        return self.read()

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(sign) for sign in self.signs)

    def recognises(self, skeleton: str) -> bool:
        """Whether a line can only come from this format."""
        return any(pattern.search(skeleton) for pattern in self._patterns)


def listed(one: Format, priority: int = PRIORITY) -> Listed:
    """A format that is read already."""
    return Listed(one.name, tuple(sign.pattern for sign in one.signs), priority, lambda: one)


def shipped(path: Path) -> Listed:
    """A file of ours, only its head where that is plainly written, as all of ours are. Raises FormatError, OSError."""
    text = path.read_text(encoding="utf-8")
    name, signs = _HEAD.match(text), _SIGNS.search(text)
    if name is None or signs is None:
        one = read_format(path)
        return listed(one, int(one.text.get("priority", PRIORITY)))
    priority = _PRIORITY.findall(text) or [PRIORITY]
    patterns = tuple(over_skeletons(sign.replace("''", "'")) for sign in _SIGN.findall(signs[1]))
    return Listed(name[1], patterns, int(priority[-1]), lambda: read_format(path))
