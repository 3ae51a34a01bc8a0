"""Which rank and node a line comes from.

``[rank3]: `` (torchrun), ``3: `` (srun --label), ``[1,3]<stderr>:`` (mpirun), ``(Actor pid=7, ip=..) `` (ray), ``nid001: `` (pdsh),
and the time that a collector of logs puts before every line of a traceback.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PREFIX = re.compile(
    r"\s*\[rank[ :]?(?P<rank>\d{1,6})\]:?\s?"
    r"|\s{0,8}(?P<label>\d{1,6}): "
    r"|\[(?:default)?(?P<local>\d{1,3})\]:\s?"
    r"|\[\d+,(?P<mpi>\d{1,6})\]<std(?:out|err)>:\s?"
    r"|\((?:\w+|\w+\([^)]{0,80}\)) (?:rank=(?P<ray>\d+), )?pid=\d+(?:, ip=(?P<ip>[\d.]+))?\)\s?"
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?:? "
    r"(?=Traceback \(|  |\w+(?:\.\w+)*(?:Error|Exception|Interrupt)\b)"
    r"|(?P<host>[a-z][a-z0-9-]*\d[a-z0-9.-]*): (?=\s*(?:\[rank|Traceback \(|  File |\w+(?:\.\w+)*(?:Error|Exception): ))"
)


_RANKS = ("rank", "label", "local", "mpi", "ray")
MOST_PREFIXES = 3

Span = tuple[int, int]


class Prefix(NamedTuple):
    """Where in a line the innermost rank and node of its prefixes stand, and where what follows them starts."""

    rank: Span | None
    node: Span | None
    end: int


class Source(NamedTuple):
    """``rank`` and ``node`` of a line where its prefix tells them, and the line without the prefix."""

    rank: int | None
    node: str | None
    rest: str


def find_prefix(line: str) -> Prefix:
    """At most three prefixes, outermost first; the innermost rank counts. Digits are all alike to it."""
    rank = node = None
    end = 0
    for _ in range(MOST_PREFIXES):
        found = _PREFIX.match(line, end)
        if not found or not found[0]:
            break
        for group in _RANKS:
            if found[group] is not None:
                rank = found.span(group)
        for group in ("host", "ip"):
            if found[group] is not None:
                node = found.span(group)
        end = found.end()
    return Prefix(rank, node, end)


def take_off(line: str, prefix: Prefix) -> Source:
    """``line`` without its ``prefix``, and whose it is."""
    rank, node, end = prefix
    if not end:
        return Source(None, None, line)
    return Source(int(line[rank[0] : rank[1]]) if rank else None, line[node[0] : node[1]] if node else None, line[end:])


def split_prefix(line: str) -> Source:
    """Take off the prefixes of a line."""
    return take_off(line, find_prefix(line))
