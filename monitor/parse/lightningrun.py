"""A Lightning bar that says nothing new but its training values: its next states are followed without being read anew.

Nearly every state of a bar is of this kind. What ``LightningReader`` makes of one follows from the last that it has read, as long as the
epoch, its length, the names, and the validation values beside them stay what they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

from monitor.parse.lightning import LightningReader
from monitor.parse.lightningnames import is_val
from monitor.parse.lightningtext import NUMBER, SKIPPED
from rules.observation import Item

_HEAD = rb"Epoch (\d{1,9}):(?: :)? +\d+%\|[ #0-9\x80-\xff]*\| +(\d{1,9})/(\d{1,9}) \[[\d:]+<[\d:?]+, +[\d.?]+(?:it/s|s/it)"
_VALUE = NUMBER.encode()
_BAR = re.compile(_HEAD + rb"((?:, [A-Za-z_][\w./-]*=[\w.+-]+)+)\]\s*")
_PAIR = re.compile(rb", ([A-Za-z_][\w./-]*)=([\w.+-]+)")
_NUMBER = re.compile(_VALUE)
_PAIRS_FROM = 3
"""The first group of the pairs, behind epoch, batch and batches."""


@lru_cache(maxsize=32)
def _states(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """The states of a bar with these names; the groups are epoch, batch, batches and the values."""
    pairs = b"".join(b", " + re.escape(name) + (rb"=([\w.+-]+)" if name.decode() in SKIPPED else b"=(" + _VALUE + b")") for name in names)
    return re.compile(_HEAD + pairs + rb"\]\s*")


class BarRun:
    """The states that may follow the one that ``reader`` has just read, in which ``names`` stood and the groups were ``told``."""

    def __init__(self, reader: LightningReader, names: tuple[bytes, ...], told: Sequence[bytes], fixed: Sequence[int]) -> None:
        """``fixed``: the groups of the pairs that stay what they are."""
        self._reader, self._match = reader, _states(names).fullmatch
        self._fixed = itemgetter(0, 2, *fixed)
        self._told, self._total = self._fixed(told), int(told[2])
        self._rows = [
            (reader.metric_of(name.decode(), reader.loss_name), name.decode(), group)
            for group, name in enumerate(names, _PAIRS_FROM)
            if group not in fixed and name.decode() in reader.early
        ]

    def take(self, line: bytes, offset: int, items: list[Item]) -> bool:
        """Take a line where it is such a state; what it says of the one before it is added to ``items``."""
        found = self._match(line)
        if found is None:
            return False
        groups, reader = found.groups(), self._reader
        n = int(groups[1])
        if self._fixed(groups) != self._told or not reader.n <= n < self._total:
            return False
        step = reader.step_of(n - reader.val_seen)
        if n > reader.n and step != reader.step_of(reader.n - reader.val_seen):
            items += reader.emit()
        reader.n = n
        if self._rows and (n - reader.val_seen) % reader.accumulate == 0:
            epoch = reader.epoch
            reader.held = [[metric, step, epoch, groups[group].decode(), name, offset] for metric, name, group in self._rows]
        return True


def run_of(line: bytes, reader: LightningReader) -> BarRun | None:
    """What may follow a line that ``reader`` has just read; None where it is no such state, or the reader waits for something."""
    bar = _BAR.fullmatch(line)
    if bar is None or not _is_steady(bar, reader):
        return None
    pairs = _PAIR.findall(bar[4])
    names = tuple(name for name, _ in pairs)
    texts = [name.decode() for name in names]
    validated = [name for name in texts if is_val(name) and not name.endswith("_step")]
    if len(set(names)) < len(names) or (validated and reader.validating) or reader.loss_name not in texts:
        return None
    fixed = []
    for group, (text, (_, value)) in enumerate(zip(texts, pairs, strict=True), _PAIRS_FROM):
        stays = text in SKIPPED or text in validated or (text.endswith("_epoch") and not is_val(text))
        if text not in SKIPPED and (_NUMBER.fullmatch(value) is None or (stays and reader.shown.get(text) != value.decode())):
            return None
        if not stays and not is_val(text) and text not in reader.early and text not in reader.epochal:
            return None
        if stays:
            fixed.append(group)
    return BarRun(reader, names, (*bar.groups()[:_PAIRS_FROM], *(value for _, value in pairs)), fixed)


def _is_steady(bar: re.Match[bytes], reader: LightningReader) -> bool:
    """Whether the reader stands at this state, within an epoch, and nothing is under way that the next state may change."""
    at = (reader.epoch, reader.n, reader.per_epoch) == (int(bar[1]), int(bar[2]), int(bar[3]))
    within = reader.n - reader.val_seen > 0 and reader.n < int(bar[3]) and "" in reader.early
    counted = reader.counts_val and reader.val_total
    between = not reader.validating or (reader.val_done and not bar[4].startswith(b", loss="))
    return at and within and between and reader.sure and not (counted or reader.born or (reader.val_done and not reader.validating))
