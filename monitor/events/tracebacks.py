"""Puts Python tracebacks together over lines, also when many ranks print theirs at once.

Ranks that prefix their lines have a stream each. Without a prefix, lines of many tracebacks mix: then only their number is
known, and each exception's line closes one. A traceback whose end never comes is given up after ``STRAY_LINES`` other lines of its
rank, and all are after ``OTHER_LINES`` of ranks that are in none: killed ranks print nothing more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.events.finding import CAUSE, EXIT, MAX_LINE, MAX_TRACEBACK_LINES, Finding
from monitor.events.prefix import Source
from monitor.events.signatures import classify
from monitor.events.sought import Late

HEADER = "Traceback (most recent call last)"
STRAY_LINES = 200
OTHER_LINES = 2000
MAX_STREAMS = 512
NO_RANK = "-"
"""The stream of the lines that do not say whose they are."""

_SUFFIX = r"(?:Error|Exception|Interrupt|Exit|Failure|Fault|Timeout|Warning|Invalid|Abort|NotFound|Denied|Expired|Quit)"
_NAMES = r"(?:StopIteration|GeneratorExit|SystemExit|Empty|Full|NaNLoss)"
_EXCEPTION = Late(rf"(?:[A-Za-z_]\w*\.){{0,12}}(?:[A-Za-z_]\w*{_SUFFIX}\w*|{_NAMES})(?:\([\w., ]{{0,80}}\))?(?::(?: |$).*|\s*$)")
_DOTTED = Late(r"(?:[a-z_]\w*\.){1,12}[A-Z]\w*(?::(?: |$).*|\s*$)")
_GLUED = Late(r"(?:^|[\s)])((?:[A-Za-z_]\w*\.){0,12}[A-Z]\w*(?:Error|Exception): .*)|(KeyboardInterrupt)")
_CHAIN = (
    "During handling of the above exception",
    "The above exception was the direct cause",
    "Original Traceback (most recent call last)",
)
_THREAD = Late(r"Exception in thread |Exception ignored in|--- Logging error ---|^Exception in ")
_BODY = (" ", "\t", 'File "', "│", "╭", "╰", "┃", "|")


def begins(rest: str) -> bool:
    """Whether a traceback begins with this line, or one that need not matter is announced."""
    return HEADER in rest or _harmless(rest)


def _harmless(rest: str) -> bool:
    """Whether an exception is announced that does not end the program."""
    return ("xception" in rest or "Logging" in rest) and _THREAD.search(rest) is not None


@dataclass(slots=True)
class Stream:
    """What one rank's lines have shown. ``opened`` tracebacks wait for the line of their exception."""

    opened: int = 0
    strays: int = 0
    lines: list[str] = field(default_factory=list)
    offset: int = 0
    after_body: bool = False
    chained: bool = False
    harmless: bool = False
    """Announced as an exception in a thread or a finalizer: the program goes on after it."""
    closed: bool = False
    """The line before was an exception's: its message or a chained traceback may follow."""


