"""The commands that read finished logs once: ``scan``, ``check`` and ``replay`` are this fold with three different ends.

Files of one run (``.out`` and ``.err``) are folded together in the order of their steps, since nobody knows in which order two
files were written. Nothing is kept and nothing is sent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge

from monitor.events import WANTED
from monitor.matcher import LineMatcher
from monitor.parse import Catalogue
from monitor.parse.clock import Silence
from monitor.pipeline import FileFold, set_clock
from monitor.tail.asked import runs_of
from monitor.tail.discover import STDIN, TailError
from monitor.tail.whole import read_whole
from rules.alert import Transition
from rules.engine import Engine
from rules.history import RunState
from rules.observation import Event, Item, Observation, Progress
from rules.passing import printed_at, silent

Seen = Callable[[RunState, str, Observation], None]


@dataclass(slots=True)
class Reading:
    """What came of reading: the runs in the order of their names, the transitions, and a line for each file that failed."""

    runs: dict[str, RunState] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    problems: list[TailError] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """One file of a run while it is read; ``format`` and ``problem`` are known when its items have been taken."""

    path: str
    fold: FileFold
    problem: TailError | None = None

    def items(self) -> Iterator[Item | Silence]:
        try:
            for data in read_whole(self.path):
                yield from self.fold.timed(self.fold.feed(bytes(data)))
        except TailError as wrong:
            self.problem = wrong
        yield from self.fold.timed(self.fold.flush())

    def keyed(self) -> Iterator[tuple[tuple[int, float], Item | Silence]]:
        """The items with what they are merged by: how often the step has fallen back, and the highest step so far.

        A file without steps (``.err``) that says that the training is complete says so after the last of them.
        """
        life, reached = 0, float("-inf")
        last: dict[str, float] = {}
        for item in self.items():
            if isinstance(item, Observation):
                if item.at < last.get(item.metric, float("-inf")):
                    life, reached = life + 1, item.at
                    last.clear()
                last[item.metric] = item.at
                reached = max(reached, item.at)
            elif isinstance(item, Event) and item.fields.get("how") == "completed" and not last:
                reached = float("inf")
            yield (life, reached), item


def read_runs(
    paths: Sequence[str], engine: Engine, catalogue: Catalogue, *, forced: str | None = None, seen: Seen | None = None,
    before: Callable[[RunState], None] = lambda _: None,
) -> Reading:  # fmt: skip
    """Fold every log that ``paths`` name. ``seen`` is called with each observation that counts, ``before`` with a run before its log."""
    reading = Reading()
    runs, problems = runs_of(paths)
    reading.problems += problems
    matcher = LineMatcher(engine.patterns, WANTED)
    for name, files in runs.items():
        run = RunState(name, list(files))
        before(run)
        written = {path: os.path.getmtime(path) for path in files if path != STDIN and os.path.exists(path)}
        sources = [Source(path, FileFold(name, catalogue, matcher, None, forced, written_s=written.get(path))) for path in files]
        _fold(run, sources, engine, reading, seen)
        reading.problems += [source.problem for source in sources if source.problem is not None]
        if all(source.problem is not None for source in sources):
            continue
        run.format = next((source.fold.parser.format for source in sources if source.fold.parser.format), None)
        _set_clock(run, [source for source in sources if source.fold.clock.known], max(written.values(), default=None))
        reading.runs[name] = run
    return reading


def _fold(run: RunState, sources: Sequence[Source], engine: Engine, reading: Reading, seen: Seen | None) -> None:
    labelled = _merged(sources) if len(sources) > 1 else ((sources[0].path, item) for item in sources[0].items())
    now = 0.0
    for path, item in labelled:
        if isinstance(item, Silence):
            reading.transitions += silent(engine, run, item.from_s, item.to_s, looked_at=len(sources) == 1)
            continue
        if item.time_s is not None:
            reading.transitions += printed_at(engine, run, item.time_s)
            now = run.last_line_s or item.time_s
        if not isinstance(item, Progress):
            item.source = run.paths.index(path)
        before = run.observations
        reading.transitions += engine.see(run, item, now)
        if seen is not None and run.observations != before and isinstance(item, Observation):
            seen(run, path, item)
    run.over()


def _set_clock(run: RunState, timed: Sequence[Source], written_s: float | None) -> None:
    """The log was last written at ``written_s`` (Unix s): for a log without times that is all that is known of its time."""
    if written_s is None:
        return
    if not timed:
        run.heard(written_s)
        return
    for source in timed:
        set_clock(run, source.fold.clock, written_s, whole_run=source is timed[0])


def _merged(sources: Sequence[Source]) -> Iterator[tuple[str, Item | Silence]]:
    streams = [((key, i, item) for key, item in source.keyed()) for i, source in enumerate(sources)]
    for _, i, item in merge(*streams, key=lambda entry: entry[0]):
        yield sources[i].path, item
