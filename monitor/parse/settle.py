"""Which of a line's values is the training's loss and which the validation's, where the general reader found several that may be."""

from __future__ import annotations

from dataclasses import replace

from monitor.parse.names import (
    LOSS_WORDS,
    SPLIT_WORDS,
    TEST_WORDS,
    TRAIN_WORDS,
    VAL_WORDS,
    criterion_loss,
    is_metric,
    safe,
    words,
)
from monitor.parse.pairs import Named
from monitor.parse.reading import Value
from rules.observation import TRAIN_LOSS, VAL_LOSS


def is_bare_split(key: str) -> bool:
    """Whether a name is ``val`` and no more: beside a loss that is its validation, beside ``train`` or an accuracy nobody knows."""
    return bool(words(key)) and all(word in SPLIT_WORDS for word in words(key))


def _beside_a_loss(values: list[tuple[Value, str, int]]) -> list[tuple[Value, str, int]]:
    """The values with a bare ``val`` as the validation loss where the one thing that the line measures is the training loss."""
    kinds = {canonical or ("" if is_bare_split(value.name) or not is_metric(value.name) else "other") for value, canonical, _ in values}
    bare = [value for value, _, _ in values if is_bare_split(value.name)]
    counts = kinds - {""} == {TRAIN_LOSS} and len(bare) == 1 and all(word in VAL_WORDS for word in words(bare[0].name))
    told = [(replace(one, metric=VAL_LOSS), VAL_LOSS, 6) if counts and one is bare[0] else (one, said, n) for one, said, n in values]
    return [one for one in told if one[0].metric]


def by_context(values: list[tuple[Value, str, int]], numbers: list[Named]) -> list[tuple[Value, str, int]]:
    """The values; those that one name tells twice go by the set that was named last (``train - loss: #, val - loss: #``)."""
    names = [value.name for value, _, _ in values]
    if len(set(names)) == len(names):
        return values
    context, of = "", {}
    for one in numbers:
        context = next((word for word in reversed(words(one.before)) if word in SPLIT_WORDS), context)
        of[one.index] = context
    made = []
    for value, canonical, plainness in values:
        split = of.get(value.index, "")
        parted = names.count(value.name) > 1 and split and not any(word in SPLIT_WORDS for word in words(value.name))
        if parted and canonical:
            canonical = TRAIN_LOSS if split in TRAIN_WORDS else VAL_LOSS
            value = Value(canonical, f"{split} {value.name}", value.index)
            plainness += 4 if split in TEST_WORDS else 0
        elif parted and split not in TRAIN_WORDS:
            value = replace(value, metric=f"{'val' if split in VAL_WORDS else 'test'}_{safe(value.name)}")
        made.append((value, canonical, plainness))
    return made


def called_by_function(values: tuple[Value, ...], *, validating: bool) -> tuple[Value, ...]:
    """The values with a loss that goes by its function (``MSE loss``) as the whole one, where a line tells no other."""
    if any(value.metric in (TRAIN_LOSS, VAL_LOSS) for value in values):
        return values
    told = [criterion_loss(value.name, validating=validating) for value in values]
    if any(said is None and not LOSS_WORDS.isdisjoint(words(value.name)) for value, said in zip(values, told, strict=True)):
        return values
    return tuple(replace(one, metric=said) if said and told.count(said) == 1 else one for one, said in zip(values, told, strict=True))


def settle(values: list[tuple[Value, str, int]]) -> tuple[Value, ...]:
    """One name for each canonical metric: the plainest; the others keep their own."""
    values = _beside_a_loss(values)
    best: dict[str, tuple[int, int]] = {}
    for at, (_, canonical, plainness) in enumerate(values):
        if canonical and (canonical not in best or plainness < best[canonical][0]):
            best[canonical] = (plainness, at)
    chosen = {at for _, at in best.values()}
    settled, seen = [], set()
    for at, (value, canonical, _) in enumerate(values):
        metric = value.metric if at in chosen or not canonical else safe(value.name)
        if at not in chosen and metric in ("train_loss", VAL_LOSS):
            metric += "_other"
        if metric not in seen:
            seen.add(metric)
            settled.append(Value(metric, value.name, value.index))
    return tuple(settled)
