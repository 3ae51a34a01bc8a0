"""A file's whole lines, in one buffer that is filled again and again: fresh memory for each block would cost more than the reading."""

from __future__ import annotations

from typing import Protocol

from monitor.parse.digits import PAD
from monitor.parse.lines import MAX_LINE_BYTES


class Readable(Protocol):
    """A raw file: what ``io.RawIOBase`` and ``WholeFile`` have."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills ``buffer`` from its front; how many bytes, 0 at the end."""
        ...


class WholeLines:
    """The lines that were read and not yet taken. ``text[start:stop]`` are the whole ones of the last ``fill``; a newline stands before.

    ``offset`` is the byte of the file up to which lines were taken.

    ``long``: what is held is more than a line may be and has no end.
    """

    def __init__(self, source: Readable, most_bytes: int) -> None:
        self._source = source
        self.text = bytearray(PAD)
        self._most_bytes = max(most_bytes, 2 * MAX_LINE_BYTES)
        self.start = self.stop = self._end = len(PAD)
        self.long = False
        self.offset = 0

    def fill(self, wanted_bytes: int) -> bool:
        """Hold about ``wanted_bytes`` of whole lines, at least one; False where no whole line comes (the end, or ``long``)."""
        wanted = min(wanted_bytes, self._most_bytes)
        while True:
            self._hold(wanted)
            held = self._end - self.start
            self.stop = self.text.rfind(b"\n", self.start, min(self._end, self.start + wanted)) + 1
            if self.stop > self.start:
                return True
            self.stop = self.start
            if held < wanted or wanted >= self._most_bytes:
                self.long = held > MAX_LINE_BYTES
                return False
            wanted = min(2 * wanted, self._most_bytes)

    def took(self, count: int) -> None:
        """The first ``count`` bytes are done with."""
        self.start += count
        self.offset += count

    def take_all(self) -> bytes:
        """What is held without a line's end, and more of the file where that is nothing; empty at the end of the file."""
        if self.start == self._end:
            self._hold(1 << 16)
        rest = bytes(memoryview(self.text)[self.start : self._end])
        self.offset += len(rest)
        self.start = self.stop = self._end = len(PAD)
        return rest

    def put_back(self, rest: bytes) -> None:
        """Hold ``rest`` again, which was taken and not used."""
        self.offset -= len(rest)
        self._put(rest)

    def _put(self, rest: bytes) -> None:
        self.text[len(PAD) : len(PAD) + len(rest)] = rest
        self.start = self.stop = len(PAD)
        self._end = len(PAD) + len(rest)

    def _hold(self, wanted: int) -> None:
        """Read until ``wanted`` bytes are held, or the file ends."""
        if self.start + wanted > len(self.text):
            self._to_front(wanted)
        view = memoryview(self.text)
        while self._end - self.start < wanted:
            count = self._source.readinto(view[self._end : self.start + wanted])
            if not count:
                return
            self._end += count

    def _to_front(self, wanted: int) -> None:
        rest = bytes(memoryview(self.text)[self.start : self._end])
        if len(PAD) + wanted > len(self.text):
            self.text.extend(bytes(len(PAD) + wanted - len(self.text)))
        self._put(rest)
