"""A log format as a value: how it is recognised and what its lines say. Patterns speak of skeletons, so ``<step>`` is a number."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from monitor.parse.names import loss_kind, safe
from monitor.parse.numbers import multiple
from monitor.parse.pairs import HOLE, named
from monitor.parse.reading import NOTHING, Anchor, Reading, Value
from rules.observation import VAL_LOSS

ROLES = ("step", "epoch", "batch", "batches", "total_steps", "total_epochs")
_MACRO = re.compile(r"(?<!\(\?P)<([A-Za-z_]\w*)>")


def over_skeletons(pattern: str) -> str:
    """A format file's pattern: ``<n>`` is any number, ``<loss>`` one that is kept under that name. Raises re.error."""
    seen: set[str] = set()

    def group(found: re.Match[str]) -> str:
        name = found[1]
        if name == "n":
            return HOLE
        if name in seen:
            raise re.error(f"<{name}> stands twice in one pattern")
        seen.add(name)
        return f"(?P<{name}>{HOLE})"

    return _MACRO.sub(group, pattern)


def compiled(pattern: str) -> re.Pattern[str]:
    """The same, ready to search in skeletons. Raises re.error."""
    return re.compile(over_skeletons(pattern))


@dataclass(frozen=True)
class LineRule:
    """One kind of line of a format."""

    name: str
    pattern: re.Pattern[str]
    names: dict[str, str]
    pairs: bool = True
    at: Anchor = Anchor.LAST
    full: bool = False
    bar: bool = False
    ignore: bool = False
    started: bool = False
    epoch_from: int | None = None
    step_offset: int = 0
    prefix: str = ""
    understudy: frozenset[str] = frozenset()
    axis: str = "step"
    first: float | None = None
    by_total: bool = False
    once: bool = False
    main_bar: bool = False
    changed: frozenset[str] = frozenset()
    section: str = ""
    by_section: bool = False
    within: str = ""
    patterns: tuple[tuple[re.Pattern[str], str], ...] = ()

    def meaning(self, name: str) -> str | None:
        """What the format says of a name: a canonical metric, another name, a role, ``ignore``; None where it says nothing."""
        low = name.strip().lower()
        said = self.names.get(low)
        if said is None:
            said = next((meaning for pattern, meaning in self.patterns if pattern.search(low)), None)
        return said


@dataclass(frozen=True)
class Format:
    """One format: its name, what it is, how a line gives it away, its kinds of lines, its samples (which are its tests).

    ``repeats_after``: a line after which the next one tells an old value again (the best round). A rule that is ``within`` a section
    says what a line means there; elsewhere it means what the other rules say.
    """

    name: str
    title: str
    about: str
    signs: tuple[re.Pattern[str], ...]
    rules: tuple[LineRule, ...]
    samples: tuple[dict[str, Any], ...] = ()
    reader: str | None = None
    general: bool = False
    repeats_after: re.Pattern[bytes] | None = None
    source: str = ""
    text: dict[str, Any] = field(default_factory=dict)

    def recognises(self, skeleton: str) -> bool:
        """Whether a line can only come from this format."""
        return any(sign.search(skeleton) for sign in self.signs)

    def read(self, skeleton: str) -> Reading | None:
        """What the format makes of a skeleton; None where none of its lines looks so."""
        inside: Reading | None = None
        for rule in self.rules:
            found = rule.pattern.search(skeleton)
            if found and rule.within:
                inside = inside or self._reading(rule, found, skeleton)
            elif found:
                return NOTHING if rule.ignore else replace(self._reading(rule, found, skeleton), in_val=inside)
        return None

    @property
    def banners(self) -> frozenset[str]:
        """The patterns of the lines that begin a section and hold no number."""
        return frozenset(rule.pattern.pattern for rule in self.rules if rule.section and HOLE not in rule.pattern.pattern)

    def _reading(self, rule: LineRule, found: re.Match[str], skeleton: str) -> Reading:
        places: dict[str, int] = {}
        values: list[Value] = []
        taken = set()
        for group in found.re.groupindex:
            if found.start(group) < 0 or found[group] != HOLE:
                continue
            index = skeleton.count(HOLE, 0, found.start(group))
            taken.add(index)
            if group in ROLES:
                places[group] = index
            elif group == "pairs":
                continue
            elif group == "value":
                name = found.groupdict().get("name") or "value"
                values.append(self._value(rule, name, index))
            else:
                values.append(Value(group, _own_name(skeleton, index) or group, index, group in rule.understudy))
        if rule.pairs:
            start, end = found.span("pairs") if "pairs" in found.re.groupindex else (0, len(skeleton))
            region = (skeleton.count(HOLE, 0, start), skeleton.count(HOLE, 0, end))
            self._pairs(rule, skeleton, taken, places, values, region)
        scale = multiple(skeleton.split(HOLE)[places["step"] + 1]) if "step" in places else 1.0
        full = (places["batch"], places["batches"]) if rule.full and "batch" in places and "batches" in places else None
        if rule.full:
            places.pop("batch", None)
            places.pop("batches", None)
        counted = rule.axis == "epoch" and rule.at is Anchor.COUNT
        return Reading(
            self.name, step=places.get("step"), epoch=places.get("epoch"), batch=places.get("batch"), batches=places.get("batches"),
            total_steps=places.get("total_steps"), total_epochs=places.get("total_epochs"), full=full, values=_distinct(values),
            anchor=rule.at, scale=scale, offset=rule.step_offset, bar=rule.bar, started=rule.started, rule=f"{self.name}/{rule.name}",
            epoch_from=0 if counted else rule.epoch_from, default_step=rule.first, by_total=rule.by_total, once=rule.once,
            main_bar=rule.main_bar, changed=rule.changed, section=rule.section, by_section=rule.by_section,
        )  # fmt: skip

    def _pairs(
        self, rule: LineRule, skeleton: str, taken: set[int], places: dict[str, int], values: list[Value], region: tuple[int, int]
    ) -> None:
        for one in named(skeleton):
            if one.index in taken or not one.key or one.of or not region[0] <= one.index < region[1]:
                continue
            meaning = rule.meaning(one.key)
            if meaning in ROLES:
                places.setdefault(meaning, one.index)
            elif meaning != "ignore":
                values.append(self._value(rule, one.key, one.index))

    def _value(self, rule: LineRule, name: str, index: int) -> Value:
        meaning = rule.meaning(name)
        if meaning is None:
            meaning = safe(name)
            if (loss_kind(name) or ("", 9)) == (VAL_LOSS, 0):
                meaning = VAL_LOSS
            meaning = rule.prefix + meaning if not meaning.startswith(rule.prefix) else meaning
        return Value(meaning, name, index, meaning in rule.understudy)


def _own_name(skeleton: str, index: int) -> str:
    return next((one.key for one in named(skeleton) if one.index == index), "")[-60:]


def _distinct(values: list[Value]) -> tuple[Value, ...]:
    kept: dict[str, Value] = {}
    for value in values:
        kept.setdefault(value.metric, value)
    return tuple(kept.values())
