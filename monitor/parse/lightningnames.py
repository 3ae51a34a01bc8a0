"""What the names beside a Lightning bar's numbers mean: which are a validation's, which stand for a whole loss by its kind alone."""

from __future__ import annotations

import re

from monitor.parse.names import LOSS_WORDS, SPLIT_WORDS, loss_kind, safe, words
from rules.observation import VAL_LOSS

_LOADER = re.compile(r"/dataloader_idx_(\d+)$")
KINDS = frozenset((
    "1", "2", "area", "bce", "ce", "crps", "cross", "ctc", "entropy", "huber", "l", "lat", "lm", "mae", "masked", "mse", "nll", "rmse",
    "wbce", "weighted", "wmse", "xent",
))  # fmt: skip


def stem(name: str) -> str:
    """The name without what tells a step's value from an epoch's, and which validation set it is of."""
    return re.sub(r"_(?:step|epoch)$", "", _LOADER.sub("", name))


def is_a_kind(name: str) -> bool:
    """Whether a name is that of a whole loss by its kind: a mean squared error, a cross entropy; no share of a sum."""
    rest = set(words(stem(name))) - SPLIT_WORDS - LOSS_WORDS
    loader = _LOADER.search(name)
    return bool(rest) and rest <= KINDS and bool(LOSS_WORDS & set(words(name))) and not (loader and loader[1] != "0")


def is_val(name: str) -> bool:
    """Whether a name is that of a validation's value."""
    low = name.lower()
    return low.startswith(("val", "valid", "eval", "dev", "test")) or "/val" in low


def val_metric(name: str) -> str:
    """``val_loss`` for the loss of the first validation set, else the name made safe."""
    loader = _LOADER.search(name)
    if loader and loader[1] != "0":
        return safe(name)
    kind = loss_kind(_LOADER.sub("", name))
    return VAL_LOSS if kind is not None and kind[0] == VAL_LOSS else safe(name)
