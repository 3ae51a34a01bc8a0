"""The test cases inside a rules file: a series, and what the rules must say of it, before a job costs hours.

::

    tests:
      - name: a slow start
        series: {val_loss: [[25, 2.19], [50, 1.41], [100, 1.07]]}   # or {val_loss: {25: 2.19, 50: 1.41}}
        every: 10s                   # time from one step that is printed to the next, for the rules that go by the clock
        silent: 2h                   # and then nothing for so long
        total_steps: 500
        expect: [step-50 met at 50, step-100 firing critical]

``expect`` is every transition in its order: ``RULE STATE [SEVERITY] [at STEP]``; what is left out is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from rules.alert import FIRING, MET, RESOLVED, Transition
from rules.engine import Engine
from rules.history import RunState
from rules.jsonable import step_text
from rules.observation import Observation
from rules.problem import Loc, Problem
from rules.rule import Rule
from rules.units import duration_s
from rules.verdict import Severity

KEYS = ("name", "series", "every", "silent", "total_steps", "expect")
STATES = (MET, FIRING, RESOLVED)
SEVERITIES = tuple(severity.value for severity in Severity)
EVERY_S, START_S, LOOK_S = 10.0, 1_000_000.0, 60.0
MAX_LOOKS = 20_000


class MistakeError(ValueError):
    """A case that cannot be read; ``loc`` leads to the fault within the case."""

    def __init__(self, loc: Loc, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.loc, self.message, self.advice = loc, message, advice


@dataclass(frozen=True, slots=True)
class Expected:
    rule: str
    state: str
    severity: str | None = None
    step: float | None = None

    def fits(self, told: Transition) -> bool:
        return (
            told.rule == self.rule and told.state == self.state and self.severity in (None, told.severity)
            and self.step in (None, told.step)
        )  # fmt: skip

    def __str__(self) -> str:
        return _said(self.rule, self.state, self.severity, self.step)


@dataclass(frozen=True, slots=True)
class Case:
    """``items`` are in the order of their steps, with times in Unix seconds."""

    name: str
    items: tuple[Observation, ...]
    expect: tuple[Expected, ...]
    silent_s: float = 0.0
    total_steps: float | None = None


def rehearse(rules: Sequence[Rule], cases: Sequence[Any]) -> list[Problem]:
    """What is wrong with the cases of a file, or with its rules according to them; empty where all of them hold."""
    problems = []
    for i, given in enumerate(cases):
        try:
            case = read_case(given, i, [rule.id for rule in rules])
        except MistakeError as wrong:
            problems.append(Problem(("tests", i, *wrong.loc), wrong.message, wrong.advice))
            continue
        wrong_at = first_difference(case.expect, play(rules, case))
        if wrong_at is not None:
            problems.append(Problem(("tests", i, "expect"), f"`{case.name}`: {wrong_at}"))
    return problems


def play(rules: Sequence[Rule], case: Case) -> list[Transition]:
    """Every transition that the rules tell of the case."""
    engine, run = Engine(rules), RunState("test", total_steps=case.total_steps, caught_up=True)
    told: list[Transition] = []
    for item in case.items:
        now = item.time_s or START_S
        if run.last_line_s is None or now > run.last_line_s:
            run.heard(now)
        told += engine.see(run, item, now)
        told += engine.tick(run, now)
    end = run.last_line_s or START_S
    looks = min(MAX_LOOKS, int(case.silent_s / LOOK_S))
    for look in range(1, looks + 1):
        told += engine.tick(run, end + look * case.silent_s / looks)
    return told


def first_difference(expect: Sequence[Expected], told: Sequence[Transition]) -> str | None:
    """The first place at which what was told is not what was expected, as a sentence; None where there is none."""
    for i in range(max(len(expect), len(told))):
        if i >= len(told):
            return f"expected {expect[i]}, and nothing more was told"
        found = _said(told[i].rule, told[i].state, told[i].severity, told[i].step)
        if i >= len(expect):
            return f"nothing more was expected, and {found} was told ({told[i].message})"
        if not expect[i].fits(told[i]):
            return f"expected {expect[i]}, and {found} was told ({told[i].message})"
    return None


def read_case(given: Any, index: int, rule_ids: Sequence[str]) -> Case:
    """A case out of plain data, every scalar as text. Raises MistakeError."""
    if not isinstance(given, Mapping):
        raise MistakeError((), "a test is a mapping", "write {series: {val_loss: [[50, 1.4]]}, expect: [step-50 met]}")
    for key in given:
        if key not in KEYS:
            near = get_close_matches(str(key), KEYS, n=1)
            raise MistakeError((str(key),), f"unknown key `{key}`", f"did you mean `{near[0]}`?" if near else f"known: {', '.join(KEYS)}")
    every_s, silent_s = (_seconds(given, key, least) for key, least in (("every", EVERY_S), ("silent", 0.0)))
    series = given.get("series")
    if not isinstance(series, Mapping) or not series:
        loc: Loc = ("series",) if "series" in given else ()
        raise MistakeError(loc, "a test has a series", "write series: {val_loss: [[50, 1.4], [100, 0.8]]}")
    points = [(step, metric, value) for metric, values in series.items() for step, value in _points(str(metric), values)]
    points.sort(key=lambda point: point[0])
    places = {step: i for i, step in enumerate(sorted({step for step, _, _ in points}))}
    items = tuple(Observation(metric, value, step, time_s=START_S + every_s * places[step]) for step, metric, value in points)
    expect = given.get("expect")
    if not isinstance(expect, list):
        loc = ("expect",) if "expect" in given else ()
        raise MistakeError(loc, "expect is a list, empty where nothing must be told", "write expect: []")
    total = _number(given["total_steps"], ("total_steps",)) if "total_steps" in given else None
    wanted = tuple(_expected(one, i, rule_ids) for i, one in enumerate(expect))
    return Case(str(given.get("name", f"test {index + 1}")), items, wanted, silent_s, total)


def _expected(given: Any, index: int, rule_ids: Sequence[str]) -> Expected:
    loc: Loc = ("expect", index)
    words = str(given).split()
    step = None
    if len(words) > 2 and words[-2] == "at":
        step, words = _number(words[-1], loc), words[:-2]
    if len(words) not in (2, 3) or words[1] not in STATES or (len(words) == 3 and words[2] not in SEVERITIES):
        raise MistakeError(loc, f"`{given}` is no event", f"write RULE {'|'.join(STATES)} [{'|'.join(SEVERITIES)}] [at STEP]")
    if words[0] not in rule_ids:
        near = get_close_matches(words[0], rule_ids, n=1)
        raise MistakeError(loc, f"no rule `{words[0]}`", f"did you mean `{near[0]}`?" if near else f"known: {', '.join(rule_ids)}")
    return Expected(words[0], words[1], words[2] if len(words) == 3 else None, step)


def _points(metric: str, values: Any) -> list[tuple[float, float]]:
    loc: Loc = ("series", metric)
    pairs = list(values.items()) if isinstance(values, Mapping) else values
    if not isinstance(pairs, list) or any(not isinstance(pair, (list, tuple)) or len(pair) != 2 for pair in pairs):
        raise MistakeError(loc, f"the series of {metric} is a list of [step, value]", "write [[50, 1.4], [100, 0.8]] or {50: 1.4}")
    return [(_number(step, loc), _number(value, loc)) for step, value in pairs]


def _number(given: Any, loc: Loc) -> float:
    try:
        return float(str(given).strip().lstrip(".")) if str(given).strip().lower() in (".nan", ".inf") else float(given)
    except (TypeError, ValueError):
        raise MistakeError(loc, f"`{given}` is no number") from None


def _seconds(given: Mapping[str, Any], key: str, otherwise: float) -> float:
    if key not in given:
        return otherwise
    try:
        return duration_s(given[key])
    except ValueError as wrong:
        problem, _, advice = str(wrong).partition("; ")
        raise MistakeError((key,), problem, advice) from None


def _said(rule: str, state: str, severity: str | None, step: float | None) -> str:
    return f"{rule} {state}{f' {severity}' if severity else ''}{f' at {step_text(step)}' if step is not None else ''}"
