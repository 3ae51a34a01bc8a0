"""The header of a ``.safetensors`` file (8 bytes of length, then JSON), and the index of a sharded one.

Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monitor.checkpoint.tensors import MAX_HEADER_BYTES, MAX_TENSORS, CheckpointError, Tensor, TensorSet, checked_shape

DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}


def read_safetensors(path: Path) -> TensorSet:
    """Names, shapes and dtypes of one file. Raises CheckpointError on a truncated or malformed one, OSError."""
    header, data_start = read_header(path)
    size = path.stat().st_size
    tensors: dict[str, Tensor] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if not isinstance(entry, dict):
            raise CheckpointError(path, f"the header's entry {name[:120]!r} is no object")
        tensors[name] = Tensor(
            checked_shape(path, name, entry.get("shape")), DTYPES.get(str(entry.get("dtype")), str(entry.get("dtype"))[:20])
        )
        offsets = entry.get("data_offsets")
        if not (
            isinstance(offsets, list) and len(offsets) == 2 and all(isinstance(o, int) for o in offsets) and 0 <= offsets[0] <= offsets[1]
        ):
            raise CheckpointError(path, f"the header's entry {name[:120]!r} has no valid data_offsets")
        if data_start + offsets[1] > size:
            raise CheckpointError(
                path, f"the file is truncated: {name[:120]!r} ends at byte {data_start + offsets[1]}, the file has {size}", "copy it again"
            )
    return TensorSet(tensors, "safetensors", str(path))


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header as parsed JSON, and the byte at which the data starts. Raises CheckpointError, OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise CheckpointError(path, f"no safetensors file: its header would take {length} bytes, the file has {size}")
        if length > MAX_HEADER_BYTES:
            raise CheckpointError(path, f"its header would take {length} bytes, more than the {MAX_HEADER_BYTES} that are read")
        return parse_json(path, file.read(length)), 8 + length


def parse_json(path: Path, text: bytes) -> dict[str, Any]:
    """A JSON object. Raises CheckpointError on anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise CheckpointError(path, f"no valid JSON ({type(wrong).__name__})") from None
    if not isinstance(value, dict) or len(value) > MAX_TENSORS:
        raise CheckpointError(path, "its JSON is no object of names")
    return value
