"""Every class of the fixed list, on ends of runs as they look in real logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from event_reading import crashes, feed, read

from monitor.events import CLASSES, EventReader, first_cause
from monitor.events.signatures import signatures

CASES = yaml.safe_load(Path(__file__).with_name("crashes.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_the_first_cause_has_its_class_rank_and_node(case):
    crash = first_cause(read(case["log"]))
    assert crash is not None
    assert (case["class"], case.get("rank"), case.get("node")) == (crash.fields["class"], crash.fields["rank"], crash.fields["node"])


def test_every_class_of_the_list_has_a_case():
    assert set(CLASSES) == {case["class"] for case in CASES}


def test_every_signature_names_a_class_of_the_list():
    assert {s.crash for s in signatures()} <= set(CLASSES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_one_run_has_one_crash(case):
    assert [case["class"]] == crashes(read(case["log"]))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_a_crash_is_jsonable_and_bounded(case):
    for event in read(case["log"]):
        text = json.dumps({"kind": event.kind, "text": event.text, **event.fields})
        assert len(text) < 40_000
        assert event.text.isprintable()
        assert len(event.text) <= 300


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_a_restored_reader_goes_on_as_the_first_would(case):
    lines = case["log"].split("\n")
    for cut in range(0, len(lines), 3):
        first, second = EventReader(), EventReader()
        events = feed("\n".join(lines[:cut]), first)
        second.restore(json.loads(json.dumps(first.state())))
        events += read("\n".join(lines[cut:]), second)
        assert [case["class"]] == crashes(events)[-1:]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_training_that_goes_on_after_it_was_no_crash(case):
    """An error that was caught and printed. What SLURM says of the whole job is told at once."""
    later = "".join(f"step {200 + i} | loss 1.0\n" for i in range(4))
    events = read("step 1 | loss 3\n" + case["log"] + later)
    assert first_cause(events) is None
