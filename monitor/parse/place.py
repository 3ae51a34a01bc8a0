"""Where in the training a line stands: the step that it prints, or what its epoch and batch make, or the last that was seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MOSTLY_ZERO = -1
"""As the number of the first epoch: 0, or 1 in a log that begins with that one."""


@dataclass(slots=True)
class Place:
    """The last place that the log told.

    ``printed``: the step is the log's own count, not made of epoch and batch. ``local``: the log's ``step`` begins anew in every
    epoch (None: not known yet). ``numbered_from``: the number of the first epoch, where a line shows it. ``base`` is what a local
    step adds for the epochs before where their length is not printed. ``banner``: the last line that told a batch told nothing else.
    ``restarts``: a step that stands without its epoch begins anew when the epoch turns; ``epoch_of_step`` is the epoch of the last one.
    ``summed``: the line that told the epoch last told its values too, so it stands at its end. ``first_step``: the first
    step that stood alone. ``sums_up``: batches come first and the line that tells their epoch and its values behind them; ``ended``:
    such a line has come, so the next batches are those of the next epoch. ``runs_on``: a step of a total beside an epoch of a total
    counts through all epochs (None: no epoch has turned yet).
    """

    step: float | None = None
    printed: bool = False
    epoch: float | None = None
    batches: float | None = None
    first_epoch: float | None = None
    local: bool | None = None
    in_epoch: float | None = None
    gap: float | None = None
    base: float = 0.0
    total_steps: float | None = None
    total_epochs: float | None = None
    has_steps: bool = False
    numbered_from: float | None = None
    banner: bool = False
    epoch_of_step: float | None = None
    restarts: bool = False
    summed: bool = False
    first_step: float | None = None
    sums_up: bool = False
    ended: bool = False
    runs_on: bool | None = None

    def restart(self) -> None:
        """The program began anew: what was seen says nothing of the lines to come."""
        self.step = self.epoch = self.in_epoch = self.first_epoch = self.epoch_of_step = None
        self.base, self.ended = 0.0, False

    def forget(self) -> None:
        """What was seen was no place in a training."""
        fresh = Place(total_steps=self.total_steps, total_epochs=self.total_epochs)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def see(
        self, *, step: float | None, epoch: float | None, batch: float | None, batches: float | None, total: float | None, local: bool,
        epoch_from: int | None, measured: bool, epoch_only: bool, here: bool = False, is_global: bool = False, loose: bool = False,
    ) -> tuple[float | None, float | None]:  # fmt: skip
        """Take what one line says; (step, epoch) of that line, either None where nothing tells it.

        ``loose``: no line has measured anything yet, so a step that was seen may be a setting's; the next epoch takes its place.
        """
        if loose and step is not None and not step.is_integer():
            return None, None
        if loose and epoch is not None and step is None and batch is None:
            self.forget()
        before = self.epoch if self.epoch_of_step is None else self.epoch_of_step
        self._end(epoch, batch, ends=measured and step is None and batch is None, moves=step is None)
        self._turn(epoch, batches, measured=measured)
        if step is not None and batch is not None:
            self.local = True
            self._number_epochs(step, batch)
        elif step is not None and epoch is not None and not is_global:
            if (local and not self._runs_on(step, epoch, before, total)) or self._turned_local(step, epoch, before):
                self.local = True
            if self.local and not self.runs_on:
                step, batch, batches = None, step, total if total is not None else batches
                if batches is not None:
                    self.batches = batches
        if (step, batch, epoch) != (None, None, None):
            self.banner = batch is not None and not measured
        if step is not None:
            alone = epoch is None and not is_global
            return self._restarted(step, total) if alone and self._begins_anew(step) else self._printed(step, measured=measured)
        if batch is not None and (self.epoch is not None or batches is not None):
            return self._counted(batch, batches or 0.0) if self.epoch is None else self._derived(batch, epoch_from, before)
        if epoch_only or self.step is None or not (self.printed or here or self.banner):
            return None, self.epoch
        return self.step, self.epoch

    def _end(self, epoch: float | None, batch: float | None, *, ends: bool, moves: bool) -> None:
        """Take note of a line that ends its epoch, and of the first batch of the next one, which no line tells."""
        if epoch is not None:
            self.ended = ends
            self.sums_up = self.sums_up or (ends and self.epoch is None and self.in_epoch is not None and not self.printed)
        elif moves and self.sums_up and self.ended and batch is not None and batch <= (self.in_epoch or 0.0):
            self.epoch, self.ended = (self.epoch or 0.0) + 1.0, False

    def _turn(self, epoch: float | None, batches: float | None, *, measured: bool) -> None:
        if epoch is not None:
            if self.first_epoch is None or epoch < self.first_epoch:
                self.first_epoch = epoch
            self.epoch, self.summed = epoch, measured
        if batches is not None:
            self.batches = batches

    def _begins_anew(self, step: float) -> bool:
        """Whether a step that stands alone begins anew with the epoch: it has fallen back to the first that was seen, in a new epoch."""
        if self.first_step is None:
            self.first_step = step
        fallen = self.in_epoch is not None and step < self.in_epoch and step <= self.first_step
        if fallen and self.local is None and self.epoch is not None and self.printed:
            self.restarts = self.restarts or (self.summed if self.epoch_of_step is None else self.epoch > self.epoch_of_step)
        return self.restarts

    def _restarted(self, step: float, total: float | None) -> tuple[float, float | None]:
        """A step that counts within the epoch, whose number stands on a line of its own."""
        if self.epoch is not None and self.in_epoch is not None:
            if self.epoch_of_step is not None and self.epoch < self.epoch_of_step:
                self.base = 0.0
            elif self.epoch != self.epoch_of_step:
                self.base += total or self.in_epoch + (0.0 if step >= (self.gap or self.in_epoch) else self.gap or 1.0)
            else:
                self._stride(step)
        self.epoch_of_step, self.in_epoch = self.epoch, step
        self.step, self.printed, self.has_steps = self.base + step, False, True
        return self.step, self.epoch

    def _runs_on(self, step: float, epoch: float, before: float | None, total: float | None) -> bool:
        """Whether a step of a total runs on through the epochs: where the first of them turns it has not fallen, and it stands as far in
        its total as the epoch in its own."""
        if self.runs_on is None and before is not None and epoch > before and self.in_epoch is not None:
            share = (total or 0.0) / (self.total_epochs or 1.0)
            done = epoch - (self.first_epoch or 0.0)
            near = self.total_epochs is not None and (done - 1.0) * share - 1.0 <= step <= (done + 1.0) * share + 1.0
            self.runs_on = near and step > self.in_epoch
            self.local = False if self.runs_on else self.local
        return self.runs_on is True

    def _turned_local(self, step: float, epoch: float, before: float | None) -> bool:
        return before is not None and epoch > before and self.in_epoch is not None and step < self.in_epoch and self.local is None

    def _printed(self, step: float, *, measured: bool) -> tuple[float, float | None]:
        self.epoch_of_step = self.epoch
        if measured or self.step is None or step >= self.step or not self.printed:
            self.step, self.printed, self.has_steps = step, True, True
        self._stride(step)
        self.in_epoch = step
        return step, self.epoch

    def _stride(self, step: float) -> None:
        if self.in_epoch is not None and step > self.in_epoch:
            self.gap = min(self.gap or step, step - self.in_epoch)

    def _number_epochs(self, step: float, batch: float) -> None:
        """A line with the global step and the batch tells which number the first epoch has, also where the log's head is missing."""
        before = step - batch
        if self.epoch is not None and self.batches and before >= 0 and before % self.batches == 0:
            first = self.epoch - before / self.batches
            self.numbered_from = first if first in (0.0, 1.0) else None

    def _counted(self, batch: float, batches: float) -> tuple[float, None]:
        """A bar without an epoch: where it begins anew, the one before it has run to its end. A printed step is no bar's."""
        if self.in_epoch is not None and batch < self.in_epoch and not self.printed:
            self.base += batches
        self.in_epoch = batch
        self.step, self.printed, self.has_steps = self.base + batch, False, True
        return self.step, None

    def _derived(self, batch: float, epoch_from: int | None, before: float | None) -> tuple[float, float | None]:
        epoch = self.epoch or 0.0
        if self.batches is not None:
            counted = self.numbered_from if self.numbered_from is not None else (0.0 if self.first_epoch == 0 else 1.0)
            first = counted if epoch_from is None else self.first_epoch == 1 if epoch_from == MOSTLY_ZERO else epoch_from
            before_it = max(0.0, epoch - first) * self.batches
            runs_on = self.batches + 1 < batch and before_it < batch <= before_it + self.batches  # Epoch[3] Iteration[2000/938]
            step = batch if runs_on else before_it + batch
        else:
            if before is not None and epoch != before and self.in_epoch is not None:
                self.base += self.in_epoch + (0.0 if batch >= (self.gap or self.in_epoch) else self.gap or 1.0)
            else:
                self._stride(batch)
            step = self.base + batch
        self.in_epoch, self.epoch_of_step = batch, self.epoch
        self.step, self.printed, self.has_steps = step, False, True
        return step, self.epoch

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Place:
        return cls(**state)
