"""Which rank runs on which node, as the log tells it: NCCL's own lines, prefixes, and the block of torchrun's ChildFailedError."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.events.finding import CAUSE, EXIT, MAX_LINE, Finding
from monitor.events.marks import shown
from monitor.events.sought import Late

MAX_NODES = 4096
SIGNALS = {
    "-9": ("oom_killer", CAUSE),
    "-11": ("segfault", CAUSE),
    "-7": ("segfault", CAUSE),
    "-8": ("div_zero", CAUSE),
    "-6": ("runtime_error", EXIT),
}
"""Exit code of a worker that a signal ended -> class and tier."""

_NODE_OF_RANK = Late(r"^(?P<node>[\w.-]{1,80}):\d+:\d+ \[\d+\] NCCL INFO .{0,120}\brank (?P<rank>\d{1,6}) nranks")
_WORKER_FAILED = Late(r"failed \(exitcode: (?P<code>-?\d{1,4})\) local_rank: (?P<rank>\d{1,6})")
_ELASTIC = Late(r"^\s+(?P<key>host|rank|exitcode) {1,6}: (?P<value>[\w.-]{1,80})")


def places_something(line: str) -> bool:
    """Whether ``Places.feed`` makes anything of a line."""
    if " NCCL INFO " in line or _ELASTIC.match(line) is not None:
        return True
    return "failed (exitcode" in line and _WORKER_FAILED.search(line) is not None


@dataclass(slots=True)
class Places:
    """Pure fold. ``block`` holds the last host and rank of torchrun's block, ``hosts`` at most two different hosts."""

    nodes: dict[str, str] = field(default_factory=dict)
    block: dict[str, str] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)

    def put(self, rank: int, node: str | None) -> None:
        if node and len(self.nodes) < MAX_NODES:
            self.nodes.setdefault(str(rank), node)

    def node_of(self, rank: int | None) -> str | None:
        """The node of a rank; where that is not known and only one host was named, that one."""
        return self.nodes.get(str(rank)) or (self.hosts[0] if len(self.hosts) == 1 else None)

    def feed(self, line: str, offset: int, held: Finding | None) -> Finding | None:
        """Take a line that says where something runs or how it ended; the finding that follows from it.

        A ``held`` finding without a rank is given the one of torchrun's block.
        """
        if " NCCL INFO " in line:
            placed = _NODE_OF_RANK.match(line)
            if placed:
                self.put(int(placed["rank"]), placed["node"])
            return None
        failed = _WORKER_FAILED.search(line) if "failed (exitcode" in line else None
        if failed:
            return _ended(failed["code"], line[failed.start() :], failed["rank"], None, offset)
        found = _ELASTIC.match(line)
        if not found:
            return None
        key, value = found["key"], found["value"]
        self.block[key] = value
        if key == "host":
            self.hosts = sorted({*self.hosts, value})[:2]
        elif key == "rank" and value.isdigit():
            self.put(int(value), self.block.get("host"))
            if held is not None and held.rank is None and held.copies == 1:
                held.rank = int(value)
        elif key == "exitcode":
            return _ended(value, line, self.block.get("rank", ""), self.block.get("host"), offset)
        return None

    def state(self) -> dict[str, Any]:
        return asdict(self)


def _ended(code: str, line: str, rank: str, host: str | None, offset: int) -> Finding | None:
    if code not in SIGNALS:
        return None
    crash, tier = SIGNALS[code]
    return Finding(crash, tier, shown(line, MAX_LINE), int(rank) if rank.isdigit() else None, host, offset)
