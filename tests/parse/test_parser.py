"""The parser as others use it: bytes in, cut anywhere; a state that goes on exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.parse import Catalogue, LogParser
from monitor.parse.pairs import named
from rules.observation import Item, Observation, Progress

CATALOGUE = Catalogue.load()
LOGS = {one.name: "".join(sample["log"] for sample in one.samples).encode() for one in CATALOGUE.formats}
LOGS["seed"] = b"Step 25: train_loss = 2.940, val_loss = 2.190\n"
BAR = b"Epoch 0:  %d%%|## | %d/100 [00:01<00:03, 1.31s/it, v_num=47, train_loss=2.%02d]"
LOGS["bars"] = b"\r".join(BAR % (n, n, n) for n in range(1, 60)) + b"\n"
LOGS["weak"] = b"Epoch 1\n" + b"".join(b"some words acc 0.%d5\nEpoch %d\n" % (n, n) for n in range(2, 8))


def items_of(data: bytes) -> list[Item]:
    parser = LogParser(CATALOGUE)
    return parser.feed(data) + parser.flush()


def facts(items: list[Item]) -> list[str]:
    return [repr(item) for item in items]


def test_the_form_of_the_first_users_log_gives_both_losses_at_its_step() -> None:
    seen = [(one.metric, one.step, one.value, one.offset) for one in items_of(LOGS["seed"]) if isinstance(one, Observation)]
    assert [("train_loss", 25.0, 2.94, 0), ("val_loss", 25.0, 2.19, 0)] == seen


@pytest.mark.parametrize("name", sorted(LOGS))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_observations_are_the_same_however_the_bytes_are_cut(name: str, data: st.DataObject) -> None:
    log = LOGS[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=8)))
    parser = LogParser(CATALOGUE)
    items: list[Item] = []
    for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        items += parser.feed(log[start:end])
    assert facts(items_of(log)) == facts(items + parser.flush())


@pytest.mark.parametrize("name", sorted(LOGS))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_restored_parser_goes_on_exactly_where_the_other_stopped(name: str, data: st.DataObject) -> None:
    log = LOGS[name]
    at = data.draw(st.integers(0, len(log)))
    first = LogParser(CATALOGUE)
    items = first.feed(log[:at])
    state = json.loads(json.dumps(first.state(), allow_nan=False))
    second = LogParser.restore(CATALOGUE, state)
    items += second.feed(log[state["resume_offset"] :])
    assert facts(items_of(log)) == facts(items + second.flush())
    assert len(log) == second.offset
    assert len(json.dumps(state)) < 65536


@pytest.mark.parametrize("one", CATALOGUE.formats, ids=lambda one: one.name)
def test_the_samples_of_a_format_give_what_they_say(one) -> None:
    for sample in one.samples:
        parser = LogParser(CATALOGUE)
        items = parser.feed(sample["log"].encode()) + parser.flush()
        seen = {(item.metric, item.at, item.value) for item in items if isinstance(item, Observation)}
        assert one.name == parser.format
        assert set() == {tuple(expected) for expected in sample["gives"]} - seen


def test_a_plain_tqdm_bar_gives_the_last_state_of_each_step_where_nothing_else_tells_the_loss() -> None:
    bar = "\r{p}%|#  | {n}/200 [00:01<00:09, 10.0it/s, loss={value}]"
    log = "".join(bar.format(p=n // 2, n=n, value=f"{n}.{state}") for n in range(1, 150) for state in (1, 5)) + "\n"
    seen = [(one.metric, one.step, one.value) for one in items_of(log.encode()) if isinstance(one, Observation)]
    assert [("train_loss", float(n), n + 0.5) for n in range(1, 150)] == seen


def test_a_bar_is_no_witness_where_lines_tell_the_loss() -> None:
    log = b"".join(b"\r%d%%|#  | %d/9 [00:01<00:09, 10.0it/s, loss=9.9]\nstep %d: loss 1.%d\n" % (n, n, n, n) for n in range(1, 9))
    seen = [(one.step, one.value) for one in items_of(log) if isinstance(one, Observation)]
    assert [(float(n), 1 + n / 10) for n in range(1, 9)] == seen


def test_words_that_go_on_with_a_numbers_unit_do_not_name_the_next_number() -> None:
    skeleton = "step \x00 | loss \x00 | \x00% bf16 MFU | \x00 tok/s | lr | \x00"
    assert [one.key for one in named(skeleton)] == ["step", "loss", "", "", "lr"]


def test_the_total_behind_a_step_that_runs_on_through_the_epochs_is_the_runs() -> None:
    lines = [f"epoch: {1 + step // 600}/3, step: {step}/1800, loss: {2 - step / 2000:.4f}" for step in range(100, 1801, 100)]
    within = [f"epoch: {1 + step // 600}/3, step: {step % 600}/600, loss: {2 - step / 2000:.4f}" for step in range(100, 1800, 100)]
    assert {1800} == {item.total_steps for item in items_of("\n".join([*lines, ""]).encode()) if isinstance(item, Progress)} - {None}
    assert 600 not in {item.total_steps for item in items_of("\n".join([*within, ""]).encode()) if isinstance(item, Progress)}
