"""Folds the plain lines of one file into events. It never reads a clock or a file, and never holds back what SLURM said.

An error in a log is no crash yet: programs catch and print exceptions. What may have ended the run is held as a finding, and
dropped when training goes on for ``GOES_ON`` further steps. It is told when SLURM says that the job is over, or by ``flush``.
"""

from __future__ import annotations

import re
from typing import Any

from monitor.events.finding import AFTER, CAUSE, EXIT, MAX_LINE, SLURM, Finding, replaces, same
from monitor.events.keys import KeyLists
from monitor.events.marks import Marks, shown
from monitor.events.noise import is_noise, literals
from monitor.events.prefix import Source, split_prefix
from monitor.events.signatures import bare
from monitor.events.slurm_lines import Word, slurm_word
from monitor.events.tracebacks import Tracebacks
from rules.observation import Event

GOES_ON = 3
"""Distinct later steps after which an error was no crash: other ranks may print one or two more while the run dies."""

MAX_BYTES = 8192
MAX_NODES = 4096

WANTED: tuple[bytes, ...] = literals("wanted.txt")
"""A plain line without any of these bytes says nothing to ``EventReader.feed``, unless the reader is ``hungry``."""

_NODE_OF_RANK = re.compile(r"^(?P<node>[\w.-]{1,80}):\d+:\d+ \[\d+\] NCCL INFO .{0,120}\brank (?P<rank>\d{1,6}) nranks")
_ELASTIC = re.compile(r"^\s+(?P<key>host|rank|exitcode) {1,6}: (?P<value>[\w.-]{1,80})")
_SIGNALS = {
    "-9": ("oom_killer", AFTER),
    "-11": ("segfault", CAUSE),
    "-7": ("segfault", CAUSE),
    "-8": ("div_zero", CAUSE),
    "-6": ("runtime_error", EXIT),
}
_CODE = re.compile(
    r"^\s*(?:#|//|\"\"\"|raise |print\(|def |class |import |from |if |except|assert |return |logger\.|warnings?\.)|Warning: |^\s*[+] "
)
_USAGE = re.compile(r"^[\w./-]{1,80}: error: (?:unrecognized arguments|the following arguments are required|argument \S+)")
_REQUEUE = re.compile(r"handling auto-requeue signal|[Rr]equeue?(?:d|ing) (?:SLURM )?job")


