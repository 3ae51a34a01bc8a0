"""What a line's words say about its numbers: which is the step, which the epoch, which the value of what.

A ``Reading`` depends on the skeleton of the line alone, so it is made once for each skeleton and kept.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.parse.place import Place

HOLE = "\x00"


class Anchor(StrEnum):
    """Where a line without a step of its own belongs."""

    LAST = "last"
    """To the last step that was seen (llm.c prints ``val loss`` after the step's line)."""
    NEXT = "next"
    """To the next step that is printed (build-nanogpt prints it before)."""
    EPOCH = "epoch"
    """To the last epoch that was seen (a banner above it)."""
    BAR = "bar"
    """To the step that the main progress bar shows next (Transformers writes its dict above the bar); else to its own epoch."""
    HERE = "here"
    """To the place of the line above, also where that is made of epoch and batch (Composer prints a value a line below it)."""
    COUNT = "count"
    """Nothing in the log counts: it is the n-th line of its kind."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value: the metric it may become, its own name, which of the line's numbers it is, how plainly the name says so."""

    metric: str
    name: str
    index: int
    understudy: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Indices into the line's numbers; None where the line does not have it.

    ``weak``: nothing on the line says that it is a metric line but its likeness to others; it counts when it repeats.
    ``local``: the step begins anew in every epoch; ``is_global``: its name says that it does not.
    ``default_step``: where a line belongs that comes before any step. ``by_total``: two kinds of bars look alike but for their
    totals; the first kind is the training. ``main_bar``: a state of the
    bar that counts the steps of the run. ``once``: a step's first value is the one that counts.
    ``changed``: metrics that are shown again and again until the next is known; only a new value counts.
    ``bar``: a state of a progress bar, of which a step's last one counts. ``full``: (n, total) that must be equal.
    ``section``: the line begins a part of the log (``val``, ``none``); ``by_section``: what a line is depends on the part it stands in.
    ``heading``: the line begins a part of the log and says nothing else. ``in_val``: what the line means instead in a validation's part.
    ``kind``: what tells this kind of line from others where a label stands before it.
    ``of``: (n, total) of a bar that tqdm draws. ``aside``: such a bar is a validation's, and stands where the training has come to; with a
    ``batch`` only where there is a training.
    """

    format: str
    step: int | None = None
    epoch: int | None = None
    batch: int | None = None
    batches: int | None = None
    total_steps: int | None = None
    total_epochs: int | None = None
    values: tuple[Value, ...] = ()
    anchor: Anchor = Anchor.LAST
    full: tuple[int, int] | None = None
    scale: float = 1.0
    offset: int = 0
    weak: bool = False
    bar: bool = False
    rule: str = ""
    epoch_from: int | None = None
    started: bool = False
    local: bool = False
    is_global: bool = False
    default_step: float | None = None
    by_total: bool = False
    once: bool = False
    main_bar: bool = False
    changed: frozenset[str] = frozenset()
    section: str = ""
    by_section: bool = False
    kind: int = 0
    in_val: Reading | None = None
    heading: bool = False
    of: tuple[int, int] | None = None
    aside: bool = False

    @property
    def placed(self) -> bool:
        """Whether the line itself tells where it belongs."""
        return self.step is not None or self.epoch is not None or self.batches is not None

    def tells_total(self, place: Place) -> bool:
        """Whether the total that stands behind the step is the run's, at ``place`` or after it: not where it is the epoch's."""
        through = place.runs_on and self.step is not None and self.epoch is not None
        return self.total_steps is not None and (not self.local or bool(through))

    def behind(self, label: str, text: str) -> Reading:
        """The reading of a line whose numbers begin with those of ``label``; ``text`` is the skeleton that was read."""
        skipped = label.count(HOLE)
        if not label or self is NOTHING:
            return self

        def at(index: int | None) -> int | None:
            return None if index is None else index + skipped

        return replace(
            self, step=at(self.step), epoch=at(self.epoch), batch=at(self.batch), batches=at(self.batches),
            total_steps=at(self.total_steps), total_epochs=at(self.total_epochs),
            values=tuple(replace(value, index=value.index + skipped) for value in self.values),
            full=None if self.full is None else (self.full[0] + skipped, self.full[1] + skipped),
            of=None if self.of is None else (self.of[0] + skipped, self.of[1] + skipped),
            kind=zlib.crc32(text.encode("utf-8", "replace")), in_val=None if self.in_val is None else self.in_val.behind(label, text),
        )  # fmt: skip


NOTHING = Reading("")
"""The reading of a line that says nothing."""
