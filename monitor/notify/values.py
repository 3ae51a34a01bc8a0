"""What stands for a value: ``${NAME}`` and ``${NAME:-default}`` of the environment, ``KEY_file`` for a file that holds it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monitor.notify.channel import ChannelSpec
from monitor.notify.layers import Entry, SettingsProblem, keys
from monitor.notify.text import clean
from monitor.redact import scrub
from monitor.secretfile import read_secret

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Literal(str):
    """A value that is taken as it stands: what the environment itself gave may hold a ``${``."""

    __slots__ = ()


def resolved(
    entry: Entry, environ: Mapping[str, str], problems: list[SettingsProblem], warnings: list[str]
) -> tuple[dict[str, Any], set[str]]:
    """The entry's values with ``${VARIABLE}`` and ``KEY_file`` replaced, and the keys that a variable left empty."""
    given: dict[str, Any] = {}
    unset: set[str] = set()
    for key, value in entry.given.items():
        told, missing = _filled(value, environ)
        if missing:
            unset.add(key.removesuffix("_file"))
            continue
        if _is_file_key(key, entry.spec):
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
    if not isinstance(value, str) or isinstance(value, Literal):
        return value, False
    missing = any(not environ.get(name) and default is None for name, default in _names(value))
    return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2] or "", value), missing


def _names(value: str) -> Iterable[tuple[str, str | None]]:
    return ((found[1], found[2]) for found in _VARIABLE.finditer(value))


def _is_file_key(key: str, spec: type[ChannelSpec]) -> bool:
    return key.endswith("_file") and key not in keys(spec) and key.removesuffix("_file") in keys(spec)


def is_deferred(key: str, value: Any, spec: type[ChannelSpec]) -> bool:
    """Whether the value is known only when the channel is made."""
    return _is_file_key(key, spec) or "${" in str(value)


def exposed(entry: Entry, files: Mapping[str, Path]) -> Iterable[str]:
    """A warning for each secret that stands in one of ``files`` (by layer) in plain words where others can read it."""
    for key, value in entry.given.items():
        place = files.get(entry.where[key][0])
        if place is None or is_deferred(key, value, entry.spec):
            continue
        if _may_be_secret(key, entry.spec) and scrub(f"{key}={value}") != f"{key}={value}" and _others_read(place):
            yield f"{place} holds {entry.kind}.{key} and others can read it: chmod 600 {place}, or write ${{NAME}} or {key}_file"


def _may_be_secret(key: str, spec: type[ChannelSpec]) -> bool:
    return any(key == (info.alias or name) and "SecretStr" in repr(info.annotation) for name, info in spec.model_fields.items())


def _others_read(place: Path) -> bool:
    try:
        return bool(place.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
