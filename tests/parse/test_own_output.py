"""What loss-watch wrote, read by loss-watch: it says nothing, whatever stands in it and wherever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.eventline import event_line
from monitor.parse import Catalogue, LogParser
from monitor.parse.own import ours
from rules.alert import Transition

CATALOGUE = Catalogue.load()
TOLD = (
    Transition("13503904", 1, "step-100", "milestone", "critical", "firing", 100, 1.07, "val_loss 1.07 at step 100, expected < 0.9"),
    Transition("my run 1", 2, "step-50", "milestone", "info", "met", 50, 1.41, "val_loss 1.41 < 1.5 at step 50"),
    Transition("train", 1, "stall", "stall", "critical", "resolved", None, None, "lines again after 26 min"),
    Transition("13503904_7", 1, "val_acc-epoch-3", "milestone", "warning", "firing", 2.5, float("nan"), "val_loss NaN at epoch 3"),
)
DIAGNOSTICS = (
    "loss-watch: watching; metrics and page at http://127.0.0.1:10311",
    "loss-watch: m.yaml read again: 16 rules",
    "loss-watch: logs/a.out: permission denied: ask for read access (chmod o+r, or setfacl -m u:YOU:r)",
)


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.rule)
def test_its_events_are_known_in_each_of_their_forms(told: Transition) -> None:
    lines = [event_line(told, clock_s=1.0), event_line(told), json.dumps(told.as_json()), f" 0: {event_line(told, clock_s=1.0)}"]
    assert [True] * 4 == [ours(line.encode()) for line in lines], lines


def test_its_diagnostics_are_known() -> None:
    assert [True] * len(DIAGNOSTICS) == [ours(line.encode()) for line in DIAGNOSTICS]


@pytest.mark.parametrize(
    "line",
    [
        "12:00:01  step 50  val_loss 1.41", "step 100  val_loss 1.07", "Step 25: train_loss = 2.940, val_loss = 2.190",
        '{"run": "a", "step": 3, "val_loss": 1.0}', "12:00:01  INFO  target met   val_loss=1.2", "12:00:01 | met  | val_loss  1.2",
        "watching loss: 1.2 at step 3",
    ],
)  # fmt: skip
def test_a_line_of_a_training_is_not_taken_for_one(line: str) -> None:
    assert not ours(line.encode())


def test_they_give_no_observation_and_no_event_and_are_counted() -> None:
    crash = Transition("7", 1, "crash", "crash", "critical", "firing", 9, None, "cuda_oom: rank 3: torch.OutOfMemoryError: CUDA oom")
    text = [line for told in (*TOLD, crash) for line in (event_line(told, clock_s=2.0), json.dumps(told.as_json()), event_line(told))]
    parser, seen = LogParser(CATALOGUE), []
    parser.line_sink = lambda line, _: seen.append(line)
    items = parser.feed("".join(f"{line}\n" for line in (*DIAGNOSTICS, *text)).encode())
    assert ([], [], len(DIAGNOSTICS) + len(text)) == ([*items, *parser.flush()], seen, parser.own_lines)


def test_beside_a_training_in_one_file_the_training_is_read() -> None:
    parser = LogParser(CATALOGUE)
    items = []
    for step in range(10, 60, 10):
        items += parser.feed(f"Step {step}: train_loss = 2.0, val_loss = {2 - step / 100}\n".encode())
        items += parser.feed((event_line(TOLD[0], clock_s=3.0) + "\n").encode())
    assert [(step, 2 - step / 100) for step in range(10, 60, 10)] == [(one.step, one.value) for one in items if one.metric == "val_loss"]


@given(st.binary(max_size=300))
def test_how_a_line_begins_decides_whatever_follows(line: bytes) -> None:
    assert (True, False) == (ours(b"loss-watch: " + line), ours(b"val_loss " + line))
