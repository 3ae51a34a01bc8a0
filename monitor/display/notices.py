"""What is said on stderr while the table has the screen: shown below it, and handed on when the table is gone.

Written to the terminal as it comes, a line about a file that cannot be read would stand across the table until the next redraw, and
be lost with the screen.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections import deque
from collections.abc import Iterator

MOST_KEPT = 200


class Notices(io.TextIOBase):
    """A stderr that keeps its last ``MOST_KEPT`` lines. Any thread may write."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MOST_KEPT)
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        self._lines.extend(line for line in whole if line.strip())
        return len(text)

    def lines(self) -> tuple[str, ...]:
        """What was said, oldest first."""
        return (*self._lines, self._rest) if self._rest else tuple(self._lines)


@contextlib.contextmanager
def noticed() -> Iterator[Notices]:
    """Takes stderr, and what is logged to it, until the block ends; then says it all there."""
    notices, stderr = Notices(), sys.stderr
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler) and one.stream is stderr]
    sys.stderr = notices
    for handler in handlers:
        handler.setStream(notices)
    try:
        yield notices
    finally:
        sys.stderr = stderr
        for handler in handlers:
            handler.setStream(stderr)
        for line in notices.lines():
            stderr.write(line + "\n")
        stderr.flush()
