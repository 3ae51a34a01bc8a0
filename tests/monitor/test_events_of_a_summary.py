"""``scan --summary`` tells the events that a reader tells which looks at every line and every step."""

from __future__ import annotations

import io
from random import Random
from typing import Any

import pytest

from monitor.commands.summary import EventLines
from monitor.events import WANTED, EventReader, in_order
from monitor.matcher import LineMatcher
from monitor.parse import Catalogue, LogParser
from monitor.summary import UNTOLD, event_row, summarise
from rules.observation import Event

CATALOGUE = Catalogue.load()
MATCHER = LineMatcher({}, WANTED)
TOLD = (
    ["Saving model checkpoint to out/checkpoint-{step}"] * 3
    + ["Resuming from checkpoint /run/step_{step}.ckpt", "Loading weights from /run/model.pt", "GPU available: True (cuda), used: True"]
    + ["RuntimeError: CUDA error: an illegal memory access was encountered", "loss is nan, stopping training", "Killed"]
    + ["slurmstepd: error: *** JOB 1003 ON nid001 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***"]
    + ["slurmstepd: error: *** JOB 1003 ON nid001 CANCELLED AT 2026-01-01T00:00:00 DUE TO JOB REQUEUE ***"]
    + ["Missing keys: ['a.weight', 'b.weight']", "Missing keys:\n  - a.weight\n  - a.bias", "x | MISSING |", "done with training"]
    + ['Traceback (most recent call last):\n  File "t.py", line {step}, in <module>\n    main()\nValueError: {step} is too much']
    + ['[rank{rank}]: Traceback (most recent call last):\n[rank{rank}]:   File "t.py", line 3, in f\n[rank{rank}]: KeyError: {step}']
)


def log_of(chance: Random) -> bytes:
    """A log whose steps begin anew now and then, with events between them."""
    lines: list[str] = []
    step, rare = 0, chance.choice([0.01, 0.1])
    for _ in range(chance.randint(50, 3000)):
        step = chance.choice([1, step // 2 + 1]) if chance.random() < 0.003 else step + 1
        loss = 4 / (1 + step) + chance.random() / 10
        lines.append(f"step {step}/9000 | train_loss {loss:.4f} | lr 3.00e-04 | 12.50 ms")
        if step % 20 == 0:
            lines.append(f"step {step}/9000 | val_loss {loss:.4f} | lr 3.00e-04 | 12.50 ms")
        if chance.random() < rare:
            lines += [chance.choice(TOLD).format(step=step, rank=chance.randint(0, 3))] * chance.choice([1, 1, 4])
    return "\n".join(lines).encode() + b"\n"


def line_by_line(data: bytes) -> list[dict[str, Any]]:
    """The events as the fold of a watcher finds them, a line at a time."""

    class Wanted:
        def search(self, line: bytes) -> object:
            return reader.hungry or (MATCHER.interesting is not None and MATCHER.interesting.search(line))

    parser, reader, events = LogParser(CATALOGUE), EventReader(), list[Event]()
    parser.wanted, parser.line_sink = Wanted(), reader.take
    for line in [*data.splitlines(keepends=True), b""]:
        items = parser.feed(line) if line else parser.flush()
        events += [item for item in in_order(items, reader.settle(items)) if isinstance(item, Event) and item.kind not in UNTOLD]
    return [event_row(event) for event in events + list(reader.flush())]


@pytest.mark.parametrize("seed", range(40))
def test_the_events_are_those_of_every_line(seed: int) -> None:
    data = log_of(Random(seed))
    document = summarise("run", [("a", io.BytesIO(data))], CATALOGUE, events=lambda: EventLines(MATCHER))
    expected, told = line_by_line(data), document["events"]
    # A crash that SLURM's word confirms stands where it happened, of one block, or where it was told.
    assert [one for one in expected if one["kind"] != "crash"] == [one for one in told if one["kind"] != "crash"]
    assert [one for one in expected if one["kind"] == "crash"] == [one for one in told if one["kind"] == "crash"]
