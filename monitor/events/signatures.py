"""What a line of an error says about its class. The rules are data: ``signatures.toml``, ordered, the first match decides."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from monitor.events.classes import CLASSES
from monitor.events.finding import AFTER, CAUSE, COMMS, SLURM
from monitor.events.sought import Sought

_TIERS = {"cause": CAUSE, "slurm": SLURM, "comms": COMMS, "after": AFTER}
_CAUGHT_IN_WORKER = re.compile(r"Caught (\w{1,80}) in ")


class Signature(NamedTuple):
    """``bare``: also believed on a line of its own, outside of a traceback and without an exception's name before it."""

    crash: str
    parts: tuple[str, ...]
    """Patterns of which one is enough."""
    bare: bool
    tier: int


@cache
def signatures() -> tuple[Signature, ...]:
    """The rules of ``signatures.toml`` in their order. Raises ValueError on a class that is not in the fixed list."""
    import tomllib

    out = []
    for rule in tomllib.loads(Path(__file__).with_name("signatures.toml").read_text("utf-8"))["signature"]:
        if rule["class"] not in CLASSES:
            raise ValueError(f"signatures.toml: no such class: {rule['class']}")
        out.append(Signature(rule["class"], tuple(rule["any"]), rule.get("bare", True), _TIERS[rule.get("tier", "cause")]))
    return tuple(out)


@cache
def _sought(*, bare_only: bool) -> Sought[tuple[str, int]]:
    known = [one for one in signatures() if one.bare or not bare_only]
    return Sought(((one.crash, one.tier), part) for one in known for part in one.parts)


def classify(line: str) -> tuple[str, int]:
    """Class and tier of an exception's line (``Name: message``); ``traceback`` for one that no rule knows."""
    caught = _CAUGHT_IN_WORKER.search(line)
    if caught:
        line = f"{caught[1]}: {line}"
    found = _sought(bare_only=False).first(line)
    return found[0] if found else ("traceback", CAUSE)


def bare(line: str) -> tuple[str, int] | None:
    """Class and tier of a line that stands alone (a signal, a kernel's message, a logged error), None for any other."""
    found = _sought(bare_only=True).first(line)
    return found[0] if found else None
