"""PyTorch Lightning's progress bars and messages: which of the many prints of a value is a fact of its own.

A training bar (``Epoch 3: 37%|...| 100/270 [02:11<03:43, 1.31s/it, v_num=47, train_loss=2.94, val_loss=2.19]``) repeats the last
validation value at every refresh. A validation value is born once a validation: where its own bar has run, where a checkpoint
message or an early-stopping message tells it, or, where neither is shown, when the number changes.

The step is Lightning's global step: batches of the epochs before plus the batch, over the gradient accumulation that
``Epoch 0, global step 25:`` reveals.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.parse.names import loss_kind, safe
from rules.observation import TRAIN_LOSS, VAL_LOSS, Event, Item, Observation, Progress

NAME = "lightning"

_NUM = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|nan|inf)"
_SPLIT = re.compile(
    r"(?<=\S)(?=(?:Epoch \d+(?:/\d+)?:? |Epoch \d+, global step |"
    r"Validation(?: DataLoader \d+)?:\s|Sanity Checking|Metric \S+ improved by|Training: +\d+%)"
    r"|`Trainer\.fit`|Testing DataLoader|Predicting DataLoader)"
)
_TRAIN = re.compile(
    r"(?:Epoch (?P<epoch>\d+)|Training): +(?:\d+%)?\|.*?\| +?(?P<n>\d+)/(?P<total>\d+|\?) \[(?P<times>[^,\]]*)(?P<post>.*)", re.S
)
_RICH = re.compile(
    r"Epoch (?P<epoch>\d+)/(?P<last>-?\d+) .*?(?P<n>\d+)/(?P<total>\d+|-+|\?) +"
    r"(?P<times>[\d:-]+ [•·] [\d:-]+ +[\d.]+(?:it/s|s/it))(?P<post>.*)", re.S
)
_VAL = re.compile(r"Validation|Validating")
_OTHER_BAR = re.compile(r"Sanity Checking|Validation sanity check|Testing|Predicting")
_REACHED = re.compile(rf"Epoch (?P<epoch>\d+), (?:global )?step (?P<step>\d+): '?(?P<name>[^\s']+)'? reached (?P<value>{_NUM})\b")
_NOT_TOP = re.compile(r"Epoch (?P<epoch>\d+), (?:global )?step (?P<step>\d+): '?(?P<name>[^\s']+)'? was not in top")
_IMPROVED = re.compile(rf"Metric (?P<name>\S+) improved\b.*?New best score: (?P<value>{_NUM})")
_FIRST = re.compile(rf"Metric (?P<name>\S+) improved\. New best score: (?P<value>{_NUM})")
_PAIR = re.compile(rf"(?P<name>[A-Za-z_][^\s=,:]*)(?:=|: )(?P<value>{_NUM})(?=(?P<end>[,\]\s]|$))")
_WORDS = re.compile(rb"Epoch |Validat|Sanity Check|Metric |Training: |Trainer\.fit|Testing|max_epochs|\d/\d")

_SKIPPED = frozenset(("v_num",))


def may_matter(segment: bytes) -> bool:
    """Whether a segment can hold anything for this reader (a superset)."""
    return _WORDS.search(segment) is not None


@dataclass(slots=True)
class LightningReader:
    """The fold over the bars and messages of one file."""

    epoch: int | None = None
    n: int = 0
    per_epoch: int | None = None
    done: int = 0
    first_epoch: int | None = None
    accumulate: int = 1
    validated: bool = False
    told: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    step_told: int | None = None
    pending: list[list[Any]] = field(default_factory=list)
    total: float | None = None
    last_epoch: int | None = None
    precise: dict[str, list[Any]] = field(default_factory=dict)

    def take(self, text: str, offset: int) -> list[Item]:
        """What one segment says; several bars and messages may be glued together in it."""
        items: list[Item] = []
        for piece in _SPLIT.split(text):
            if piece:
                items += self._piece(piece, offset)
        return items

    def flush(self) -> list[Item]:
        return self._emit()

    def _piece(self, piece: str, offset: int) -> list[Item]:
        bar = _TRAIN.search(piece) or _RICH.search(piece)
        if bar and not _OTHER_BAR.match(piece):
            return self._bar(bar, offset)
        message = _REACHED.search(piece)
        if message:
            return self._message(message["name"], message["value"], int(message["epoch"]), int(message["step"]), offset)
        message = _NOT_TOP.search(piece)
        if message:
            self._know_step(int(message["step"]), int(message["epoch"]))
            return []
        message = _IMPROVED.search(piece)
        if message:
            return self._improved(message["name"], message["value"], offset)
        if _VAL.match(piece.lstrip()) and not _OTHER_BAR.match(piece.lstrip()):
            if not self.validated:
                self.told = []
                self.step_told = None
            self.validated = True
        return []

    def _bar(self, bar: re.Match[str], offset: int) -> list[Item]:
        items: list[Item] = []
        epoch = int(bar["epoch"] or 0)
        n = int(bar["n"])
        if self.epoch is not None and epoch < self.epoch:
            items += self._emit()
            items.append(Event("started", "the epoch went back", offset=offset))
            self._restart()
        if self.epoch is None or epoch > self.epoch:
            self._next_epoch(epoch)
        self.n = n
        if bar["total"].isdigit():
            self.per_epoch = int(bar["total"])
        if "last" in bar.re.groupindex and int(bar["last"]) >= 0:
            self.last_epoch = int(bar["last"])
        step = self._step()
        if self.pending and self.pending[0][1] != step:
            items += self._emit()
        values = self._values(bar["post"])
        self._train(values, n, step, epoch, offset)
        items += self._validation(values, step, epoch, offset)
        items += self._announce(offset)
        return items

    def _values(self, post: str) -> dict[str, str]:
        """The postfix's names and values; the last is left out where the terminal's width has cut it."""
        found = {}
        for one in _PAIR.finditer(post):
            if one["end"] or "]" in post:
                found[one["name"]] = one["value"]
        return found

    def _train(self, values: dict[str, str], n: int, step: float, epoch: int, offset: int) -> None:
        if n == 0:
            return
        rows, best = [], None
        for name in values:
            if name in _SKIPPED or _is_val(name):
                continue
            kind = loss_kind(name)
            if kind and kind[0] == TRAIN_LOSS and (best is None or kind[1] < best[0]):
                best = (kind[1], name)
        for name, value in values.items():
            if name in _SKIPPED or _is_val(name) or (name.endswith("_epoch") and n != self.per_epoch and name != (best or (0, ""))[1]):
                continue
            metric = TRAIN_LOSS if best and name == best[1] else safe(name)
            if best and best[1].endswith("_epoch") and name == best[1] and self.shown.get(name) == value:
                continue
            rows.append([metric, step, epoch, value, name, offset])
            self.shown[name] = value
        if rows:
            self.pending = rows

    def _validation(self, values: dict[str, str], step: float, epoch: int, offset: int) -> list[Item]:
        items: list[Item] = []
        born = False
        for name, value in values.items():
            if not _is_val(name) or name.endswith("_step"):
                continue
            before = self.shown.get(name)
            changed = before != value and not (value.lower() == "nan" and before is None and not self.validated)
            self.shown[name] = value
            if name in self.told:
                continue
            if self.validated or changed:
                born = True
                at = float(self.step_told) if self.step_told is not None else step
                items += self._emit_val(name, value, at, epoch, offset)
        if born:
            self.told = []
        if (born or self.told) and any(_is_val(name) for name in values):
            self.validated = False
            self.told = []
            self.step_told = None
        return items

    def _emit_val(self, name: str, value: str, step: float, epoch: int | None, offset: int) -> list[Item]:
        items = self._emit()
        kind = loss_kind(name)
        metric = VAL_LOSS if kind and kind[0] == VAL_LOSS else safe(name)
        items.append(Observation(metric, float(value), step, None if epoch is None else float(epoch), name, offset))
        return items

    def _message(self, name: str, value: str, epoch: int, step: int, offset: int) -> list[Item]:
        self._know_step(step, epoch)
        if not _is_val(name) and loss_kind(name) is not None:
            return []
        if name in self.told:
            return []
        self.told.append(name)
        return self._emit_val(name, value, float(step), epoch, offset)

    def _improved(self, name: str, value: str, offset: int) -> list[Item]:
        if name in self.told or not _is_val(name):
            return []
        if self.epoch is None and self.step_told is None:
            return []
        self.told.append(name)
        at = float(self.step_told) if self.step_told is not None else self._step()
        return self._emit_val(name, value, at, self.epoch, offset)

    def _know_step(self, step: int, epoch: int) -> None:
        self.step_told = step
        if self.epoch == epoch and step > 0:
            batches = self.done + self.n
            if batches > step:
                self.accumulate = max(1, round(batches / step))
            elif batches < step and self.n and self.accumulate == 1:
                self.done += step - batches

    def _step(self) -> float:
        batches = self.done + self.n
        return float(batches if self.accumulate == 1 else -(-batches // self.accumulate))

    def _next_epoch(self, epoch: int) -> None:
        if self.epoch is not None:
            self.done += self.per_epoch if self.per_epoch is not None else self.n
        else:
            self.first_epoch = epoch
        self.epoch = epoch
        self.n = 0

    def _restart(self) -> None:
        self.epoch, self.n, self.done, self.shown, self.told = None, 0, 0, {}, []
        self.validated, self.step_told = False, None

    def _announce(self, offset: int) -> list[Item]:
        if self.per_epoch is None or self.last_epoch is None:
            return []
        total = float((self.last_epoch + 1) * self.per_epoch // self.accumulate)
        if total == self.total:
            return []
        self.total = total
        return [Progress(total_steps=total, offset=offset)]

    def _emit(self) -> list[Item]:
        rows, self.pending = self.pending, []
        return [Observation(row[0], float(row[3]), row[1], float(row[2]), row[4], row[5]) for row in rows]

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> LightningReader:
        return cls(**state)


def _is_val(name: str) -> bool:
    low = name.lower()
    return low.startswith(("val", "valid", "eval", "dev", "test")) or "/val" in low
