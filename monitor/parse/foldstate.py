"""A fold as JSON-able values, and back: what a watcher keeps of a file between two looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.parse.fold import Fold
from monitor.parse.place import Place
from rules.observation import Observation


def state_of(fold: Fold) -> dict[str, Any]:
    """The fold as JSON-able values."""
    return {
        "place": fold.place.state(), "bound": fold.bound, "said": {k: [repr(at), repr(value)] for k, (at, value) in fold.said.items()},
        "weak": {k: [_row(o) for o in v] for k, v in fold.weak.items()}, "settled": sorted(fold.settled)[:256],
        "stepped": sorted(fold.stepped),
        "waiting": [_row(o) for o in fold.waiting],
        "understudies": {k: _row(o) for k, o in fold.understudies.items()}, "counted": fold.counted,
        "total": fold.total, "first_total": fold.first_total, "section": fold.section,
        "bar_known": fold.bar_known, "bar_of": fold.bar_of, "bar_only": sorted(fold.bar_only),
        "bars": [_row(o) for o in fold.bars], "bar": [fold.bar_total, fold.bar_used, fold.bar_broken],
        "held": [_row(o) for o in fold.bar], "reached": fold.reached, "rhythm": list(fold.bar_rhythm),
    }  # fmt: skip


def fold_of(state: dict[str, Any]) -> Fold:
    """The fold that ``state`` came from."""
    fold = Fold()
    fold.place = Place.restore(state["place"])
    fold.bound = dict(state["bound"])
    fold.said = {k: (float(v[0]), float(v[1])) for k, v in state["said"].items()}
    fold.weak = {k: [_observation(r) for r in v] for k, v in state["weak"].items()}
    fold.settled, fold.stepped = set(state["settled"]), set(state["stepped"])
    fold.waiting = [_observation(r) for r in state["waiting"]]
    fold.bar = [_observation(r) for r in state["held"]]
    fold.understudies = {k: _observation(r) for k, r in state["understudies"].items()}
    fold.counted = dict(state["counted"])
    fold.bar_total, fold.bar_used, fold.bar_broken = state["bar"]
    fold.bar_known = state["bar_known"]
    fold.bar_rhythm = (state["rhythm"][0], state["rhythm"][1]) if "rhythm" in state else (0.0, 0.0)
    fold.bar_only, fold.bars = set(state["bar_only"]), [_observation(r) for r in state["bars"]]
    fold.section = state.get("section", "")
    fold.first_total, fold.bar_of = state["first_total"], state.get("bar_of", "")
    fold.total, fold.reached = state["total"], state["reached"]
    return fold


def _row(one: Observation) -> list[Any]:
    return [one.metric, repr(one.value), one.step, one.epoch, one.name, one.offset]


def _observation(row: Sequence[Any]) -> Observation:
    return Observation(row[0], float(row[1]), row[2], row[3], row[4], row[5])
