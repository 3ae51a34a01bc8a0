"""Reads a format file: YAML to a ``Format``. A mistake in it is told with the file's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monitor.parse.format import Format, LineRule, compiled
from monitor.parse.reading import Anchor

_KEYS = {"name", "title", "about", "recognise", "lines", "samples", "reader", "general", "names", "priority", "repeats_after"}
_RULE_KEYS = {
    "name", "match", "names", "pairs", "at", "full", "bar", "ignore", "started", "epoch_from", "step_offset", "prefix", "understudy",
    "axis", "first", "by_total", "once", "main_bar", "changed", "section", "by_section", "within",
}  # fmt: skip


class FormatError(ValueError):
    """A format file that cannot be used: which file, and what is wrong in it."""


def read_format(path: Path) -> Format:
    """One format file. Raises FormatError, OSError."""
    from monitor.yamlfile import plain_yaml  # PyYAML takes 9 ms to load: not for a log that no format knows

    try:
        return make_format(plain_yaml(path.read_text(encoding="utf-8")), source=str(path))
    except (re.error, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error


def make_format(document: Mapping[str, Any], *, source: str = "") -> Format:
    """A format from its document. Raises ValueError, KeyError, re.error with what is wrong."""
    if not isinstance(document, Mapping):
        raise ValueError("a format file is a mapping")
    unknown = set(document) - _KEYS
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}; known are {', '.join(sorted(_KEYS))}")
    names = {str(k).lower(): str(v) for k, v in (document.get("names") or {}).items()}
    return Format(
        name=str(document["name"]), title=str(document.get("title", document["name"])), about=str(document.get("about", "")).strip(),
        signs=tuple(compiled(str(sign)) for sign in document.get("recognise") or ()),
        rules=tuple(_rule(one, names, at) for at, one in enumerate(document.get("lines") or ())),
        samples=tuple(document.get("samples") or ()), reader=document.get("reader"), general=bool(document.get("general", False)),
        repeats_after=re.compile(str(document["repeats_after"]).encode()) if "repeats_after" in document else None,
        source=source, text=dict(document),
    )  # fmt: skip


def _rule(document: Mapping[str, Any], names: Mapping[str, str], at: int) -> LineRule:
    unknown = set(document) - _RULE_KEYS
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in line {at + 1}; known are {', '.join(sorted(_RULE_KEYS))}")
    own = {**names, **{str(k).lower(): str(v) for k, v in (document.get("names") or {}).items()}}
    return LineRule(
        name=str(document.get("name", at + 1)), pattern=compiled(str(document["match"])), names=own,
        pairs=bool(document.get("pairs", True)),
        at=Anchor(document.get("at", "last")), full=bool(document.get("full", False)), bar=bool(document.get("bar", False)),
        ignore=bool(document.get("ignore", False)), started=bool(document.get("started", False)), epoch_from=document.get("epoch_from"),
        step_offset=int(document.get("step_offset", 0)), prefix=str(document.get("prefix", "")),
        understudy=frozenset(_list(document.get("understudy"))), axis=str(document.get("axis", "step")), first=document.get("first"),
        by_total=bool(document.get("by_total", False)), once=bool(document.get("once", False)),
        main_bar=bool(document.get("main_bar", False)), changed=frozenset(_list(document.get("changed"))),
        section=str(document.get("section", "")), by_section=bool(document.get("by_section", False)),
        within=_section(document),
        patterns=tuple((re.compile(k[1:-1]), v) for k, v in own.items() if len(k) > 2 and k[0] == k[-1] == "/"),
    )  # fmt: skip


def _section(document: Mapping[str, Any]) -> str:
    within = str(document.get("within", ""))
    if within not in ("", "val"):
        raise ValueError(f"within: {within!r} is not known; a line can mean something else within val")
    return within


def _list(value: Any) -> Iterable[str]:
    return () if value is None else [value] if isinstance(value, str) else [str(one) for one in value]
