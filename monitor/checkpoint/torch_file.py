"""torch's own files: the zip format (since 1.6), the older row of pickles, and a distributed checkpoint's ``.metadata``."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from monitor.checkpoint.stand_ins import Dtype, Opaque
from monitor.checkpoint.state_dict import find_tensors
from monitor.checkpoint.tensors import MAX_HEADER_BYTES, CheckpointError, Tensor, TensorSet
from monitor.checkpoint.unpickle import Unpickler, unpickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


def read_torch(path: Path) -> TensorSet:
    """A ``.pt``, ``.pth``, ``.ckpt`` or ``.bin`` file. Raises CheckpointError, OSError."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            return _zipped(path, file)
        file.seek(0)
        first, _ = unpickle(file, path)
        if first != LEGACY_MAGIC:
            return _found(path, first, "pickle", None)
        unpickle(file, path)
        unpickle(file, path)
        value, reader = unpickle(file, path)
        return _found(path, value, "torch (before 1.6)", reader)


def read_distributed(path: Path) -> TensorSet:
    """The ``.metadata`` of a torch.distributed.checkpoint directory. Raises CheckpointError, OSError."""
    with path.open("rb") as file:
        value, _ = unpickle(file, path)
    names = value.state.get("state_dict_metadata") if isinstance(value, Opaque) and isinstance(value.state, dict) else None
    if not isinstance(names, dict):
        raise CheckpointError(path, "no metadata of a distributed checkpoint")
    tensors: dict[str, Tensor] = {}
    for name, entry in names.items():
        state = entry.state if isinstance(entry, Opaque) else None
        if isinstance(name, str) and isinstance(state, dict) and isinstance(state.get("size"), (tuple, list)):
            tensors[name] = Tensor(tuple(int(s) for s in state["size"] if isinstance(s, int)), _dtype_in(state.get("properties")))
    chosen, root = find_tensors(dict(tensors))
    return TensorSet(chosen, "torch.distributed.checkpoint", str(path), root)


def _zipped(path: Path, file: BinaryIO) -> TensorSet:
    _check_directory(path, file)
    try:
        with zipfile.ZipFile(file) as archive:
            pickles = [info for info in archive.infolist() if info.filename.endswith("data.pkl") and info.filename.count("/") <= 1]
            if not pickles:
                raise CheckpointError(path, "a zip file, but no torch checkpoint: it holds no data.pkl")
            if pickles[0].file_size > MAX_HEADER_BYTES:
                raise CheckpointError(
                    path, f"its data.pkl unpacks to {pickles[0].file_size} bytes, more than the {MAX_HEADER_BYTES} that are read"
                )
            with archive.open(pickles[0]) as member:
                value, reader = unpickle(member, path)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, struct.error) as wrong:
        raise CheckpointError(path, f"a damaged or truncated zip file ({wrong})", "copy it again") from None
    return _found(path, value, "torch", reader)


def _check_directory(path: Path, file: BinaryIO) -> None:
    """zipfile reads the whole directory at once: its size, as the file claims it, must be bounded. Format: PKWARE APPNOTE 4.3."""
    size = file.seek(0, 2)
    start = max(0, size - 65_557)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise CheckpointError(path, "a truncated zip file: its directory, which stands at the end, is missing", "copy it again")
    (claimed,) = struct.unpack_from("<L", tail, at + 12)
    if claimed == 0xFFFFFFFF:
        wide = tail.rfind(b"PK\x06\x06", 0, at)
        claimed = struct.unpack_from("<Q", tail, wide + 40)[0] if wide >= 0 and len(tail) >= wide + 48 else size
    if claimed > MAX_HEADER_BYTES:
        raise CheckpointError(path, f"its zip directory would take {claimed} bytes, more than the {MAX_HEADER_BYTES} that are read")
    file.seek(0)


def _found(path: Path, value: Any, kind: str, reader: Unpickler | None) -> TensorSet:
    tensors, root = find_tensors(value)
    if not tensors:
        raise CheckpointError(path, "no tensors with names were found in it")
    foreign = reader.foreign if reader else {}
    notes = tuple(f"{name} was not unpickled" for name in sorted(foreign) if not name.startswith(("torch.", "collections.", "numpy.")))[:5]
    return TensorSet(tensors, kind, str(path), root, notes)


def _dtype_in(properties: Any) -> str:
    state = properties.state if isinstance(properties, Opaque) else None
    values = state.values() if isinstance(state, dict) else state if isinstance(state, (tuple, list)) else ()
    return next((str(value) for value in values if isinstance(value, Dtype)), "?")
