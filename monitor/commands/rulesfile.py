"""``rules lint``, ``rules schema`` and ``rules presets``."""

from __future__ import annotations

import json as jsonlib
from importlib.resources import files
from pathlib import Path

from monitor.commands.inputs import fail, say, say_json, warn
from monitor.mistake import ConfigErrors
from monitor.rulesfile import presets as known_presets
from monitor.rulesfile import read_rulebook
from monitor.yamlfile import load_yaml
from rules.rehearsal import rehearse
from rules.schema import rules_schema


def lint(path: Path, *, json: bool) -> int:
    """0 where the file is right and its cases hold, 2 with every mistake."""
    try:
        document = load_yaml(path, strict=False)
        book = read_rulebook(document, path.name)
        if wrong := rehearse(book.rules, book.tests):
            raise document.errors(wrong)
    except ConfigErrors as found:
        if json:
            say_json([{"path": e.path, "line": e.line, "column": e.column, "problem": e.problem, "advice": e.advice} for e in found.errors])
            return 2
        fail(found)
    if json:
        say_json([])
    else:
        rules = len(book.rules) - len(book.milestones)
        say(f"{path}: {len(book.milestones)} milestones, {rules} rules, {len(book.tests)} tests, no mistake")
    return 0


def schema() -> int:
    from monitor.notify.schema import notify_schema

    whole = rules_schema()
    whole["properties"]["notify"] = notify_schema()
    say(jsonlib.dumps(whole, indent=2))
    return 0


def presets(name: str | None) -> int:
    """List the presets with their first line, or print one."""
    if name is None:
        for known in known_presets():
            first = _text(known).splitlines()[0].lstrip("# ")
            say(f"{known:<12} {first}")
        return 0
    if name not in known_presets():
        warn(f"no preset `{name}`; known: {', '.join(known_presets())}")
        return 2
    say(_text(name).rstrip())
    return 0


def _text(name: str) -> str:
    return files("rules").joinpath("presets", f"{name}.yaml").read_text("utf-8")