class Tracebacks:
    """A pure fold over lines that have lost their prefix."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self._opened: set[str] = set()
        """The streams in which a traceback is read, or its end was: what follows may belong to it."""
        self._others = 0
        """Lines since the last one of any of them."""

    @property
    def open(self) -> bool:
        """Whether a traceback is being read, so that lines without any literal must be handed in too."""
        return bool(self._opened)

    def count(self) -> None:
        """One more line has come while a traceback is ``open``."""
        self._others += 1
        if self._others > OTHER_LINES:
            for key in sorted(self._opened):
                self._forget(key)

    def feed(self, source: Source, offset: int, step: float | None) -> tuple[bool, Finding | None]:
        """Whether the line belongs to a traceback, and the finding where it closed one."""
        key = NO_RANK if source.rank is None else str(source.rank)
        rest, stream = source.rest, self.streams.get(key)
        if key in self._opened:
            self._others = 0
        if HEADER in rest:
            self._open(key, stream, rest, offset)
            return True, None
        if stream is None:
            if _harmless(rest):
                self._stream(key).harmless = True
                return True, None
            return False, None
        if not stream.opened:
            return self._after(key, stream, rest), None
        if rest.startswith(_BODY) or not rest.strip():
            return self._body(stream, rest, source, step)
        return self._close(key, stream, source, step)

    def _stream(self, key: str) -> Stream:
        if key not in self.streams:
            if len(self.streams) >= MAX_STREAMS:
                self._forget(next(iter(self.streams)))
            self.streams[key] = Stream()
        return self.streams[key]

    def _forget(self, key: str) -> None:
        del self.streams[key]
        self._opened.discard(key)

    def _open(self, key: str, stream: Stream | None, rest: str, offset: int) -> None:
        fresh = stream is None or (not stream.opened and not stream.chained)
        chained = stream is not None and (stream.chained or rest.startswith("Original"))
        harmless = stream is not None and stream.harmless
        stream = self._stream(key)
        self._opened.add(key)
        self._others = 0
        stream.opened += 1
        stream.closed, stream.strays, stream.chained, stream.harmless = False, 0, chained, harmless
        if fresh:
            stream.lines, stream.offset = [], offset
        stream.lines.append(rest[:MAX_LINE])

    def _after(self, key: str, stream: Stream, rest: str) -> bool:
        """A line after an exception's: part of its message, a chain phrase, or nothing of ours."""
        if rest.startswith(_CHAIN):
            stream.chained = True
            return True
        stream.strays += 1
        if stream.chained or not rest.strip():
            if stream.strays < 5:
                return True
        elif _harmless(rest):
            stream.harmless = True
            return True
        if stream.strays > 20 or not stream.closed:
            self._forget(key)
        return False

    def _body(self, stream: Stream, rest: str, source: Source, step: float | None) -> tuple[bool, Finding | None]:
        if len(stream.lines) >= MAX_TRACEBACK_LINES:
            # The deepest frames are the ones that tell: the head goes, the header stays.
            del stream.lines[1]
        stream.lines.append(rest[:MAX_LINE])
        stream.after_body = True
        if "KeyboardInterrupt" in rest:
            return True, self._finish(stream, "KeyboardInterrupt", source, step)
        return True, None

    def _close(self, key: str, stream: Stream, source: Source, step: float | None) -> tuple[bool, Finding | None]:
        rest = source.rest
        if _EXCEPTION.fullmatch(rest) or (stream.after_body and _DOTTED.fullmatch(rest)):
            return True, self._finish(stream, rest.rstrip(), source, step)
        glued = _GLUED.search(rest) if stream.opened > 1 else None
        if glued:
            return True, self._finish(stream, (glued[1] or glued[2]).rstrip(), source, step)
        stream.strays += 1
        stream.after_body = False
        if rest.startswith(_CHAIN):
            return True, None
        if stream.strays > STRAY_LINES:
            self._forget(key)
        return False, None

    def _finish(self, stream: Stream, line: str, source: Source, step: float | None) -> Finding:
        crash, tier = classify(line)
        if stream.harmless or line.startswith(("SystemExit", "GeneratorExit")):
            tier = EXIT if not stream.harmless else EXIT + 1
        finding = Finding(
            crash,
            tier,
            line[:MAX_LINE],
            source.rank,
            source.node,
            stream.offset,
            step,
            [*stream.lines, line[:MAX_LINE]],
            chained=stream.chained and tier == CAUSE,
        )
        stream.opened -= 1
        stream.closed, stream.chained, stream.harmless, stream.strays, stream.after_body = True, False, False, 0, False
        return finding

    def state(self) -> dict[str, Any]:
        return {"others": self._others, **{key: asdict(stream) for key, stream in self.streams.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        self._others = state.get("others", 0)
        self.streams = {key: Stream(**stream) for key, stream in state.items() if key != "others"}
        self._opened = {key for key, stream in self.streams.items() if stream.opened or stream.closed}
