"""Readings to items: which step a value belongs to, which name it goes by, which of a bar's states counts.

The state is small, bounded and JSON-able (``foldstate``); it knows no bytes and no patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from monitor.parse.bars import Bars
from monitor.parse.heading import of_section
from monitor.parse.names import safe
from monitor.parse.numbers import number
from monitor.parse.place import Place
from monitor.parse.reading import Anchor, Reading, Value
from monitor.parse.repeats import MAX_STEPPED, TRAIN_LOSS_EPOCH, Repeats, is_of_epoch, may_be_epoch_mean, renamed
from rules.observation import TRAIN_LOSS, VAL_LOSS, Event, Item, Observation, Progress

MAX_COUNTED = 64
GENERAL = "general"
CANONICAL = (TRAIN_LOSS, VAL_LOSS)


class Fold:
    """The fold over readings of one file."""

    def __init__(self) -> None:
        self.place = Place()
        self.bound: dict[str, str] = {}
        self.said: dict[str, tuple[float, float]] = {}
        self.repeats = Repeats()
        self.stepped: set[str] = set()
        self.waiting: list[Observation] = []
        self.bars = Bars()
        self.understudies: dict[str, Observation] = {}
        self.counted: dict[str, int] = {}
        self.first_total = ""
        self.of_training = True
        self.section = ""
        """The part of the log that was begun last, where a format or a heading tells its parts."""
        self.parted = False
        """Whether a line's set has been told by the part that it stands in."""
        self.bar_total: float | None = None
        self.bar_used = False
        self.bar_rhythm = (0.0, 0.0)
        """The last step that the bar has told, and the epoch that stood beside it."""
        self.bar_broken = False
        self.total: float | None = None
        self.reached: float | None = None

    def take(self, reading: Reading, numbers: Sequence[bytes], offset: int, skeleton_id: int = 0) -> list[Item]:
        """The items that one line completes."""
        if reading.in_val is not None and self.section == "val":
            reading = reading.in_val
        if self._left_out(reading, numbers):
            return []
        if reading.aside and reading.batch is not None and not self.trains():
            reading = replace(reading, aside=False)
        if reading.main_bar:
            return self._main_bar(reading, numbers, offset)
        items: list[Item] = []
        if reading.started:
            self.place.restart()
            items.append(Event("started", offset=offset))
        placed = self._place(reading, numbers)
        made = self._observations(reading, numbers, placed, offset)
        over = self.bars.over(reading, made, placed)
        if self.bars.go_on(reading, made, placed) or over:
            items += self._emit_all(self.bars.settle(over, self.bound, by_epoch=self._by_epoch()))
        if reading.step is not None and self.waiting:
            items += self._release(placed)
        if reading.bar:
            total = numbers[reading.full[1]].decode("ascii", "replace")[:20] if reading.full else ""
            count = (number(numbers[reading.of[0]]), number(numbers[reading.of[1]])) if reading.of else (0.0, 0.0)
            self.bars.hold(reading, self._news(made, reading), placed, count, total)
        elif reading.weak:
            items += self._emit_all(self._repeated(reading, made, str(skeleton_id)))
        elif reading.anchor is Anchor.BAR and self._bar_is_silent(made):
            items += self._emit_all([*self.waiting, *made])
            self.waiting = []
        elif (reading.anchor is Anchor.NEXT and reading.step is None) or (reading.anchor is Anchor.BAR and self.bar_total is not None):
            self.waiting = [*self.waiting, *made][-256:]
        else:
            items += self._emit_all(self._news(made, reading))
        vague = reading.format == GENERAL and not reading.values and not self.said
        self._progress(items, offset, axis_step=placed[0] is not None)
        return [one for one in items if not isinstance(one, Progress) or one.total_steps is not None] if vague else items

    def _left_out(self, reading: Reading, numbers: Sequence[bytes]) -> bool:
        """Whether a line says nothing here: a bar that is not full, a line in a part of the log that does not count, a stray step."""
        if reading.format == GENERAL and not reading.values and reading.step is not None and self.said and not self.stepped:
            return True  # this log counts in epochs: what names a step here is a message or a setting
        self.section = reading.section or self.section
        if reading.full is not None and numbers[reading.full[0]] != numbers[reading.full[1]]:
            return True
        if reading.of is not None and not number(numbers[reading.of[0]]):
            return True  # no step is done yet: what it shows is that of the bar before, or of the step under way
        return reading.heading or (reading.by_section and self.section == "none")

    def _news(self, made: list[Observation], reading: Reading) -> list[Observation]:
        """The values less those that are what the format calls no news."""
        return [one for one in made if not self._shown_again(one, reading)] if reading.once or reading.changed else made

    def _shown_again(self, one: Observation, reading: Reading) -> bool:
        """Whether a value is what the format calls no news."""
        at, value = self.said.get(one.metric, (None, None))
        if one.metric in reading.changed and (value == one.value or (value != value and one.value != one.value)):
            return True
        return reading.once and at == one.at

    def is_deaf_to(self, reading: Reading) -> bool:
        """Whether lines of a reading say nothing here from now on: a bar that has not told the steps of what waited for it."""
        return reading.main_bar and self.bar_broken and not reading.section

    def flush(self) -> list[Item]:
        """What still waits, when no more will come."""
        for metric, one in self.understudies.items():
            one.metric = f"{metric}_eval" if metric in self.bound else metric
        held = [*self.bars.flush(self.bound, by_epoch=self._by_epoch()), *self.understudies.values()]
        self.understudies = {}
        items = self._emit_all(held)
        for one in self.waiting:
            one.step = self._behind_the_bar(one) if one.step is None else one.step
        items += self._emit_all([one for one in self.waiting if one.step is not None or one.epoch is not None])
        self.waiting = []
        return items

    def end_bars(self) -> list[Item]:
        """What bars have shown, where a format is recognised that knows what they mean."""
        bars, self.bars = self.bars, Bars()
        return self._emit_all(bars.flush(self.bound, by_epoch=self._by_epoch()))

    def own(self, items: Sequence[Item], owner: str, loss_name: str) -> None:
        """Leave the losses of ``items`` to who has told them: what lines say of those goes by another name. ``loss_name``: the training's,
        where it is known."""
        if loss_name:
            self.bound.setdefault(TRAIN_LOSS, f"{owner}:{loss_name}")
        for one in items:
            if isinstance(one, Observation) and one.metric == VAL_LOSS:
                self.bound.setdefault(VAL_LOSS, f"{owner}:{one.name}")

    def _repeated(self, reading: Reading, made: list[Observation], key: str) -> list[Observation]:
        """What counts of lines that are not plain, on the axis of the training."""
        told = self.repeats.take(made, key, self.bound, self.stepped, self.bars.only)
        if self._may_stand_here(reading) and not self.stands_here(reading):
            for one in told:
                one.step = one.step if one.epoch is None else None
        return told

    def trains(self) -> bool:
        """Whether anything has told a training's loss."""
        return self.bars.trains or TRAIN_LOSS in self.bound

    def stands_here(self, reading: Reading) -> bool:
        """Whether a line stands where the training has come to, also where only a bar tells that."""
        if reading.anchor is Anchor.HERE or not self._may_stand_here(reading):
            return reading.anchor is Anchor.HERE
        return TRAIN_LOSS in self.bars.only or not (TRAIN_LOSS in self.bound or self.repeats.tell(TRAIN_LOSS))

    def _may_stand_here(self, reading: Reading) -> bool:
        """Whether a line tells no place and a value that is not the training's, beside bars that show that."""
        if reading.format != GENERAL or reading.placed or not self.bars.trains:
            return False
        return bool(reading.values) and all(value.metric != TRAIN_LOSS for value in reading.values)

    def total_here(self, *, on_steps: bool) -> float | None:
        """How far the run goes, in what its values count."""
        place = self.place
        if self.bars.trains and place.total_epochs is not None and place.total_steps is None:
            return place.total_epochs if self._by_epoch() else place.total_epochs * place.batches if place.batches else None
        return place.total_steps if on_steps or place.has_steps else place.total_epochs

    def _by_epoch(self) -> bool:
        """Whether lines tell the training's loss by its epochs."""
        return TRAIN_LOSS in self.bound and TRAIN_LOSS not in self.stepped

    def _main_bar(self, reading: Reading, numbers: Sequence[bytes], offset: int) -> list[Item]:
        """A state of a bar without a name: the first one of a run counts its steps; what waits belongs to what it shows."""
        if reading.step is None or reading.total_steps is None or self.bar_broken:
            return []
        step, total = number(numbers[reading.step]), number(numbers[reading.total_steps])
        if self.bar_total is None:
            self.bar_total, self.bar_used = total, False
        items: list[Item] = []
        if total != self.bar_total and self.place.step == self.bar_total and step != total:
            items += self._next_bar(total)
        if total != self.bar_total:
            return items
        if self.waiting:
            self.bar_used = True
            for one in self.waiting:
                one.step = step
                self.bar_rhythm = (step, one.epoch or 0.0)
            items += self._emit_all(self.waiting)
            self.waiting = []
        self.place.step, self.place.printed, self.place.has_steps, self.place.total_steps = step, True, True, total
        if step == total and not self.bar_used:
            self.bar_total = None
            return items
        if self.bar_used:
            self._progress(items, offset, axis_step=True)
        return items

    def _next_bar(self, total: float) -> list[Item]:
        """A bar of another total after the run's has come to its end: the next run's where a training loss waits, else an evaluation's."""
        first = next((at for at, one in enumerate(self.waiting) if one.metric == TRAIN_LOSS), None)
        if first is None:
            return []
        before, self.waiting = self.waiting[:first], self.waiting[first:]
        for one in before:
            one.step = self.place.step
        self.bar_total = total
        return self._emit_all(before)

    def _behind_the_bar(self, one: Observation) -> float | None:
        """The step of a value after which its bar has shown nothing more: its end where it has come to it, else by the epoch."""
        if one.epoch is None or (self.bar_used and self.place.step == self.bar_total):
            return self.place.step
        at, value = self.bar_rhythm
        return float(round(one.epoch * at / value)) if self.bar_used and value else None

    def _bar_is_silent(self, made: Sequence[Observation]) -> bool:
        """Whether values came twice with no state of the bar between them: then it does not tell their step, here or later."""
        waiting = {one.metric for one in self.waiting}
        if self.bar_total is not None and any(one.metric in waiting for one in made):
            self.bar_total, self.bar_broken = None, True
        return self.bar_broken

    def _place(self, reading: Reading, numbers: Sequence[bytes]) -> tuple[float | None, float | None]:
        def at(index: int | None) -> float | None:
            return None if index is None else number(numbers[index])

        if reading.aside:
            return self.place.step, self.place.epoch if reading.epoch is None else at(reading.epoch)
        if reading.anchor is Anchor.COUNT and reading.by_total:
            return self._count_by_total(reading, numbers)
        if reading.anchor is Anchor.COUNT:
            count = self.counted.get(reading.rule, 0) if len(self.counted) <= MAX_COUNTED else 0
            self.counted[reading.rule] = count + 1
            return (None, float(count)) if reading.epoch_from is not None else (float(count), None)
        step = at(reading.step)
        if step is not None:
            step = step * reading.scale + reading.offset
        if reading.total_epochs is not None:
            self.place.total_epochs = at(reading.total_epochs)
        here = self.stands_here(reading) or (reading.weak and self._may_stand_here(reading))
        placed = self.place.see(
            step=step, epoch=at(reading.epoch), batch=at(reading.batch), batches=at(reading.batches),
            total=at(reading.total_steps), local=reading.local, epoch_from=reading.epoch_from, measured=bool(reading.values),
            epoch_only=reading.anchor in (Anchor.EPOCH, Anchor.BAR), here=here, is_global=reading.is_global,
            loose=reading.format == GENERAL and not self.said and not self.bars.trains,
        )  # fmt: skip
        if reading.tells_total(self.place):
            self.place.total_steps = at(reading.total_steps)
        return placed

    def _count_by_total(self, reading: Reading, numbers: Sequence[bytes]) -> tuple[float | None, float | None]:
        total = numbers[reading.full[1]].decode("ascii", "replace")[:20] if reading.full else ""
        kind = f"total:{total}"
        if kind not in self.counted and len(self.counted) > MAX_COUNTED:
            return None, None
        self.counted.setdefault(kind, 0)
        self.counted[kind] += 1
        self.first_total = self.first_total or total
        self.of_training = total == self.first_total
        return None, float(self.counted[kind] - 1)

    def _observations(
        self, reading: Reading, numbers: Sequence[bytes], placed: tuple[float | None, float | None], offset: int
    ) -> list[Observation]:
        step, epoch = placed
        if step is None and reading.default_step is not None and not self.place.has_steps:
            step = reading.default_step
        if step is None and epoch is None and reading.anchor is not Anchor.NEXT:
            return []
        counts = not reading.bar and (bool(self.said) or not reading.weak)
        other = reading.by_total and not self.of_training
        made: list[Observation] = []
        for value in reading.values:
            told, value = value, of_section(value, self.section) if reading.by_section else value
            self.parted = self.parted or value is not told
            metric = value.metric
            if metric in CANONICAL:
                metric = self._canonical(value, reading)
                if not metric:
                    continue
                if metric == TRAIN_LOSS and TRAIN_LOSS in self.stepped and may_be_epoch_mean(reading):
                    metric = TRAIN_LOSS_EPOCH
            if other:
                metric = VAL_LOSS if metric == TRAIN_LOSS else f"val_{metric}"
            at = step if step is not None else self._own_axis(metric, reading)
            one = Observation(metric, number(numbers[value.index]), at, epoch, value.name, offset)
            if counts and at is not None and metric not in self.stepped and len(self.stepped) < MAX_STEPPED:
                self.stepped.add(metric)
            if value.understudy:
                made += self._understudy(one)
            else:
                made.append(one)
        return made

    def _canonical(self, value: Value, reading: Reading) -> str:
        """The metric that a loss is here; empty where it is one told before."""
        if reading.of is not None and value.metric == VAL_LOSS:
            return self.bars.name(value.name, aside=reading.aside)
        return self.metric_of(value, reading)

    def _own_axis(self, metric: str, reading: Reading) -> float | None:
        """The step of a value that only its epoch places, where its metric has counted in steps before: a metric keeps its axis."""
        placed_later = reading.anchor in (Anchor.BAR, Anchor.NEXT, Anchor.COUNT)
        return self.place.step if metric in self.stepped and not placed_later else None

    def metric_of(self, value: Value, reading: Reading) -> str:
        """The first name that means a canonical metric keeps it; a later one goes by its own.

        The format that gave a loss first is the training; what another program prints after it in its own form goes by that. What a format
        does not give at all, the general reader may.
        """
        if value.metric not in CANONICAL or value.understudy or reading.bar:
            return value.metric
        if value.metric == TRAIN_LOSS and TRAIN_LOSS in self.bars.only and is_of_epoch(reading):
            return TRAIN_LOSS_EPOCH
        if reading.weak:
            owner = "bars" if value.metric in self.bars.only else self.bound.get(value.metric)
            return value.metric if owner in (None, f"{GENERAL}:{value.name}") else renamed(value.name)
        self.bars.only.discard(value.metric)
        owner = next((one.split(":", 1)[0] for one in self.bound.values() if not one.startswith((f"{GENERAL}:", "understudy:"))), None)
        free = reading.format == GENERAL and self.bound.get(value.metric, f"{GENERAL}:").startswith(f"{GENERAL}:")
        if owner is not None and owner != reading.format and not free:
            return f"{safe(reading.format)}_{value.metric}"
        name = f"{reading.format}:{value.name}"
        bound = self.bound.get(value.metric)
        if bound is None or (bound.startswith(f"{GENERAL}:") and reading.format != GENERAL):
            bound = self.bound[value.metric] = name
        if bound == name:
            return value.metric
        return renamed(value.name)

    def is_settled(self, value: Value) -> bool:
        """Whether it is known by which name an understudy goes from here on."""
        return value.metric in self.bound and value.metric not in self.understudies

    def settled_name(self, value: Value, reading: Reading) -> str:
        """The metric that a value goes by, where that is known: what ``take`` would call it."""
        metric = self.metric_of(value, reading)
        return f"{metric}_eval" if value.understudy and not self.bound[value.metric].startswith("understudy:") else metric

    def _understudy(self, one: Observation) -> list[Observation]:
        """A value that is the metric only where nothing better is: held until the second of its kind has come first."""
        if one.metric in self.bound:
            held = self.understudies.pop(one.metric, None)
            one.metric = f"{one.metric}_eval"
            if held is None or self.bound[one.metric.removesuffix("_eval")].startswith("understudy:"):
                if self.bound[one.metric.removesuffix("_eval")].startswith("understudy:"):
                    one.metric = one.metric.removesuffix("_eval")
                return [one]
            held.metric = one.metric
            return [held, one]
        held = self.understudies.pop(one.metric, None)
        if held is None:
            self.understudies[one.metric] = one
            return []
        self.bound[one.metric] = "understudy:"
        return [held, one]

    def _release(self, placed: tuple[float | None, float | None]) -> list[Item]:
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            one.step, one.epoch = placed
        return self._emit_all(waiting)

    def _emit_all(self, made: Sequence[Observation]) -> list[Item]:
        """The observations less those that say what was said just before (the other ranks)."""
        items: list[Item] = []
        said = self.said
        for one in made:
            metric, fact = one.metric, (one.at if one.step is None else one.step, one.value)
            before = said.get(metric)
            if before == fact:
                continue
            if before is not None or len(said) < 512:
                said[metric] = fact
            items.append(one)
        return items

    def _progress(self, items: list[Item], offset: int, *, axis_step: bool) -> None:
        total = self.total_here(on_steps=axis_step)
        if total is not None and total != self.total and (items or axis_step):
            self.total = total
            items.append(Progress(total_steps=total, offset=offset))
        step = self.place.step
        if axis_step and step is not None and (self.reached is None or step > self.reached) and not items:
            items.append(Progress(step=step, offset=offset))
        if axis_step and step is not None:
            self.reached = step
