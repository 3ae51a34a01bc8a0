"""A format file proposed from a log that no format knows: its repeated lines with numbers, and what their names seem to mean.

What comes out is a starting point that already reads the log; a person corrects the names. It never guesses from a file's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from monitor.parse.lines import LineBuffer, plain
from monitor.parse.names import EPOCH_KEYS, TRAIN_WORDS, VAL_WORDS, is_metric, joined, loss_kind, role, safe, words
from monitor.parse.numbers import cut, number
from monitor.parse.pairs import HOLE, Named, named
from monitor.yamlfile import yaml_text

MAX_BYTES = 8 << 20
MIN_REPEATS = 2
MAX_RULES = 6
_STEPPY = re.compile(r"step|iter|update|batch|epoch|round|tick|it\b|#|n\b", re.I)
_LOSSY = re.compile(r"loss|err|cost|nll|ce\b|xent|entropy|ppl|perplex|obj|crit|mse|mae|rmse|dev|val|trn|train", re.I)


_NO_LOSS = re.compile(r"acc|\blr\b|rate|time|scale|norm", re.I)
_MORE_VAL = frozenset(("test", "dv", "vl", "ho", "held", "holdout"))


def propose(data: bytes, *, name: str = "proposed") -> str | None:
    """The YAML text of a format file that reads ``data`` (its first 8 MiB), None where nothing in it repeats with a count."""
    lines = _repeated(data[:MAX_BYTES])
    rules: list[dict[str, Any]] = []
    samples: list[dict[str, Any]] = []
    signs: list[str] = []
    for skeleton, rows in lines:
        rule = _rule(skeleton, rows, len(rules) + 1)
        if rule is None:
            continue
        document, sample, gives = rule
        rules.append(document)
        signs.append("^" + document["match"].removeprefix("^"))
        samples.append({"log": sample + "\n", "gives": gives})
        if len(rules) == MAX_RULES:
            break
    if not rules:
        return None
    unsplit = [re.sub(r"<(?!n>)\w+>", "<n>", sign) for sign in signs]
    document = {
        "name": name, "title": f"{name} (proposed)",
        "about": "Proposed from a log. Correct the names in <...>; train_loss and val_loss are what rules watch.",
        "recognise": unsplit, "lines": rules, "samples": samples,
    }  # fmt: skip
    return yaml_text(document)


def _repeated(data: bytes) -> list[tuple[str, list[tuple[str, list[float]]]]]:
    """Skeletons that came again with other numbers, the most frequent first, each with some of its lines."""
    counts: Counter[bytes] = Counter()
    kept: dict[bytes, list[tuple[str, list[float]]]] = {}
    buffer = LineBuffer()
    segments = [segment for segment, _, _ in buffer.feed(data)]
    rest = buffer.take_rest()
    for segment in [*segments, *([rest[0]] if rest else [])]:
        line = plain(segment)
        if len(line) > 2000:
            continue
        skeleton, numbers = cut(line)
        if len(numbers) < 2:
            continue
        counts[skeleton] += 1
        rows = kept.setdefault(skeleton, [])
        if len(rows) < 200:
            rows.append((line.decode("utf-8", "replace"), [number(one) for one in numbers]))
        if len(kept) > 20_000:
            break
    return [(s.decode("utf-8", "replace"), kept[s]) for s, count in counts.most_common(400) if count >= MIN_REPEATS and s in kept]


def _rule(skeleton: str, rows: Sequence[tuple[str, list[float]]], number_of: int) -> tuple[dict[str, Any], str, list[list[Any]]] | None:
    columns = list(zip(*(numbers for _, numbers in rows), strict=True))
    holes = named(skeleton)
    step = _step_hole(holes, columns)
    if step is None:
        return None
    groups: dict[int, str] = {step: "epoch" if joined(holes[step].key) in EPOCH_KEYS else "step"}
    for one in holes:
        if one.of and one.index == step + 1 and len(set(columns[one.index])) == 1:
            groups[one.index] = f"total_{groups[step]}s"
    taken = set(groups.values())
    for one in holes:
        if one.index in groups or one.of or not one.key or len(set(columns[one.index])) < 2:
            continue
        meaning = _meaning(one, taken, skeleton)
        if meaning is not None and meaning not in taken:
            groups[one.index] = meaning
            taken.add(meaning)
    if not taken & {"train_loss", "val_loss"} and not any(is_metric(value) or _LOSSY.search(value) for value in taken - {"step", "epoch"}):
        return None
    line, numbers = rows[0]
    gives = [[meaning, numbers[step], numbers[at]] for at, meaning in groups.items() if at != step and not meaning.startswith("total_")]
    return {"name": f"line_{number_of}", "match": _pattern(skeleton, groups), "pairs": False}, line, gives


def _step_hole(holes: Sequence[Named], columns: Sequence[Sequence[float]]) -> int | None:
    """The hole that counts: whole numbers that never fall and do rise, a name that speaks of steps before any other."""
    best: tuple[int, int] | None = None
    for one in holes:
        column = columns[one.index]
        rises = all(a <= b for a, b in pairwise(column)) and column[-1] > column[0]
        if one.of or not rises or any(value != int(value) or value < 0 for value in column if value == value and abs(value) < 1e18):
            continue
        rank = 0 if role(one.key) == "step" else 1 if role(one.key) == "epoch" else 2 if _STEPPY.search(one.key) else 3
        if rank == 3 and not _plausible(one):
            continue
        if best is None or rank < best[0]:
            best = (rank, one.index)
    return None if best is None else best[1]


def _plausible(one: Named) -> bool:
    """Whether a rising number without a telling name may be a count: not a part of a date, a clock or an elapsed time."""
    dated = one.before[-1:] == ":" or one.after[:1] == ":" or re.match(r"[-/:]\s*$", one.before)
    return not dated and not re.search(r"time|elapsed|sec|eta|tok|samples", one.key, re.I)


def _meaning(one: Named, taken: set[str], skeleton: str) -> str | None:
    kind = loss_kind(one.key)
    if kind is not None:
        return kind[0]
    said = set(words(one.key))
    if _LOSSY.search(one.key) and not _NO_LOSS.search(one.key):
        if said & (VAL_WORDS | _MORE_VAL):
            return "val_loss"
        if said & TRAIN_WORDS or "train_loss" not in taken:
            alone = not said & TRAIN_WORDS and not re.search(r"train|trn", skeleton, re.I)
            return "val_loss" if alone and re.search(r"\b(?:val|valid|validation|eval|dev)\b", skeleton, re.I) else "train_loss"
    own = safe(one.key)
    return own if own and own not in ("step", "epoch", "n", "name", "value", "pairs", "batch", "batches") else None


def _pattern(skeleton: str, groups: dict[int, str]) -> str:
    """The skeleton as a pattern: its words exactly, blanks freely, its numbers by their names."""
    parts = skeleton.split(HOLE)
    pieces = [_literal(parts[0])]
    for index, part in enumerate(parts[1:]):
        pieces.append(f"<{groups.get(index, 'n')}>" + _literal(part))
    return "^" + "".join(pieces).strip()


def _literal(text: str) -> str:
    return re.sub(r"(?:\\ )+", " +", re.escape(text)).replace("<", r"[<]")
