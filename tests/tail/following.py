"""A tailer with short times, and what it has handed over: the content as a reader of it sees it, and the news."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from monitor.tail.news import Chunk, FileNews, Position
from monitor.tail.tailer import Tailer

PATIENCE_S = 10.0


class Following:
    """Starts a tailer; ``content`` is what each file held by its chunks, begun anew at each reset."""

    def __init__(self, *paths: Path | str, resume: dict[str, Position] | None = None, **settings: Any) -> None:
        quick: dict[str, Any] = {"hot_s": 0.01, "cold_s": 0.1, "rediscover_s": 0.05, "notify": False}
        self.tailer = Tailer([str(path) for path in paths], resume, **{**quick, **settings})
        self.pieces: list[bytes] = []
        self.content: dict[str, bytes] = {}
        self.positions: dict[str, Position] = dict(resume or {})
        self.news: list[FileNews] = []
        self.resets: list[tuple[str, str]] = []

    def __enter__(self) -> Following:
        self.tailer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.tailer.stop()

    def take(self, timeout_s: float = 0.05) -> None:
        """Takes what is new and checks that no byte is missing between two chunks."""
        for item in self.tailer.wait(timeout_s):
            if isinstance(item, FileNews):
                self.news.append(item)
                continue
            self._fold(item)

    def _fold(self, chunk: Chunk) -> None:
        if chunk.reset:
            self.resets.append((chunk.path, chunk.reset))
            self.content[chunk.path] = b""
            assert chunk.start == 0
        else:
            before = self.positions.get(chunk.path)
            assert (before.offset if before else 0) == chunk.start
        self.pieces.append(chunk.data)
        self.content[chunk.path] = self.content.get(chunk.path, b"") + chunk.data
        assert chunk.position.offset == chunk.start + len(chunk.data)
        self.positions[chunk.path] = chunk.position

    def until(self, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
        """Takes until ``holds`` is true; fails with what was seen after ``patience_s``."""
        deadline_s = time.monotonic() + patience_s
        while not holds():
            assert time.monotonic() < deadline_s, f"after {patience_s} s: {self.content} {self.news}"
            self.take()

    def until_read(self, path: Path, content: bytes) -> None:
        self.until(lambda: self.content.get(str(path)) == content)

    def until_told(self, kind: str, path: Path | str) -> FileNews:
        self.until(lambda: any(news.kind == kind and news.path == str(path) for news in self.news))
        return next(news for news in self.news if news.kind == kind and news.path == str(path))

    def kinds(self, path: Path | str) -> list[str]:
        return [news.kind for news in self.news if news.path == str(path)]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def replace_by_rename(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(data)
    beside.rename(path)


def read_once(paths: Sequence[Path | str], resume: dict[str, Position] | None = None) -> Following:
    """What one pass to the end of every file hands over."""
    following = Following(*paths, resume=resume)
    for items in following.tailer.once():
        for item in items:
            if isinstance(item, Chunk):
                following._fold(item)
            else:
                following.news.append(item)
    return following
