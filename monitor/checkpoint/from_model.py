"""Builds the user's model with torch, only where the user asks for it: ``--from-model package.module:function``."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from monitor.checkpoint.tensors import CheckpointError, Tensor, TensorSet


def read_from_model(name: str) -> TensorSet:
    """Names and shapes of what ``module:function`` returns: a module, or its state dict. This imports and runs the user's code.

    It is built on torch's ``meta`` device, which reserves no memory; where the model cannot be, on the CPU. Raises CheckpointError.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise CheckpointError(name, "no module:function", "write it as package.module:build_model")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        torch: Any = importlib.import_module("torch")
        build: Any = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as wrong:
        raise CheckpointError(
            name, f"cannot be imported ({wrong})", "start loss-watch with the Python environment of the training"
        ) from None
    try:
        with torch.device("meta"):
            made = build()
    except Exception:  # some models compute with their own weights while they are built
        try:
            made = build()
        except Exception as wrong:  # the user's code may raise anything
            raise CheckpointError(name, f"raised {type(wrong).__name__}: {str(wrong)[:200]}") from wrong
    state = made.state_dict() if hasattr(made, "state_dict") else made
    if not isinstance(state, dict):
        raise CheckpointError(name, "returned neither a module nor a state dict")
    tensors = {str(k): Tensor(tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in state.items() if hasattr(v, "shape")}
    return TensorSet(tensors, "module", name)
