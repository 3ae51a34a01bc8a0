"""Knows the lines that loss-watch writes: its own output may stand among the logs that it follows.

A watcher that runs as a job of one core writes its log where the other jobs write theirs, and one that runs beside a training
writes into the training's own. Read as a log, each alert that it tells would be the next value that it judges.
"""

from __future__ import annotations

import re

_OURS = re.compile(
    rb"(?:\s*\d{1,5}: )?(?:loss-watch: |"
    rb"\{\"run\": \"[^\"]{1,500}\", \"attempt\": \d+, \"rule\": \"|"
    rb"(?:\d\d:\d\d:\d\d|step +[\d.e+-]+)  \S[^|=]{0,124}?  (?:met|firing|resolved) [ a-z]{0,20}  \S+ +\S)"
)
"""Diagnostics, events as JSON, events as lines of ``watch`` and ``replay``; behind what srun --label puts before them."""
_BEGINS = frozenset(bytes((one,)) for one in b"0123456789 \t\n\r\v\fls{")
"""The first bytes of such lines: most others are told by it."""


def ours(line: bytes) -> bool:
    """Whether loss-watch itself wrote the line (without its end)."""
    return line[:1] in _BEGINS and _OURS.match(line) is not None
