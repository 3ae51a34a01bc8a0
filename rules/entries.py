"""Plain data of a rules file, read entry by entry: the problems are gathered, each with the path of keys that leads to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import inf, nan
from typing import Any

from rules.problem import Loc, Problem


class Entries:
    """What every part of the file is read with; it is usable only where ``problems`` stayed empty."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, loc: Loc, message: str, advice: str = "", **place: Any) -> None:
        self.problems.append(Problem(loc, message, advice, **place))

    def _known_keys(self, mapping: Mapping[str, Any], known: Sequence[str], loc: Loc) -> None:
        for key in mapping:
            if key not in known:
                self.problem((*loc, key), f"unknown key `{key}`", did_you_mean(str(key), known), on_key=True)

    def _text(self, document: Mapping[str, Any], key: str, default: str) -> str:
        value = document.get(key, default)
        if not isinstance(value, str) or not value:
            self.problem((key,), f"{key} is a name", f"write {key}: {default}")
            return default
        return value

    def _list(self, document: Mapping[str, Any], key: str) -> Sequence[Any]:
        value = document.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.problem((key,), f"{key} is a list", f"begin each of them on its own line with `- ` below `{key}:`")
            return ()
        return value

    def _number(self, value: Any, loc: Loc, *, least: float = -inf) -> float | None:
        try:
            number = float(str(value).replace("_", ""))
        except ValueError:
            number = nan
        if least <= number < inf and number > -inf:
            return number
        what, such = ("step", "100") if least == 0.0 else ("number", "0.3557")
        self.problem(loc, f"`{value}` is no {what}", f"write a number such as {such}")
        return None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""
