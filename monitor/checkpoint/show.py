"""A comparison as lines for a terminal: what is loaded, what starts at random by module, what was probably renamed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from monitor.checkpoint.compare import Comparison, Group
from monitor.checkpoint.renames import Rename
from monitor.ink import paint
from monitor.notify.text import clean

MOST_GROUPS = 20
MOST_RENAMES = 20


def comparison_lines(found: Comparison, color: bool = False) -> list[str]:
    """The text of ``diagnose``. Names come out of a file: they are cleaned and cut."""
    random_keys = _keys(len(found.missing) + len(found.mismatched))
    lines = [
        f"loaded      {_keys(found.loaded_keys)}   {found.loaded_params:>15,} parameters",
        f"random      {random_keys}   {found.random_params:>15,} parameters   {share(found.share)} of the model",
        *_groups(found.missing_groups, color, "expected"),
        *(f"    {clean(m.key, 80)}   {list(m.checkpoint)} here, {list(m.model)} in the model" for m in found.mismatched[:MOST_GROUPS]),
        f"ignored     {_keys(len(found.unexpected))}   {sum(k.tensor.params for k in found.unexpected):>15,} parameters of the checkpoint",
        *_groups(found.unexpected_groups, color, ""),
    ]
    if found.renames:
        lines += ["", "probably renamed", *rename_lines(found.renames)]
        lines += ["", "to load them too:", "", *(f"    {line}" for line in found.python_lines().rstrip().split("\n"))]
    return lines + [paint(f"note: {clean(note, 160)}", "dim", color) for note in found.notes]


def rename_lines(renames: Sequence[Rename]) -> list[str]:
    """A line a module: its tensors have one fate."""
    pairs: list[tuple[str, str, Rename, str]] = []
    for rename in renames:
        (old, _, leaf), (new, _, other) = rename.checkpoint.rpartition("."), rename.model.rpartition(".")
        pairs.append((old, new, rename, leaf if leaf == other else f"{leaf} -> {other}"))
    rows = []
    for (old, new), same in groupby(pairs, key=lambda p: (p[0], p[1])):
        of_module = list(same)
        first = of_module[0][2]
        rows.append((f"{clean(old, 70)} -> {clean(new, 70)}", ", ".join(p[3] for p in of_module), first.confidence, first.why))
    left = max((len(row[0]) for row in rows[:MOST_RENAMES]), default=0)
    middle = max((len(row[1]) for row in rows[:MOST_RENAMES]), default=0)
    out = [f"    {n.ljust(left)}   {leaves.ljust(middle)}   {sure:4.0%}   {clean(why, 80)}" for n, leaves, sure, why in rows[:MOST_RENAMES]]
    return [*out, f"    and {len(rows) - MOST_RENAMES} more"] if len(rows) > MOST_RENAMES else out


def share(value: float) -> str:
    """A share as a person writes it: 5.6 %; what rounds to nothing is said to be < 0.1 %."""
    return "0 %" if value == 0 else "< 0.1 %" if value < 0.001 else f"{100 * value:.1f} %"


def _groups(groups: Sequence[Group], color: bool, word: str) -> list[str]:
    shown = sorted(groups, key=lambda g: -g.params)[:MOST_GROUPS]
    width = max((len(clean(g.module, 60)) for g in shown), default=0)
    lines = [
        f"    {clean(g.module, 60).ljust(width)}   {_keys(len(g.keys))}   {g.params:>15,}"
        + (f"   {paint(word, 'green', color)}" if g.expected and word else "")
        for g in shown
    ]
    return [*lines, f"    and {len(groups) - MOST_GROUPS} modules more"] if len(groups) > MOST_GROUPS else lines


def _keys(count: int) -> str:
    return f"{count:>5} {'key ' if count == 1 else 'keys'}"
