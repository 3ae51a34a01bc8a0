"""Settings from four layers: command line, environment, the rules file's ``notify:``, the user's ``config.yaml``; the first that says wins.

The layers come in as plain mappings (``monitor/yamlfile.py`` reads the files and knows where each key stands). What leaves is finished
channels; a secret lives in them and nowhere else. Nothing here prints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.notify.catalogue import KINDS, spec_of
from monitor.notify.channel import Channel, ChannelSpec
from monitor.notify.text import clean
from monitor.secretfile import read_secret

ENVIRONMENT: Mapping[str, tuple[str, str]] = {
    "LOSSWATCH_SLACK_WEBHOOK_URL": ("slack", "webhook_url"),
    "LOSSWATCH_SMTP_URL": ("email", "smtp_url"),
    "LOSSWATCH_EMAIL_FROM": ("email", "from"),
    "LOSSWATCH_EMAIL_TO": ("email", "to"),
    "LOSSWATCH_ALERTMANAGER_URL": ("alertmanager", "url"),
    "LOSSWATCH_WEBHOOK_URL": ("webhook", "url"),
}
"""Variables that configure a channel without a file. With ``_FILE`` behind its name a variable names a file that holds the value."""

OPTIONS = ("listen", "state", "page_url", "token_file")
"""Settings that are no channel: ``LOSSWATCH_LISTEN`` and so on, or keys of ``config.yaml``."""

COMMON = frozenset(ChannelSpec.model_fields) - {"name"}
"""Keys that may stand directly under ``notify:`` as the default of every channel."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_OFF = frozenset({"off", "false", "no"})


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


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds. ``warnings`` are for stderr, once; ``options`` has those of ``OPTIONS`` that were given."""

    channels: tuple[Channel, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Entry:
    """One channel while its layers are laid over each other; ``where`` knows the layer and path of each key."""

    kind: str
    given: dict[str, Any] = field(default_factory=dict)
    where: dict[str, tuple[str, tuple[str | int, ...]]] = field(default_factory=dict)
    on: bool = True


def settings(
    *,
    command_line: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    rules_notify: Mapping[str, Any] | None = None,
    user_config: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings that follow from the layers. ``command_line`` and ``user_config`` hold ``notify`` and the keys of ``OPTIONS``.

    A channel whose needed value is a ``${VARIABLE}`` that is not set is off, with a warning. Raises SettingsProblem with all of them.
    """
    environ = os.environ if environ is None else environ
    problems: list[SettingsProblem] = []
    warnings: list[str] = []
    entries: dict[str, _Entry] = {}
    defaults = _Entry("")
    from_env: dict[str, Any] = {key: environ[name] for key in OPTIONS if environ.get(name := f"LOSSWATCH_{key.upper()}")}
    from_env["notify"] = _environment(environ)
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("config.yaml", user_config or {}), ("rules", {"notify": rules_notify or {}}),
        ("environment", from_env), ("command line", command_line or {}),
    ]  # fmt: skip
    options: dict[str, str] = {}
    for source, layer in layers:
        problems += _lay(entries, defaults, layer.get("notify") or {}, source)
        options |= {key: str(layer[key]) for key in OPTIONS if layer.get(key) is not None}
        if source == "config.yaml":
            problems += _unknown(set(layer) - {"notify", "version", *OPTIONS}, [*OPTIONS, "notify"], source)
    built = []
    for name, entry in entries.items():
        if entry.on:
            _under(entry, defaults)
            built += [channel for channel in [_build(name, entry, environ, problems, warnings)] if channel]
    if problems:
        problems[0].others = tuple(problems[1:])
        raise problems[0]
    return Settings(tuple(built), options, tuple(warnings))


def channels(held: Settings) -> list[Channel]:
    """The channels in the order in which they were named."""
    return list(held.channels)


