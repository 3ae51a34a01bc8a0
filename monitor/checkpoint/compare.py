"""A checkpoint against a model: what is loaded, what starts at random, what is ignored, and what was probably renamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from monitor.checkpoint.names import INSIDE, group_of, without_wrappers
from monitor.checkpoint.renames import Rename, find_renames
from monitor.checkpoint.tensors import Tensor, TensorSet


@dataclass(frozen=True, slots=True)
class Key:
    """A key that only one side has. ``expected``: new on purpose, as the user's patterns say."""

    key: str
    tensor: Tensor
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Mismatch:
    key: str
    checkpoint: tuple[int, ...]
    model: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The keys of one module that start at random: ``module``, how many keys, their parameters, whether all are expected."""

    module: str
    keys: tuple[Key, ...]
    params: int
    expected: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keys are without the wrapper prefixes, which ``checkpoint_prefix`` and ``model_prefix`` keep. Parameters are elements."""

    loaded_keys: int
    loaded_params: int
    missing: tuple[Key, ...]
    unexpected: tuple[Key, ...]
    mismatched: tuple[Mismatch, ...]
    renames: tuple[Rename, ...]
    model_keys: int
    model_params: int
    checkpoint_keys: int
    checkpoint_prefix: str = ""
    model_prefix: str = ""
    checkpoint_path: str = ""
    checkpoint_root: str = ""
    checkpoint_format: str = ""
    inner_wrappers: tuple[str, ...] = ()
    """Wrappers of submodules in the checkpoint's keys (``_orig_mod.``)."""
    notes: tuple[str, ...] = ()

    @property
    def random_params(self) -> int:
        """Parameters of the model that the checkpoint does not set: missing keys, and those of another shape."""
        mismatched = {m.key: Tensor(m.model).params for m in self.mismatched}
        return sum(key.tensor.params for key in self.missing) + sum(mismatched.values())

    @property
    def share(self) -> float:
        """Share of the model's parameters that start at random, 0 to 1."""
        return self.random_params / self.model_params if self.model_params else 0.0

    @property
    def missing_groups(self) -> tuple[Group, ...]:
        """The missing keys by module, in the model's order."""
        return _grouped(self.missing)

    @property
    def unexpected_groups(self) -> tuple[Group, ...]:
        return _grouped(self.unexpected)

    def key_map(self, least_confidence: float = 0.0) -> dict[str, str]:
        """Checkpoint key -> model key, without prefixes, ready for JSON."""
        return {r.checkpoint: r.model for r in self.renames if r.confidence >= least_confidence}

    def file_renames(self, least_confidence: float = 0.0) -> dict[str, str]:
        """The renames as the checkpoint's file writes its keys, with its own prefix kept: for ``write_renamed``."""
        return {self.checkpoint_prefix + old: self.checkpoint_prefix + new for old, new in self.key_map(least_confidence).items()}

    def python_lines(self, least_confidence: float = 0.0) -> str:
        """The few lines that load the checkpoint with the renames applied."""
        root = "".join(f"[{part!r}]" for part in self.checkpoint_root.split(".") if part)
        if "safetensors" in self.checkpoint_format:
            load = f"from safetensors.torch import load_file\n\nstate = load_file({self.checkpoint_path!r})"
        else:
            path = self.checkpoint_path if self.checkpoint_format != "names and shapes" else "CHECKPOINT"
            load = f'import torch\n\nstate = torch.load({path!r}, map_location="cpu", weights_only=True){root}'
        key = f"k.removeprefix({self.checkpoint_prefix!r})" if self.checkpoint_prefix else "k"
        key += "".join(f'.replace(".{inner}", ".")' for inner in self.inner_wrappers)
        new = f"renames.get({key}, {key})" if self.renames else key
        target = f"{self.model_prefix!r} + {new}" if self.model_prefix else new
        renames = f"renames = {json.dumps(self.key_map(least_confidence), indent=4)}\n" if self.renames else ""
        return f"{load}\n{renames}state = {{{target}: v for k, v in state.items()}}\nprint(model.load_state_dict(state, strict=False))\n"

    def as_json(self) -> dict[str, Any]:
        """The document of ``diagnose --json``."""
        return {
            "schema_version": 1,
            "loaded": {"keys": self.loaded_keys, "params": self.loaded_params},
            "missing": [
                {"key": k.key, "shape": list(k.tensor.shape), "params": k.tensor.params, "expected": k.expected} for k in self.missing
            ],
            "unexpected": [{"key": k.key, "shape": list(k.tensor.shape), "params": k.tensor.params} for k in self.unexpected],
            "mismatched": [{"key": m.key, "checkpoint": list(m.checkpoint), "model": list(m.model)} for m in self.mismatched],
            "renames": [{"checkpoint": r.checkpoint, "model": r.model, "confidence": r.confidence, "why": r.why} for r in self.renames],
            "params": {"model": self.model_params, "random": self.random_params, "share": round(self.share, 4)},
        }


def compare(checkpoint: TensorSet, model: TensorSet, expect: Sequence[str] = ()) -> Comparison:
    """What ``model.load_state_dict(checkpoint, strict=False)`` would do, once the wrappers' prefixes are off both."""
    ours, theirs, checkpoint_prefix, model_prefix = without_wrappers(checkpoint.tensors, model.tensors)
    missing = tuple(Key(k, t, is_expected(k, model_prefix, expect)) for k, t in theirs.items() if k not in ours)
    unexpected = tuple(Key(k, t) for k, t in ours.items() if k not in theirs)
    mismatched = tuple(Mismatch(k, ours[k].shape, t.shape) for k, t in theirs.items() if k in ours and ours[k].shape != t.shape)
    loaded = [t for k, t in theirs.items() if k in ours and ours[k].shape == t.shape]
    renames = find_renames({k.key: k.tensor for k in unexpected}, {k.key: k.tensor for k in missing if not k.expected})
    return Comparison(
        len(loaded),
        _params(loaded),
        missing,
        unexpected,
        mismatched,
        renames,
        len(theirs),
        _params(theirs.values()),
        len(ours),
        checkpoint_prefix,
        model_prefix,
        checkpoint.path,
        checkpoint.root,
        checkpoint.format,
        tuple(w for w in INSIDE if any("." + w in k.removeprefix(checkpoint_prefix) for k in checkpoint.tensors)),
        (*checkpoint.notes, *model.notes),
    )


def is_expected(key: str, prefix: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern means the key: a shell pattern for the whole of it or its end, or the name of a module above it."""
    full = prefix + key
    return any(
        fnmatchcase(name, p) or fnmatchcase(name, f"*.{p}") or name.startswith(p.rstrip(".") + ".")
        for p in patterns
        for name in (key, full)
    )


def _params(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.params for tensor in tensors)


def _grouped(keys: Iterable[Key]) -> tuple[Group, ...]:
    groups: dict[str, list[Key]] = {}
    for key in keys:
        groups.setdefault(group_of(key.key), []).append(key)
    return tuple(Group(name, tuple(ks), sum(k.tensor.params for k in ks), all(k.expected for k in ks)) for name, ks in groups.items())
