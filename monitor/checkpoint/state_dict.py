"""Where in an unpickled checkpoint the model's tensors are: at its top, in Lightning's ``state_dict``, under ``model``, in a module."""

from __future__ import annotations

from typing import Any

from monitor.checkpoint.stand_ins import Array, Opaque
from monitor.checkpoint.tensors import MAX_TENSORS, Tensor

ROOTS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
    "state",
    "generator",
    "student",
    "ema",
    "model_ema",
    "ema_state_dict",
    "teacher",
    "app",
)
NOT_THE_MODEL = (
    "optim",
    "lr_sched",
    "scheduler",
    "scaler",
    "loops",
    "callbacks",
    "rng",
    "random",
    "args",
    "config",
    "hyper_parameters",
    "epoch",
    "dataloader",
    "sampler",
)
MAX_DEPTH = 40


def find_tensors(value: Any) -> tuple[dict[str, Tensor], str]:
    """The model's tensors by dotted name, and the path of keys that led to them."""
    path: list[str] = []
    for _ in range(6):
        if not isinstance(value, dict):
            break
        key = next((root for root in ROOTS if _mapping(value.get(root)) is not None and _holds_tensors(value[root])), None)
        if key is None:
            break
        path.append(key)
        value = value[key]
    tensors: dict[str, Tensor] = {}
    _flatten(value, "", tensors, 0, top=not path)
    return tensors, ".".join(path)


def _flatten(value: Any, prefix: str, out: dict[str, Tensor], depth: int, *, top: bool = False) -> None:
    tensor = _as_tensor(value)
    if tensor is not None:
        if prefix and len(out) < MAX_TENSORS:
            out[prefix] = tensor
        return
    mapping = _mapping(value)
    if mapping is None or depth > MAX_DEPTH:
        return
    for key, inner in mapping.items():
        if not isinstance(key, (str, int)) or (top and str(key).lower().startswith(NOT_THE_MODEL) and _as_tensor(inner) is None):
            continue
        _flatten(inner, f"{prefix}.{key}" if prefix else str(key), out, depth + 1)


def _holds_tensors(value: Any) -> bool:
    found: dict[str, Tensor] = {}
    _flatten(value, "x", found, MAX_DEPTH - 8)
    return bool(found)


def _as_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Array) and isinstance(value.state, tuple) and len(value.state) > 2 and isinstance(value.state[1], tuple):
        dtype = value.state[2]
        name = str(dtype.args[0]) if isinstance(dtype, Opaque) and dtype.args else "?"
        return Tensor(
            tuple(s for s in value.state[1] if isinstance(s, int)),
            {"f4": "float32", "f8": "float64", "i8": "int64", "f2": "float16"}.get(name, name),
        )
    return None


def _mapping(value: Any) -> dict[Any, Any] | None:
    """A dictionary, or a pickled module as one: its parameters, buffers and submodules."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Opaque) and not isinstance(value, Array):
        state = value.state if isinstance(value.state, dict) else {}
        if "_modules" in state or "_parameters" in state:
            out: dict[Any, Any] = {}
            for part in ("_parameters", "_buffers", "_modules"):
                held = state.get(part)
                out |= held if isinstance(held, dict) else {}
            return out
        return value.items or None
    return None
