"""What stands before a line and says nothing of a training: times, levels, loggers, hosts, ranks, containers.

A line is read as it stands first; only where no format knows it, one label after another is taken off. The grammar holds for a line and for
its skeleton alike (a hole stands where digits do), so that what a line is read as does not depend on its numbers. A word that
tells train from validation, counts steps or names a metric is never a label: it stays. A bar that shows no value, behind which a line was
printed, is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from monitor.parse.names import LOSS_WORDS, METRIC_WORDS, TEST_WORDS, TRAIN_WORDS, VAL_WORDS, role, words

_BLANKS = re.compile(r"\s+")
MAX_LABELS = 12
MAX_LABEL_CHARS = 160
EDGES = 3
"""Bars of a row of a name and a value."""
_TELLING = VAL_WORDS | TEST_WORDS | LOSS_WORDS | METRIC_WORDS | frozenset(("best", "fold", "lr", "min", "previous"))

_N = r"[\d\x00]+"
_ZONE = rf"(?:Z|\ UTC|[+-]{_N})?(?::{_N})?"
_CLOCK = rf"{_N}:{_N}(?::{_N})?(?:[.,]{_N})?{_ZONE}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = rf"(?:{_N}[-/.]{_N}(?:[-/.]{_N})?|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ )?(?:{_MONTH}\ +{_N}|{_N}\ {_MONTH})(?:,?\ {_N}(?!:))?)"
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARN(?:ING)?|info|debug|Info)"
_WORD = r"[A-Za-z_][\w./@\x00-]*"
_FILE = rf"[\w./-]+\.(?:py|sh|cc|cpp|cu|rs|go|jl|lua)(?::{_N})?(?::\w+)?"
_SOURCE_FILE = re.compile(rf"\W*{_FILE}\W*$")
_LABEL = re.compile(
    rf"""\s*(?:
    (?:
        \[(?:{_DATE}[T ,_]+)?{_CLOCK}\] | \({_DATE}[T ,_]+{_CLOCK}\) | {_N}:{_N}:{_N}(?:[.,]{_N})? | {_DATE}[T ,_]+{_CLOCK}
        | \[\ *{_LEVEL}\ *\] | {_LEVEL}(?=:?\s) | \[?{_FILE}\]? | std(?:out|err)\ [FP]
    )(?::?\s|:|(?=\[))
    | [IWDEF]\d{{4,8}}\ {_CLOCK}\s+{_N}\ [\w./-]+:{_N}\]\s
    | \w[\w.-]*\ [\w./-]+\[{_N}\]:\s | {_LEVEL}:(?P<logger>[\w.]+): | {_LEVEL}:(?=[A-Za-z]) | \[{_N},{_N}\]\s?<std\w+>:\s?
    | \(\w[\w.]*(?:\(\w+\))?\ pid={_N}(?:,\ ip=[\d.\x00]+)?\)\s?
    | (?:(?P<bar>[A-Za-z][\w .-]{{0,30}}):\s*)?{_N}%\|[^|]{{0,60}}\|\s*{_N}/{_N}\s\[[^]=]{{0,60}}\]\s*
    | (?P<box>\[(?=[^\]]*[A-Za-z])[^\[\]]{{1,80}}\]:?)(?:\s|(?=\[))
    | (?P<name>{_WORD}(?::[\w<>\x00]+)*)(?:\s*(?:-|\||>{{2}})\s|:\s)
    | (?P<rank>{_N}:\s)
    | (?P<between>(?:-|\||>{{1,2}}|=>|:)\s)
    )""",
    re.X,
)  # fmt: skip


def labels(text: str) -> Iterator[tuple[int, bool]]:
    """Where what stands behind each further label begins, and whether that label is plain (no mere name before a colon)."""
    at = 0
    for _ in range(MAX_LABELS):
        found = _LABEL.match(text, at, at + MAX_LABEL_CHARS)
        named = found and (found["box"] or found["name"] or found["logger"] or found["bar"])
        if found is None or (found["between"] and not at) or (named and _tells(named, sparing_train=not found["name"] or "." in named)):
            found = None
        blank = _BLANKS.match(text, at)
        if blank and blank.end() < len(text):
            yield blank.end(), True
        if found is None or found.end() == len(text):
            return
        at = found.end()
        yield at, not (found["name"] or found["rank"])


def label_end(line: bytes) -> int:
    """At which byte of a line its labels end; a table's row keeps its edge."""
    text = line[: MAX_LABELS * MAX_LABEL_CHARS].decode("latin-1")
    ends = [end for end, _ in labels(text)]
    if line.rstrip().endswith(b"|"):
        edges = [end for end in (0, *ends) if text[end : end + 1] == "|" and text.count("|", end) >= EDGES]
        ends = edges or ends
    return ends[-1] if ends else 0


def _tells(name: str, *, sparing_train: bool) -> bool:
    """Whether a name is more than a label. A logger may be called train, but ``train: 0.5`` is no logger's line."""
    if _SOURCE_FILE.match(name):
        return False
    return any(word in _TELLING or role(word) or (word in TRAIN_WORDS and not sparing_train) for word in words(name))
