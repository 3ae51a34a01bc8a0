"""Folds the plain lines of one file into events. It never reads a clock or a file.

Two phases, since a parser hands on lines while it reads a chunk, and observations after it: ``take`` looks at a line by itself
(and knows from it whether it needs the next lines too), ``settle`` puts what was taken and the chunk's observations into order.

An error in a log is no crash yet: programs catch and print exceptions. What may have ended the run is held as a finding, and
dropped when training goes on for ``GOES_ON`` further steps. It is told when SLURM says that the job is over, or by ``flush``.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from operator import attrgetter
from typing import Any

from monitor.events.finding import EXIT, MAX_LINE, SLURM, Finding, replaces, same
from monitor.events.keys import KeyLists
from monitor.events.marks import Marks, shown
from monitor.events.noise import is_noise, literals
from monitor.events.places import Places
from monitor.events.prefix import Source
from monitor.events.slurm_lines import Word, slurm_word
from monitor.events.sought import Late
from monitor.events.tracebacks import NO_RANK, Tracebacks
from monitor.events.wording import Wording, wording_of
from rules.observation import Event, Item, Observation

GOES_ON = 3
"""Distinct later steps after which an error was no crash: other ranks may print one or two more while the run dies."""

MAX_BYTES = 8192

WANTED: tuple[bytes, ...] = literals("wanted.txt")
"""A plain line without any of these bytes says nothing to ``EventReader.feed``, unless the reader is ``hungry``."""

_RANK_INSIDE = Late(r"\[[Rr]ank ?(\d{1,6})\]")
_OFFSET = attrgetter("offset")


def in_order(items: list[Item], events: list[Event]) -> list[Item]:
    """Both in the order of the log; an event stands behind an item of the same line."""
    return list(merge(items, sorted(events, key=_OFFSET), key=_OFFSET)) if events else items


Fact = Word | Finding | Event | tuple[Source, Wording]
"""What one line says by itself; with its wording, where it only means something together with what the run has shown."""


class EventReader:
    """One file's events. Give it complete plain lines (ANSI taken off) in the order of the file."""

    def __init__(self) -> None:
        self._tracebacks = Tracebacks()
        self._keys = KeyLists()
        self._marks = Marks()
        self._taken: list[tuple[int, Fact]] = []
        self._finding: Finding | None = None
        self._told: str | None = None
        """Class of the crash that was told, until training goes on or a new attempt starts."""
        self._later_steps = 0
        self._last_step: float | None = None
        self._offset = 0
        self._first_offset: int | None = None
        """Where this attempt's first step stands."""
        self._lists_told: list[str] = []
        self._places = Places()

    @property
    def hungry(self) -> bool:
        """Whether the next plain lines are needed even without any literal of ``WANTED`` (inside a traceback or a list)."""
        return self._tracebacks.open or self._keys.open

    @property
    def told_crash(self) -> bool:
        """Whether a crash was told that further steps of the run, also in another file, would take back."""
        return self._told is not None

    def feed(self, line: bytes, offset: int, step: float | None) -> list[Event]:
        """Events that ``line`` (without its end) completes; ``step`` is the run's step where the line stands."""
        events = self.note_observation(step, offset)
        self.take(line, offset)
        return events + self.settle()

    def take(self, line: bytes, offset: int) -> None:
        """Look at a line; ``settle`` gives what came of it."""
        if self._tracebacks.open:
            self._tracebacks.count()
        if len(line) > MAX_BYTES:
            if is_noise(line):
                return
            line = line[: MAX_BYTES // 2] + line[-MAX_BYTES // 2 :]
        wording = wording_of(line)
        streams = self._tracebacks.streams
        if wording.silent and not self._keys.open and (not streams or (wording.of_no_rank and NO_RANK not in streams)):
            return
        if wording.noise:
            return
        source = wording.source(line)
        word = slurm_word(source.rest, offset, None) if wording.slurm else None
        if word is not None:
            self._taken.append((offset, word))
            if word.requeue:
                self._tracebacks = Tracebacks()
            return
        inside, finding = self._tracebacks.feed(source, offset, None)
        if finding is not None:
            self._taken.append((offset, finding))
        if inside and finding is None:
            return
        # torch puts the keys that did not fit into the message of its exception
        lists = self._keys.feed(source.rest, offset) if self._keys.open or wording.keys else []
        self._taken += [(offset, event) for event in lists]
        if not inside and not lists and not wording.mute:
            self._taken.append((offset, (source, wording)))

    @property
    def waiting(self) -> list[int] | None:
        """Where the lines stand that were taken and wait for the steps around them; None where no step matters, but the last."""
        if not self._taken and self._finding is None and self._told is None and not self._keys.open:
            return None
        return [offset for offset, _ in self._taken]

    @property
    def last_step(self) -> float | None:
        return self._last_step

    def settle(self, items: Sequence[Item] = ()) -> list[Event]:
        """Events of the lines taken since the last call, among the observations of ``items``, all in the order of the log."""
        if self.waiting is None:
            last = next((item for item in reversed(items) if isinstance(item, Observation)), None)
            return [] if last is None else self.note_observation(last.at, last.offset)
        return self.place([(item.offset, item.at) for item in items if isinstance(item, Observation)])

    def place(self, points: Sequence[tuple[int, float]]) -> list[Event]:
        """The same among (offset, step) of the points of the log since the last call."""
        taken, self._taken = self._taken, []
        events: list[Event] = []
        at = 0
        for offset, fact in taken:
            while at < len(points) and points[at][0] <= offset:
                events += self.note_observation(points[at][1], points[at][0])
                at += 1
            events += self._understand(fact, offset)
        for place, step in points[at:]:
            events += self.note_observation(step, place)
        return events

    def note_observation(self, step: float | None, offset: int | None = None) -> list[Event]:
        """Training showed a value at ``step``: after ``GOES_ON`` distinct further steps an error was no crash."""
        if step is None or step == self._last_step:
            return []
        self._last_step = step
        self._offset = self._offset if offset is None else offset
        if self._first_offset is None:
            self._first_offset = self._offset
        self._marks.moved()
        if self._finding is None and self._told is None:
            return []
        self._later_steps += 1
        if self._later_steps < GOES_ON:
            return []
        return self._recovered("training went on after {}")

    def flush(self) -> list[Event]:
        """What is held: call it at the end of the file and when the file has been silent for some seconds."""
        events = self.settle()
        for event in self._keys.flush():
            events += self._list(event)
        for event in self._marks.flush():
            event.offset = self._offset
            events.append(event)
        if self._finding is not None and not (self._marks.completed and self._finding.tier > SLURM):
            events += self._tell()
        return events

    def state(self) -> dict[str, Any]:
        """JSON-able and bounded; ``restore`` takes it back. What was taken must have been settled."""
        return {
            "tracebacks": self._tracebacks.state(),
            "keys": self._keys.state(),
            "marks": {**self._marks.state(), "members": hex(self._marks.members)},
            "finding": self._finding.as_json() if self._finding else None,
            "told": self._told,
            "later_steps": self._later_steps,
            "last_step": self._last_step,
            "offset": self._offset,
            "first_offset": self._first_offset,
            "lists_told": self._lists_told,
            "places": self._places.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        self._tracebacks.restore(state["tracebacks"])
        self._keys = KeyLists.restored(state["keys"])
        self._marks = Marks(**{**state["marks"], "members": int(state["marks"]["members"], 16)})
        self._finding = Finding(**state["finding"]) if state["finding"] else None
        self._told, self._later_steps, self._last_step = state["told"], state["later_steps"], state["last_step"]
        self._offset, self._first_offset = state["offset"], state["first_offset"]
        self._lists_told = list(state["lists_told"])
        self._places = Places(**state["places"])

    def _understand(self, fact: Fact, offset: int) -> list[Event]:
        self._offset = offset
        if isinstance(fact, Word):
            return self._slurm(fact, offset)
        if isinstance(fact, Finding):
            self._consider(fact)
            return []
        if isinstance(fact, Event):
            return self._list(fact)
        return self._plain(*fact, offset)

    def _plain(self, source: Source, wording: Wording, offset: int) -> list[Event]:
        rest, step = source.rest, self._last_step
        if source.rank is not None:
            self._places.put(source.rank, source.node)
        said = wording.plain(rest)
        if said is None:
            return []
        if said.placed:
            finding = self._places.feed(rest, offset, self._finding)
            if finding is not None and finding.tier != EXIT:
                self._consider(finding)
            return []
        if said.requeue:
            return self._requeued(rest, None, offset)
        events = self._marks.feed(rest, offset, step, said.mark) if said.mark is not None else []
        if any(event.kind == "started" for event in events):
            # What ended the life before this one no longer counts.
            self._lists_told, self._first_offset = [], None
            events = self._recovered("a new start after {}") + events
        elif self._finding is not None and self._finding.tier != SLURM and any(event.kind == "ended" for event in events):
            events = self._recovered("training ended well after {}") + events
        if not events and said.error is not None:
            inside = _RANK_INSIDE.search(rest) if source.rank is None else None
            rank = int(inside[1]) if inside else source.rank
            self._consider(Finding(*said.error, shown(rest, MAX_LINE), rank, source.node, offset))
        return events

    def _list(self, event: Event) -> list[Event]:
        """Keys that did not fit, unless another rank has said the same."""
        keys = event.fields.get("keys")
        mark = f"{event.kind} {event.fields.get('count')} {','.join(sorted(map(str, keys if isinstance(keys, list) else ())))[:400]}"
        if mark in self._lists_told:
            return []
        self._lists_told = [*self._lists_told[-31:], mark]
        # A list is only known to be over by what follows it, which may be the first step.
        event.step = None if self._first_offset is None or event.offset < self._first_offset else self._last_step
        return [event]

    def _consider(self, finding: Finding) -> None:
        if finding.tier > EXIT:
            return
        finding.step = self._last_step
        if finding.node is None and finding.rank is not None:
            finding.node = self._places.nodes.get(str(finding.rank))
        finding.line = shown(finding.line, MAX_LINE)
        held = self._finding
        if held is None or replaces(finding, held):
            if held is not None and held.crash == finding.crash and finding.node is None:
                finding.node = held.node
            self._finding, self._later_steps = finding, 0
            if self._told != finding.crash:
                self._told = None
        elif same(finding, held):
            held.copies += 1
            if not held.traceback and finding.traceback:
                held.traceback = finding.traceback

    def _slurm(self, word: Word, offset: int) -> list[Event]:
        if word.requeue:
            return self._requeued("the job was put back into the queue", word.node, offset)
        if word.finding is not None:
            self._consider(word.finding)
        if word.ends is None:
            return []
        how = {"how": word.ends, "node": word.node}
        line = word.finding.line if word.finding else word.ends
        return [*self._tell(), Event("ended", shown(line), self._last_step, offset, fields=how)]

    def _requeued(self, line: str, node: str | None, offset: int) -> list[Event]:
        self._finding = self._told = None
        return [Event("requeued", shown(line), self._last_step, offset, fields={"node": node})]

    def _recovered(self, text: str) -> list[Event]:
        told, self._told, self._finding = self._told, None, None
        return [] if told is None else [Event("recovered", text.format(told), self._last_step, self._offset, fields={"class": told})]

    def _tell(self) -> list[Event]:
        held = self._finding
        if held is None or self._told is not None:
            return []
        self._told = held.crash
        if held.node is None:
            held.node = self._places.node_of(held.rank)
        return [held.event()]