def notify_problems(notify: Mapping[str, Any]) -> list[SettingsProblem]:
    """What is wrong with a ``notify:`` mapping by itself: without the environment, and without reading a secret file."""
    entries: dict[str, _Entry] = {}
    defaults = _Entry("")
    problems = _lay(entries, defaults, notify, "rules")
    for name, entry in entries.items():
        _under(entry, defaults)
        spec = spec_of(entry.kind, entry.given)
        shown = {key: value for key, value in entry.given.items() if not _is_deferred(key, value, spec)}
        try:
            spec.model_validate(shown)
        except ValidationError as wrong:
            problems += _explained(name, entry, spec, wrong)
    return problems


def user_config_path(environ: Mapping[str, str] | None = None) -> Path:
    """``$XDG_CONFIG_HOME/loss-watch/config.yaml`` (XDG base directory specification: ``~/.config`` where it is not set or relative)."""
    environ = os.environ if environ is None else environ
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".config") / "loss-watch" / "config.yaml"


def _environment(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for variable, (kind, key) in ENVIRONMENT.items():
        for ending, suffix in (("", ""), ("_FILE", "_file")):
            if environ.get(variable + ending):
                found.setdefault(kind, {})[key + suffix] = environ[variable + ending].replace("${", "$ {")
    if "email" in found and set(found["email"]) <= {"from"}:
        del found["email"]
    return found


def _under(entry: _Entry, defaults: _Entry) -> None:
    """Give ``entry`` what it does not say itself."""
    entry.given = {**defaults.given, **entry.given}
    entry.where = {**defaults.where, **entry.where}


def _lay(entries: dict[str, _Entry], defaults: _Entry, notify: Any, source: str) -> list[SettingsProblem]:
    """Lay one layer's ``notify`` over what lower layers said; what is wrong with its shape."""
    if not isinstance(notify, Mapping):
        return [SettingsProblem(("notify",), "is a mapping from a channel to its settings", "slack: {webhook_url: ...}", source)]
    problems = _unknown({str(k) for k in notify} - set(KINDS) - COMMON, [*KINDS, *sorted(COMMON)], source)
    for key in COMMON & set(notify):
        defaults.given[key], defaults.where[key] = notify[key], (source, ("notify", key))
    for kind in (key for key in notify if key in KINDS):
        listed = isinstance(notify[kind], (list, tuple)) and kind != "apprise"
        several = list(notify[kind]) if listed else [notify[kind]]
        for position, given in enumerate(several):
            loc: tuple[str | int, ...] = ("notify", kind, position) if listed else ("notify", kind)
            problems += _lay_one(entries, kind, given, loc, source)
    return problems


def _lay_one(entries: dict[str, _Entry], kind: str, given: Any, loc: tuple[str | int, ...], source: str) -> list[SettingsProblem]:
    if given is False or (isinstance(given, str) and given.lower() in _OFF):
        entries.setdefault(kind, _Entry(kind)).on = False
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
    name = str(given.get("name") or kind)
    entry = entries.get(name)
    if entry is not None and entry.where.get("", ("", ()))[0] == source:
        return [SettingsProblem(loc, f"a second channel named `{clean(name, 60)}`", "give each a `name:` of its own", source)]
    if entry is None or entry.kind != kind:
        entry = entries[name] = _Entry(kind)
    entry.on = True
    entry.where[""] = (source, loc)
    for key, value in given.items():
        other = key[: -len("_file")] if key.endswith("_file") else f"{key}_file"
        entry.given.pop(other, None)
        entry.given[key], entry.where[key] = value, (source, (*loc, key))
    return []


def _build(name: str, entry: _Entry, environ: Mapping[str, str], problems: list[SettingsProblem], warnings: list[str]) -> Channel | None:
    spec = spec_of(entry.kind, entry.given)
    given, unset = _resolved(entry, spec, environ, problems, warnings)
    missing = [group for group in spec.needs if not any(given.get(key) for key in group)]
    lacking = unset & {key for group in missing for key in group}
    if lacking:
        warnings.append(f"notify: channel {name} is off: {', '.join(sorted(lacking))} names a variable that is not set")
        return None
    try:
        checked = spec.model_validate(given)
        if missing:
            source, loc = entry.where[""]
            wanted = "` or `".join(missing[0])
            problems.append(SettingsProblem(loc, f"{entry.kind} needs `{wanted}`", _where_from(entry.kind, missing[0]), source))
            return None
        return checked.build(name)
    except ValidationError as wrong:
        problems += _explained(name, entry, spec, wrong)
    return None


def _resolved(
    entry: _Entry, spec: type[ChannelSpec], environ: Mapping[str, str], problems: list[SettingsProblem], warnings: list[str]
) -> tuple[dict[str, Any], set[str]]:
    """The entry's values with ``${VARIABLE}`` and ``KEY_file`` replaced, and the keys that a variable left empty."""
    given: dict[str, Any] = {}
    unset: set[str] = set()
    for key, value in entry.given.items():
        told, missing = _filled(value, environ)
        if missing:
            unset.add(key.removesuffix("_file"))
            continue
        if _is_file_key(key, spec):
            source, loc = entry.where[key]
            try:
                given[key.removesuffix("_file")], warning = read_secret(str(told))
                warnings += [warning] if warning else []
            except OSError as failed:
                problems.append(SettingsProblem(loc, f"cannot read {clean(str(told), 200)}: {failed.strerror or failed}", source=source))
        else:
            given[key] = told
    return given, unset


def _filled(value: Any, environ: Mapping[str, str]) -> tuple[Any, bool]:
    """``value`` with each ``${NAME}`` and ``${NAME:-default}`` replaced, and whether a name without default was not set."""
    if isinstance(value, Mapping):
        pairs = {key: _filled(inner, environ) for key, inner in value.items()}
        return {key: told for key, (told, _) in pairs.items()}, any(missing for _, missing in pairs.values())
    if isinstance(value, (list, tuple)):
        each = [_filled(inner, environ) for inner in value]
        return [told for told, _ in each], any(missing for _, missing in each)
    if not isinstance(value, str):
        return value, False
    missing = any(not environ.get(name) and default is None for name, default in _names(value))
    return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2] or "", value), missing


