"""Mistakes in a file that the user wrote, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ConfigError(Exception):
    """A mistake in a file that the user wrote: ``path:line:column: problem``, counted from 1, with the line and a caret."""

    path: str
    line: int
    column: int
    problem: str
    advice: str = ""
    source: str = ""
    length: int = 1

    def __str__(self) -> str:
        head = f"{self.path}:{self.line}:{self.column}: {self.problem}"
        if not self.source:
            return head + (f"; {self.advice}" if self.advice else "")
        number = f"{self.line:>4} | "
        room = max(1, min(self.length, len(self.source) - self.column + 1))
        caret = " " * 4 + " | " + " " * (self.column - 1) + "^" * room
        return "\n".join([head, number + self.source, f"{caret} {self.advice}".rstrip()])


class ConfigErrors(Exception):
    """All the mistakes of one file."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = sorted(errors, key=lambda error: (error.line, error.column))

    def __str__(self) -> str:
        path = self.errors[0].path
        count = f"{len(self.errors)} mistake{'s' if len(self.errors) > 1 else ''} in {path}, nothing is watched"
        return "\n".join([*(str(error) for error in self.errors), count])
