"""What a line says whatever its digits: found once for all lines that differ in digits alone.

Logs repeat themselves, a crash of many ranks above all: the same traceback, line by line, with another rank before each.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from monitor.events import gates
from monitor.events.gates import passes
from monitor.events.keys import KeyLists
from monitor.events.noise import is_noise
from monitor.events.plain import Plain, counts_digits, plain_of
from monitor.events.prefix import Source, find_prefix, take_off
from monitor.events.slurm_lines import slurm_word
from monitor.events.tracebacks import begins

MAX_WORDINGS = 2048
MAX_WORDING_BYTES = 512
MAX_LONG_WORDINGS = 32
"""Of longer lines fewer are remembered, so that it stays small."""

_ALL_ONE = bytes.maketrans(b"0123456789", b"1111111111")
_DIGITS = re.compile(rb"[0-9]+")
_WIDTHS = (b"1", b"111")
"""Other numbers in a line's place: of one digit, and of three."""


class Wording:
    """A line with a 1 for every digit. No pattern of an event asks for another one, but those of ``counts_digits``."""

    def __init__(self, line: bytes) -> None:
        self.noise = (b" NCCL INFO " in line and b" nranks " not in line) or is_noise(line)
        text = line.decode("utf-8", "replace")
        self._prefix = find_prefix(text)
        self._rest = text[self._prefix.end :]

    def source(self, line: bytes) -> Source:
        """A line of this wording without its prefix, and whose it is."""
        return take_off(line.decode("utf-8", "replace"), self._prefix)

    @cached_property
    def slurm(self) -> bool:
        """Whether it is SLURM's word."""
        return passes(self._rest, gates.SLURM) and slurm_word(self._rest, 0, None) is not None

    @cached_property
    def keys(self) -> bool:
        """Whether keys that did not fit are told, or a list of them begins."""
        lists = KeyLists()
        return passes(self._rest, gates.KEYS) and (bool(lists.feed(self._rest, 0)) or lists.open)

    @cached_property
    def counts_digits(self) -> bool:
        """Whether what it says by itself depends on its digits after all."""
        return counts_digits(self._rest)

    @cached_property
    def _plain(self) -> Plain | None:
        return plain_of(self._rest)

    def plain(self, rest: str) -> Plain | None:
        """What a line of this wording, of which ``rest`` is without its prefix, says by itself."""
        return plain_of(rest) if self.counts_digits else self._plain

    @cached_property
    def mute(self) -> bool:
        """Whether it says nothing by itself."""
        placed = self._prefix.rank is not None and self._prefix.node is not None
        return not (placed or self.counts_digits or self._plain)

    @cached_property
    def of_no_rank(self) -> bool:
        """Whether it does not say whose it is."""
        return self._prefix.rank is None

    @cached_property
    def silent(self) -> bool:
        """Whether it says nothing to a reader that is in no traceback and in no list."""
        return self.noise or not (self.slurm or self.keys or begins(self._rest) or not self.mute)


_remembered = lru_cache(maxsize=MAX_WORDINGS)(Wording)
_remembered_long = lru_cache(maxsize=MAX_LONG_WORDINGS)(Wording)


def wording_of(line: bytes) -> Wording:
    """The wording of a plain line."""
    made = line.translate(_ALL_ONE)
    return _remembered(made) if len(line) <= MAX_WORDING_BYTES else _remembered_long(made)


def says_nothing(line: bytes) -> bool:
    """Whether a plain line, and any that differs from it in digits alone, leaves a reader that is not hungry as it is."""
    return all(wording_of(one).silent for one in (line, *(_DIGITS.sub(other, line) for other in _WIDTHS)))
