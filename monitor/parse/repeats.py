"""Lines that are not plain by themselves: they count when they have come again and again with other numbers."""

from __future__ import annotations

from collections.abc import Container, MutableMapping

from monitor.parse.general import GENERAL
from monitor.parse.names import safe
from monitor.parse.reading import Reading
from rules.observation import TRAIN_LOSS, VAL_LOSS, Observation

WEAK_NEEDED = 3
"""How often a line that is not plain by itself must have come, with its numbers changed, before it counts."""
MAX_WEAK = 32
MAX_WEAK_VALUES = 128
MAX_STEPPED = 256
TRAIN_LOSS_EPOCH = f"{TRAIN_LOSS}_epoch"
"""The mean over an epoch of a loss that counts in steps."""


class Repeats:
    """``held``: the values of each kind of line that has not come often enough; ``settled``: the kinds that have."""

    def __init__(self) -> None:
        self.held: dict[str, list[Observation]] = {}
        self.settled: set[str] = set()

    def tell(self, metric: str) -> bool:
        """Whether lines that have not come often enough tell a metric."""
        return any(one.metric == metric for held in self.held.values() for one in held)

    def take(
        self, made: list[Observation], key: str, bound: MutableMapping[str, str], stepped: set[str], shown: Container[str]
    ) -> list[Observation]:
        """The values that count, with a further line of a kind. ``bound``: whose each loss is, ``stepped``: what counts in steps,
        ``shown``: what bars count, of which a line tells the mean over an epoch, or the same again."""
        if not made or key in self.settled:
            return made
        held = self.held.pop(key, [])
        if held and held[-1].at == made[0].at and held[-1].value == made[-1].value:
            self.held[key] = held
            return []
        held += made
        if len(held) >= WEAK_NEEDED * len(made):
            self.settled.add(key)
            for one in held:
                if one.metric in shown:
                    one.metric = TRAIN_LOSS_EPOCH if one.metric == TRAIN_LOSS and one.step is None else renamed(one.name)
                name = f"{GENERAL}:{one.name}"
                if one.metric in (TRAIN_LOSS, VAL_LOSS) and bound.setdefault(one.metric, name) != name:
                    one.metric = renamed(one.name)
                if one.step is not None and len(stepped) < MAX_STEPPED:
                    stepped.add(one.metric)
            return held
        if len(self.held) >= MAX_WEAK:
            self.held.pop(next(iter(self.held)))
        if len(held) <= MAX_WEAK_VALUES:
            self.held[key] = held
        return []


def renamed(name: str) -> str:
    """The metric that a loss goes by which is not the canonical one: its own name."""
    own = safe(name)
    return own if own not in (TRAIN_LOSS, VAL_LOSS) else f"{own}_summary"


def may_be_epoch_mean(reading: Reading) -> bool:
    """Whether a line tells the mean over an epoch where its loss counts in steps: only an epoch places it, and no format knows the line."""
    return reading.epoch is not None and reading.step is None and reading.batch is None and reading.format == GENERAL


def is_of_epoch(reading: Reading) -> bool:
    """Whether a line of no known format tells no step: what it tells of the training is an epoch's, where bars tell the steps."""
    return reading.format == GENERAL and reading.step is None and reading.batch is None and not reading.bar
