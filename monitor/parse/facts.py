"""What `formats list`, `formats show` and `formats test` say: facts about the known formats, and which one a log is, and why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from monitor.parse.catalogue import Catalogue
from monitor.parse.format import Format
from monitor.parse.general import GENERAL
from monitor.parse.lines import LineBuffer, plain
from monitor.parse.numbers import cut
from monitor.parse.parser import LogParser
from monitor.yamlfile import yaml_text
from rules.observation import Observation, Progress

MAX_SHOWN = 200
UNDERSTOOD = """\
# The general reader has no file: it reads what no format knows, one line at a time.
#
#   a name that means a loss (loss, val_loss, Train Loss, eval/nll, valid perplexity, ...) beside a number, with : = or a blank between;
#   a step or an epoch on the same line, or on a line before it (step 10, iter: 10, [10/200], Epoch 3/20);
#   JSON lines and Python dictionaries with such keys; CSV and tables with a header.
#
# It leaves out source code, configurations and command lines, and asks of a line that is not plain by itself that it repeats.
# For a log of your own that it misreads: loss-watch init LOG --format-file > mine.yaml, then --formats mine.yaml
"""


def list_formats(catalogue: Catalogue) -> list[dict[str, Any]]:
    """One row a format: its name, title, whether it is the user's own, and how many kinds of lines it knows."""
    return [
        {"name": one.name, "title": one.title, "source": _source(one), "lines": len(one.rules), "samples": len(one.samples)}
        for one in catalogue.formats
    ]


def show_format(catalogue: Catalogue, name: str) -> str:
    """A format's file as it stands, or what the general reader understands. Raises KeyError where no format has that name."""
    if name == GENERAL:
        return UNDERSTOOD
    one = catalogue.named(name)
    path = Path(one.source)
    return path.read_text(encoding="utf-8") if path.is_file() else yaml_text(one.text)


def identify(catalogue: Catalogue, chunks: Iterable[bytes], *, forced: str | None = None) -> dict[str, Any]:
    """Which format a log is, the first line that gave it away and the pattern that it matched, and what was read.

    ``reason`` is a sentence; ``first`` holds the first observations as [metric, step or epoch, value, name].
    """
    parser, buffer = LogParser(catalogue, forced=forced), LineBuffer()
    found: dict[str, Any] = {"format": None, "line": None, "line_number": None, "pattern": None}
    metrics: dict[str, dict[str, Any]] = {}
    first: list[list[Any]] = []
    total: float | None = None
    for chunk in chunks:
        if found["format"] is None:
            _look(catalogue, buffer, chunk, found)
        for item in parser.feed(chunk):
            total = _count(item, metrics, first, total)
    for item in parser.flush():
        total = _count(item, metrics, first, total)
    settled = parser.format
    return {
        "format": settled, "reason": _reason(settled, found, forced), "line": found["line"], "line_number": found["line_number"],
        "pattern": found["pattern"], "lines": parser.lines, "cut_lines": parser.cut_lines, "total_steps": total,
        "metrics": list(metrics.values()), "first": first,
    }  # fmt: skip


def _look(catalogue: Catalogue, buffer: LineBuffer, chunk: bytes, found: dict[str, Any]) -> None:
    for segment, _, _ in buffer.feed(chunk):
        skeleton = cut(plain(segment))[0].decode("utf-8", "replace")
        for one in catalogue.formats:
            sign = next((sign for sign in one.signs if sign.search(skeleton)), None)
            if sign is not None and found["format"] is None:
                shown = plain(segment).decode("utf-8", "replace")[:MAX_SHOWN]
                found.update(format=one.name, line=shown, line_number=buffer.lines + 1, pattern=sign.pattern.replace("\x00", "<n>"))


def _count(item: Any, metrics: dict[str, dict[str, Any]], first: list[list[Any]], total: float | None) -> float | None:
    if isinstance(item, Progress) and item.total_steps is not None:
        return item.total_steps
    if isinstance(item, Observation):
        new = {"metric": item.metric, "name": item.name, "count": 0, "first": [item.at, item.value], "last": []}
        row = metrics.setdefault(item.metric, new)
        row["count"] += 1
        row["last"] = [item.at, item.value]
        if len(first) < 5:
            first.append([item.metric, item.at, item.value, item.name])
    return total


def _reason(settled: str | None, found: dict[str, Any], forced: str | None) -> str:
    if forced is not None:
        return "it was asked for"
    if settled is None:
        return "no line looks like a metric of a training"
    if settled == found["format"]:
        return f"line {found['line_number']} matches {found['pattern']}"
    if settled == "table":
        return "a line of column names stands above lines of numbers"
    if settled == "general":
        return "no format file knows it; names that mean a loss stand beside numbers, with a step or epoch"
    return "its lines stand behind what a logger or a launcher puts before them"


def _source(one: Format) -> str:
    return "shipped" if "/parse/formats/" in one.source.replace("\\", "/") else one.source
