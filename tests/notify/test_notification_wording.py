"""What a message says: the headline of screens.md, its order, its bounds, and that nothing hostile survives in it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.samples import CONTEXT, HOSTILE, NOON, transition, worry

from monitor.notify.notification import Notification, RunContext, notification
from monitor.notify.text import clean, cut_bytes, sparkline
from monitor.notify.wording import curve, further, headline, ordered, place, plain


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "13503904 worry: val_loss 1.07 at step 100, expected < 0.9"),
        ({"severity": "warning"}, "13503904 missed: val_loss 1.07 at step 100, expected < 0.9"),
        ({"state": "resolved", "message": "val_loss 0.88 at step 130"}, "13503904 resolved: val_loss 0.88 at step 130"),
        ({"state": "met", "severity": "info", "message": "val_loss 0.336 < 0.34"}, "13503904 met: val_loss 0.336 < 0.34"),
        ({"kind": "stall", "rule": "stall", "message": "no line for 26 min"}, "13503904 critical: no line for 26 min"),
    ],
)
def test_the_headline_says_run_word_value_and_expectation(facts: dict[str, str], said: str) -> None:
    assert said == headline(worry(**facts))


def test_a_catch_up_says_that_the_alert_still_stands() -> None:
    assert headline(worry(as_kind="catch_up")).startswith("13503904 still worry: ")


def test_the_three_lines_of_the_sketch_are_there() -> None:
    told = worry()
    assert "█▆▅▃▂▁ 1.41 → 1.2 → 1.07 · 3.0 times baseline 0.3557 · step 200 < 0.6 is 21 % likely" == curve(told)
    assert "topoflow_full_finetune on 32 nodes, 256 GPUs, 2 h 11 · step 104 / 500 · resolves when val_loss < 0.9" == place(told)
    assert "http://127.0.0.1:10311/?run=13503904" == plain(told)[-1]


def test_the_worst_that_stands_comes_first_and_what_is_over_behind_it() -> None:
    fired = transition(rule="stall", kind="stall")
    over = transition(rule="stall", kind="stall", state="resolved")
    warning = transition(rule="spike", kind="spike", severity="warning")
    met = transition(rule="step-50", state="met", severity="info")
    assert [warning, over, fired, met] == ordered([met, fired, over, warning])


def test_several_events_of_one_moment_are_counted_in_the_headline_and_listed_below() -> None:
    spike = transition(rule="spike", kind="spike", severity="warning", message="jumped")
    told = notification("7", "transitions", NOON, (transition(), spike))
    assert headline(told).endswith("(and 1 more)")
    assert ["warning spike: jumped"] == further(told)


numbers = st.one_of(st.none(), st.floats(allow_nan=True))


@given(
    st.text(), st.text(), numbers, numbers, st.lists(st.floats(), max_size=100), st.lists(st.text(), max_size=60),
    st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5),
)  # fmt: skip
def test_a_notification_comes_back_from_json_as_it_was(run, message, step, value, values, notes, resolves) -> None:
    context = RunContext(job_name=message, values=tuple(values), excerpt=tuple(notes), resolves_when=resolves, step=step)
    events = (transition(run=run, message=message, step=step, value=value),)
    told = notification(run, "transitions", NOON, events, context=context, notes=tuple(notes))
    back = Notification.from_json(json.loads(json.dumps(told.as_json(), allow_nan=False)))
    assert repr(told) == repr(back)


@given(st.text(max_size=3000), st.integers(1, 300))
def test_cleaned_text_is_one_bounded_line_without_control_characters(text: str, limit: int) -> None:
    said = clean(text, limit)
    assert len(said) <= limit
    assert all(c.isprintable() for c in said.replace("\u00a0", " ")), ascii(said)


@given(st.text(max_size=300), st.integers(3, 100))
def test_text_cut_by_bytes_stays_whole_utf8(text: str, limit: int) -> None:
    assert len(cut_bytes(text, limit).encode()) <= limit


@given(st.lists(st.floats(), max_size=200))
def test_a_sparkline_has_a_mark_for_each_of_the_last_values(values: list[float]) -> None:
    assert min(12, len(values)) == len(sparkline(values))


def test_hostile_text_leaves_no_secret_no_control_character_and_no_second_line() -> None:
    told = replace(worry(message=HOSTILE), context=replace(CONTEXT, excerpt=(HOSTILE,), job_name=HOSTILE).bounded())
    whole = json.dumps(told.as_json(), ensure_ascii=False)
    for secret in ("ghp_0123", "XXXXSECRET", "\\u001b", "\x1b", "\u202e", "\\r", "\\n"):
        assert secret not in whole


def test_a_megabyte_long_line_costs_no_time() -> None:
    assert 400 >= len(clean("password=" * 120_000))


def test_the_same_facts_have_the_same_id_and_a_later_firing_another() -> None:
    assert worry().id == worry().id
    assert worry().id != worry(time_s=NOON + 60).id
