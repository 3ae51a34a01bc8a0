"""The life of an alert, as a table and over random verdicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.alert import FIRING, INACTIVE, MET, PENDING, RESOLVED, Alert, close, repeat, step
from rules.jsonable import jsonable
from rules.units import NO_HOLD, Hold
from rules.verdict import UNKNOWN, Severity, Status, Verdict

WARNING = Severity.WARNING


def live(verdicts: list[Verdict], hold: Hold = NO_HOLD, keep: Hold = NO_HOLD, gap_s: float = 60.0) -> tuple[Alert, list[tuple[int, str]]]:
    alert, told = Alert(), []
    for i, verdict in enumerate(verdicts):
        alert, changes = step(alert, verdict, now=gap_s * i, severity=WARNING, hold=hold, keep=keep)
        told += [(i, change.state) for change in changes]
    return alert, told


def at(status: Status, i: int) -> Verdict:
    return Verdict(status, "because", float(i * 10), 1.0)


def series(pattern: str) -> list[Verdict]:
    """``b`` breached, ``o`` fine, ``u`` unknown, ``m`` met."""
    names = {"b": Status.BREACHED, "o": Status.OK, "m": Status.MET}
    return [UNKNOWN if letter == "u" else at(names[letter], i) for i, letter in enumerate(pattern)]


def test_a_breach_fires_at_once_and_resolves_once() -> None:
    assert live(series("oobboo"))[1] == [(2, FIRING), (4, RESOLVED)]


def test_no_data_is_neither_a_breach_nor_a_resolution() -> None:
    assert live(series("buuuu")) == (live(series("b"))[0], [(0, FIRING)])


def test_a_hold_counts_breaches_and_one_good_value_begins_anew() -> None:
    assert live(series("bbobbb"), hold=Hold(observations=3))[1] == [(5, FIRING)]


def test_a_hold_in_steps_and_in_time_is_measured_from_the_first_breach() -> None:
    assert live(series("bbbb"), hold=Hold(steps=20))[1] == [(2, FIRING)]
    assert live(series("bbbb"), hold=Hold(seconds=120))[1] == [(2, FIRING)]


def test_keep_lets_an_alert_stand_over_a_short_recovery() -> None:
    assert live(series("bobooo"), keep=Hold(observations=3))[1] == [(0, FIRING), (5, RESOLVED)]
    assert live(series("bobooo"), keep=Hold(steps=20))[1] == [(0, FIRING), (5, RESOLVED)]


def test_a_pending_alert_that_passes_is_never_told() -> None:
    assert live(series("bbo"), hold=Hold(observations=3)) == (Alert(), [])


def test_a_milestone_that_is_met_after_it_fired_resolves_and_is_told_as_met() -> None:
    assert live(series("bm"))[1] == [(0, FIRING), (1, RESOLVED), (1, MET)]


def test_a_severity_that_rises_is_told_again_and_one_that_falls_is_not() -> None:
    alert, first = step(Alert(), at(Status.BREACHED, 0), now=0, severity=WARNING)
    alert, second = step(alert, Verdict(Status.BREACHED, "worse", 10, 2.0, Severity.CRITICAL), now=1, severity=WARNING)
    alert, third = step(alert, Verdict(Status.BREACHED, "milder", 20, 2.0, Severity.INFO), now=2, severity=WARNING)
    assert [c.severity for c in (*first, *second, *third)] == ["warning", "critical"]
    assert alert.severity == "critical"


def test_what_still_stands_is_told_again_after_the_interval_and_not_before() -> None:
    alert, _ = step(Alert(), at(Status.BREACHED, 0), now=0, severity=WARNING)
    assert repeat(alert, 600, now=599) == (alert, None)
    alert, change = repeat(alert, 600, now=600)
    assert change is not None
    assert change.message == "still: because"
    assert repeat(alert, 600, now=1199)[1] is None


def test_the_end_closes_an_alert_with_the_reason() -> None:
    alert, _ = step(Alert(), at(Status.BREACHED, 0), now=0, severity=WARNING)
    closed, change = close(alert, "the run ended: completed", 90.0)
    assert closed == Alert()
    assert change is not None
    assert (change.state, change.message, change.step) == (RESOLVED, "the run ended: completed", 90.0)
    assert close(Alert(state=PENDING), "the run ended", 90.0) == (Alert(), None)


verdicts = st.lists(
    st.builds(
        lambda status, severity, i: UNKNOWN if status is Status.UNKNOWN else Verdict(status, "r", float(i), 1.0, severity),
        st.sampled_from(list(Status)), st.none() | st.sampled_from(list(Severity)), st.integers(0, 1000),
    ),
    max_size=60,
)  # fmt: skip
holds = st.one_of(
    st.just(NO_HOLD), st.builds(Hold, observations=st.integers(1, 5)), st.builds(Hold, steps=st.floats(0, 500)),
    st.builds(Hold, seconds=st.floats(0, 600)),
)  # fmt: skip


@given(verdicts=verdicts, hold=holds, keep=holds)
def test_whatever_the_verdicts_a_firing_and_its_resolution_alternate(verdicts: list[Verdict], hold: Hold, keep: Hold) -> None:
    alert, fires = Alert(), False
    for i, verdict in enumerate(verdicts):
        before = alert
        alert, changes = step(alert, verdict, now=60.0 * i, severity=WARNING, hold=hold, keep=keep)
        for change in changes:
            if change.state == RESOLVED:
                assert fires
                fires = False
            elif change.state == FIRING:
                worse = Severity(change.severity).rank > Severity(before.severity).rank
                assert not fires or worse
                fires = True
        assert fires == (alert.state == FIRING)
        if verdict.status is Status.UNKNOWN:
            assert alert is before
        if alert.state == INACTIVE:
            assert alert == Alert()
        assert Alert(**jsonable(alert.as_json())) == alert
