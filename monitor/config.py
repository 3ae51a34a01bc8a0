"""Settings from four layers: command line, environment, the rules file's ``notify:``, the user's ``config.yaml``; the first that says wins.

The layers come in as plain mappings (``monitor/yamlfile.py`` reads the files and knows where each key stands). What leaves is finished
channels; a secret lives in them and nowhere else. Nothing here prints.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.notify.channel import Channel
from monitor.notify.layers import Entry, Layers, SettingsProblem, explained, unknown
from monitor.notify.values import Literal, exposed, is_deferred, resolved
from monitor.places import config_directory

__all__ = ["Settings", "SettingsProblem", "channels", "notify_problems", "settings", "user_config_path"]

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


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds. ``warnings`` are for stderr, once; ``options`` has those of ``OPTIONS`` that were given."""

    channels: tuple[Channel, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def settings(
    *,
    command_line: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    rules_notify: Mapping[str, Any] | None = None,
    user_config: Mapping[str, Any] | None = None,
    files: Mapping[str, Path] | None = None,
) -> Settings:
    """The settings that follow from the layers. ``command_line`` and ``user_config`` hold ``notify`` and the keys of ``OPTIONS``.

    ``files`` says where the layers ``rules`` and ``config.yaml`` were read, to warn of a secret that stands in a file others can read.
    A channel whose needed value is a ``${VARIABLE}`` that is not set is off, with a warning. Raises SettingsProblem with all of them.
    """
    environ = os.environ if environ is None else environ
    problems: list[SettingsProblem] = []
    warnings: list[str] = []
    laid = Layers()
    from_env: dict[str, Any] = {key: environ[name] for key in OPTIONS if environ.get(name := f"LOSSWATCH_{key.upper()}")}
    from_env["notify"] = _environment(environ)
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("config.yaml", user_config or {}), ("rules", {"notify": rules_notify or {}}),
        ("environment", from_env), ("command line", command_line or {}),
    ]  # fmt: skip
    options: dict[str, str] = {}
    for source, layer in layers:
        problems += laid.lay(layer.get("notify") or {}, source)
        options |= {key: str(layer[key]) for key in OPTIONS if layer.get(key) is not None}
        if source == "config.yaml":
            problems += unknown(set(layer) - {"notify", "version", *OPTIONS}, [*OPTIONS, "notify"], source)
    built = []
    for name, entry in laid.finished().items():
        warnings += exposed(entry, files or {})
        channel = _build(name, entry, environ, problems, warnings)
        built += [channel] if channel else []
    if problems:
        problems[0].others = tuple(problems[1:])
        raise problems[0]
    return Settings(tuple(built), options, tuple(warnings))


def channels(held: Settings) -> list[Channel]:
    """The channels in the order in which they were named."""
    return list(held.channels)


def notify_problems(notify: Mapping[str, Any]) -> list[SettingsProblem]:
    """What is wrong with a ``notify:`` mapping by itself: without the environment, and without reading a secret file."""
    laid = Layers()
    problems = laid.lay(notify, "rules")
    for name, entry in laid.finished().items():
        shown = {key: value for key, value in entry.given.items() if not is_deferred(key, value, entry.spec)}
        try:
            entry.spec.model_validate(shown)
        except ValidationError as wrong:
            problems += explained(name, entry, wrong)
    return problems


def user_config_path(environ: Mapping[str, str] | None = None) -> Path:
    """``config.yaml`` in the user's directory for it."""
    return config_directory(environ) / "config.yaml"


def _environment(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for variable, (kind, key) in ENVIRONMENT.items():
        for ending, suffix in (("", ""), ("_FILE", "_file")):
            if environ.get(variable + ending):
                found.setdefault(kind, {})[key + suffix] = Literal(environ[variable + ending])
    if "email" in found and set(found["email"]) <= {"from"}:
        del found["email"]
    return found


def _build(name: str, entry: Entry, environ: Mapping[str, str], problems: list[SettingsProblem], warnings: list[str]) -> Channel | None:
    spec = entry.spec
    given, unset = resolved(entry, environ, problems, warnings)
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
        problems += explained(name, entry, wrong)
    return None


def _where_from(kind: str, keys: tuple[str, ...]) -> str:
    named = [variable for variable, (of, key) in ENVIRONMENT.items() if of == kind and key in keys]
    return f"or the variable {named[0]}" if named else ""
