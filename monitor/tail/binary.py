"""Tells a log from a file that is none, by its first bytes. Odd bytes in a log (NULs, Latin-1, bars, colours) make it no binary."""

from __future__ import annotations

import re

HEAD_BYTES = 4096
_ODD_SHARE = 0.04
"""Random bytes hold 10 % of these control characters, text with colours and backspaces none."""
_FEWEST_ODD = 4
_ODD = bytes(code for code in range(32) if code not in b"\t\n\r\x0b\x0c\x1b\x08") + b"\x7f"
_NUL_RUN = re.compile(rb"\0{8,}")
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "a zip archive (a PyTorch checkpoint is one)"),
    (b"\x7fELF", "a program"),
    (b"\x89PNG", "a picture"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x8a\x95}\x00-\x1f]")
_SAFETENSORS = re.compile(rb'[^\0].{0,6}\0{2,}\{"', re.S)


def binary_kind(head: bytes) -> str | None:
    """What the file is that begins with ``head``, or None for text. A hole of NULs (a log cut while it was open) is still text."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _PICKLE.match(head):
        return "a pickle"
    if len(head) > 10 and _SAFETENSORS.match(head[:10]):
        return "a safetensors checkpoint"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text; loss-watch reads UTF-8"
    text = _NUL_RUN.sub(b"", head[:HEAD_BYTES])
    odd = len(text) - len(text.translate(None, _ODD))
    if odd >= _FEWEST_ODD and odd > _ODD_SHARE * len(text):
        return "binary"
    return None
