import threading

from hypothesis import given
from hypothesis import strategies as st

from monitor.tail.inbox import Inbox
from monitor.tail.pace import Budget, Pace, Timetable

PACE = Pace(hot_s=0.25, cold_s=30.0)


def test_a_file_is_looked_at_less_the_longer_it_is_silent() -> None:
    intervals = {silent_s: PACE.interval_s(silent_s) for silent_s in (0.0, 4.0, 8.0, 60.0, 480.0, 1e9)}
    assert {0.0: 0.25, 4.0: 0.25, 8.0: 0.5, 60.0: 2.0, 480.0: 16.0, 1e9: 30.0} == intervals


@given(st.floats(0, 1e7), st.floats(0, 1e9))
def test_no_look_comes_more_than_an_eighth_early_or_late(silent_s: float, now: float) -> None:
    interval_s = PACE.interval_s(silent_s)
    late_s = PACE.next_look_s(now, interval_s) - now - interval_s
    assert abs(late_s) <= max(interval_s / 8, PACE.hot_s) + 1e-6 * max(now, 1.0)


def test_many_silent_files_share_few_wake_ups() -> None:
    due = {PACE.next_look_s(now / 100, 30.0) for now in range(3000)}
    assert len(due) <= 10


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20))), st.integers(0, 20))
def test_the_timetable_holds_one_time_for_each(entries: list[tuple[str, int]], now: int) -> None:
    table: Timetable[str] = Timetable()
    last: dict[str, int] = {}
    for who, due_s in entries:
        table.put(who, due_s)
        last[who] = due_s
    assert sorted(who for who, due_s in last.items() if due_s <= now) == sorted(table.take(now))
    assert [] == table.take(now)
    assert sorted(who for who, due_s in last.items() if due_s > now) == sorted(table.take(100))


def test_a_file_system_is_asked_no_more_often_than_its_budget() -> None:
    budget, now, looks = Budget(per_s=10.0), 0.0, 0
    while now < 600.0:
        budget.spend(now)
        looks += now > 300.0
        now += 0.01 * budget.stretch
    assert looks / 300.0 <= 11.0


def test_who_puts_too_much_waits_until_it_is_taken() -> None:
    inbox: Inbox[int] = Inbox(10)
    accepted: list[bool] = []

    def put() -> None:
        accepted.extend(inbox.put(number, 4) for number in range(5))

    writer = threading.Thread(target=put)
    writer.start()
    taken: list[int] = []
    while len(taken) < 5:
        taken += inbox.take(5.0)
    writer.join(5.0)
    assert ([0, 1, 2, 3, 4], [True] * 5) == (taken, accepted)


def test_a_closed_inbox_lets_those_go_who_wait() -> None:
    inbox: Inbox[int] = Inbox(1)
    answers: list[bool] = []
    inbox.put(1, 1)
    writer = threading.Thread(target=lambda: answers.append(inbox.put(2, 1)))
    writer.start()
    inbox.close()
    writer.join(5.0)
    assert [False] == answers
