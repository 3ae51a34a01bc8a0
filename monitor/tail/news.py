"""What the tailer hands on: bytes of a file, or one line about a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Reset = Literal["truncated", "replaced"]
NewsKind = Literal["found", "gone", "failing", "recovered", "binary"]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file was read and how to know it again. Identity is the path and its first bytes; the inode is a hint only.

    ``fingerprint`` is a hash of the first ``fingerprint_bytes`` (at most 1024) bytes, ``tail`` one of the ``tail_bytes`` before
    ``tail_end``, where reading last stood: a file that was cut and grew again under the same banner differs there. Who wants some bytes
    again may set ``offset`` back and leave the rest. ``size`` is the size as last seen, in bytes.
    """

    path: str
    offset: int = 0
    device: int = 0
    inode: int = 0
    fingerprint: str = ""
    fingerprint_bytes: int = 0
    size: int = 0
    tail: str = ""
    tail_bytes: int = 0
    tail_end: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Position:
        """From what ``as_json`` gave; keys that a later version added are ignored. Raises KeyError without a path."""
        known = {name: document[name] for name in cls.__slots__ if name in document}
        return cls(**{"path": document["path"], "tail_end": document.get("offset", 0), **known})


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes ``start`` to ``position.offset`` of a file, as they are. ``position`` is the place after them.

    ``reset`` says that the file began anew: forget what half a line was left, ``start`` is 0. ``data`` may be empty then.
    ``at_end`` says that nothing more stood in the file when it was read. ``mtime_s`` is Unix seconds by the file system's clock.
    """

    path: str
    data: bytes
    position: Position
    start: int
    reset: Reset | None
    at_end: bool
    mtime_s: float


@dataclass(frozen=True, slots=True)
class FileNews:
    """One line about a file: said when something starts and when it ends, never at each look.

    Where a whole file system stopped to answer, ``path`` is its mount point and ``paths`` are the files (or PATHs) that wait for it.
    """

    path: str
    kind: NewsKind
    text: str
    paths: tuple[str, ...] = ()


News = Chunk | FileNews
