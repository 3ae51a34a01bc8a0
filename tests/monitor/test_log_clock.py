"""A log's own times in the judgement: a replay says where it stood still, a catch-up learns from them, a call from cron goes by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_daemon import LOG, Bench, book

from monitor.oneshot import read_runs
from monitor.parse import Catalogue
from rules.alert import Transition
from rules.engine import Engine
from rules.passing import LOOK_S, looks

START = datetime(2026, 11, 20, 22, 0)
HOUR = 3600.0


def log_of(gaps_s: Sequence[float], form: str = "%Y-%m-%d %H:%M:%S,000 - INFO - ") -> str:
    """A training that prints a step after each of ``gaps_s``, and a validation after every tenth."""
    at, lines = START, []
    for i, gap_s in enumerate(gaps_s, 1):
        at += timedelta(seconds=gap_s)
        val = f", val_loss = {2.2 * i**-0.3:.4f}" if i % 10 == 0 else ""
        lines.append(f"{at.strftime(form)}Step {10 * i}: train_loss = {2 * i**-0.3:.4f}{val}\n")
    return "".join(lines)


@pytest.fixture
def replay(tmp_path: Path) -> Callable[..., list[Transition]]:
    def told(text: str, rules: str, name: str = "train_13503904.out") -> list[Transition]:
        log = tmp_path / name
        log.write_text(text)
        return read_runs([str(log)], Engine(book(rules).rules), Catalogue.load()).transitions

    return told


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S,000 - INFO - ", "[%H:%M:%S] ", "I%m%d %H:%M:%S.000000 12 train.py:7] "])
def test_a_log_that_stood_still_for_three_hours_says_so_where_it_stood(replay: Callable[..., list[Transition]], form: str) -> None:
    told = replay(log_of([20.0] * 90 + [3 * HOUR] + [20.0] * 30, form), "rules: [stall]")
    assert [("stall", "firing", 900), ("stall", "resolved", 910)] == [(t.rule, t.state, t.step) for t in told]


def test_a_line_without_a_value_is_a_sign_of_life_too(replay: Callable[..., list[Transition]]) -> None:
    lines = log_of([20.0] * 90 + [3 * HOUR] + [20.0] * 30).splitlines(keepends=True)
    alive = [f"{START + timedelta(seconds=1800 + 300 * i):%Y-%m-%d %H:%M:%S},000 - INFO - still building the cache\n" for i in range(1, 36)]
    assert [] == replay("".join([*lines[:90], *alive, *lines[90:]]), "rules: [stall]")


def test_after_a_checkpoint_the_prints_may_be_as_seldom_as_before(replay: Callable[..., list[Transition]]) -> None:
    """Marian prints every 20 minutes and says what it says of a checkpoint within a minute."""
    at, lines = START, []
    for i in range(1, 41):
        at += timedelta(minutes=19)
        lines.append(f"[{at:%Y-%m-%d %H:%M:%S}] Ep. 1 : Up. {1000 * i} : Sen. 4,654,484 : Cost {2 * i**-0.1:.4f} : Time 1140.00s\n")
        if i in (3, 6):
            saved, valid = at + timedelta(seconds=7), at + timedelta(seconds=40)
            lines.append(f"[{saved:%Y-%m-%d %H:%M:%S}] [training] Saving training checkpoint to model.npz and model.npz.optimizer.npz\n")
            lines.append(f"[{valid:%Y-%m-%d %H:%M:%S}] [valid] Ep. 1 : Up. {1000 * i} : ce-mean-words : 1.17203 : new best\n")
    assert [] == replay("".join(lines), "rules: [stall]")


def test_a_run_that_became_half_as_fast_is_found_in_a_replay(replay: Callable[..., list[Transition]]) -> None:
    told = replay(log_of([5.0] * 200 + [10.0] * 200), "rules: [throughput]")
    assert [("throughput", "firing")] == [(t.rule, t.state) for t in told]
    assert 2000 < (told[0].step or 0) < 2500
    assert [] == replay(log_of([5.0] * 400), "rules: [throughput]")


def test_a_job_that_will_not_be_done_in_time_is_found_in_a_replay(replay: Callable[..., list[Transition]]) -> None:
    told = replay(log_of([20.0] * 200), "rules: [walltime: {limit: 1h30m, total_steps: 5000}]")
    assert [("walltime", "firing")] == [(t.rule, t.state) for t in told]
    assert [] == replay(log_of([20.0] * 200), "rules: [walltime: {limit: 3h, total_steps: 5000}]")


def test_a_hold_in_minutes_goes_by_the_times_of_the_log(replay: Callable[..., list[Transition]]) -> None:
    told = replay(log_of([20.0] * 200), "rules: [threshold: {metric: train_loss, below: 1.0, for: 10m}]")
    first = next(i for i in range(1, 200) if round(2 * i**-0.3, 4) < 1.0)
    assert [("threshold", "firing", 10 * (first + 30))] == [(t.rule, t.state, t.step) for t in told]


def test_a_log_without_times_is_judged_as_before(replay: Callable[..., list[Transition]]) -> None:
    rules = "rules: [stall, throughput, walltime: {limit: 10m, total_steps: 9000}]"
    assert [] == replay(log_of([20.0] * 90 + [3 * HOUR] + [20.0] * 30, ""), rules)


def test_a_second_file_of_the_run_may_have_grown_in_a_silence(tmp_path: Path) -> None:
    (tmp_path / "train_13503904.out").write_text(log_of([20.0] * 90 + [3 * HOUR] + [20.0] * 30))
    (tmp_path / "train_13503904.err").write_text("warming up\n")
    assert [] == read_runs([str(tmp_path)], Engine(book("rules: [stall]").rules), Catalogue.load()).transitions


def test_a_catch_up_learns_the_rhythm_and_the_pace_of_the_log(tmp_path: Path) -> None:
    text = log_of([20.0] * 90 + [2 * HOUR] + [20.0] * 30)
    end_s = (START + timedelta(seconds=120 * 20.0 + 2 * HOUR)).timestamp()
    bench = Bench(tmp_path / "state", "rules: [stall, throughput]", now=end_s + 30.0)
    bench.tails.append(text, mtime_s=end_s)
    bench.turn()
    bench.live()
    run = bench.daemon.pipeline.runs["13503904"]
    assert 2 * HOUR == max(known["longest_s"][0] for known in run.rhythm.values())
    assert 20.0 == run.series["train_loss"].times[-1] - run.series["train_loss"].times[-2]
    assert end_s == run.last_line_s
    assert [] == bench.told()


def test_a_log_in_another_time_zone_is_set_right_when_it_has_been_read(tmp_path: Path) -> None:
    text = log_of([20.0] * 90)
    end_s = (START + timedelta(seconds=90 * 20.0)).timestamp()
    for hours in (-7, 9):
        written_s = end_s + hours * HOUR + 1.0
        bench = Bench(tmp_path / f"state{hours}", "rules: [stall, throughput]", now=written_s + 2.0)
        bench.tails.append(text, mtime_s=written_s)
        bench.turn()
        run = bench.daemon.pipeline.runs["13503904"]
        assert (written_s - 1.0, written_s) == (run.series["train_loss"].times[-1], run.last_line_s)
        stored = [time_s for *_, time_s, _ in bench.daemon.store.observations()]
        assert list(run.series["train_loss"].times)[-1] == max(stored)
        again = Bench(tmp_path / f"state{hours}", "rules: [stall, throughput]", now=written_s + 3.0)
        assert run.series["train_loss"].times == again.daemon.pipeline.runs["13503904"].series["train_loss"].times


def test_a_call_from_cron_judges_the_pace_by_the_times_of_the_lines(tmp_path: Path) -> None:
    text, bench = log_of([5.0] * 240 + [10.0] * 240), None
    lines = text.splitlines(keepends=True)
    for call in range(8):
        piece = lines[60 * call : 60 * (call + 1)]
        written_s = datetime.strptime(piece[-1][:19], "%Y-%m-%d %H:%M:%S").timestamp()
        bench = Bench(tmp_path / "state", "rules: [throughput]", now=written_s + 40.0)
        bench.daemon.by_log_clock = True
        bench.tails.sizes = {LOG: sum(map(len, lines[: 60 * call]))}
        bench.tails.append("".join(piece), mtime_s=written_s)
        bench.tails.read = True
        bench.turn()
        bench.daemon.beat()
    assert bench is not None
    assert [("transitions", [("throughput", "firing")])] == bench.told()


@given(st.floats(0.0, 1e9), st.floats(0.0, 1e8))
def test_the_looks_into_a_silence_are_inside_it_in_order_and_few(from_s: float, quiet_s: float) -> None:
    found = list(looks(from_s, from_s + quiet_s))
    assert all(from_s < at < from_s + quiet_s for at in found)
    assert found == sorted(set(found))
    assert len(found) < 170
    assert len(found) >= min(10, int(quiet_s / LOOK_S) - 1)
