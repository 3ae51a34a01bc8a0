"""Milestones of a run's life that frameworks announce: a start, ranks, checkpoints read and written, the end."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from monitor.events.sought import Late, Sought
from rules.observation import Event

MAX_WORLD = 65_536

_MEMBER = Late(r"GLOBAL_RANK: (\d{1,6}), MEMBER: (\d{1,6})/(\d{1,6})")
_READY = Late(r"All distributed processes registered(?:\. Starting with (\d{1,6}) processes)?")


STARTED = (
    r"Setting OMP_NUM_THREADS environment variable for each process",
    r"[GHT]PU available: ",
    r"Using \d+bit Automatic Mixed Precision",
    r"[Ss]eed set to \d",
    r"using world size: \d",
    r"\bdist_world_size=\d",
    r"init_deepspeed_backend",
    r"\| distributed init \(rank 0\)",
    r"wandb: Run data is saved locally",
    r"\*\*\*\*\* Running training \*\*\*\*\*",
    r"Starting training from iteration",
    r"restart=\d+ node=",
)
_LOADED = (
    r"[Ll]oaded (?P<loaded>\d{1,7})/(?P<of>\d{1,7}) (?:keys|params|parameters|tensors|weights)\b(?:.{0,60}? from (?P<path>\S+))?",
    r"Restored all states from the checkpoint(?: file)? at (?P<path>\S+)",
    r"Loaded model weights from (?:the )?checkpoint at (?P<path>\S+)",
    r"(?P<path>)<All keys matched successfully>",
    r"(?:\[Checkpointer\] Loading|Restoring checkpoint) from:? (?P<path>\S+)",
    r"[Ll]oading (?:model )?(?:checkpoint|weights|pretrained(?: weights)?|state dict) from:? (?P<path>\S+)",
    r"=> (?:loaded|loading) (?:pretrained )?(?:checkpoint|model|weights) '?(?P<path>[^\s']+)",
    r"[Ll]oad(?:ing|ed) checkpoint:? '?(?P<path>/?[^\s']*[/.][^\s']*)",
    r"Pretrained weights found at (?P<path>\S+)",
    r"[Ll]oads checkpoint by \w+ backend from path: (?P<path>\S+)",
)
_RESUMED = (
    r"Restoring states from the checkpoint path at (?P<path>\S+)",
    r"(?P<path>)Continuing training from (?:checkpoint|epoch|global step)",
    r"(?P<path>)will skip to saved global_step",
    r"successfully loaded checkpoint(?: from)? (?P<path>\S+)(?:.{0,80}?iteration (?P<step>\d{1,12}))?",
    r"[Rr]esum(?:e|ed|ing) (?:training )?(?:from|at)(?: checkpoint:?| step:?| epoch:?| iteration:?)? "
    r"(?P<path>\S*[/\d=][^\s,;]*|\S+\.\w{2,12})(?:\s|$)",
    r"[Aa]uto[- ]?resum\w* from (?P<path>\S+)",
    r"[Rr]estor(?:ed|ing) (?:training )?from (?:step |checkpoint )?(?P<path>\S*[\d/]\S*)",
)
_WHAT = (
    r"(?<![\w.])(?<!# )[Ss]av(?:ing|ed) (?:(?:the|a|new|best|final|last|current|model|training|full) )*"
    r"(?:checkpoint|state|model|weights)s?\b(?! dict)"
)
_SAVED = (
    r"saving model to ['\"](?P<path>[^'\"]+)",
    r"successfully saved checkpoint at iteration +\d+ to (?P<path>\S+)",
    r"[Bb]est model saved (?:at|to) (?P<path>\S+)",
    r"[Cc]heckpoint (?:was |is )?saved (?:at|to|in|as) (?P<path>\S+)",
    r"\[Torch\] Saved (?P<path>\S+)",
    r"[Cc]onfiguration saved in (?P<path>\S*checkpoint-\d+)",
    _WHAT + r"[^'\"]{0,60}?['\"](?P<path>[^'\"]+)",
    _WHAT + r".{0,60}?\b(?:to|at|in|into|as|path)\b:?(?: +path)? +(?!step|epoch|iter|global)(?P<path>\S+)",
    _WHAT + r":? (?P<path>(?:[A-Za-z]:)?[./\\]\S+)",
    _WHAT + r"(?P<path>)(?: at (?:global )?(?:step|epoch|iteration)\b| ?\.\.\.|$)",
)
_COMPLETED = (
    r"Trainer(?:\.fit)?`? stopped: `?max_(?:epochs|steps|time)",
    r"Training completed\. Do not forget to share your model",
    r"^(?!.{0,200}\b(?:[Aa]fter|[Oo]nce|[Uu]ntil|[Ww]hen|[Ii]f|[Bb]efore) (?:the )?[Tt]raining)[\W\d:,.TZ-]{0,40}(?:\S{1,40} ){0,6}?"
    r"(?:[Tt]raining|TRAINING) (?:is |has )?(?:completed?|COMPLETED?|finished|FINISHED|done|DONE)\b",
    r"done with training",
    r"exiting program at iteration \d+",
    r"Total training time:? \d",
)


_START = Sought(("started", pattern) for pattern in STARTED)
_KINDS = Sought(
    (kind, pattern)
    for kind, patterns in (("resumed", _RESUMED), ("checkpoint_loaded", _LOADED), ("checkpoint_saved", _SAVED), ("ended", _COMPLETED))
    for pattern in patterns
)


class Mark(NamedTuple):
    """Which mark a line is: a ``start``, and the first other kind with its pattern. It does not depend on what was before."""

    start: bool
    kind: str
    pattern: Late | None


def mark_of(line: str) -> Mark | None:
    """The mark that a line is; None for a line that is none."""
    for name, one in (("member", _MEMBER), ("ranks_ready", _READY)):
        if one.search(line):
            return Mark(start=False, kind=name, pattern=one)
    start = _START.first(line) is not None
    kind, pattern = _KINDS.first(line) or ("", None)
    return Mark(start, kind, pattern) if start or kind else None


@dataclass(slots=True)
class Marks:
    """Pure fold. ``members`` is a bit set of the ranks that have announced themselves."""

    members: int = 0
    world: int = 0
    told_members: int = 0
    started: bool = False
    """A start was told and no step has been seen since: further banners of the same start are not told again."""
    saved_at: str | None = None
    completed: bool = False

    def feed(self, line: str, offset: int, step: float | None, mark: Mark | None = None) -> list[Event]:
        """``mark`` is what ``mark_of`` says of the line, where that is known."""
        mark = mark or mark_of(line)
        if mark is None or (mark.kind == "checkpoint_saved" and not mark.start and step is not None and f"{step}" == self.saved_at):
            return []
        found = mark.pattern.search(line) if mark.pattern is not None else None
        events = self._start(line, offset) if mark.start else []
        if found is None:
            return events
        if mark.kind == "member":
            return self._member(found, line, offset)
        if mark.kind == "ranks_ready":
            return self._ready(found, offset)
        if mark.kind == "checkpoint_saved":
            events += self._save(found, line, offset, step)
        elif mark.kind != "ended":
            events.append(Event(mark.kind, shown(line), step, offset, fields=_fields(mark.kind, found)))
        elif not self.completed:
            self.completed = True
            events.append(Event("ended", shown(line), step, offset, fields={"how": "completed"}))
        return events

    def flush(self) -> list[Event]:
        """While the log is silent: which ranks are missing."""
        joined = self.members.bit_count()
        if not joined or joined == self.told_members or joined >= self.world:
            return []
        self.told_members = joined
        missing = ranges([rank for rank in range(self.world) if not self.members >> rank & 1])
        text = f"{joined} of {self.world} ranks have joined, missing: {missing}"
        return [Event("rank_member", text[:300], fields={"joined": joined, "world": self.world, "missing": missing})]

    def moved(self) -> None:
        """A step was seen: the next banner is a new start."""
        self.started = self.completed = False
        self.members = self.told_members = 0

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def _member(self, found: re.Match[str], line: str, offset: int) -> list[Event]:
        rank, world = int(found[1]), min(int(found[3]), MAX_WORLD)
        self.world = world
        if rank < world:
            self.members |= 1 << rank
        return self._start(line, offset)

    def _ready(self, found: re.Match[str], offset: int) -> list[Event]:
        world = int(found[1]) if found[1] else self.world
        self.told_members = self.members = 0
        return [Event("ranks_ready", found[0], None, offset, fields={"world": world})]

    def _start(self, line: str, offset: int) -> list[Event]:
        if self.started:
            return []
        self.started, self.completed = True, False
        return [Event("started", shown(line), None, offset)]

    def _save(self, found: re.Match[str], line: str, offset: int, step: float | None) -> list[Event]:
        """Once a step; where the log has no step, once a directory or name."""
        path = _path(found)
        at = f"{step}" if step is not None else (path or "").rpartition("/")[0]
        if at == self.saved_at:
            return []
        self.saved_at = at
        return [Event("checkpoint_saved", shown(line), step, offset, fields={"path": path})]


def shown(line: str, limit: int = 300) -> str:
    """A line as it may be shown: without control characters, at most ``limit`` characters."""
    text = line[:limit]
    return (text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)).strip()


def ranges(numbers: list[int], limit: int = 12) -> str:
    """``0-3,7,9-255``: at most ``limit`` ranges, then ``...``."""
    parts: list[str] = []
    start = previous = None
    for number in [*numbers, None]:
        if start is not None and previous is not None and number != previous + 1:
            parts.append(f"{start}" if start == previous else f"{start}-{previous}")
            start = number
        elif start is None:
            start = number
        previous = number
    return ",".join(parts[:limit]) + (",..." if len(parts) > limit else "")


def _fields(kind: str, found: re.Match[str]) -> dict[str, object]:
    counts, fields = found.groupdict(), {"path": _path(found)}
    if kind == "resumed":
        return {**fields, "from_step": float(step) if (step := counts.get("step")) else None}
    return {**fields, "loaded": int(counts["loaded"]), "of": int(counts["of"])} if counts.get("loaded") else {**fields}


def _path(found: re.Match[str]) -> str | None:
    path = found.groupdict().get("path")
    return path.rstrip(".,;)'\"")[:300] if path else None
