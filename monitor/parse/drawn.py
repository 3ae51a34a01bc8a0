"""A progress bar as tqdm draws it: which numbers are its own, and what its description says of the place and of the split.

``Epoch 3/10 [Valid]:  25%|##5       | 10/40 [00:01<00:03,  9.8it/s, loss=0.52]``: the percent, the count, the times and the rate are the
bar's. It speaks of skeletons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitor.parse.names import SPLIT_WORDS, words
from monitor.parse.pairs import HOLE, Named

_DRAWN = re.compile(r"\x00%\s?\|[^|]*\|\s*(?P<n>\x00)/\x00 \[(?P<times>[^\],]*(?:,[^\],=:]*(?=[\],]))?)")
_ENDLESS = re.compile(r"(?:(?<=^)|(?<=\s))(?P<n>\x00)it \[(?P<times>\x00:\x00[^\],]*(?:,[^\],=:]*(?=[\],]))?)")
"""A bar whose end is not known: ``Epoch 3: 41it [00:04, 9.8it/s, loss=0.52]``."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """``head``: where the description ends. ``n`` and ``total``: which numbers count (the same where the end is not known). ``own``: all
    numbers of the bar."""

    head: int
    n: int
    total: int
    own: frozenset[int]


def drawn(skeleton: str) -> Drawn | None:
    """The bar that a skeleton shows; None where it shows none, or more than one."""
    found = _DRAWN.search(skeleton)
    endless = found is None
    found = found or _ENDLESS.search(skeleton)
    if found is None or _DRAWN.search(skeleton, found.end()):
        return None
    first, n = skeleton.count(HOLE, 0, found.start()), skeleton.count(HOLE, 0, found.start("n"))
    last = skeleton.count(HOLE, 0, found.end("times"))
    return Drawn(found.start(), n, n if endless else n + 1, frozenset(range(first, last)))


def epoch_of(what: list[Named]) -> tuple[int | None, int | None]:
    """The epoch and how many there are, by a description that names none: ``Train [3/10]``, ``3/10``, ``Valid 3``, ``(train: 3 )``."""
    for at, one in enumerate(what):
        total = what[at + 1] if at + 1 < len(what) and what[at + 1].of else None
        split = one.sep in ("", ":") and all(word in SPLIT_WORDS for word in words(one.key))
        alone = one.sep == "" or len(what) == 1
        if split and alone and (total is not None or one.key):
            return one.index, total.index if total is not None else None
    return None, None
