"""States of progress bars to facts: a step's last state counts, a validation's last one, and none where lines tell the same loss.

What a bar shows waits until it is plain that no line tells it: a line is the better witness. A validation's bar stands where the training
has come to, and waits until that goes on.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from monitor.parse.general import GENERAL
from monitor.parse.reading import Reading
from monitor.parse.repeats import renamed
from rules.observation import TRAIN_LOSS, VAL_LOSS, Observation

BARS_NEEDED = 100
"""Steps that a bar must show before its loss counts, where no line tells one."""
MAX_HELD = 4096

Place = tuple[float | None, float | None]


class Bars:
    """The bars of one file. ``now``: the values of the last state; ``asides``: those of validations that are over, while the training
    stands; ``held``: what waits for its ``BARS_NEEDED``."""

    def __init__(self) -> None:
        self.now: list[Observation] = []
        self.known = False
        """Whether a format gave the bar: then its last state is what the format says, at once."""
        self.of = ""
        """The total of the bar whose state is held, where only its full state counts."""
        self.aside = False
        self.ended = True
        """Whether the validation whose state is held has come to its last batch."""
        self.asides: list[Observation] = []
        self.held: list[Observation] = []
        self.only: set[str] = set()
        """Losses that only a bar has shown: a line that tells them is the better witness."""
        self.trains = False
        """Whether a bar has shown a training's loss."""
        self.val_name = ""
        """By which name bars tell the validation loss."""
        self.shown: dict[str, float] = {}
        """What a training's bar repeats of the last validation."""
        self.last: Place = (None, None)
        self._here = False

    def over(self, reading: Reading, made: Sequence[Observation], placed: Place) -> list[Observation]:
        """What the held state tells, where a line is not a later one of the same bar and place; it is then held no more."""
        self._here = bool(self.now) and (self.now[0].step, self.now[0].epoch) == placed
        if not self.now or (reading.bar and self._here and reading.aside == self.aside and _share(self.now, made)):
            return []
        final = {one.metric for one in made} if self._here and reading.full is not None else set()
        broken = self.aside and not self.ended and _begins_anew(reading, placed, self.now[0])
        over, self.now = [one for one in self.now if one.metric not in final and not broken], []
        if self.aside:
            self.asides, over = [*self.asides, *over][-256:], []
        return over

    def hold(self, reading: Reading, made: list[Observation], placed: Place, numbers: tuple[float, float], total: str) -> None:
        """Hold the values of a bar's state. ``numbers``: its count and total if tqdm draws it; ``total``: of one that counts when full."""
        if reading.aside:
            self.now, self.aside, self.ended = made, True, numbers[0] >= numbers[1] - 1
        elif not (self._here and not self.aside and total != self.of):  # another bar at the same place: an evaluation after the training
            self.now, self.aside = self._less_repeated(reading, made, ended=numbers[0] >= numbers[1]), False
            self.trains = self.trains or (reading.format == GENERAL and any(one.metric == TRAIN_LOSS for one in made))
            self.last = placed
        self.of, self.known = total if not self._here else self.of, reading.format != GENERAL

    def _less_repeated(self, reading: Reading, made: list[Observation], *, ended: bool) -> list[Observation]:
        """A state of an epoch's bar without what it repeats of the last validation. What is new of that belongs to where it was."""
        if reading.of is None or reading.epoch is None or not any(one.metric == TRAIN_LOSS for one in made):
            return made
        for one in made:
            if is_of_validation(one.metric) and not _same(self.shown.get(one.metric), one.value) and len(self.shown) < 256:
                self.shown[one.metric] = one.value
                if not ended and self.last[1] is not None and self.last[1] != one.epoch:
                    one.step, one.epoch = self.last
                self.asides = [*self.asides, one][-256:]
        return [one for one in made if not is_of_validation(one.metric)]

    def settle(self, states: list[Observation], bound: Container[str], *, by_epoch: bool) -> list[Observation]:
        """What counts now, with a state that is over. ``bound``: the losses that lines tell; ``by_epoch``: the training's by its epochs."""
        if self.known:
            return states
        self.held = _untold([*self.held, *states], bound)[-MAX_HELD:]
        enough = self.only or TRAIN_LOSS in bound or len({one.at for one in self.held}) >= BARS_NEEDED
        return self._let_go(by_epoch=by_epoch) if enough else []

    def go_on(self, reading: Reading, made: Sequence[Observation], placed: Place) -> bool:
        """Whether the training has gone on behind validations that are over, or begun anew: they then count as what a bar shows."""
        if not self.asides or not made or reading.aside:
            return False
        before = self.asides[-1]
        step, epoch = placed[0] or 0.0, placed[1] or 0.0
        if not _begins_anew(reading, placed, before) and step <= (before.step or 0) and epoch <= (before.epoch or 0):
            return False
        self.held, self.asides = [*self.held, *self.asides], []
        return True

    def flush(self, bound: Container[str], *, by_epoch: bool) -> list[Observation]:
        """What counts when no more will come."""
        now = self.now if self.ended or not self.aside else []
        if self.known:
            out, self.now = _untold([*self.held, *self.asides], bound) + now, []
            self.held, self.asides = [], []
            return out
        self.held = _untold([*self.held, *self.asides, *now], bound)
        self.now, self.asides = [], []
        return self._let_go(by_epoch=by_epoch)

    def _let_go(self, *, by_epoch: bool) -> list[Observation]:
        out, self.held = self.held, []
        self.only.update(one.metric for one in out if one.metric in (TRAIN_LOSS, VAL_LOSS))
        for one in out:
            if by_epoch and one.epoch is not None:
                one.step = None
        return out

    def name(self, name: str, *, aside: bool) -> str:
        """What a value that may be the validation loss goes by: the first name keeps it; empty where a training's bar repeats it."""
        self.val_name = self.val_name or name
        if self.val_name == name:
            return VAL_LOSS
        return renamed(name) if aside else ""


def is_of_validation(metric: str) -> bool:
    """Whether a metric is a validation's, by its name."""
    return metric == VAL_LOSS or metric.startswith("val_")


def _begins_anew(reading: Reading, placed: Place, before: Observation) -> bool:
    """Whether a training's bar has fallen back behind a validation."""
    return reading.bar and not reading.aside and (placed[0] or 0) < (before.step or 0)


def _untold(states: Sequence[Observation], bound: Container[str]) -> list[Observation]:
    """The states less what lines tell better; what stands beside a loss goes its way."""
    return [one for one in states if (VAL_LOSS if is_of_validation(one.metric) else TRAIN_LOSS) not in bound]


def _same(one: float | None, other: float) -> bool:
    return one is not None and (one == other or (one != one and other != other))


def _share(held: Sequence[Observation], made: Sequence[Observation]) -> bool:
    """Whether two states are of one bar: they tell a metric both, or one of them tells none."""
    return not held or not made or bool({one.metric for one in held} & {one.metric for one in made})