class EventReader:
    """One file's events. Feed complete plain lines (ANSI taken off) in the order of the file."""

    def __init__(self) -> None:
        self._tracebacks = Tracebacks()
        self._keys = KeyLists()
        self._marks = Marks()
        self._finding: Finding | None = None
        self._told: str | None = None
        """Class of the crash that was told, until training goes on or a new attempt starts."""
        self._later_steps = 0
        self._last_step: float | None = None
        self._nodes: dict[str, str] = {}
        self._elastic: dict[str, str] = {}
        self._hosts: list[str] = []

    @property
    def hungry(self) -> bool:
        """Whether the next plain lines are needed even without any literal of ``WANTED`` (inside a traceback or a list)."""
        return self._tracebacks.open or self._keys.open

    def feed(self, line: bytes, offset: int, step: float | None) -> list[Event]:
        """Events that ``line`` (without its end) completes; ``step`` is the run's step where the line stands."""
        events = self.note_observation(step) if step is not None and step != self._last_step else []
        if is_noise(line):
            return events
        if len(line) > MAX_BYTES:
            line = line[: MAX_BYTES // 2] + line[-MAX_BYTES // 2 :]
        source = split_prefix(line.decode("utf-8", "replace"))
        if source.node and source.rank is not None:
            self._place(source.rank, source.node)
        word = slurm_word(source.rest, offset, step)
        if word is not None:
            return events + self._slurm(word, offset, step)
        inside, finding = self._tracebacks.feed(source, offset, step)
        if finding is not None:
            self._consider(finding)
        if inside:
            # torch puts the keys into the message of its exception
            return events + (self._keys.feed(source.rest, offset, step) if finding is not None else [])
        return events + self._plain(source, offset, step)

    def note_observation(self, step: float | None, count: int = 1) -> list[Event]:
        """Training showed ``count`` further values, the last at ``step``: after ``GOES_ON`` steps an error was no crash."""
        if step is None or step == self._last_step:
            return []
        self._last_step = step
        self._marks.moved()
        if self._finding is None and self._told is None:
            return []
        self._later_steps += count
        if self._later_steps < GOES_ON:
            return []
        told, self._told, self._finding = self._told, None, None
        return [] if told is None else [Event("recovered", f"training went on after {told}", step, fields={"class": told})]

    def flush(self) -> list[Event]:
        """What is held: call it at the end of the file and when the file has been silent for some seconds."""
        events = self._keys.flush(self._last_step) + self._marks.flush()
        if self._finding is not None and not (self._marks.completed and self._finding.tier >= SLURM + 1):
            events += self._tell()
        return events

    def state(self) -> dict[str, Any]:
        """JSON-able and bounded; ``restore`` takes it back."""
        return {
            "tracebacks": self._tracebacks.state(),
            "keys": self._keys.state(),
            "marks": {**self._marks.state(), "members": hex(self._marks.members)},
            "finding": self._finding.as_json() if self._finding else None,
            "told": self._told,
            "later_steps": self._later_steps,
            "last_step": self._last_step,
            "nodes": self._nodes,
            "elastic": self._elastic,
            "hosts": self._hosts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        self._tracebacks.restore(state["tracebacks"])
        self._keys = KeyLists.restored(state["keys"])
        self._marks = Marks(**{**state["marks"], "members": int(state["marks"]["members"], 16)})
        self._finding = Finding(**state["finding"]) if state["finding"] else None
        self._told, self._later_steps, self._last_step = state["told"], state["later_steps"], state["last_step"]
        self._nodes, self._elastic = dict(state["nodes"]), dict(state["elastic"])
        self._hosts = list(state["hosts"])

    def _plain(self, source: Source, offset: int, step: float | None) -> list[Event]:
        rest = source.rest
        if self._elastic_line(rest, offset, step):
            return []
        placed = _NODE_OF_RANK.match(rest)
        if placed:
            self._place(int(placed["rank"]), placed["node"])
            return []
        if _REQUEUE.search(rest):
            return self._requeued(rest, None, offset, step)
        events = self._keys.feed(rest, offset, step) + self._marks.feed(rest, offset, step)
        if any(event.kind == "started" for event in events):
            events = self._new_start() + events
        if not events and not rest.startswith((" ", "\t")) and not _CODE.search(rest):
            found = bare(rest) or (("runtime_error", EXIT) if _USAGE.search(rest) else None)
            if found:
                self._consider(Finding(found[0], found[1], shown(rest, MAX_LINE), source.rank, source.node, offset, step))
        return events

    def _consider(self, finding: Finding) -> None:
        if finding.tier > EXIT:
            return
        if finding.node is None and finding.rank is not None:
            finding.node = self._nodes.get(str(finding.rank))
        finding.line = shown(finding.line, MAX_LINE)
        held = self._finding
        if held is None or replaces(finding, held):
            if held is not None and held.crash == finding.crash and finding.node is None:
                finding.node = held.node
            self._finding, self._later_steps = finding, 0
            if self._told == finding.crash:
                return
            self._told = None
        elif same(finding, held):
            held.copies += 1
            if not held.traceback and finding.traceback:
                held.traceback = finding.traceback

    def _slurm(self, word: Word, offset: int, step: float | None) -> list[Event]:
        if word.requeue:
            return self._requeued("the job was put back into the queue", word.node, offset, step)
        if word.finding is not None:
            self._consider(word.finding)
        if word.ends is None:
            return []
        how = {"how": word.ends, "node": word.node}
        line = word.finding.line if word.finding else word.ends
        return [*self._tell(), Event("ended", shown(line), step, offset, fields=how)]

    def _requeued(self, line: str, node: str | None, offset: int, step: float | None) -> list[Event]:
        self._finding = self._told = None
        self._tracebacks = Tracebacks()
        return [Event("requeued", shown(line), step, offset, fields={"node": node})]

    def _new_start(self) -> list[Event]:
        """A new life of the run in the same file: what ended the one before it no longer counts."""
        self._keys.told = []
        if self._finding is None and self._told is None:
            return []
        told, self._told, self._finding = self._told, None, None
        return [] if told is None else [Event("recovered", f"a new start after {told}", self._last_step, fields={"class": told})]

    def _tell(self) -> list[Event]:
        held = self._finding
        if held is None or self._told is not None:
            return []
        self._told = held.crash
        if held.node is None:
            held.node = self._nodes.get(str(held.rank)) or (self._hosts[0] if len(self._hosts) == 1 else None)
        return [held.event()]

    def _elastic_line(self, rest: str, offset: int, step: float | None) -> bool:
        """The block of torchrun's ChildFailedError: host and rank of a failure, then its exit code (a signal is negative)."""
        found = _ELASTIC.match(rest)
        if not found:
            return False
        key, value = found["key"], found["value"]
        self._elastic[key] = value
        if key == "host":
            self._hosts = sorted({*self._hosts, value})[:2]
        elif key == "rank" and value.isdigit():
            self._place(int(value), self._elastic.get("host", ""))
            held = self._finding
            if held is not None and held.rank is None and held.copies == 1:
                held.rank = int(value)
        elif value in _SIGNALS:
            crash, tier = _SIGNALS[value]
            rank, host = self._elastic.get("rank", ""), self._elastic.get("host")
            self._consider(Finding(crash, tier, shown(rest), int(rank) if rank.isdigit() else None, host, offset, step))
        return True

    def _place(self, rank: int, node: str) -> None:
        if node and len(self._nodes) < MAX_NODES:
            self._nodes.setdefault(str(rank), node)
