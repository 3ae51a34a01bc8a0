"""One block of whole lines: where they stand, what their keys are, and those between them that were passed over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, repeat

import numpy as np

from monitor.parse.digits import PAD, Digits, Ints
from monitor.parse.gate import LineSearch
from monitor.parse.lines import CONTROLS, MAX_LINE_BYTES, plain
from monitor.parse.shape import Shapes

SOME_LINES = 256
"""Lines whose bounds are looked up together."""


class Block:
    """Whole lines, those of a bar's states too, behind the bytes of ``PAD``; ``base`` is the byte of the file where they start.

    Where ``whole`` is given, the lines are only those of its lines before ``stop`` that start at ``starts``, and its byte 0 is byte
    ``base`` of the file.
    """

    def __init__(
        self, padded: bytes, base: int, whole: bytes | bytearray | None = None, starts: list[int] | None = None, stop: int = 0
    ) -> None:
        self._raw = padded
        self._padded = padded.replace(b"\r", b"\n") if b"\r" in padded else padded
        self.digits = Digits(self._padded)
        self._base = base
        self._whole, self._starts, self._stop = whole, starts, stop
        self.count = int(self.digits.line_starts.size) - 1

    def find_keys(self, shapes: Shapes) -> None:
        """Find each line's key: by its shape where many lines have it, else by making it."""
        self._shape_of, self._shape_keys = shapes.find(self.digits, self.count)
        others = np.flatnonzero(self._shape_of < 0)
        if 2 * others.size > self.count:
            self._shape_of, self._keys = np.full(self.count, -1, np.int64), self.digits.keys()
            self._others: Ints | range = range(self.count)
        else:
            lines = [self.digits.line(at) for at in others.tolist()]
            self._keys, self._others = Digits(b"\n".join((PAD[1:], *lines, b""))).keys(), others
        shapes.learn(self._keys, self._others, self.digits)

    def key(self, at: int) -> bytes:
        """The key of line ``at``."""
        shape = int(self._shape_of[at])
        if shape >= 0:
            return self._shape_keys[shape]
        return self._keys[self._place(at)]

    def count_ahead(self, at: int, lines: int) -> int:
        """How many of the next ``lines`` have the key of line ``at``."""
        shape = self._shape_of[at]
        if shape >= 0:
            return int(np.count_nonzero(self._shape_of[at : at + lines] == shape))
        first, end = self._place(at), self._place(min(at + lines, self.count))
        return self._keys[first:end].count(self._keys[first])

    def _place(self, at: int) -> int:
        """Where in the keys that were made the first is of line ``at`` or a later one."""
        return at if isinstance(self._others, range) else int(np.searchsorted(self._others, at))

    def behind(self, count: int) -> Block:
        """The lines behind the first ``count``, which may be some of a whole only in the block itself."""
        end = self.end_of(count)
        return Block(self._raw[end:], self._base + end)

    @property
    def partial(self) -> bool:
        """Whether only lines with a literal are here."""
        return self._whole is not None

    def kinds(self, known: dict[bytes, int], otherwise: int) -> Ints:
        """What is known of each line's key."""
        made = np.fromiter(map(known.get, self._keys, repeat(otherwise)), np.int64, len(self._keys))
        if isinstance(self._others, range):
            return made
        kinds = np.array([known.get(key, otherwise) for key in self._shape_keys], np.int64)[self._shape_of]
        kinds[self._others] = made
        return kinds

    def line(self, at: int) -> bytes:
        starts = self.digits.line_starts
        start, end = len(PAD) + int(starts[at]), len(PAD) - 1 + int(starts[at + 1])
        return self._padded[start : min(end, start + MAX_LINE_BYTES)]

    def with_literal(self, search: LineSearch) -> Ints:
        """The lines that contain a literal."""
        starts = np.array(search.starts(self._padded, len(PAD)), np.int64) - len(PAD)
        return np.searchsorted(self.digits.line_starts, starts)

    def is_bar(self, at: int) -> bool:
        """Whether a carriage return ended the line, so that the next state of a bar was drawn over it."""
        if self._padded is self._raw:
            return False
        end = len(PAD) + int(self.digits.line_starts[at + 1])
        return self._raw[end - 1] == 13 and self._raw[end : end + 1] != b"\n"

    def offset(self, at: int) -> int:
        """The byte of the file where line ``at`` starts."""
        return self._base + (int(self.digits.line_starts[at]) if self._starts is None else self._starts[at])

    def offsets(self, lines: Ints) -> Ints:
        """The bytes of the file where ``lines`` start."""
        starts = self.digits.line_starts if self._starts is None else np.array(self._starts, np.int64)
        return np.asarray(starts[lines] + self._base, np.int64)

    def end_of(self, count: int) -> int:
        """Where the first ``count`` lines end in ``text``."""
        return int(self.digits.line_starts[count])

    def reach(self, count: int) -> int:
        """The byte of the file up to which the first ``count`` lines go, all of them with what was passed over behind the last."""
        return self._base + self._stop if self._whole is not None and count == self.count else self.offset(count - 1) + 1 if count else 0

    def plain_lines(self, lines: Ints) -> Iterator[tuple[int, bytes, int]]:
        """``lines``, but those that a bar drew over: their numbers, the plain lines, their offsets."""
        starts = self.digits.line_starts
        for at, start, end, offset in zip(
            lines.tolist(), starts[lines].tolist(), starts[lines + 1].tolist(), self.offsets(lines).tolist(), strict=True
        ):
            if not self.is_bar(at):
                yield at, plain(self._padded[len(PAD) + start : len(PAD) + min(end - 1, start + MAX_LINE_BYTES)]), offset

    def after(self, at: int) -> Iterator[tuple[bytes, int]]:
        """The plain lines after line ``at``, also those that are not among the block's own, with their offsets."""
        if self._whole is None:
            for first in range(at + 1, self.count, SOME_LINES):
                bounds = self.digits.line_starts[first : first + SOME_LINES + 1].tolist()
                text = self._raw[len(PAD) + bounds[0] : len(PAD) + bounds[-1]]
                if len(text) <= MAX_LINE_BYTES and not any(control in text for control in CONTROLS):
                    for start, line in zip(bounds, text.split(b"\n"), strict=True):
                        if line:
                            yield line, self._base + start
                    continue
                for following, (start, end) in enumerate(pairwise(bounds), first):
                    if end > start + 1 and not self.is_bar(following):
                        line = self._padded[len(PAD) + start : len(PAD) + min(end - 1, start + MAX_LINE_BYTES)]
                        yield plain(line), self._base + start
            return
        start = self._whole.find(b"\n", self.offset(at) - self._base) + 1
        while 0 < start < self._stop:
            end = self._whole.find(b"\n", start)
            if end > start:
                yield plain(bytes(self._whole[start:end])), self._base + start
            start = end + 1
