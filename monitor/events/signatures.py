"""What a line of an error says about its class. The rules are data: ``signatures.toml``, ordered, the first match decides."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from monitor.events.classes import CLASSES
from monitor.events.finding import AFTER, CAUSE, COMMS, SLURM

_TIERS = {"cause": CAUSE, "slurm": SLURM, "comms": COMMS, "after": AFTER}
_CAUGHT_IN_WORKER = re.compile(r"Caught (\w{1,80}) in ")


class Signature(NamedTuple):
    """``bare``: also believed on a line of its own, outside of a traceback and without an exception's name before it."""

    crash: str
    pattern: re.Pattern[str]
    bare: bool
    tier: int


@cache
def signatures() -> tuple[Signature, ...]:
    """The rules of ``signatures.toml`` in their order. Raises ValueError on a class that is not in the fixed list."""
    out = []
    for rule in tomllib.loads(files("monitor.events").joinpath("signatures.toml").read_text("utf-8"))["signature"]:
        if rule["class"] not in CLASSES:
            raise ValueError(f"signatures.toml: no such class: {rule['class']}")
        out.append(Signature(rule["class"], re.compile("|".join(rule["any"])), rule.get("bare", True), _TIERS[rule.get("tier", "cause")]))
    return tuple(out)


def classify(line: str) -> tuple[str, int]:
    """Class and tier of an exception's line (``Name: message``); ``traceback`` for one that no rule knows."""
    caught = _CAUGHT_IN_WORKER.search(line)
    if caught:
        line = f"{caught[1]}: {line}"
    for signature in signatures():
        if signature.pattern.search(line):
            return signature.crash, signature.tier
    return "traceback", CAUSE


def bare(line: str) -> tuple[str, int] | None:
    """Class and tier of a line that stands alone (a signal, a kernel's message, a logged error), None for any other."""
    for signature in signatures():
        if signature.bare and signature.pattern.search(line):
            return signature.crash, signature.tier
    return None
