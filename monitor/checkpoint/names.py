"""Names of keys: prefixes that wrappers put before them, and the module that a key belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from monitor.checkpoint.tensors import Tensor

WRAPPERS = ("module.", "model.", "_orig_mod.", "_forward_module.", "_fsdp_wrapped_module.", "network.", "net.")
"""What DDP, DeepSpeed, FSDP, torch.compile, Lightning modules and trainers put before every key."""
INSIDE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Wrappers of submodules: they stand in the middle of keys and mean nothing."""

Tensors = Mapping[str, Tensor]


def without_wrappers(checkpoint: Tensors, model: Tensors) -> tuple[dict[str, Tensor], dict[str, Tensor], str, str]:
    """Both sides without their wrappers' prefixes, and the prefixes that were taken off.

    A prefix goes where all keys of a side share it (``module.``), or all keys of both (``climax.``, the attribute that a Lightning module
    keeps its network in). Where the two sides then hardly meet, one prefix that most keys of one
    side have is tried too (``bert.`` of a whole model against its encoder alone).
    """
    ours, prefix = _unwrapped(checkpoint)
    theirs, model_prefix = _unwrapped(model)
    while shared := _shared_head(ours, theirs):
        ours = {k.removeprefix(shared): t for k, t in ours.items()}
        theirs = {k.removeprefix(shared): t for k, t in theirs.items()}
        prefix, model_prefix = prefix + shared, model_prefix + shared
    extra, model_extra = _meeting_prefix(ours, theirs), ""
    if extra:
        ours = {k.removeprefix(extra): t for k, t in ours.items()}
    else:
        model_extra = _meeting_prefix(theirs, ours)
        if model_extra:
            theirs = {k.removeprefix(model_extra): t for k, t in theirs.items()}
    return ours, theirs, prefix + extra, model_prefix + model_extra


def without_inner(key: str) -> str:
    """The key without wrappers of submodules: ``blocks.0._orig_mod.w`` is ``blocks.0.w``."""
    for wrapper in INSIDE:
        key = key.replace("." + wrapper, ".")
    return key


def group_of(key: str) -> str:
    """The module by which a key is shown: ``blocks.0.mlp`` of ``blocks.0.mlp.fc1.weight``, ``head`` of ``head.4.weight``."""
    parts = key.split(".")[:-1]
    if not parts:
        return key
    number = next((i for i, part in enumerate(parts) if part.isdigit()), None)
    if number is None:
        return ".".join(parts[:3])
    if number + 1 < len(parts):
        return ".".join(parts[: number + 2])
    return ".".join(parts[:number]) or parts[0]


def _unwrapped(tensors: Tensors) -> tuple[dict[str, Tensor], str]:
    keys = dict(tensors)
    taken = ""
    while keys:
        prefix = next((w for w in WRAPPERS if all(k.startswith(w) and len(k) > len(w) for k in keys)), None)
        if prefix is None:
            break
        taken += prefix
        keys = {k.removeprefix(prefix): t for k, t in keys.items()}
    return {without_inner(k): t for k, t in keys.items()}, taken


def _shared_head(ours: Tensors, theirs: Tensors) -> str:
    """The first component, with its dot, that every key of both sides begins with; empty where one module alone would be left."""
    heads = {key.partition(".")[0] for side in (ours, theirs) for key in side}
    if len(heads) != 1:
        return ""
    head = heads.pop() + "."
    rest = [{key.removeprefix(head).partition(".")[0] for key in side} for side in (ours, theirs)]
    holds_modules = all("." in key for side in (ours, theirs) for key in side) and any(key.count(".") > 1 for key in theirs)
    return head if holds_modules and all(len(parts) > 1 and not any(part.isdigit() for part in parts) for parts in rest) else ""


def _meeting_prefix(keys: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> str:
    """A prefix of most of ``keys`` without which they meet ``others`` much better; empty where there is none."""
    met = sum(1 for k, t in keys.items() if k in others and others[k].shape == t.shape)
    if not keys or met * 2 >= min(len(keys), len(others)):
        return ""
    heads: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        heads.update(".".join(parts[:n]) + "." for n in range(1, min(4, len(parts))))
    best, gain = "", 0
    for prefix, count in heads.items():
        if count * 2 < len(keys):
            continue
        clash = any(not k.startswith(prefix) and prefix + k in keys for k in keys)
        now = sum(1 for k, t in keys.items() if (s := k.removeprefix(prefix)) in others and others[s].shape == t.shape)
        if now - met > gain and not clash:
            best, gain = prefix, now - met
    return best if gain * 4 >= min(len(keys), len(others)) else ""
