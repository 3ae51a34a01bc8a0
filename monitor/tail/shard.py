"""One share of many logs: ``--shard 2/8`` follows every eighth run, so that eight watchers divide a cluster without knowing of each other.

A run belongs to the share that the hash of its name falls into, so all files of one job have one watcher, and which one does not
depend on what other files there are.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from monitor.tail.runs import name_runs

_WRITTEN = re.compile(r"(\d{1,4})/(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Share ``index`` (from 1) of ``count``."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``2/8``. Raises ValueError."""
        found = _WRITTEN.fullmatch(text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"`{text}` is no share; write 2/8 for the second of eight")
        return cls(int(found[1]), int(found[2]))

    def takes(self, path: str) -> bool:
        run = name_runs([path])[path]
        return zlib.crc32(run.encode("utf-8", "surrogateescape")) % self.count == self.index - 1
