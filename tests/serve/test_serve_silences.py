"""Silences made on the page lie in the state file, where the loop and the command line find them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.serve.silences import StoredSilences
from monitor.silences import read_silences
from monitor.store import Store, connect
from rules.history import RunState

NOW = 1_750_000_000.0


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "state.db"
    Store(path).close()
    return path


def test_a_silence_is_made_listed_and_ended(state: Path) -> None:
    silences = StoredSilences(state, lambda: NOW)
    made = silences.add("13503904", "step-100", "step 200")
    assert [made] == list(silences.all())
    assert ("13503904", "step-100", "until step 200") == (made.run, made.rule, made.until)
    assert [True, False] == [silences.remove(made.id) for _ in range(2)]
    assert [] == list(silences.all())


def test_what_ended_by_its_time_is_listed_no_more(state: Path) -> None:
    made = StoredSilences(state, lambda: NOW).add("13503904", None, "2h")
    assert (None, "for 2 h 00 more") == (made.rule, made.until)
    assert [] == list(StoredSilences(state, lambda: NOW + 7300).all())


def test_an_end_that_cannot_be_understood_is_said(state: Path) -> None:
    with pytest.raises(ValueError, match="write step 200, 2h or end"):
        StoredSilences(state).add("13503904", None, "soon")


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 40, "1; DROP TABLE silences"])
def test_what_is_no_number_of_a_silence_ends_none(state: Path, number: str) -> None:
    assert not StoredSilences(state).remove(number)


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@settings(deadline=None, max_examples=40)
@given(run=names, rule=names, other=names)
def test_a_name_is_silenced_as_it_stands_and_never_as_a_pattern(state: Path, run: str, rule: str, other: str) -> None:
    silences = StoredSilences(state, lambda: NOW)
    made = silences.add(run, rule, "end")
    assert (run, rule) in [(one.run, one.rule) for one in silences.all()]
    with closing(connect(state)) as connection:
        held = next(one for one in read_silences(connection) if str(one.id) == made.id)
    assert held.covers(RunState(run), rule, NOW)
    assert (other == run) == held.covers(RunState(other), rule, NOW)
    silences.remove(made.id)
