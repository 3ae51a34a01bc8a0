"""What is new in one file: growth, truncation, replacement, disappearance, trouble. One look, one read of at most 1 MiB.

The path is what is followed, not the inode. On a local file system the file is kept open while it is written, so that the last
lines of a log that is renamed away are still read; on all others it is opened anew at each look, which is what makes an NFS
client ask its server (close-to-open consistency, nfs(5)), and nothing is held that could go stale.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field, replace

from monitor.tail.binary import HEAD_BYTES, binary_kind
from monitor.tail.identity import moved_on, unchanged
from monitor.tail.news import Chunk, FileNews, News, Position, Reset

LOOK_BYTES = 1 << 20
NUL_PATIENCE_S = 60.0
"""How long NULs at the end are read again though nothing seems to change: an NFS client may show a page before its bytes came."""
SETTLED_S = 2.5
"""Two changes within one tick of a file system's clock (2 s at the coarsest) look like one: for so long after a change, the
content is compared even where size and time stand still."""
_GONE = (errno.ENOENT, errno.ENOTDIR)
TROUBLE = {
    errno.EACCES: "permission denied: ask for read access (chmod o+r, or setfacl -m u:YOU:r)",
    errno.EPERM: "not permitted by the file system",
    errno.ESTALE: "stale file handle: the server replaced or removed it; it is opened again by its path",
    errno.EIO: "input/output error reported by the file system",
    errno.ENOTCONN: "the file system is disconnected (mount it again)",
    errno.EMFILE: "too many open files (raise `ulimit -n`)",
    errno.ENFILE: "too many open files on this machine",
    errno.ELOOP: "a symbolic link that leads back to itself",
}


def trouble(error: OSError) -> str:
    """One line for an error of the file system; the path stands beside it, not in it."""
    return TROUBLE.get(error.errno or 0) or (error.strerror or str(error)).lower()


@dataclass(slots=True)
class Look:
    """What one look at a file found. ``more``: read on at once. ``changed``: it is being written. ``present``: the path exists."""

    news: list[News] = field(default_factory=list)
    more: bool = False
    changed: bool = False
    present: bool = True


class Follower:
    """Follows one path from ``resume`` on. Not for use by several threads at once; never raises OSError."""

    def __init__(self, path: str, resume: Position | None = None, *, local: bool = True, look_bytes: int = LOOK_BYTES) -> None:
        self.path = path
        self.position = resume or Position(path)
        self.mtime_s: float | None = None
        self._local = local
        self._look_bytes = look_bytes
        self._seen: tuple[int, int, int, int] | None = None
        self._held: int | None = None
        self._failing: str | None = None
        self._binary: str | None = None
        self._reset: Reset | None = None
        self._found = False
        self._shrunk = False
        self._nuls_since: float | None = None
        self._shape_since_s = 0.0
        self._settled = False

    @property
    def lag_bytes(self) -> int:
        """Bytes that stand in the file and were not handed on."""
        return 0 if self._binary or not self._seen else max(self._seen[2] - self.position.offset, 0)

    @property
    def holds(self) -> bool:
        return self._held is not None

    @property
    def failing(self) -> bool:
        return self._failing is not None

    def close(self) -> None:
        """Lets go of the open file; following goes on."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def look(self, now: float, *, hold: bool = False) -> Look:
        """What is new. ``now`` in seconds of any steady clock; ``hold`` allows to keep the file open until the next look."""
        look = Look()
        try:
            try:
                self._look(look, now)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                self.close()
                self._look(look, now)
        except OSError as error:
            self.close()
            if error.errno in _GONE:
                self._vanished(look)
            else:
                self._fails(look, trouble(error))
        if not hold or not self._local:
            self.close()
        return look

    def _look(self, look: Look, now: float) -> None:
        if self._held is not None and self._drained(look, now):
            return
        if self._local and self._held is None and self._quiet(os.stat(self.path), now):
            return
        if self._held is None:
            self._held = _open(self.path)
        status = os.fstat(self._held)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            self._fails(look, "is a directory" if stat.S_ISDIR(status.st_mode) else "is no regular file")
            return
        if self._quiet(status, now):
            return
        self.mtime_s = status.st_mtime
        if not self._found:
            self._found = True
            look.news.append(FileNews(self.path, "found", f"found, {status.st_size} bytes"))
        if self._verified(look, self._held, status):
            self._read(look, self._held, status, now)
            if _shape(status) != self._seen:
                self._seen = _shape(status)
                self._shape_since_s = now
            self._settled = now - self._shape_since_s >= SETTLED_S
        if self._failing is not None:
            self._failing = None
            look.news.insert(0, FileNews(self.path, "recovered", "can be read again"))

    def _drained(self, look: Look, now: float) -> bool:
        """Reads to its end a held file that no longer stands at the path. True when this look is thereby over."""
        held = self._held
        if held is None:
            return False
        old = os.fstat(held)
        try:
            new = os.stat(self.path)
            if (new.st_dev, new.st_ino) == (old.st_dev, old.st_ino):
                return False
        except OSError as error:
            if error.errno not in _GONE:
                raise
        if old.st_size > self.position.offset and not self._binary and unchanged(held, self.position):
            self._read(look, held, old, now)
            if look.more or look.changed:
                look.more = True
                return True
        self.close()
        return False

    def _quiet(self, status: os.stat_result, now: float) -> bool:
        """Whether nothing has happened since the last look, as far as the status tells."""
        if not self._settled or self._failing is not None or self._reset is not None or _shape(status) != self._seen:
            return False
        if self._binary or status.st_size <= self.position.offset:
            return True
        return self._nuls_since is not None and now - self._nuls_since > NUL_PATIENCE_S

    def _verified(self, look: Look, held: int, status: os.stat_result) -> bool:
        """Finds out whether it is still the same file, and begins anew where it is not. False: look once more before deciding."""
        position = self.position
        same_inode = (status.st_dev, status.st_ino) == (position.device, position.inode)
        if self._binary:
            if not same_inode or status.st_size < position.size:
                self._binary = None
        elif status.st_size < position.offset:
            if not self._local and not self._shrunk:
                # Attributes of a network file system may be older than what was read: a second look decides.
                self._shrunk = look.more = True
                return False
            self._begin_anew("truncated" if same_inode else "replaced")
        elif not unchanged(held, position):
            self._begin_anew("truncated" if same_inode else "replaced")
        self._shrunk = False
        return True

    def _begin_anew(self, reset: Reset) -> None:
        self._reset = reset
        self.position = Position(self.path)
        self._nuls_since = None

    def _read(self, look: Look, held: int, status: os.stat_result, now: float) -> None:
        if self._binary:
            return
        start = self.position.offset
        data = os.pread(held, self._look_bytes, start)
        at_end = start + len(data) >= status.st_size
        if at_end:
            data = self._without_unread_page(data, now)
        if start == 0:
            self._judge_head(look, data[:HEAD_BYTES])
        if self._binary:
            data, at_end = b"", True
        if data or self._reset:
            self.position = moved_on(held, self.position, data, status)
            look.news.append(Chunk(self.path, data, self.position, start, self._reset, at_end, status.st_mtime))
            self._reset = None
            look.changed = True
        if self._binary:
            self._note_binary(look, status)
        look.more = not at_end

    def _without_unread_page(self, data: bytes, now: float) -> bytes:
        """``data`` without the NULs at its end: they become text when the page is there, and say nothing if they never do."""
        text = data.rstrip(b"\0")
        if len(text) == len(data):
            self._nuls_since = None
        elif text or self._nuls_since is None:
            self._nuls_since = now
        return text

    def _judge_head(self, look: Look, head: bytes) -> None:
        self._binary = binary_kind(head)
        if self._binary and not self._reset:
            look.news.append(FileNews(self.path, "binary", f"is no log: {self._binary}"))
        elif self._binary:
            look.news.append(FileNews(self.path, "binary", f"became something that is no log: {self._binary}"))

    def _note_binary(self, look: Look, status: os.stat_result) -> None:
        self.position = Position(self.path, device=status.st_dev, inode=status.st_ino, size=status.st_size)
        look.changed = False

    def _vanished(self, look: Look) -> None:
        look.present = False
        self._seen = self._failing = None
        # The next file at this path may well get the same inode number.
        self.position = replace(self.position, device=0, inode=0)
        if self._found:
            self._found = False
            look.news.append(FileNews(self.path, "gone", "gone; waiting for it to come back"))

    def _fails(self, look: Look, text: str) -> None:
        if text != self._failing:
            self._failing = text
            look.news.append(FileNews(self.path, "failing", text))


def _shape(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _open(path: str) -> int:
    """Opens for reading without waiting for the other end of a pipe and, where allowed, without touching the access time."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return os.open(path, flags)
