"""PyTorch Lightning's progress bars and messages: which of the many prints of a value is a fact of its own.

A training bar (``Epoch 3: 37%|...| 100/270 [02:11<03:43, 1.31s/it, v_num=47, train_loss=2.94, val_loss=2.19]``) repeats the last
validation value at every refresh. A validation value is born once a validation: where its own bar has run, where a checkpoint
message or an early-stopping message tells it, or, where neither is shown, when the number changes.

The step is Lightning's global step: batches of the epochs before plus the batch, over the gradient accumulation that
``Epoch 0, global step 25:`` reveals. Before version 2 the bar counted the batches of the validations too: they are taken off. A loop of
somebody's own draws the same bar with tqdm, often with its epochs counted from 1: where nothing that only Lightning prints (``v_num``,
a sanity check, ``Training:``) came before the first batch of an epoch 1, that is the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.parse.lightningnames import is_a_kind, is_val, stem, val_metric
from monitor.parse.lightningtext import (
    DONE,
    ENDLESS,
    IMPROVED,
    NOT_TOP,
    OTHER_BAR,
    PAIR,
    REACHED,
    RICH,
    SKIPPED,
    SPLIT,
    TRAIN,
    VAL,
    VERSION_1,
    WRAPPED,
    joined,
    values_of,
)  # fmt: skip
from monitor.parse.names import loss_kind, safe
from monitor.parse.place import Place
from rules.observation import TRAIN_LOSS, VAL_LOSS, Event, Item, Observation, Progress

NAME = "lightning"
MAX_POST_CHARS = 2000


@dataclass(slots=True)
class LightningReader:
    """The fold over the bars and messages of one file.

    ``done`` counts batches of the epochs before, ``n`` those of this one. ``shown``: what the bar showed last, a name.
    ``counts_val``: the bar counts validations too, ``val_seen`` is how many of their batches it has counted in this epoch, and
    ``val_total`` how many the present one has. ``fresh``: names whose validation a message has told, so that the bar's next change of
    them is no news. ``held``: the training values of the bar's last state, and ``born``: validation values that a message may yet make
    more precise.
    """

    epoch: int | None = None
    n: int = 0
    per_epoch: int | None = None
    done: int = 0
    accumulate: int = 1
    validating: bool = False
    val_done: bool = False
    val_n: int = 0
    counts_val: bool = False
    val_seen: int = 0
    val_before: int = 0
    val_total: int = 0
    val_shown: int = 0
    val_each: int = 0
    """How many validation batches the bar counted in the last epoch that was seen whole."""
    step_told: int | None = None
    fresh: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    held: list[list[Any]] = field(default_factory=list)
    born: dict[str, list[Any]] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    improved: dict[str, list[Any]] = field(default_factory=dict)
    last_epoch: int | None = None
    total: float | None = None
    rich: bool = False
    ends: dict[str, int] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)
    """Metrics that a name has told in so many words (``train_loss``), and (``kinds``) what stands for those that none has."""
    loss_name: str = ""
    early: list[str] = field(default_factory=list)
    epochal: list[str] = field(default_factory=list)
    """Names that the bar has shown before an epoch's end, and those that came with its end: means that are shown all through the next."""
    kinds: dict[str, str] = field(default_factory=dict)
    post: str = ""
    """What stands behind a rich bar so far, which the terminal's width may have wrapped."""
    sure: bool = False
    """Whether it is known which number the first epoch has: Lightning's is 0."""

    def take(self, text: str, offset: int) -> list[Item]:
        """What one segment says; several bars and messages may be glued together in it."""
        items: list[Item] = []
        for piece in SPLIT.split(text):
            if piece:
                items += self._piece(piece, offset)
        return items

    def stand(self, place: Place, told: dict[str, float]) -> None:
        """Go on from a place that bars have shown before anything told that they are Lightning's; ``told``: where each value stands."""
        if place.epoch is not None and place.batches is not None:
            self.epoch, self.n, self.per_epoch = int(place.epoch), int(place.in_epoch or 0), int(place.batches)
            self.done, self.sure, self.told = self.epoch * self.per_epoch, True, told

    def flush(self) -> list[Item]:
        """What is held when no more will come."""
        return self.emit() + self._emit_born()

    def _piece(self, piece: str, offset: int) -> list[Item]:
        bare = piece.lstrip()
        if OTHER_BAR.match(bare):
            self.sure = self.sure or self.epoch is None
            return []
        bar = TRAIN.search(piece) or RICH.search(piece) or ENDLESS.search(piece)
        if bar:
            return self._bar(bar, offset)
        message = REACHED.search(piece) or NOT_TOP.search(piece)
        if message:
            return self._message(message.groupdict(), offset)
        message = IMPROVED.search(piece)
        if message:
            self.improved[message["name"]] = [message["value"], offset]
            return []
        if VAL.match(bare):
            return self._val_bar(bare)
        if "Trainer.fit" in piece:
            self.post = ""
            return self.flush()
        return self._continued(piece, offset) if self.post else []

    def _continued(self, piece: str, offset: int) -> list[Item]:
        """The rest of a rich bar that the terminal's width has wrapped."""
        rest = WRAPPED.match(piece)
        if rest is None or self.epoch is None or len(self.post) + len(rest["post"]) > MAX_POST_CHARS:
            return []
        before, self.post = values_of(self.post + " "), joined(self.post, rest["post"])
        values = {name: value for name, value in values_of(self.post + " ").items() if name not in before}
        self._train(values, self.n - self.val_seen, self.epoch, offset, more=True)
        return self._validation(values, self.epoch, offset)

    def _val_bar(self, piece: str) -> list[Item]:
        items: list[Item] = []
        if not self.validating or (self.val_done and (DONE.search(piece) or {"n": "1"})["n"] == "0"):
            if any(row[1] != self.step_of(self.n - self.val_seen) for row in self.born.values()):
                items += self.emit() + self._emit_born()
            self.validating, self.val_done, self.val_n, self.step_told = True, False, self.n, None
            self.val_before, self.val_total = self.val_seen, 0
        done = DONE.search(piece)
        if done:
            self.val_shown, self.val_total = int(done["n"]), int(done["total"])
        if done and done["n"] == done["total"]:
            self.val_done = True
        return items

    def _bar(self, bar: re.Match[str], offset: int) -> list[Item]:
        items: list[Item] = []
        epoch, n = int(bar["epoch"] or 0), int(bar["n"])
        self.rich = self.rich or bar.re is RICH
        if bar["epoch"] is None and self.epoch is not None and n == 0:
            return []  # each epoch's bar says Training before it says Epoch, where the bars are left standing
        if epoch == self.epoch and n == 0 and (self.n == self.per_epoch or (self.per_epoch is None and PAIR.search(bar["post"]))):
            return []  # tqdm draws the emptied bar once more before it takes the next epoch's name
        fell = self.epoch is not None and (epoch < self.epoch or (epoch == self.epoch and n < self.n - 1))
        if fell:
            items += self.flush()
            items.append(Event("started", "the bar began anew", offset=offset))
            self._restart()
        if self.epoch is None or epoch > self.epoch:
            if self.epoch is not None:
                items += self.flush()
            self.sure = self.sure or bar["epoch"] is None or (self.epoch is None and epoch != 1)
            self._next_epoch(epoch, int(bar["total"]) if bar["total"].isdigit() else None)
        elif n > self.n:
            before, seen = self.n - self.val_seen, self.val_seen
            self._leave_out_validation(n, bar["post"])
            if self.step_of(n - self.val_seen) != self.step_of(before):
                items += self.emit()
            if self.val_seen == seen:
                items += self._emit_born()
        self.n = n
        if bar["total"].isdigit():
            self.per_epoch = int(bar["total"])
            self._accumulation(epoch)
        if "last" in bar.re.groupindex and int(bar["last"]) >= 0:
            self.last_epoch = int(bar["last"])
        self.post = (bar["post"] or " ") if bar.re is RICH else ""
        values = values_of(bar["post"] + (" " if bar.re is RICH else ""))
        if n and not self.sure:
            self.sure = True
            self.done -= 0 if self.rich or "v_num" in bar["post"] else self.done
        self._train(values, n - self.val_seen, epoch, offset)
        items += self._validation(values, epoch, offset)
        items += self._announce(offset)
        return items

    def _leave_out_validation(self, n: int, post: str) -> None:
        """Take off what a bar of before version 2 has counted of the present validation. Such a bar moves while a validation's does."""
        if self.validating and self.val_total and not self.counts_val:
            moves = not self.val_done and self.n == self.val_n and n == self.n + self.val_shown
            self.counts_val = moves or VERSION_1.match(post) is not None
        if self.counts_val and self.val_total:
            if self.n == self.val_n and n == self.val_n + self.val_total + 1:
                self.val_total += 1  # 1.5 counts one more where the epoch goes on
            self.val_seen = self.val_before + min(n - self.val_n, self.val_total)

    def _train(self, values: dict[str, str], n: int, epoch: int, offset: int, *, more: bool = False) -> None:
        """Hold the training values of this state of the bar, after ``n`` batches; an epoch's mean counts once, at its end."""
        if n == 0 or (self.accumulate > 1 and n % self.accumulate and not self._at_end() and self.per_epoch is not None):
            return
        if "" not in self.early and not self._at_end():
            self.early.append("")
        names = [name for name in values if name not in SKIPPED and not is_val(name)]
        losses = [(kind[1], name == "loss", name) for name in names if (kind := loss_kind(name)) is not None and kind[0] == TRAIN_LOSS]
        known = self.loss_name if more or self.loss_name in names else ""
        best = known or min(losses, default=(0, 0, ""))[2] or self._by_kind(TRAIN_LOSS, names)
        self.loss_name = self.loss_name or best
        self.plain = self.plain if not losses or TRAIN_LOSS in self.plain else [*self.plain, TRAIN_LOSS]
        step = self.step_of(n)
        rows = [row for row in self.held if row[4] not in names] if more else []
        for name in names:
            if name.endswith("_epoch"):
                if self.shown.get(name) == values[name]:
                    continue
                self.shown[name] = values[name]
            elif not self._belongs_here(name):
                continue
            late = name.endswith("_epoch") and not self._at_end() and epoch > 0
            at, of = (self.step_of(0), epoch - 1) if late else (step, epoch)  # the mean that the bar before has not shown
            rows.append([self.metric_of(name, best), at, of, values[name], name, offset])
        if rows:
            self.held = rows

    def metric_of(self, name: str, best: str) -> str:
        """The metric of a training value; ``best`` is the name of the loss."""
        metric = TRAIN_LOSS if name == best else safe(name)
        return metric if name == best or metric != TRAIN_LOSS else f"{metric}_epoch"

    def _at_end(self) -> bool:
        return self.n == self.per_epoch

    def _belongs_here(self, name: str) -> bool:
        """Whether a value is of this state of the bar: a name that came only with an epoch's end tells each epoch's mean at its end."""
        if name not in self.early and name not in self.epochal and len(self.early) < 256:
            (self.epochal if self._at_end() and self.early else self.early).append(name)
        return name not in self.epochal or self._at_end()

    def _validation(self, values: dict[str, str], epoch: int, offset: int) -> list[Item]:
        names = [name for name in values if is_val(name) and not name.endswith("_step")]
        settled = False
        main = self._main_validation(names)
        for name in names:
            before, value = self.shown.get(name), values[name]
            self.shown[name] = value
            changed = before != value and not (before is None and value.startswith("nan") and not self.validating)
            if name in self.fresh:
                settled = True
            elif self.done + self.n == 0:
                settled = True  # the sanity check's value, before any step
            elif changed or (self.val_done and (self.n > self.val_n or not self.rich)):
                at = float(self.step_told) if self.step_told is not None else self._val_step()
                if self.told.get(name) != at:
                    self.born[name] = [VAL_LOSS if name == main else val_metric(name), at, epoch, value, name, offset]
                settled = True
        if settled:
            self.validating, self.val_done, self.step_told, self.fresh = False, False, None, []
        return []

    def _main_validation(self, names: Sequence[str]) -> str:
        """The name that is the validation loss though it does not say so in so many words; empty where one does."""
        if any(val_metric(name) == VAL_LOSS for name in names) and VAL_LOSS not in self.plain:
            self.plain.append(VAL_LOSS)
        return self._by_kind(VAL_LOSS, names)

    def _by_kind(self, metric: str, names: Sequence[str]) -> str:
        """The one loss that goes by its kind (``train_mse_loss``), where none has gone by ``loss`` alone."""
        stems = dict.fromkeys(stem(name) for name in names if is_a_kind(name))
        if metric in self.plain or not stems:
            return ""
        if metric not in self.kinds and len(stems) == 1:
            self.kinds[metric] = next(iter(stems))
        return next((name for name in names if stem(name) == self.kinds.get(metric)), "")

    def _val_step(self) -> float:
        n = self.val_n - self.val_before if self.validating else self.n - self.val_seen
        batches = self.done + n
        if self.accumulate == 1 or n in (0, self.per_epoch):
            return self.step_of(n)
        return float(batches // self.accumulate)

    def _message(self, said: dict[str, str | None], offset: int) -> list[Item]:
        """A checkpoint message: the global step, and the value in full where it was among the best."""
        name, step, epoch, value = said["name"] or "", int(said["step"] or 0), int(said["epoch"] or 0), said.get("value")
        self.improved.pop(name, None)
        self._know_step(step, epoch)
        if len(self.ends) < 64 or str(epoch) in self.ends:
            self.ends[str(epoch)] = max(step, self.ends.get(str(epoch), 0))
        if not is_val(name):
            for row in self.born.values():
                row[1] = float(step)
            return []
        items = self.emit()
        if name in self.born:
            row = self.born.pop(name)
            row[1] = float(step)
            row[3] = value if value is not None else row[3]
            items += self._rows([row])
        elif value is not None and self.told.get(name) != step:
            metric = VAL_LOSS if name == self._main_validation([name]) else val_metric(name)
            items += self._rows([[metric, float(step), epoch, value, name, offset]])
            self.fresh.append(name)
        for row in self.born.values():
            row[1] = float(step)
        if value is not None:
            self.told[name] = float(step)
        return items

    def _know_step(self, step: int, epoch: int) -> None:
        self.step_told = step
        batches = self.done + (self.val_n - self.val_before if self.validating else self.n - self.val_seen)
        if self.epoch != epoch or step <= 0 or not self.n:
            return
        if batches > step:
            self.accumulate = max(1, round(batches / step))
        elif batches < step and self.accumulate == 1:
            self.done += step - batches

    def _accumulation(self, epoch: int) -> None:
        """The accumulation, where a message of this epoch in another file of the run has told the step at its end."""
        known = self.ends.get(f"of {epoch}")
        if known and self.per_epoch and self.accumulate == 1 and self.per_epoch * (epoch + 1) >= 2 * known:
            self.accumulate = round(self.per_epoch * (epoch + 1) / known)

    def step_of(self, n: int) -> float:
        """The global step after ``n`` training batches of the present epoch."""
        batches = self.done + n
        return float(batches if self.accumulate == 1 else -(-batches // self.accumulate))

    def _next_epoch(self, epoch: int, total: int | None) -> None:
        if self.epoch is not None:
            ended = (self.per_epoch if self.per_epoch is not None else self.n) - self.val_seen
            self.done += ended
            self.val_n -= self.val_before + ended  # a validation that is not told yet stays where it was
        elif epoch > 0 and total:
            self.done = epoch * (total - self.val_each)
        self.val_each = self.val_seen if self.epoch is not None else self.val_each
        self.epoch, self.n, self.val_seen, self.val_before, self.val_total = epoch, 0, 0, 0, 0

    def _restart(self) -> None:
        self.epoch, self.n, self.done, self.shown, self.told, self.fresh = None, 0, 0, {}, {}, []
        self.val_each = max(self.val_each, self.val_seen)
        self.val_seen, self.val_before, self.val_total = 0, 0, 0
        self.validating, self.val_done, self.step_told = False, False, None

    def _announce(self, offset: int) -> list[Item]:
        if self.per_epoch is None or self.last_epoch is None:
            return []
        total = float((self.last_epoch + 1) * self.per_epoch // self.accumulate)
        if total == self.total:
            return []
        self.total = total
        return [Progress(total_steps=total, offset=offset)]

    def emit(self) -> list[Item]:
        """The training values that are held, less those that a message has told."""
        rows, self.held = self.held, []
        return self._rows([row for row in rows if self.told.get(row[4]) != row[1]])

    def _emit_born(self) -> list[Item]:
        born, self.born = self.born, {}
        return self._rows(list(born.values()))

    def _rows(self, rows: list[list[Any]]) -> list[Item]:
        for row in rows:
            self.told[row[4]] = row[1]
        return [Observation(row[0], _float(row[3]), row[1], float(row[2]), row[4], row[5]) for row in rows]

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> LightningReader:
        return cls(**state)


def _float(text: str) -> float:
    """A bar's number; tqdm pads to three digits, so NaN stands there as ``nan.0``."""
    return float(text.removesuffix(".0") if text[:1] in "ni" else text)
