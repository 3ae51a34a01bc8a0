"""The formats that are known: those that ship, and a user's own files, which come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from monitor.parse.format import Format
from monitor.parse.formatfile import FormatError, read_format
from monitor.parse.gate import required
from monitor.parse.listed import Listed, listed, shipped
from rules.regex import LiteralSet

__all__ = ["Catalogue", "FormatError"]

SHIPPED = Path(__file__).parent / "formats"


@dataclass(frozen=True)
class Catalogue:
    """All formats in the order in which they are tried."""

    entries: tuple[Listed, ...]

    @classmethod
    def load(cls, extra_files: Sequence[Path] = ()) -> Catalogue:
        """The shipped formats and those of ``extra_files`` (tried first). Raises FormatError, OSError."""
        own = [listed(read_format(Path(path))) for path in extra_files]
        names = {one.name for one in own}
        return cls((*own, *(one for one in _shipped() if one.name not in names)))

    @cached_property
    def formats(self) -> tuple[Format, ...]:
        """All of them, each file read."""
        return tuple(one.whole for one in self.entries)

    def read_whole(self) -> Catalogue:
        """The same with every file read now: for who goes on for weeks, while an upgrade may replace them. Raises FormatError, OSError."""
        return Catalogue(tuple(listed(one.whole, one.priority) for one in self.entries))

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.entries]

    @cached_property
    def signs(self) -> frozenset[str]:
        """Patterns of skeletons of which every line matches one by which a format is recognised."""
        return frozenset(sign for one in self.entries for sign in one.signs)

    @cached_property
    def _by_literal(self) -> tuple[LiteralSet, list[frozenset[int]], frozenset[int]]:
        """The literals of all signs, which formats have each, and which have a sign without any. Formats by their place in the order."""
        having: dict[str, set[int]] = {}
        bare = set()
        for at, one in enumerate(self.entries):
            for sign in one.signs:
                literals = required(sign)
                for literal in literals:
                    having.setdefault(literal, set()).add(at)
                if not literals:
                    bare.add(at)
        return LiteralSet(literal.encode() for literal in having), [frozenset(one) for one in having.values()], frozenset(bare)

    def that_recognise(self, skeleton: str) -> Iterator[Format]:
        """The formats that a line can come from only. Asked are those of whose signs a literal stands in it."""
        literals, having, bare = self._by_literal
        for at in sorted(bare.union(*(having[found] for found in literals.found(skeleton.encode("utf-8", "replace"))))):
            if self.entries[at].recognises(skeleton):
                yield self.entries[at].whole

    def named(self, name: str) -> Format:
        """Raises KeyError where no format has that name."""
        for one in self.entries:
            if one.name == name:
                return one.whole
        raise KeyError(name)


@lru_cache(maxsize=1)
def _shipped() -> tuple[Listed, ...]:
    return tuple(sorted((shipped(path) for path in SHIPPED.glob("*.yaml")), key=lambda one: (one.priority, one.name)))
