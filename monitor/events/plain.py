"""What a line says by itself, outside of tracebacks and lists: a pure look at its words, without what the run has shown."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from monitor.events import gates
from monitor.events.finding import EXIT
from monitor.events.gates import passes
from monitor.events.marks import STARTED, Mark, mark_of
from monitor.events.places import places_something
from monitor.events.signatures import bare, signatures
from monitor.events.sought import Late, Sought

_CODE = Late(
    r"\s*(?:#|//|\"\"\"|raise |print\(|def |class |import |from |if |except|assert |return |logger\.|warnings?\.)"
    r"|\s*[+] |[-|*`>\"'] ?\S"
)
_USAGE = Late(r"[\w./-]{1,80}: error: (?:unrecognized arguments|the following arguments are required|argument \S+)")
_REQUEUE = Late(r"handling auto-requeue signal|[Rr]equeue?(?:d|ing) (?:SLURM )?job")
_DIGITS_OF = re.compile(r"\\x..|\\.|\[(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|\d")
"""The pieces of a pattern that hold digits, so that those that stand for themselves are told from the others."""


class Plain(NamedTuple):
    """``placed``: it says where a rank runs or how it ended; ``error``: class and tier of an error where it is no mark."""

    placed: bool
    requeue: bool
    mark: Mark | None
    error: tuple[str, int] | None


def plain_of(line: str) -> Plain | None:
    """What ``line``, without its prefix, says; None where it says nothing, whatever was before."""
    placed = places_something(line)
    requeue = "equeu" in line and _REQUEUE.search(line) is not None
    mark = mark_of(line) if passes(line, gates.MARKS) else None
    error = None
    if not line.startswith((" ", "\t")) and "Warning: " not in line and not _CODE.match(line):
        error = (bare(line) if passes(line, gates.BARE) else None) or (("runtime_error", EXIT) if _USAGE.match(line) else None)
    return Plain(placed, requeue, mark, error) if placed or requeue or mark or error else None


def counts_digits(line: str) -> bool:
    """Whether a line that differs from this one in digits alone may say something else: a signal's or an error's number."""
    return (passes(line, gates.BARE) or passes(line, gates.MARKS)) and _numbered().first(line) is not None


def any_digits(pattern: str) -> str:
    """``pattern`` with any digit where it asks for one."""
    return _DIGITS_OF.sub(lambda found: "[0-9]" if found[0].isdigit() else found[0], pattern)


@cache
def _numbered() -> Sought[None]:
    """The patterns that name a number, with any number in its place."""
    known = [*(part for one in signatures() if one.bare for part in one.parts), *STARTED]
    return Sought((None, loose) for one in known if (loose := any_digits(one)) != one)
