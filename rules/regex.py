"""Users' own regular expressions, by RE2: time linear in the text whatever the pattern, since log text is hostile.

Only importer of ``re2`` (github.com/google/re2; syntax: github.com/google/re2/wiki/Syntax, no look-around, no back-references).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol

MAX_PATTERN = 2000
MAX_MEMORY_BYTES = 8 << 20


class Pattern(Protocol):
    def search(self, text: bytes) -> object | None:
        """Something true where ``text`` contains a match."""


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, *, bounded: bool = True) -> Pattern:
    """``pattern`` ready to search in bytes (UTF-8). Raises ValueError with what is wrong, and where ``bounded`` if it is too long."""
    import re2

    if bounded and len(pattern) > MAX_PATTERN:
        raise ValueError(f"the pattern is longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY_BYTES
    try:
        compiled: Pattern = re2.compile(pattern.encode(), options)
    except re2.error as wrong:
        said = wrong.args[0] if wrong.args else wrong
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"no regular expression (RE2 syntax, without look-around): {text}") from None
    return compiled


class Presence:
    """Whether a pattern of the program's own stands in bytes, each byte a character. ``search`` gives None where it does not.

    A set of one: it makes no object for a match, and takes half the time.
    """

    __slots__ = ("search",)

    def __init__(self, pattern: bytes) -> None:
        """Raises ValueError where RE2 refuses the pattern."""
        import re2

        options = re2.Options()
        options.encoding, options.max_mem, options.log_errors = re2.Options.Encoding.LATIN1, MAX_MEMORY_BYTES, False
        made = re2.Set.SearchSet(options)
        made.Add(pattern)
        made.Compile()
        self.search: Callable[[bytes], list[int] | None] = made.Match


class LiteralSet:
    """Which of some literals a text contains, in one pass over it."""

    def __init__(self, literals: Iterable[bytes]) -> None:
        import re2

        self._set = re2.Set.SearchSet()
        for literal in literals:
            self._set.Add(re2.escape(literal))
        self._set.Compile()

    def found(self, text: bytes) -> list[int]:
        """The places of those that stand in ``text`` among those that were given."""
        return self._set.Match(text) or []


def compile_literals(literals: Iterable[bytes]) -> Any:
    """One pattern over bytes that finds any of ``literals``: RE2's compiled pattern, with ``search`` and ``finditer``."""
    import re2

    return re2.compile(b"|".join(re.escape(one) for one in sorted(set(literals))))
