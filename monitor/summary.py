"""The digest of a run: what `scan --summary` prints of each metric, without keeping an object for each observation.

``summarise`` reads the files of one run, each with a parser of its own, and folds them into one document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from monitor.digest import MetricDigest, merged
from monitor.parse.blockreader import Column
from monitor.parse.buffer import Readable
from monitor.parse.catalogue import Catalogue
from monitor.parse.fast import FastReader
from monitor.parse.parser import LogParser, Wanted
from monitor.pivots import SEEN_OF_A_COLUMN, pivots
from rules.history import RunState
from rules.jsonable import jsonable, step_number
from rules.observation import Event, Item, Observation

MAX_EVENT_TEXT = 400

_OFFSET = attrgetter("offset")


class LineReader(Protocol):
    """What reads events out of plain lines: ``wanted`` is a cheap superset of the lines it needs."""

    wanted: Wanted | None
    literals: Sequence[bytes]
    """A line without any of them is not wanted, unless the reader is hungry."""

    def hungry(self) -> object:
        """Whether the next line is needed whatever it holds."""
        ...

    def neutral(self, line: bytes) -> bool:
        """Whether no line that differs from this one in digits alone changes anything where the reader is not hungry."""
        ...

    def take(self, line: bytes, offset: int) -> None: ...

    def ordered(self, items: list[Item]) -> list[Item]:
        """``items`` of a chunk with the events of its lines, in the order of the log."""
        ...

    def flush(self) -> Sequence[Event]: ...


class _Told(Observation):
    """A point of a column, which the digest has: told again to what wants objects (the run's state, the reader of events)."""

    __slots__ = ()


class Digest:
    """One file's observations, folded into a digest a metric; its events; and how many attempts it shows."""

    def __init__(self, reader: LineReader | None = None) -> None:
        self.metrics: dict[str, MetricDigest] = {}
        self.events: list[Event] = []
        self.state = RunState("")
        self._reader = reader
        self._ends: dict[str, Column] = {}
        """The last columns of metrics, of which the run's state has not yet been told."""
        self._event_lines: list[int] = []
        """Where the lines stand that the reader of events has taken since it was last asked."""

    def read(self, source: Readable, parser: LogParser, *, ahead: bool) -> None:
        """Fold a whole file. Raises what reading it raises."""
        reader = self._reader
        if reader is not None:
            parser.wanted, parser.line_sink = reader.wanted, self.event_line
        wants = (reader.literals, reader.hungry, reader.neutral) if reader is not None else ()
        FastReader(parser, self, *wants).read(source, ahead=ahead)
        self.take([])
        if reader is not None:
            self.events += reader.flush()

    def event_line(self, line: bytes, offset: int) -> None:
        """A line for the reader of events."""
        if self._reader is not None:
            self._event_lines.append(offset)
            self._reader.take(line, offset)

    def take(self, items: list[Item]) -> None:
        """What came next, in the order of the log."""
        if self._ends:
            items = [*self._ends_told(), *items]
        self._event_lines.clear()
        for item in items if self._reader is None else self._reader.ordered(items):
            if isinstance(item, Observation):
                if not isinstance(item, _Told):
                    self._metric(item.metric, item.name or item.metric).add(item.at, item.value)
                self.state.see(item)
            else:
                self.state.see(item)
                if isinstance(item, Event) and item.kind not in ("started", "attempt"):
                    self.events.append(item)

    def block(self, columns: Sequence[Column], items: list[Item]) -> None:
        """Columns of metrics, and what stood between their lines.

        Where nothing falls back, the ends of the columns decide for the run's state what all of them do.
        """
        for column in columns:
            self._metric(column.metric, column.name).extend(column.steps, column.values)
        if items or self._event_lines or not all(self._rises(column) for column in columns):
            picked = pivots(columns, self._ends, self.state, self._event_lines)
            self.take(sorted([*self._ends_told(), *self._told(columns, picked), *items], key=_OFFSET))
            return
        long = [column for column in columns if column.steps.size >= SEEN_OF_A_COLUMN]
        short = [column for column in columns if column.steps.size < SEEN_OF_A_COLUMN]
        if short:
            ends = self._ends_told() if any(column.metric in self._ends for column in short) else []
            held, self._ends = self._ends, {}
            self.take(sorted([*ends, *self._told(short, [np.ones(column.steps.size, bool) for column in short])], key=_OFFSET))
            self._ends = held
        self._ends.update({column.metric: column for column in long})

    def _told(self, columns: Sequence[Column], picked: Sequence[npt.NDArray[np.bool_]]) -> list[Item]:
        """The picked points of columns as objects."""
        told: list[Item] = []
        for column, which in zip(columns, picked, strict=True):
            points = zip(*(part[which].tolist() for part in (column.offsets, column.steps, column.values)), strict=True)
            told += [_Told(column.metric, value, step, None, column.name, offset) for offset, step, value in points]
        return told

    def _ends_told(self) -> list[Item]:
        """What was held back of the columns before."""
        ends, self._ends = list(self._ends.values()), {}
        picked = [np.arange(column.steps.size) >= column.steps.size - SEEN_OF_A_COLUMN for column in ends]
        return sorted(self._told(ends, picked), key=_OFFSET)

    def _rises(self, column: Column) -> bool:
        series = self.state.metric(column.metric)
        before = series.last_step if series is not None else None
        if column.metric in self._ends:
            before = float(self._ends[column.metric].steps[-1])
        return bool((np.diff(column.steps) >= 0).all()) and (before is None or before <= column.steps[0])

    @property
    def attempts(self) -> int:
        return self.state.attempt

    @property
    def requeues(self) -> int:
        """New starts by the scheduler's word; the steps may stand in another file of the run."""
        return sum(event.kind == "requeued" for event in self.events)

    def _metric(self, metric: str, name: str) -> MetricDigest:
        found = self.metrics.get(metric)
        if found is None:
            found = self.metrics[metric] = MetricDigest(name)
        return found


def summarise(
    run: str,
    files: Sequence[tuple[str, Readable]],
    catalogue: Catalogue,
    *,
    forced: str | None = None,
    events: Callable[[], LineReader] | None = None,
    ahead: bool = True,
) -> dict[str, Any]:
    """One entry of ``runs`` in ``scan --summary --json`` (contract, section 2): ``files`` are (path, the raw file).

    Several files of one run (``.out`` and ``.err``) are read one after another; a step that an earlier file has told counts once.
    ``ahead``: a thread may read ahead.
    """
    read: list[tuple[str, LogParser, Digest]] = []
    for path, source in files:
        parser, digest = LogParser(catalogue, forced=forced), Digest(events() if events is not None else None)
        for _, other, _ in read:
            parser.learn(other)
        digest.read(source, parser, ahead=ahead)
        read.append((path, parser, digest))
    digests = [digest for _, _, digest in read]
    formats = [parser.format for _, parser, _ in read if parser.format]
    named = [one for one in formats if one != "general"]
    reached = [digest.state.step for digest in digests if digest.state.step is not None]
    totals = [digest.state.total_steps for digest in digests if digest.state.total_steps is not None]
    document: dict[str, Any] = {
        "run": run, "paths": [path for path, _ in files], "format": next(iter(named or formats), None),
        "attempts": max((max(digest.attempts, 1 + digest.requeues) for digest in digests), default=1),
        "step": step_number(max(reached, default=None)), "total_steps": step_number(totals[-1] if totals else None),
        "metrics": _metrics([(parser, digest) for _, parser, digest in read]),
        "events": [event_row(event) for digest in digests for event in digest.events],
    }  # fmt: skip
    return dict(jsonable(document))


def _metrics(read: Sequence[tuple[LogParser, Digest]]) -> dict[str, Any]:
    """Each metric of the run; what one file tells in lines counts before what another shows on a bar."""
    made = {}
    for name in dict.fromkeys(name for _, digest in read for name in digest.metrics):
        having = [(parser, digest.metrics[name]) for parser, digest in read if name in digest.metrics]
        told = [metric for parser, metric in having if name not in parser.bar_only]
        made[name] = merged(told or [metric for _, metric in having])
    return made


def event_row(event: Event) -> dict[str, Any]:
    """An event as JSON: its kind, step, what it holds, and its bounded text."""
    return {"kind": event.kind, "step": step_number(event.step), **dict(event.fields), "text": event.text[:MAX_EVENT_TEXT]}


__all__ = ["Digest", "LineReader", "event_row", "summarise"]
