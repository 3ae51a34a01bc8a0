"""A format file proposed from a log that no format knows: its repeated lines with numbers, and what they seem to mean.

What comes out is a starting point that already reads the log; a person corrects the names. The words beside a number tell first what
it is; where none does, a number that falls while another one counts is taken for the loss. It never guesses from a file's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from monitor.parse.label import labels
from monitor.parse.lines import LineBuffer, plain
from monitor.parse.names import EPOCH_KEYS, joined, role, safe
from monitor.parse.numbers import cut, number
from monitor.parse.pairs import HOLE, Named, named
from monitor.parse.word import said_of
from monitor.yamlfile import yaml_text
from rules.observation import TRAIN_LOSS, VAL_LOSS

MAX_BYTES = 8 << 20
MAX_LINE_BYTES = 2000
MAX_ROWS = 200
MAX_KINDS = 20_000
MIN_REPEATS = 2
MAX_RULES = 6
LOSSES = (TRAIN_LOSS, VAL_LOSS)
_STEPPY = re.compile(r"step|iter|update|batch|epoch|round|tick|cycle|gen|it\b|#|n\b", re.I)
_RESERVED = frozenset(("step", "epoch", "n", "name", "value", "pairs", "batch", "batches"))


@dataclass(slots=True)
class Row:
    """One line of a kind: where it stands in the log, what it says, its numbers."""

    at: int
    text: str
    numbers: list[float]


@dataclass(slots=True)
class Kind:
    """Lines that differ in their numbers alone. ``groups``: the name that each number goes by; ``step``: the one that counts."""

    skeleton: str
    rows: list[Row]
    groups: dict[int, str] = field(default_factory=dict)
    step: int | None = None

    @property
    def measures(self) -> bool:
        return bool(set(self.groups.values()) & set(LOSSES))

    def gives(self, row: Row, step: float) -> list[list[Any]]:
        values = {at: name for at, name in self.groups.items() if at != self.step and not name.startswith("total_")}
        return [[name, step, row.numbers[at]] for at, name in values.items()]


def propose(data: bytes, *, name: str = "proposed") -> str | None:
    """The YAML text of a format file that reads ``data`` (its first 8 MiB), None where nothing in it repeats with a count."""
    kinds = _kinds(data[:MAX_BYTES])
    for kind in kinds:
        _understand(kind)
    direct = [kind for kind in kinds if kind.step is not None and kind.measures]
    below = [kind for kind in kinds if kind.step is None and kind.measures]
    heads = direct or [kind for kind in kinds if kind.step is not None and not kind.measures and _is_heading(kind)][:1]
    if not (heads and (direct or below)):
        return None
    chosen = list({_pattern(kind): kind for kind in reversed([*heads, *below])}.values())[::-1][:MAX_RULES]
    signs = ["^" + re.sub(r"<(?!n>)\w+>", "<n>", _pattern(kind)) for kind in chosen]
    document = {
        "name": name, "title": f"{name} (proposed)",
        "about": "Proposed from a log. Correct the names in <...>; train_loss and val_loss are what rules watch.",
        "recognise": signs, "lines": [_rule(kind, number_of) for number_of, kind in enumerate(chosen, 1)],
        "samples": _samples([kind for kind in chosen if kind.step is not None], [kind for kind in chosen if kind.step is None]),
    }  # fmt: skip
    return yaml_text(document)


def _kinds(data: bytes) -> list[Kind]:
    """The lines without their labels that came again with other numbers, the most frequent kind first."""
    counts: Counter[str] = Counter()
    kept: dict[str, Kind] = {}
    buffer = LineBuffer()
    segments = [segment for segment, _, _ in buffer.feed(data)]
    rest = buffer.take_rest()
    for at, segment in enumerate([*segments, *([rest[0]] if rest else [])]):
        line = plain(segment)
        raw, numbers = cut(line)
        if not numbers or len(line) > MAX_LINE_BYTES:
            continue
        text = raw.decode("utf-8", "replace")
        end = max((end for end, _ in labels(text)), default=0)
        skeleton, skipped = text[end:], text.count(HOLE, 0, end)
        counts[skeleton] += 1
        kind = kept.setdefault(skeleton, Kind(skeleton, []))
        if len(kind.rows) < MAX_ROWS:
            kind.rows.append(Row(at, line.decode("utf-8", "replace"), [number(one) for one in numbers[skipped:]]))
        if len(kept) > MAX_KINDS:
            break
    return [kept[one] for one, count in counts.most_common(400) if count >= MIN_REPEATS and HOLE in one]


def _understand(kind: Kind) -> None:
    columns = list(zip(*(row.numbers for row in kind.rows), strict=True))
    holes = named(kind.skeleton)
    kind.step = _step_hole(holes, columns)
    if kind.step is not None:
        kind.groups[kind.step] = "epoch" if joined(holes[kind.step].key) in EPOCH_KEYS else "step"
        for one in holes:
            if one.of and one.index == kind.step + 1 and len(set(columns[one.index])) == 1:
                kind.groups[one.index] = f"total_{kind.groups[kind.step]}s"
    varying = [one for one in holes if one.index not in kind.groups and not one.of and len(set(columns[one.index])) > 1]
    _name_losses(kind, varying, columns)
    taken = set(kind.groups.values())
    for one in varying:
        own = safe(one.key) if re.search("[A-Za-z]", one.key) else ""
        if one.index not in kind.groups and own and own not in taken | _RESERVED:
            kind.groups[one.index] = own
            taken.add(own)


def _name_losses(kind: Kind, varying: Sequence[Named], columns: Sequence[Sequence[float]]) -> None:
    """Which numbers are the losses: by their words; else the first column that falls, and the next one of its size."""
    told: dict[str, int] = {}
    for one in varying:
        alone = [other.key for other in varying].count(one.key) == 1
        meaning = said_of(one.key if one.key and alone else one.before, kind.skeleton)
        if meaning is not None:
            told.setdefault(meaning, one.index)
    if not told and kind.step is not None:
        falling = [one.index for one in varying if _falls(columns[one.index])]
        told = dict(zip(LOSSES, [at for at in falling if _alike(columns[falling[0]], columns[at])], strict=False))
    kind.groups |= {at: meaning for meaning, at in told.items()}


def _falls(column: Sequence[float]) -> bool:
    """Whether a column of fractions is lower in its last quarter than in its first, by their medians."""
    few = max(1, len(column) // 4)
    return any(value % 1 for value in column) and median(column[-few:]) < median(column[:few])


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return abs(one[0] - other[0]) <= 2 * max(abs(one[0]), abs(one[0] - one[-1]))


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


def _is_heading(kind: Kind) -> bool:
    """Whether a line does little more than count: the lines below it belong to its step."""
    return len(kind.groups) <= 2 and kind.skeleton.count(HOLE) <= 3


def _rule(kind: Kind, number_of: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"name": f"line_{number_of}", "match": "^" + _pattern(kind), "pairs": False}
    return rule if kind.step is not None else {**rule, "at": "last"}


def _samples(heads: Sequence[Kind], below: Sequence[Kind]) -> list[dict[str, Any]]:
    """A line of each kind with what it gives; a line without a step stands under the line that tells it."""
    samples = [{"log": one.rows[0].text + "\n", "gives": one.gives(one.rows[0], one.rows[0].numbers[one.step or 0])} for one in heads]
    for kind in below:
        for row in kind.rows:
            above = [(line.at, line, head) for head in heads for line in head.rows if line.at < row.at]
            if above:
                _, line, head = max(above, key=lambda one: one[0])
                samples.append({"log": f"{line.text}\n{row.text}\n", "gives": kind.gives(row, line.numbers[head.step or 0])})
                break
    return [sample for sample in samples if sample["gives"]]


def _pattern(kind: Kind) -> str:
    """The skeleton as a pattern: its words exactly, blanks freely, its numbers by their names."""
    parts = kind.skeleton.split(HOLE)
    head = parts[0].lstrip()
    pieces = [(" *" if head != parts[0] or not head else "") + _literal(head)]
    for index, part in enumerate(parts[1:]):
        pieces.append(f"<{kind.groups.get(index, 'n')}>" + _literal(part))
    return "".join(pieces).rstrip() + ("" if re.search(r"\w", kind.skeleton) else "$")


def _literal(text: str) -> str:
    return re.sub(r"(?:\\ )+", " +", re.escape(text)).replace("<", r"[<]")
