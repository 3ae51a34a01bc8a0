"""Blocks of a file, the next of which is made in a thread while one is read: what numpy does for many lines needs no interpreter lock."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from monitor.parse.block import Block
from monitor.parse.buffer import WholeLines
from monitor.parse.digits import PAD
from monitor.parse.shape import Shapes

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


class BlocksAhead:
    """The blocks of ``lines``. While one is ``pending``, ``lines`` and ``shapes`` belong to the thread. A context manager."""

    def __init__(self, lines: WholeLines, shapes: Shapes) -> None:
        self._lines, self._shapes = lines, shapes
        self._pool: ThreadPoolExecutor | None = None
        self._next: Future[Block | None] | None = None

    def __enter__(self) -> BlocksAhead:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    @property
    def pending(self) -> bool:
        return self._next is not None

    def take(self, size_bytes: int, *, ahead: bool) -> Block | None:
        """The next block, None where no whole line comes; with ``ahead`` the one after it is begun. Raises what the file does."""
        block = self._next.result() if self._next is not None else self._made(size_bytes)
        self._next = None
        if ahead and block is not None:
            self._next = self._thread().submit(self._made, size_bytes)
        return block

    def _thread(self) -> ThreadPoolExecutor:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor  # 4 ms, for nothing where a file is a block

            self._pool = ThreadPoolExecutor(1)
        return self._pool

    def rest(self, block: Block, count: int) -> Block | None:
        """What ``block`` holds behind its first ``count`` lines."""
        if count == block.count:
            return None
        if self._next is not None:
            self._next.exception()  # until then the shapes are the thread's
        rest = block.behind(count)
        rest.find_keys(self._shapes)
        return rest

    def _made(self, size_bytes: int) -> Block | None:
        lines = self._lines
        if not lines.fill(size_bytes):
            return None
        block = Block(bytes(memoryview(lines.text)[lines.start - len(PAD) : lines.stop]), lines.offset)
        block.find_keys(self._shapes)
        lines.took(lines.stop - lines.start)
        return block
