"""What the API asks of whoever keeps the silences. The page lists them, adds one, removes one; it never decides what is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SilenceView:
    """One silence: of a run's rule, or of all its rules (``rule`` None), ``until`` as it was asked for (``step 200``, ``2h``, ``end``)."""

    id: str
    run: str
    rule: str | None
    until: str
    created_s: float


class Silences(Protocol):
    """Called from the server's thread, so an implementation brings its own connection to the state."""

    def all(self) -> Sequence[SilenceView]:
        """Those that hold now, oldest first."""
        ...

    def add(self, run: str, rule: str | None, until: str) -> SilenceView:
        """Raises ValueError, with one sentence for the reader, where ``until`` cannot be understood."""
        ...

    def remove(self, silence_id: str) -> bool:
        """Whether there was one."""
        ...
