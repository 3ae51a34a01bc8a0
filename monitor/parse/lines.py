"""Bytes to lines: cut at ``\\n`` and ``\\r``, whatever the chunks; a line over 1 MiB is cut and counted.

A carriage return ends a state of a progress bar. Each state is handed on as a segment of its own, with the offset of the
physical line it stands on; so a bar that redraws for hours on one line needs no memory. Carriage returns right before a
``\\n`` belong to the line's end (Windows, a terminal's ``script``), and whether they do is seen only with the byte behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_LINE_BYTES = 1 << 20
_END = re.compile(rb"[\r\n]")
_RETURNS = 3
"""Carriage returns that may stand before a newline and still be its own."""
ESCAPE = re.compile(rb"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78DEHMc])")
CONTROLS = (b"\x1b", b"\x08", b"\x00", b"\r")
"""A text without any of these is lines that are plain as they stand, none of them a bar's."""
_BACKSPACES = re.compile(rb"\x08+")


class LineBuffer:
    """The unfinished end of what came so far. ``feed`` yields (segment, offset of its physical line, whether ``\\r`` ended it)."""

    __slots__ = ("_rest", "cut_lines", "line_start", "lines", "offset", "segment_start", "skipping")

    def __init__(self, offset: int = 0, line_start: int | None = None, *, skipping: bool = False) -> None:
        self.offset = offset
        self.segment_start = offset
        self.line_start = offset if line_start is None else line_start
        self.skipping = skipping
        self._rest = b""
        self.lines = 0
        self.cut_lines = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int, bool]]:
        """Segments that ``data`` completes. The generator must be run to its end before the next call."""
        self.offset += len(data)
        if self._rest:
            data = self._rest + data
        at = 0
        base = self.segment_start
        for found in _END.finditer(data, len(self._rest.rstrip(b"\r"))):
            end = found.start()
            bar = data[end] == 13
            if bar and (behind := _behind_returns(data, end)) is not False:
                if behind is None:
                    break
                continue
            if self.skipping:
                self.skipping = False
            else:
                segment = data[at:end] if bar else data[at:end].rstrip(b"\r")
                if len(segment) > MAX_LINE_BYTES:
                    self.cut_lines += 1
                    segment = segment[:MAX_LINE_BYTES]
                yield segment, self.line_start, bar
            at = end + 1
            self.segment_start = base + at
            if not bar:
                self.lines += 1
                self.line_start = self.segment_start
        self._rest = data[at:]
        if len(self._rest) > MAX_LINE_BYTES:
            yield from self._cut_off()

    def _cut_off(self) -> Iterator[tuple[bytes, int, bool]]:
        head, self._rest = self._rest[:MAX_LINE_BYTES], b""
        self.segment_start = self.offset
        if not self.skipping:
            self.cut_lines += 1
            self.skipping = True
            yield head, self.line_start, False

    def hand_over(self) -> tuple[bytes, int]:
        """The unfinished last line and where it starts; the buffer is then empty."""
        rest, self._rest = self._rest, b""
        return rest, self.segment_start

    def take_rest(self) -> tuple[bytes, int] | None:
        """The unfinished last line, which then counts as read; None where there is none."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        self.segment_start = self.offset
        return (rest, self.line_start) if rest and not self.skipping else None


def _behind_returns(data: bytes, at: int) -> bool | None:
    """Whether the carriage return at ``at`` belongs to a newline; None where the bytes that tell have not come."""
    behind = data[at : at + _RETURNS + 1].lstrip(b"\r")
    if behind:
        return behind[0] == 10
    return None if len(data) - at <= _RETURNS else False


def plain(segment: bytes) -> bytes:
    """A segment without terminal escapes, NUL bytes and backspaced-over bars."""
    if b"\x1b" in segment:
        segment = ESCAPE.sub(b"", segment)
    if b"\x08" in segment:
        segment = _BACKSPACES.split(segment)[-1] or _BACKSPACES.sub(b"", segment)
    if b"\x00" in segment:
        segment = segment.replace(b"\x00", b"")
    return segment
