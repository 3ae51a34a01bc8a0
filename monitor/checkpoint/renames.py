"""Which ignored key of the checkpoint is probably which missing key of the model: same shape, like name, like place.

Whole modules are matched first: the set of a module's own tensors (``weight`` and ``bias`` with their shapes) says more than one shape.
The confidence is a judgement in steps, no probability: 0.5 for the same shapes, and more for each thing that agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from monitor.checkpoint.tensors import Tensor

MAX_PAIRS = 40_000
"""Pairs of modules that are weighed; beyond it those of the same shapes are matched in their order."""
LEAST = 0.5

_ALIKE = {"gamma": "weight", "beta": "bias", "scale": "weight", "kernel": "weight", "g": "weight"}


@dataclass(frozen=True, slots=True)
class Rename:
    """A key of the checkpoint that is probably the model's ``model``. ``confidence`` is 0 to 1, ``why`` says what agrees."""

    checkpoint: str
    model: str
    confidence: float
    why: str


@dataclass(frozen=True, slots=True)
class Module:
    """The tensors that a module owns itself: leaf -> (key, shape); ``order`` is its place in the file."""

    name: str
    leaves: Mapping[str, tuple[str, tuple[int, ...]]]
    order: int

    @property
    def signature(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        return tuple(sorted((_ALIKE.get(leaf, leaf), shape) for leaf, (_, shape) in self.leaves.items()))


def find_renames(unexpected: Mapping[str, Tensor], missing: Mapping[str, Tensor]) -> tuple[Rename, ...]:
    """At most one rename a key, in the model's order."""
    ours, theirs = _modules(unexpected), _modules(missing)
    pairs = list(_whole_modules(ours, theirs))
    done = {r.checkpoint for r in pairs} | {r.model for r in pairs}
    pairs += _single_keys({k: t for k, t in unexpected.items() if k not in done}, {k: t for k, t in missing.items() if k not in done})
    order = {key: i for i, key in enumerate(missing)}
    return tuple(sorted(pairs, key=lambda r: order[r.model]))


def _modules(tensors: Mapping[str, Tensor]) -> list[Module]:
    held: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {}
    for key, tensor in tensors.items():
        name, _, leaf = key.rpartition(".")
        held.setdefault(name, {})[leaf] = (key, tensor.shape)
    return [Module(name, leaves, i) for i, (name, leaves) in enumerate(held.items())]


def _whole_modules(ours: list[Module], theirs: list[Module]) -> Iterator[Rename]:
    by_signature: dict[object, tuple[list[Module], list[Module]]] = {}
    for side, modules in enumerate((ours, theirs)):
        for module in modules:
            by_signature.setdefault(module.signature, ([], []))[side].append(module)
    for left, right in by_signature.values():
        for a, b, confidence, why in _matched(left, right):
            leaves = {_ALIKE.get(leaf, leaf): key for leaf, (key, _) in b.leaves.items()}
            for leaf, (key, _) in a.leaves.items():
                yield Rename(key, leaves[_ALIKE.get(leaf, leaf)], confidence, why)


def _matched(left: list[Module], right: list[Module]) -> Iterator[tuple[Module, Module, float, str]]:
    """Pairs of modules with the same tensors, the surest first."""
    if len(left) * len(right) > MAX_PAIRS:
        if len(left) == len(right):
            yield from ((a, b, 0.6, "same shape, in the same order") for a, b in zip(left, right, strict=True))
        return
    weighed = sorted(
        ((*_weigh(a, b), a, b) for a in left for b in right), key=lambda w: (-w[0], abs(_rank(w[2], left) - _rank(w[3], right)), w[2].order)
    )
    taken: set[int] = set()
    for score, why, a, b in weighed:
        if id(a) in taken or id(b) in taken:
            continue
        rivals = [s for s, _, x, y in weighed if (x is a) != (y is b) and id(x) not in taken and id(y) not in taken and s >= score - 0.001]
        taken |= {id(a), id(b)}
        sure = score + (0.2 if not rivals else 0.05)
        if sure >= LEAST:
            yield a, b, round(min(sure, 0.98), 2), why if not rivals else f"{why}, one of {1 + len(rivals)} that fit, taken in order"


def _rank(module: Module, modules: list[Module]) -> int:
    return modules.index(module)


def _weigh(a: Module, b: Module) -> tuple[float, str]:
    score, why = 0.5, ["same shape"]
    up_a, _, last_a = a.name.rpartition(".")
    up_b, _, last_b = b.name.rpartition(".")
    if up_a == up_b and up_a:
        score, why = score + 0.22, [*why, "same place"]
    elif last_a == last_b:
        score, why = score + 0.12, [*why, f"same name {last_a}"]
    numbers_a, numbers_b = ([p for p in name.split(".") if p.isdigit()] for name in (up_a, up_b))
    if numbers_a and numbers_a == numbers_b and up_a != up_b:
        score, why = score + 0.1, [*why, f"same number {'.'.join(numbers_a)}"]
    alike = SequenceMatcher(None, last_a, last_b).ratio() if not (last_a.isdigit() or last_b.isdigit()) else 0.0
    if alike > 0.6 and last_a != last_b:
        score, why = score + 0.06, [*why, "like name"]
    return score, ", ".join(why)


def _single_keys(unexpected: Mapping[str, Tensor], missing: Mapping[str, Tensor]) -> list[Rename]:
    """Keys whose modules differ as wholes: the same shape alone, so a lower confidence."""
    by_shape: dict[tuple[int, ...], tuple[list[str], list[str]]] = {}
    for side, tensors in enumerate((unexpected, missing)):
        for key, tensor in tensors.items():
            if len(tensor.shape) > 0 and tensor.params > 1:
                by_shape.setdefault(tensor.shape, ([], []))[side].append(key)
    out: list[Rename] = []
    for left, right in by_shape.values():
        if not left or not right or len(left) * len(right) > MAX_PAIRS:
            continue
        weighed = sorted(((-SequenceMatcher(None, a.split("."), b.split(".")).ratio(), i, a, b) for i, a in enumerate(left) for b in right))
        taken: set[str] = set()
        for score, _, a, b in weighed:
            if a in taken or b in taken or -score < 0.34 or not _same_leaf(a, b):
                continue
            taken |= {a, b}
            out.append(Rename(a, b, round(0.4 + 0.3 * -score, 2), "same shape, like name"))
    return out


def _same_leaf(a: str, b: str) -> bool:
    x, y = a.rpartition(".")[2], b.rpartition(".")[2]
    return _ALIKE.get(x, x) == _ALIKE.get(y, y) or x.endswith(y) or y.endswith(x)
