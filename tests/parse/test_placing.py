"""The places of many lines at once are those that they have one after another."""

from __future__ import annotations

from dataclasses import asdict, fields
from random import Random
from typing import Any

import numpy as np
import pytest

from monitor.parse.place import Place
from monitor.parse.placing import Rows, placed
from monitor.parse.reading import Reading

FLOATS = ("step", "epoch", "batch", "batches", "total", "epoch_from")
FLAGS = ("local", "is_global", "measured", "epoch_only", "here")
PLACE_FIELDS = """step printed epoch batches first_epoch local in_epoch gap base total_steps total_epochs has_steps numbered_from banner
    epoch_of_step restarts summed first_step sums_up ended runs_on"""
READING_FIELDS = """format step epoch batch batches total_steps total_epochs values anchor full scale offset weak bar rule epoch_from
    started local is_global default_step by_total once main_bar changed section by_section kind in_val of aside heading"""


def lines_of(chance: Random) -> list[dict[str, Any]]:
    """Lines of a few kinds that tell of one training, which begins anew now and then."""
    kinds = []
    bare = chance.random() < 0.2
    for _ in range(chance.randint(1, 4)):
        if bare:
            nothing = dict.fromkeys(("epoch", "batch", "batches", "total", "local", "epoch_only", "here", "is_global"), False)
            kinds.append({**nothing, "step": True, "measured": chance.random() < 0.9, "epoch_from": None})
            continue
        step = chance.random() < 0.5
        kinds.append({
            "step": step, "epoch": chance.random() < 0.6, "batch": chance.random() < 0.4, "batches": chance.random() < 0.4,
            "total": step and chance.random() < 0.4, "local": chance.random() < 0.2, "epoch_from": chance.choice([None, None, 0, 1, -1]),
            "measured": chance.random() < 0.7, "epoch_only": chance.random() < 0.3, "here": chance.random() < 0.2,
            "is_global": chance.random() < 0.3,
        })  # fmt: skip
    per_epoch, done, made = chance.randint(3, 9), 0, []
    for _ in range(chance.randint(1, 60)):
        done = 0 if chance.random() < 0.03 else done + chance.randint(0, 2)
        epoch, batch = divmod(done, per_epoch)
        kind = chance.choice(kinds)
        told = {"step": batch if kind["local"] else done, "epoch": epoch, "batch": batch, "batches": per_epoch, "total": per_epoch}
        if not (kind["batch"] or kind["step"]):
            told.pop("batches")
        made.append({**kind, **{name: float(told[name]) if kind[name] and name in told else None for name in FLOATS[:5]}})
    return made


def rows_of(lines: list[dict[str, Any]]) -> Rows:
    floats = {name: np.array([np.nan if line[name] is None else line[name] for line in lines], float) for name in FLOATS}
    return Rows(**floats, **{name: np.array([line[name] for line in lines], bool) for name in FLAGS})


def or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@pytest.mark.parametrize("seed", range(400))
def test_lines_have_the_same_places_together_as_one_by_one(seed: int) -> None:
    chance = Random(seed)
    lines, epochs = lines_of(chance), chance.choice([None, 2.0, 5.0])
    many, one = Place(total_epochs=epochs), Place(total_epochs=epochs)
    at = 0
    while at < len(lines):
        part = lines[at : at + chance.randint(1, 20)]
        found = placed(rows_of(part), many)
        many = found.place
        together = [(or_none(step), or_none(epoch)) for step, epoch in zip(found.steps, found.epochs, strict=True)]
        assert [one.see(**line) for line in part[: len(together)]] == together
        assert asdict(one) == asdict(many)
        at += len(together)
        if len(together) < len(part):
            assert one.see(**lines[at]) == many.see(**lines[at])
            at += 1


def test_whoever_adds_to_a_place_or_a_reading_thinks_of_the_columns() -> None:
    assert set(PLACE_FIELDS.split()) == {field.name for field in fields(Place)}, "follow it in placing.py, then name it here"
    assert set(READING_FIELDS.split()) == {field.name for field in fields(Reading)}, "follow it in segment.py or leave it out in `columnar`"
