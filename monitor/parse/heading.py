"""Headings without a number (``Train:``, ``***** Running evaluation *****``) and what they mean for lines that say nothing of their set."""

from __future__ import annotations

import re
from dataclasses import replace

from monitor.parse.names import is_metric
from monitor.parse.reading import Value
from rules.observation import TRAIN_LOSS, VAL_LOSS

_TRAIN = r"train(?:ing)?"
_TEST = r"test(?:ing)?"
_VAL = r"val(?:id(?:ation|ating|ate)?)?|eval(?:uation|uating|uate)?|dev"
_BEGINS = r"(?:(?:start(?:ing)?|begin(?:ning)?|run(?:ning)?|perform(?:ing)?|now)[ ]+)?"
_GOES_ON = (
    r"(?:[ ]+(?:phase|stage|step|mode|set|split|data|dataset|results?|stats|metrics|summary|loop|on|the|model|validation|val|dev|test))*"
)
HEADING = rf"{_BEGINS}(?:{_TRAIN}|{_VAL}|{_TEST}){_GOES_ON}"
"""The words of a heading, in small letters."""
_HEADING = re.compile(rf"\W*{_BEGINS}(?:(?P<train>{_TRAIN})|(?P<val>{_VAL})|(?P<test>{_TEST})){_GOES_ON}[^\w|]*", re.I)
_IN_LINE = re.compile(rb"(?:^|[^A-Za-z])(?i:" + HEADING.encode() + rb")[^A-Za-z0-9|]*$")
LITERALS = ("rain", "RAIN", "val", "Val", "VAL", "est", "EST", "alid", "ALID", "dev", "Dev", "DEV")
"""Of which every heading contains one."""
MAX_CHARS = 120


def may_be_heading(line: bytes) -> bool:
    """Whether a line without a number may be one, perhaps behind labels."""
    return len(line) <= MAX_CHARS and _IN_LINE.search(line) is not None


def section_of(text: str) -> str:
    """``train``, ``val`` or ``test`` where a text is a heading and no more; else nothing."""
    found = _HEADING.fullmatch(text) if len(text) <= MAX_CHARS else None
    return (found.lastgroup or "") if found is not None else ""


def of_section(value: Value, section: str) -> Value:
    """A value of a line that says nothing of its set, in the section that it stands in."""
    if section not in ("val", "test"):
        return value
    name = f"test {value.name}" if section == "test" else value.name
    if value.metric == TRAIN_LOSS:
        return replace(value, metric=VAL_LOSS, name=name)
    new = is_metric(value.name) and not value.metric.startswith((f"{section}_", VAL_LOSS))
    return replace(value, metric=f"{section}_{value.metric}") if new else value
