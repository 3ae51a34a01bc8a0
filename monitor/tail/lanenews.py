"""What a lane tells the tailer, beside the bytes and news that are meant for the daemon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.tail.news import News
from monitor.tail.walk import Source


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Part of a PATH that lies on another mount."""

    source: Source


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything that the first ``sources`` sources gave has been read to its end once."""

    sources: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The PATHs of this lane for which there is no file yet and nothing worse to say."""

    origins: tuple[str, ...]


LaneItem = News | Elsewhere | Settled | Waiting
Emit = Callable[[LaneItem], bool]
"""Takes an item, perhaps after a while (back-pressure); False when nobody wants any more."""
