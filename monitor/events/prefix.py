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


class Source(NamedTuple):
    """``rank`` and ``node`` of a line where its prefix tells them, and the line without the prefix."""

    rank: int | None
    node: str | None
    rest: str


def split_prefix(line: str) -> Source:
    """Take off at most three prefixes, outermost first; the innermost rank counts."""
    rank: int | None = None
    node: str | None = None
    for _ in range(3):
        found = _PREFIX.match(line)
        if not found or not found[0]:
            break
        for group in ("rank", "label", "local", "mpi", "ray"):
            if found[group] is not None:
                rank = int(found[group])
        node = found["host"] or found["ip"] or node
        line = line[found.end() :]
    return Source(rank, node, line)