def _names(value: str) -> Iterable[tuple[str, str | None]]:
    return ((found[1], found[2]) for found in _VARIABLE.finditer(value))


def _is_file_key(key: str, spec: type[ChannelSpec]) -> bool:
    return key.endswith("_file") and key not in _keys(spec) and key.removesuffix("_file") in _keys(spec)


def _is_deferred(key: str, value: Any, spec: type[ChannelSpec]) -> bool:
    return _is_file_key(key, spec) or "${" in str(value)


def _keys(spec: type[ChannelSpec]) -> list[str]:
    return [info.alias or name for name, info in spec.model_fields.items()]


def _explained(name: str, entry: _Entry, spec: type[ChannelSpec], wrong: ValidationError) -> list[SettingsProblem]:
    """Each of pydantic's findings where it stands in its layer; never with the value."""
    told = []
    for finding in wrong.errors(include_url=False, include_input=False, include_context=False):
        key = str(finding["loc"][0]) if finding["loc"] else ""
        source, loc = entry.where.get(key) or entry.where.get(f"{key}_file") or entry.where.get("") or ("", ("notify", name))
        rest = tuple(finding["loc"][1:])
        if finding["type"] == "extra_forbidden":
            close = get_close_matches(key, _keys(spec), 1)
            told.append(SettingsProblem(loc, f"unknown key `{clean(key, 60)}`", f"did you mean `{close[0]}`?" if close else "", source))
        else:
            told.append(SettingsProblem((*loc, *rest), finding["msg"].removeprefix("Value error, "), source=source))
    return told


def _unknown(keys: set[str], known: Iterable[str], source: str) -> list[SettingsProblem]:
    problems = []
    for key in sorted(keys):
        close = get_close_matches(key, list(known), 1)
        loc = (key,) if source == "config.yaml" and close != ["notify"] and key not in KINDS else ("notify", key)
        problems.append(SettingsProblem(loc, f"unknown key `{clean(key, 60)}`", f"did you mean `{close[0]}`?" if close else "", source))
    return problems


def _where_from(kind: str, keys: tuple[str, ...]) -> str:
    named = [variable for variable, (of, key) in ENVIRONMENT.items() if of == kind and key in keys]
    return f"or the variable {named[0]}" if named else ""
