"""A story told to one rule: what the log shows, and what comes of it. Pure; time is what the story says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rules.alert import Transition
from rules.conditions import kinds
from rules.engine import Engine
from rules.history import RunState
from rules.kind import Context
from rules.observation import Event, Item, Observation
from rules.rule import Rule


def rule(kind: str, parameters: Mapping[str, Any] | None = None, **context: Any) -> Rule:
    """A finished rule, from parameters as a rules file writes them."""
    return kinds()[kind].model_validate(dict(parameters or {})).build(Context(**context))


def points(metric: str, values: Iterable[float], *, every: float = 10.0, start: float = 10.0, seconds: float | None = None) -> list[Item]:
    """Observations at evenly spaced steps; with ``seconds``, each so many seconds after the one before."""
    return [
        Observation(metric, value, start + every * i, time_s=None if seconds is None else 1000.0 + seconds * i)
        for i, value in enumerate(values)
    ]


def event(kind: str, text: str = "", **fields: Any) -> Event:
    return Event(kind, text, fields=fields)


def tell(rules: Rule | Iterable[Rule], items: Iterable[Item], run: RunState | None = None) -> list[Transition]:
    """Every transition that the items cause, in order."""
    engine = Engine(list(rules) if isinstance(rules, (list, tuple)) else [rules])  # type: ignore[list-item]
    run = run if run is not None else RunState("told")
    told: list[Transition] = []
    for item in items:
        told += engine.see(run, item, item.time_s or 0.0)
    return told


def briefly(transitions: Iterable[Transition]) -> list[tuple[str, float | None]]:
    """(state, step) of each."""
    return [(t.state, t.step) for t in transitions]
