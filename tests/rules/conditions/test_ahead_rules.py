"""``forecast`` and ``baseline``: against what is to come and what was before."""

from __future__ import annotations

from story import briefly, points, rule, tell

from rules.milestone import parse_milestone
from rules.milestone_entries import build_milestone

CURVE = [0.3 + 3.0 * (25 * i) ** -0.4 for i in range(1, 41)]


def milestones(*texts: str) -> tuple[object, ...]:
    return tuple(build_milestone(parse_milestone(text), "val_loss") for text in texts)


def test_a_milestone_out_of_reach_is_told_before_its_step() -> None:
    ahead = milestones("step 500 < 0.3")
    told = tell([*ahead, rule("forecast", milestones=ahead)], points("val_loss", CURVE[:12], every=25, start=25))  # type: ignore[list-item]
    assert [t.rule for t in told] == ["forecast"]
    assert told[0].message.startswith("step-500 will probably be missed: expected 0.")


def test_a_milestone_in_reach_is_not() -> None:
    ahead = milestones("step 500 < 0.9", "step 800 < 0.9")
    told = tell([*ahead, rule("forecast", milestones=ahead)], points("val_loss", CURVE[:12], every=25, start=25))  # type: ignore[list-item]
    assert told == []


def test_it_resolves_when_the_step_has_come() -> None:
    ahead = milestones("step 500 < 0.3")
    told = tell([*ahead, rule("forecast", milestones=ahead)], points("val_loss", CURVE, every=25, start=25))  # type: ignore[list-item]
    assert [(t.rule, t.state) for t in told] == [("forecast", "firing"), ("step-500", "firing"), ("forecast", "resolved")]


def test_without_milestones_it_is_silent() -> None:
    assert tell(rule("forecast"), points("val_loss", CURVE)) == []


NUMBER = {"values": {"val_loss": 0.5}, "step": 50.0, "label": "checkpoint step_50"}


def test_against_a_number_it_is_judged_from_the_numbers_step_on() -> None:
    one = rule("baseline", {"tolerance": "10%"}, baseline=NUMBER)
    assert briefly(tell(one, points("val_loss", [3.0, 2.0, 1.0, 0.8, 0.7, 0.54]))) == [("firing", 50), ("resolved", 60)]


def test_the_ratio_is_said() -> None:
    one = rule("baseline", {"value": "0.3557", "warm_up": "0", "name": "checkpoint"})
    (told,) = tell(one, points("val_loss", [2.19], start=25))
    assert told.message == "val_loss 2.19 at step 25 is 6.16 times baseline 0.3557"


def test_against_a_curve_it_says_the_ratio_and_the_steps_behind() -> None:
    curve = {"curves": {"val_loss": ([10.0, 20.0, 30.0, 40.0], [2.0, 1.5, 1.2, 1.0])}, "label": "old run"}
    one = rule("baseline", {"tolerance": "10%", "warm_up": "0"}, baseline=curve)
    told = tell(one, points("val_loss", [2.0, 1.6, 1.5, 1.0]))
    assert [(t.state, t.step) for t in told] == [("firing", 30), ("resolved", 40)]
    assert told[0].message == "val_loss 1.5 at step 30 is 1.25 times old run 1.2 at step 30, 10 steps behind"


def test_beyond_the_end_of_the_curve_nothing_is_said() -> None:
    curve = {"curves": {"val_loss": ([10.0, 20.0], [2.0, 1.5])}}
    assert tell(rule("baseline", {"warm_up": "0"}, baseline=curve), points("val_loss", [9.0, 9.0], start=30)) == []
