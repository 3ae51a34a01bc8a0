"""Reads names, shapes and dtypes out of whatever a checkpoint or a model is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monitor.checkpoint.safetensors_file import parse_json, read_safetensors
from monitor.checkpoint.tensors import MAX_HEADER_BYTES, CheckpointError, Tensor, TensorSet, checked_shape
from monitor.checkpoint.torch_file import read_distributed, read_torch

_IN_DIRECTORY = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
    ".metadata",
    "diffusion_pytorch_model.safetensors",
    "adapter_model.safetensors",
    "mp_rank_00_model_states.pt",
    "model_optim_rng.pt",
    "consolidated.00.pth",
    "pytorch_model/mp_rank_00_model_states.pt",
    "checkpoint/mp_rank_00_model_states.pt",
)


def read_checkpoint(path: str | Path) -> TensorSet:
    """The tensors of a ``.safetensors`` (one file, or an index of shards), torch, distributed or JSON file, or of the directory of one.

    Raises CheckpointError where it is none of these, is damaged, or tries to run something; OSError where it cannot be opened.
    """
    path = Path(path)
    if path.is_dir():
        path = _inside(path)
    if path.name == ".metadata" or path.suffix == ".metadata":
        return read_distributed(path)
    if path.name.endswith(".json"):
        return _read_json(path)
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    with path.open("rb") as file:
        head = file.read(16)
    if len(head) >= 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return read_safetensors(path)
    if head.lstrip()[:1] in (b"{", b"["):
        return _read_json(path)
    return read_torch(path)


def _inside(directory: Path) -> Path:
    for name in _IN_DIRECTORY:
        if (directory / name).is_file():
            return directory / name
    latest = directory / "latest"
    if latest.is_file() and latest.stat().st_size < 200:
        named = directory / latest.read_text("utf-8", "replace").strip() / "mp_rank_00_model_states.pt"
        if named.is_file():
            return named
    single = sorted(p for p in directory.iterdir() if p.suffix in (".safetensors", ".ckpt", ".pt", ".pth"))
    if len(single) == 1:
        return single[0]
    raise CheckpointError(directory, "no checkpoint was found in this directory", "name the file")


def _read_json(path: Path) -> TensorSet:
    if path.stat().st_size > MAX_HEADER_BYTES:
        raise CheckpointError(path, f"more than {MAX_HEADER_BYTES} bytes of JSON")
    text = path.read_bytes()
    listed = text.lstrip()[:1] == b"["
    value = parse_json(path, b'{"tensors":' + text + b"}" if listed else text)
    if isinstance(value.get("weight_map"), dict):
        return _sharded(path, value["weight_map"])
    inner = next((value[key] for key in ("tensors", "keys", "state_dict", "model") if isinstance(value.get(key), (dict, list))), value)
    return TensorSet(_from_json(path, inner), "names and shapes", str(path))


def _from_json(path: Path, value: Any) -> dict[str, Tensor]:
    """``{"key": [3, 4]}``, ``{"key": {"shape": [3, 4], "dtype": ...}}`` or a list of ``{"key", "shape"}``."""
    if isinstance(value, list):
        value = {str(entry.get("key", entry.get("name"))): entry for entry in value if isinstance(entry, dict)}
    tensors: dict[str, Tensor] = {}
    for name, entry in value.items():
        if isinstance(entry, dict):
            tensors[name] = Tensor(checked_shape(path, name, entry.get("shape")), str(entry.get("dtype", "?")).removeprefix("torch.")[:20])
        elif isinstance(entry, list) and name != "__metadata__":
            tensors[name] = Tensor(checked_shape(path, name, entry))
    if not tensors:
        raise CheckpointError(path, "no names with shapes", 'write {"head.weight": {"shape": [60, 768]}, ...}')
    return tensors


def _sharded(path: Path, weight_map: dict[str, Any]) -> TensorSet:
    """All shards that an index names. A shard that is absent is an error: its keys would look missing."""
    tensors: dict[str, Tensor] = {}
    for name in sorted({str(shard) for shard in weight_map.values()}):
        shard = path.parent / name
        if Path(name).name != name:
            raise CheckpointError(path, f"its index names a shard outside of its directory: {name[:120]!r}")
        if not shard.is_file():
            raise CheckpointError(path, f"the shard {name[:120]} is not there", "copy all shards")
        found = read_safetensors(shard) if shard.suffix == ".safetensors" else read_torch(shard)
        tensors |= found.tensors
    return TensorSet(
        {key: tensors[key] for key in weight_map if key in tensors} | tensors,
        "sharded " + ("safetensors" if ".safetensors" in path.name else "torch"),
        str(path),
    )
