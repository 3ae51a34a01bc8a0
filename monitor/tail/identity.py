"""Whether a file is still the one that was read: by its first bytes and by those just before the place that was reached.

An inode is no proof in either direction: Lustre gives a migrated file a new one, sshfs makes them up at each mount, and a
new file often gets the number of the one just deleted. A changed size proves nothing either once the file has grown again.
"""

from __future__ import annotations

import os
from dataclasses import replace

from monitor.tail.news import Position

HEAD_BYTES = 1024
TAIL_BYTES = 256


def digest(data: bytes) -> str:
    from hashlib import blake2b  # loads OpenSSL, which only who follows a file needs

    return blake2b(data, digest_size=16).hexdigest()


def unchanged(descriptor: int, position: Position) -> bool:
    """Whether the open file still holds what was read up to ``position``, and all of its first bytes that are known. Raises OSError."""
    if not position.fingerprint_bytes:
        return True
    head = os.pread(descriptor, position.fingerprint_bytes, 0)
    if len(head) < position.fingerprint_bytes or digest(head) != position.fingerprint:
        return False
    if not position.tail_bytes:
        return True
    tail = os.pread(descriptor, position.tail_bytes, position.tail_end - position.tail_bytes)
    return digest(tail) == position.tail


def moved_on(descriptor: int, position: Position, data: bytes, status: os.stat_result) -> Position:
    """The position after ``data`` was read at ``position``, with the fingerprints brought up to date. Raises OSError."""
    offset = position.offset + len(data)
    fingerprint, known = position.fingerprint, position.fingerprint_bytes
    if known < min(offset, HEAD_BYTES):
        head = data[:HEAD_BYTES] if position.offset == 0 else os.pread(descriptor, min(offset, HEAD_BYTES), 0)
        fingerprint, known = digest(head), len(head)
    tail_bytes = min(offset, TAIL_BYTES)
    tail = data[-tail_bytes:] if len(data) >= tail_bytes else os.pread(descriptor, tail_bytes, offset - tail_bytes)
    return replace(
        position, offset=offset, device=status.st_dev, inode=status.st_ino, fingerprint=fingerprint, fingerprint_bytes=known,
        size=max(status.st_size, offset), tail=digest(tail), tail_bytes=len(tail), tail_end=offset,
    )  # fmt: skip
