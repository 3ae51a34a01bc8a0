"""Writes a safetensors file with renamed keys: a new header, the data copied as it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from monitor.checkpoint.safetensors_file import read_header, read_safetensors
from monitor.checkpoint.tensors import CheckpointError


def write_renamed(source: str | Path, target: str | Path, renames: Mapping[str, str]) -> int:
    """Copy ``source`` to ``target`` with its keys renamed; how many were. The target appears whole or not at all.

    ``renames`` holds the file's own full keys. Raises CheckpointError where the source is no single safetensors file, the target
    exists, or two keys would get one name; OSError.
    """
    source, target = Path(source), Path(target)
    if source.suffix != ".safetensors":
        raise CheckpointError(source, "only a single .safetensors file can be rewritten", "use the Python lines for other formats")
    if target.exists():
        raise CheckpointError(target, "the file exists", "name one that does not")
    read_safetensors(source)
    header, data_start = read_header(source)
    renamed = {renames.get(key, key): entry for key, entry in header.items()}
    if len(renamed) != len(header):
        raise CheckpointError(source, "two keys would get the same name")
    text = json.dumps(renamed, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with source.open("rb") as old, partial.open("xb") as new:
            new.write(len(text).to_bytes(8, "little") + text)
            old.seek(data_start)
            shutil.copyfileobj(old, new, 1 << 22)
            new.flush()
            os.fsync(new.fileno())
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return sum(1 for key in header if key in renames)
