"""The digest of a run: what `scan --summary` prints of each metric, without keeping an object for each observation.

``summarise`` reads the files of one run, each with a parser of its own, and folds them into one document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from monitor.attempts import Attempts
from monitor.digest import MetricDigest, merged
from monitor.events import in_order
from monitor.lanes import on_the_same_lines
from monitor.moments import moments
from monitor.parse.blockreader import Column
from monitor.parse.buffer import Readable
from monitor.parse.catalogue import Catalogue
from monitor.parse.fast import FastReader
from monitor.parse.parser import LogParser, Wanted
from rules.history import RunState
from rules.jsonable import jsonable, step_number
from rules.observation import Event, Item, Observation

MAX_EVENT_TEXT = 400
UNTOLD = frozenset({"started", "attempt"})
"""Kinds of event that the digest leaves out: they say where attempts begin."""


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

    def waiting(self) -> Sequence[int] | None:
        """Where the lines stand that were taken and wait for the steps around them; None where no step matters."""
        ...

    def step(self) -> float | None:
        """The last step that it was told of."""
        ...

    def place(self, points: Sequence[tuple[int, float]]) -> list[Event]:
        """The events of the lines that were taken, among (offset, step) of the points since, all in the order of the log."""
        ...

    def flush(self) -> Sequence[Event]: ...


class Digest:
    """One file's observations, folded into a digest a metric; its events; and how many attempts it shows."""

    def __init__(self, reader: LineReader | None = None) -> None:
        self.metrics: dict[str, MetricDigest] = {}
        self.events: list[Event] = []
        self.state = RunState("")
        self._attempts = Attempts(self.state)
        self._reader = reader

    def read(self, source: Readable, parser: LogParser, *, ahead: bool) -> None:
        """Fold a whole file. Raises what reading it raises."""
        reader = self._reader
        if reader is not None:
            parser.wanted, parser.line_sink = reader.wanted, reader.take
        wants = (reader.literals, reader.hungry, reader.neutral) if reader is not None else ()
        FastReader(parser, self, *wants).read(source, ahead=ahead)
        self.close()

    def take(self, items: list[Item]) -> None:
        """What came next as objects, in the order of the log."""
        seen = [item for item in items if isinstance(item, Observation)]
        for item in seen:
            self._metric(item.metric, item.name or item.metric).add(item.at, item.value)
        events = self._reader.place([(item.offset, item.at) for item in seen]) if self._reader is not None else []
        self._attempts.take(self._with(events, items))

    def block(self, columns: Sequence[Column], items: list[Item]) -> None:
        """Columns of metrics, and what stood between their lines."""
        for column in columns:
            self._metric(column.metric, column.name).extend(column.steps, column.values)
        groups = on_the_same_lines(columns)
        events = self._events([group[0] for group in groups]) if self._reader is not None else []
        self._attempts.block(groups, self._with(events, items))

    def close(self) -> None:
        """The end of the file."""
        self._attempts.close()
        if self._reader is not None:
            self.events += self._reader.flush()

    def _events(self, columns: Sequence[Column]) -> list[Event]:
        """What came of the lines that the reader of events has taken in a block."""
        reader = self._reader
        if reader is None:
            return []
        lines = reader.waiting()
        if lines is not None:
            return reader.place(moments(columns, lines, reader.step()))
        last = max(columns, key=lambda column: int(column.offsets[-1]), default=None)
        return [] if last is None else reader.place([(int(last.offsets[-1]), float(last.steps[-1]))])

    def _with(self, events: list[Event], items: list[Item]) -> list[Item]:
        """``items`` of a block with the events of its lines, in the order of the log."""
        made = in_order(items, events)
        self.events += [item for item in made if isinstance(item, Event) and item.kind not in UNTOLD]
        return made

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
