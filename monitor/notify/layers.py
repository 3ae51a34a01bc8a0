"""Layers of ``notify:`` laid over each other: which channels there are, what each was given, and where every key stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from monitor.notify.catalogue import KINDS, spec_of
from monitor.notify.channel import ChannelSpec
from monitor.notify.text import clean

COMMON = frozenset(ChannelSpec.model_fields) - {"name"}
"""Keys that may stand directly under ``notify:`` as the default of every channel."""
_OFF = frozenset({"off", "false", "no"})

Loc = tuple[str | int, ...]


class SettingsProblem(Exception):
    """A setting that cannot be used. ``loc`` is the path of keys in its layer, ``source`` the layer's name, ``others`` all further ones.

    The text never holds the value: it may be a secret.
    """

    def __init__(self, loc: tuple[str | int, ...], message: str, advice: str = "", source: str = "") -> None:
        super().__init__(f"{source + ': ' if source else ''}{'.'.join(map(str, loc))}: {message}")
        self.loc, self.message, self.advice, self.source = loc, message, advice, source
        self.others: tuple[SettingsProblem, ...] = ()

    @property
    def all(self) -> tuple[SettingsProblem, ...]:
        return (self, *self.others)


@dataclass(slots=True)
class Entry:
    """One channel while its layers are laid over each other; ``where`` knows the layer and path of each key, of the whole under ``""``."""

    kind: str
    given: dict[str, Any] = field(default_factory=dict)
    where: dict[str, tuple[str, Loc]] = field(default_factory=dict)
    on: bool = True

    @property
    def spec(self) -> type[ChannelSpec]:
        return spec_of(self.kind, self.given)


@dataclass(slots=True)
class Layers:
    """All channels by name, in the order in which they were first named."""

    entries: dict[str, Entry] = field(default_factory=dict)
    defaults: Entry = field(default_factory=lambda: Entry(""))

    def finished(self) -> dict[str, Entry]:
        """The channels that are on, each with the defaults that it does not set itself."""
        return {
            name: Entry(entry.kind, {**self.defaults.given, **entry.given}, {**self.defaults.where, **entry.where})
            for name, entry in self.entries.items()
            if entry.on
        }

    def lay(self, notify: Any, source: str) -> list[SettingsProblem]:
        """Lay one layer's ``notify`` over what lower layers said; what is wrong with its shape."""
        if not isinstance(notify, Mapping):
            return [SettingsProblem(("notify",), "is a mapping from a channel to its settings", "slack: {webhook_url: ...}", source)]
        problems = unknown({str(k) for k in notify} - set(KINDS) - COMMON, [*KINDS, *sorted(COMMON)], source)
        for key in COMMON & set(notify):
            self.defaults.given[key], self.defaults.where[key] = notify[key], (source, ("notify", key))
        for kind in (key for key in notify if key in KINDS):
            listed = isinstance(notify[kind], (list, tuple)) and any(isinstance(each, Mapping) for each in notify[kind])
            several = list(notify[kind]) if listed else [notify[kind]]
            for position, given in enumerate(several):
                loc: Loc = ("notify", kind, position) if listed else ("notify", kind)
                problems += self._lay_one(kind, given, loc, source)
        return problems

    def _named(self, kind: str, given: Mapping[str, Any]) -> str:
        """The channel that ``given`` is laid over: of its name, or beside it where the two are different ways (a webhook and a bot)."""
        name = str(given.get("name") or kind)
        entry, way = self.entries.get(name), spec_of(kind, given)
        wanted = {key.removesuffix("_file") for key in given}
        if entry is None or entry.kind != kind or way is entry.spec or wanted <= set(keys(entry.spec)) or not entry.given:
            return name
        return f"{name}-{way.__module__.rpartition('_')[2]}"

    def _lay_one(self, kind: str, given: Any, loc: Loc, source: str) -> list[SettingsProblem]:
        if given is False or (isinstance(given, str) and given.lower() in _OFF):
            self.entries.setdefault(kind, Entry(kind)).on = False
            return []
        if isinstance(given, (str, list, tuple)):
            key = spec_of(kind).shorthand
            if not key:
                return [SettingsProblem(loc, f"{kind} takes a mapping", source=source)]
            given = {key: given}
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            return [SettingsProblem(loc, f"{kind} takes a mapping", source=source)]
        name = self._named(kind, given)
        entry = self.entries.get(name)
        if entry is not None and entry.where.get("", ("", ()))[0] == source:
            return [SettingsProblem(loc, f"a second channel named `{clean(name, 60)}`", "give each a `name:` of its own", source)]
        if entry is None or entry.kind != kind:
            entry = self.entries[name] = Entry(kind)
        entry.on = True
        entry.where[""] = (source, loc)
        for key, value in given.items():
            other = key[: -len("_file")] if key.endswith("_file") else f"{key}_file"
            entry.given.pop(other, None)
            entry.given[key], entry.where[key] = value, (source, (*loc, key))
        return []


def explained(name: str, entry: Entry, wrong: ValidationError) -> list[SettingsProblem]:
    """Each of pydantic's findings where it stands in its layer; never with the value."""
    told, spec = [], entry.spec
    for finding in wrong.errors(include_url=False, include_input=False, include_context=False):
        key = str(finding["loc"][0]) if finding["loc"] else ""
        source, loc = entry.where.get(key) or entry.where.get(f"{key}_file") or entry.where.get("") or ("", ("notify", name))
        rest = tuple(finding["loc"][1:])
        if finding["type"] == "extra_forbidden":
            close = get_close_matches(key, keys(spec), 1)
            told.append(SettingsProblem(loc, f"unknown key `{clean(key, 60)}`", f"did you mean `{close[0]}`?" if close else "", source))
        else:
            told.append(SettingsProblem((*loc, *rest), finding["msg"].removeprefix("Value error, "), source=source))
    return told


def unknown(keys: set[str], known: Iterable[str], source: str) -> list[SettingsProblem]:
    """A problem for each of ``keys``, with the nearest of ``known``."""
    problems = []
    for key in sorted(keys):
        close = get_close_matches(key, list(known), 1)
        loc: Loc = (key,) if source == "config.yaml" and close != ["notify"] and key not in KINDS else ("notify", key)
        problems.append(SettingsProblem(loc, f"unknown key `{clean(key, 60)}`", f"did you mean `{close[0]}`?" if close else "", source))
    return problems


def keys(spec: type[ChannelSpec]) -> list[str]:
    """The keys of a channel as a file writes them."""
    return [info.alias or name for name, info in spec.model_fields.items()]
