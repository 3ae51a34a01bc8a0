"""From a rules file on disk to a rulebook: reads it, finds the presets that ship, and gives every mistake its place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from monitor.yamlfile import Document, load_yaml, parse_yaml
from rules.problem import Problem
from rules.spec import Rulebook, RulesReader


@cache
def presets() -> dict[str, Any]:
    """The presets that ship, by name, as plain data."""
    folder = files("rules").joinpath("presets")
    found = {entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return {name: parse_yaml(found[name].read_text("utf-8"), f"preset {name}").value for name in sorted(found)}


def load_rules(path: Path | None) -> Rulebook:
    """The rulebook of ``path``; the preset ``default`` where there is none. Raises ConfigErrors with every mistake."""
    if path is None:
        return read_rulebook(Document("preset default", "", {}), "preset default")
    return read_rulebook(load_yaml(path, strict=False), path.name)


def read_rulebook(document: Document, label: str) -> Rulebook:
    """The rulebook of a parsed file. Raises ConfigErrors."""
    reader = RulesReader(presets(), lambda path: baseline_curves(path, Path(document.path).parent))
    book = reader.read(document.value, label)
    problems = [*document.problems, *reader.problems, *_of_channels(book.notify)]
    if problems:
        raise document.errors(problems)
    return book


def _of_channels(notify: Mapping[str, Any]) -> list[Problem]:
    """What is wrong below ``notify:``, so that a file's mistakes are told all at once by every command."""
    if not notify:
        return []
    from monitor.config import notify_problems

    return [Problem(p.loc, p.message, p.advice, on_key="unknown" in p.message) for p in notify_problems(notify)]


def baseline_curves(path: str, beside: Path) -> dict[str, tuple[list[float], list[float]]]:
    """The curves of an earlier run's log (steps, values by metric). ``path`` is relative to here or else to ``beside``.

    Raises ValueError where there is none.
    """
    from monitor.oneshot import read_runs
    from monitor.parse import Catalogue
    from rules.engine import Engine

    place = Path(path).expanduser()
    if not place.exists() and (beside / place).exists():
        place = beside / place
    reading = read_runs([str(place)], Engine(()), Catalogue.load())
    if reading.problems:
        raise ValueError(f"`{path}` cannot be read: {reading.problems[0].problem}")
    curves = {name: (list(s.steps), list(s.values)) for run in reading.runs.values() for name, s in run.series.items()}
    if not curves:
        raise ValueError(f"`{path}` shows no metric")
    return curves
