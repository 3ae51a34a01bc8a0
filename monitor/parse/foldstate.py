"""A fold as JSON-able values, and back: what a watcher keeps of a file between two looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.parse.bars import Bars
from monitor.parse.fold import Fold
from monitor.parse.place import Place
from rules.observation import Observation


def state_of(fold: Fold) -> dict[str, Any]:
    """The fold as JSON-able values."""
    return {
        "place": fold.place.state(), "bound": fold.bound, "said": {k: [repr(at), repr(value)] for k, (at, value) in fold.said.items()},
        "weak": {k: [_row(o) for o in v] for k, v in fold.repeats.held.items()}, "settled": sorted(fold.repeats.settled)[:256],
        "stepped": sorted(fold.stepped),
        "waiting": [_row(o) for o in fold.waiting],
        "understudies": {k: _row(o) for k, o in fold.understudies.items()}, "counted": fold.counted,
        "total": fold.total, "first_total": fold.first_total, "section": fold.section, "parted": fold.parted,
        "bar": [fold.bar_total, fold.bar_used, fold.bar_broken],
        "reached": fold.reached, "rhythm": list(fold.bar_rhythm), **_of_bars(fold.bars),
    }  # fmt: skip


def fold_of(state: dict[str, Any]) -> Fold:
    """The fold that ``state`` came from."""
    fold = Fold()
    fold.place = Place.restore(state["place"])
    fold.bound = dict(state["bound"])
    fold.said = {k: (float(v[0]), float(v[1])) for k, v in state["said"].items()}
    fold.repeats.held = {k: [_observation(r) for r in v] for k, v in state["weak"].items()}
    fold.repeats.settled, fold.stepped = set(state["settled"]), set(state["stepped"])
    fold.waiting = [_observation(r) for r in state["waiting"]]
    fold.bars = _bars_of(state)
    fold.understudies = {k: _observation(r) for k, r in state["understudies"].items()}
    fold.counted = dict(state["counted"])
    fold.bar_total, fold.bar_used, fold.bar_broken = state["bar"]
    fold.bar_rhythm = (state["rhythm"][0], state["rhythm"][1]) if "rhythm" in state else (0.0, 0.0)
    fold.section, fold.parted = state.get("section", ""), state.get("parted", False)
    fold.first_total = state["first_total"]
    fold.total, fold.reached = state["total"], state["reached"]
    return fold


def _of_bars(bars: Bars) -> dict[str, Any]:
    return {
        "bar_known": bars.known, "bar_of": bars.of, "bar_only": sorted(bars.only), "bars": [_row(o) for o in bars.held],
        "held": [_row(o) for o in bars.now], "asides": [_row(o) for o in bars.asides], "aside": [bars.aside, bars.ended, bars.trains],
        "bar_val": bars.val_name, "bar_shown": {k: repr(v) for k, v in bars.shown.items()}, "bar_last": list(bars.last),
    }  # fmt: skip


def _bars_of(state: dict[str, Any]) -> Bars:
    bars = Bars()
    bars.known, bars.of, bars.only = state["bar_known"], state.get("bar_of", ""), set(state["bar_only"])
    bars.held, bars.now = [_observation(r) for r in state["bars"]], [_observation(r) for r in state["held"]]
    bars.asides = [_observation(r) for r in state.get("asides", [])]
    bars.aside, bars.ended, bars.trains = state.get("aside", [False, True, False])
    bars.val_name, bars.shown = state.get("bar_val", ""), {k: float(v) for k, v in state.get("bar_shown", {}).items()}
    step, epoch = state.get("bar_last", [None, None])
    bars.last = (step, epoch)
    return bars


def _row(one: Observation) -> list[Any]:
    return [one.metric, repr(one.value), one.step, one.epoch, one.name, one.offset]


def _observation(row: Sequence[Any]) -> Observation:
    return Observation(row[0], float(row[1]), row[2], row[3], row[4], row[5])
