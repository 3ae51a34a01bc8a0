"""The test cases inside a rules file."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.rulesfile import read_rulebook
from monitor.yamlfile import parse_yaml
from rules.rehearsal import rehearse

FILE = """
milestones:
  - step 50 < 1.5
  - step 100 < 0.9, worry > 1.0
rules:
  - not_finite
  - stall: {after: 30m}
tests:
"""


def found(cases: str) -> list[tuple[Any, str]]:
    book = read_rulebook(parse_yaml(FILE + cases, "rules.yaml"), "rules.yaml")
    return [(problem.loc, problem.message) for problem in rehearse(book.rules, book.tests)]


GOOD = """
  - name: a slow start
    series: {val_loss: [[25, 2.19], [50, 1.41], [100, 1.07]]}
    expect: [step-50 met at 50, step-100 firing critical]
  - name: a hang
    series: {train_loss: {10: 2.0, 20: 1.9}}
    every: 1m
    silent: 2h
    expect: [stall firing at 20]
  - series: {val_loss: [[50, .nan], [60, 1.0]]}
    expect: [step-50 firing warning at 50, not_finite firing, step-50 resolved, not_finite resolved at 60]
"""


def test_cases_that_hold_are_no_problem() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("case", "loc", "said"),
    [
        ("{series: {val_loss: [[50, 1.6]]}, expect: [step-50 met]}", ("expect",), "expected step-50 met, and step-50 firing warning at 50"),
        ("{series: {val_loss: [[50, 1.4]]}, expect: []}", ("expect",), "nothing more was expected, and step-50 met info at 50 was told"),
        ("{series: {val_loss: [[25, 1.4]]}, expect: [step-50 met]}", ("expect",), "expected step-50 met, and nothing more was told"),
        ("{series: {val_loss: [[25, x]]}, expect: []}", ("series", "val_loss"), "`x` is no number"),
        ("{series: {val_loss: [25]}, expect: []}", ("series", "val_loss"), "is a list of [step, value]"),
        ("{series: {val_loss: [[25, 1]]}, expect: [step-51 met]}", ("expect", 0), "no rule `step-51`"),
        ("{series: {val_loss: [[25, 1]]}, expect: [step-50 done]}", ("expect", 0), "is no event"),
        ("{series: {val_loss: [[25, 1]]}, expects: []}", ("expects",), "unknown key"),
        ("{series: {val_loss: [[25, 1]]}, every: 10, expect: []}", ("every",), "no duration"),
        ("{expect: []}", (), "a test has a series"),
        ("text", (), "a test is a mapping"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(case: str, loc: tuple[Any, ...], said: str) -> None:
    ((place, message),) = found(f"  - {case}\n")
    assert place == ("tests", 0, *loc)
    assert said in message
