"""The digest of a run: what `scan --summary` prints of each metric, without keeping an object for each observation.

``summarise`` reads the files of one run, each with a parser of its own, and folds them into one document.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from monitor.parse.catalogue import Catalogue
from monitor.parse.parser import LogParser, Wanted
from rules.history import RunState
from rules.jsonable import jsonable, step_number
from rules.observation import Event, Item, Observation, Progress

MAX_EVENT_TEXT = 400


class LineReader(Protocol):
    """What reads events out of plain lines: ``wanted`` is a cheap superset of the lines it needs."""

    wanted: Wanted | None

    def take(self, line: bytes, offset: int) -> None: ...

    def ordered(self, items: list[Item]) -> list[Item]:
        """``items`` of a chunk with the events of its lines, in the order of the log."""
        ...

    def flush(self) -> Sequence[Event]: ...


class Digest:
    """One file's observations as columns: per metric its steps and values in the order of the log."""

    def __init__(self) -> None:
        self.columns: dict[str, tuple[str, array[float], array[float]]] = {}
        self.events: list[Event] = []
        self.state = RunState("")

    def take(self, items: Iterable[Item]) -> None:
        for item in items:
            self.state.see(item)
            if isinstance(item, Observation):
                column = self.columns.get(item.metric)
                if column is None:
                    column = self.columns[item.metric] = (item.name or item.metric, array("d"), array("d"))
                column[1].append(item.at)
                column[2].append(item.value)
            elif isinstance(item, Event) and item.kind != "started":
                self.events.append(item)

    @property
    def attempts(self) -> int:
        return self.state.attempt


def summarise(
    run: str,
    files: Sequence[tuple[str, Iterable[bytes]]],
    catalogue: Catalogue,
    *,
    forced: str | None = None,
    events: Callable[[], LineReader] | None = None,
) -> dict[str, Any]:
    """One entry of ``runs`` in ``scan --summary --json`` (contract, section 2): ``files`` are (path, its chunks of bytes).

    Several files of one run (``.out`` and ``.err``) are read one after another; a step that an earlier file has told counts once.
    """
    read: list[tuple[str, LogParser, Digest]] = []
    for path, chunks in files:
        read.append((path, *_read(chunks, catalogue, forced, events, [parser for _, parser, _ in read])))
    digests = [digest for _, _, digest in read]
    formats = [parser.format for _, parser, _ in read if parser.format]
    named = [one for one in formats if one != "general"]
    reached = [digest.state.step for digest in digests if digest.state.step is not None]
    totals = [digest.state.total_steps for digest in digests if digest.state.total_steps is not None]
    document: dict[str, Any] = {
        "run": run, "paths": [path for path, _ in files], "format": next(iter(named or formats), None),
        "attempts": max((digest.attempts for digest in digests), default=1),
        "step": step_number(max(reached, default=None)), "total_steps": step_number(totals[-1] if totals else None),
        "metrics": _metrics(digests), "events": [event_row(event) for digest in digests for event in digest.events],
    }  # fmt: skip
    return dict(jsonable(document))


def _read(
    chunks: Iterable[bytes], catalogue: Catalogue, forced: str | None, events: Callable[[], LineReader] | None, others: Sequence[LogParser]
) -> tuple[LogParser, Digest]:
    parser, digest = LogParser(catalogue, forced=forced), Digest()
    for other in others:
        parser.learn(other)
    reader = events() if events is not None else None
    if reader is not None:
        parser.wanted = reader.wanted
        parser.line_sink = reader.take
    for chunk in chunks:
        items = parser.feed(chunk)
        digest.take(items if reader is None else reader.ordered(items))
    items = parser.flush()
    digest.take(items if reader is None else reader.ordered(items))
    if reader is not None:
        digest.take(reader.flush())
    return parser, digest


def _metrics(digests: Sequence[Digest]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for metric in dict.fromkeys(name for digest in digests for name in digest.columns):
        columns = [digest.columns[metric] for digest in digests if metric in digest.columns]
        points = list(zip(columns[0][1], columns[0][2], strict=True))
        for _, steps, values in columns[1:]:
            points = _merge(points, list(zip(steps, values, strict=True)))
        made[metric] = _entry(columns[0][0], points, len({step for step, _ in points}))
    return made


def _merge(points: list[tuple[float, float]], more: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Two files' points of one metric, by step; of two prints of one value the longer one is kept."""
    known = dict(points)
    told = {step: value for step, value in more if step in known and _longer(value, known[step])}
    merged = [(step, told.get(step, value)) for step, value in points]
    return sorted([*merged, *(point for point in more if point[0] not in known)], key=lambda point: point[0])


def _longer(value: float, other: float) -> bool:
    """Whether ``value`` is ``other`` with more digits."""
    digits = len(repr(other).partition(".")[2])
    return len(repr(value)) > len(repr(other)) and round(value, digits) == other


def _entry(name: str, points: Sequence[tuple[float, float]], count: int) -> dict[str, Any]:
    known = [point for point in points if not math.isnan(point[1])]
    least = min(known, key=lambda point: point[1], default=None)
    return {
        "name": name, "count": count, "first": _pair(points[0]), "last": _pair(points[-1]), "min": None if least is None else _pair(least),
    }  # fmt: skip


def _pair(point: tuple[float, float]) -> list[Any]:
    return [step_number(point[0]), point[1]]


def event_row(event: Event) -> dict[str, Any]:
    """An event as JSON: its kind, step, what it holds, and its bounded text."""
    return {"kind": event.kind, "step": step_number(event.step), **dict(event.fields), "text": event.text[:MAX_EVENT_TEXT]}


__all__ = ["Digest", "LineReader", "Progress", "event_row", "summarise"]
