"""``scan --summary``: a digest of each run, without an object for each observation."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monitor.commands.inputs import USAGE, fail, report_problems, say, say_json, the_formats
from monitor.events import WANTED, EventReader, says_nothing
from monitor.matcher import LineMatcher
from monitor.parse.parser import Wanted
from monitor.summary import summarise
from monitor.tail.asked import runs_of
from monitor.tail.discover import STDIN, TailError
from monitor.tail.whole import WholeFile
from monitor.workers import WorkerDied, results, workers_for
from rules.jsonable import step_number
from rules.observation import Event

SCHEMA_VERSION = 1


class EventLines:
    """The event reader as the digest wants it."""

    def __init__(self, matcher: LineMatcher) -> None:
        self._reader = EventReader()
        self._matcher = matcher
        self.wanted: Wanted | None = self
        self.literals: Sequence[bytes] = WANTED
        self.take = self._reader.take

    def hungry(self) -> object:
        return self._reader.hungry

    def search(self, line: bytes) -> object:
        return self._reader.hungry or (self._matcher.interesting is not None and self._matcher.interesting.search(line))

    def neutral(self, line: bytes) -> bool:
        return says_nothing(line)

    def waiting(self) -> Sequence[int] | None:
        return self._reader.waiting

    def step(self) -> float | None:
        return self._reader.last_step

    def place(self, points: Sequence[tuple[int, float]]) -> list[Event]:
        return self._reader.place(points)

    def flush(self) -> Sequence[Event]:
        return self._reader.flush()


def summary(paths: Sequence[str], *, json: bool, formats: Sequence[Path], forced: str | None = None) -> int:
    """0 where something was read, 4 where no observation was found, 2 where no file could be read."""
    catalogue = the_formats(formats, forced)
    runs, problems = runs_of(paths)
    matcher = LineMatcher({}, WANTED)
    named = list(runs.items())
    sizes = [_bytes(files) for _, files in named]
    alone = workers_for(sizes) == 1

    def read(at: int) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
        run, files = named[at]
        failed: list[TailError] = []
        with contextlib.ExitStack() as opened:
            sources = [(path, opened.enter_context(contextlib.closing(_Opened(path, failed)))) for path in files]
            document = summarise(run, sources, catalogue, forced=forced, events=lambda: EventLines(matcher), ahead=alone)
        return document, [(wrong.path, wrong.problem, wrong.advice) for wrong in failed]

    documents = []
    try:
        for (_, files), (document, failed) in zip(named, results(read, sizes), strict=True):
            problems += [TailError(*wrong) for wrong in failed]
            if len(failed) < len(files):
                documents.append(document)
    except WorkerDied as died:
        fail(died)
    unread = report_problems(problems)
    if json:
        say_json({"schema_version": SCHEMA_VERSION, "runs": documents})
    else:
        for document in documents:
            _print(document)
    if any(document["metrics"] for document in documents):
        return 0
    return USAGE if unread and not documents else 4


def _bytes(files: Sequence[str]) -> int:
    """How large files are together; 0 for what cannot be asked, which is read all the same."""
    size = 0
    for path in files:
        with contextlib.suppress(OSError):
            size += os.stat(path).st_size if path != STDIN else 0
    return size


class _Opened:
    """A file that is opened when it is first read; what is wrong with it is kept, and it then ends there."""

    def __init__(self, path: str, failed: list[TailError]) -> None:
        self._path, self._failed = path, failed
        self._file: WholeFile | None = None
        self._refused = False

    def readinto(self, buffer: memoryview) -> int:
        if self._refused:
            return 0
        try:
            self._file = self._file or WholeFile(self._path)
            return self._file.readinto(buffer)
        except TailError as wrong:
            self._failed.append(wrong.with_traceback(None))  # its frames would hold on to the buffer
            self._refused = True
            return 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _print(document: dict[str, Any]) -> None:
    total = f" of {document['total_steps']}" if document["total_steps"] is not None else ""
    attempts = f", {document['attempts']} attempts" if document["attempts"] > 1 else ""
    step = document["step"] if document["step"] is not None else "-"
    say(f"{document['run']}  {document['format'] or 'no format'}  step {step}{total}{attempts}")
    width = max((len(name) for name in document["metrics"]), default=0)
    for name, metric in document["metrics"].items():
        pairs = "  ".join(f"{key} {_pair(metric[key])}" for key in ("first", "last", "min") if metric.get(key))
        own = f"  ({metric['name']})" if metric["name"] != name else ""
        say(f"  {name.ljust(width)}  {metric['count']:>7} steps  {pairs}{own}")
    for event in document["events"]:
        say(f"  {event['kind']}  {event.get('text', '')}")


def _pair(pair: Sequence[Any]) -> str:
    step, value = pair
    shown = f"{value:.5g}" if isinstance(value, (int, float)) else value
    return f"{shown} at {step_number(step)}"
