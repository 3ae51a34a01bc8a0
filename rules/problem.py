"""A mistake in what the user wrote, by the path of keys that leads to it; ``monitor/yamlfile.py`` knows the line and column."""

from __future__ import annotations

from dataclasses import dataclass

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. ``loc`` leads to the value (or to the key, where ``on_key``); ``at`` and ``length`` mark characters in it."""

    loc: Loc
    message: str
    advice: str = ""
    on_key: bool = False
    at: int = 0
    length: int | None = None
