"""Feeds a text to an EventReader as a parser does: line by line, with the steps that it shows."""

from __future__ import annotations

import re

from monitor.events import WANTED, EventReader
from rules.observation import Event

STEP = re.compile(rb"^(?:\[rank0\]: )?step +(\d+)")


def read(text: str | bytes, reader: EventReader | None = None) -> list[Event]:
    """The events of a whole log, with what is held at its end."""
    reader = reader or EventReader()
    events = feed(text, reader)
    return events + reader.flush()


def feed(text: str | bytes, reader: EventReader) -> list[Event]:
    data = text.encode() if isinstance(text, str) else text
    events: list[Event] = []
    offset = 0
    for line in data.split(b"\n"):
        found = STEP.match(line)
        if found:
            events += reader.note_observation(float(found[1]))
        if reader.hungry or any(literal in line for literal in WANTED):
            events += reader.feed(line, offset, None)
        offset += len(line) + 1
    return events


def crashes(events: list[Event]) -> list[str]:
    return [str(event.fields["class"]) for event in events if event.kind == "crash"]


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]
