"""The table as it is seen: what it says, that it never wraps, and that nothing from a log moves the cursor."""

from __future__ import annotations

import io
import logging
import math
import sys
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from serve.scenes import NOW, metric, milestone, run, seed_scene, silent_run, training_run

from monitor.display import cells, print_table, render
from monitor.display.notices import noticed
from monitor.snapshot import AlertView, RunView, Snapshot
from rules.alert import Transition


def drawn(
    snapshot: Snapshot, width: int = 200, height: int | None = None, *, color: bool = False, notices: Sequence[str] = ()
) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system="standard" if color else None, force_terminal=color)
    console.print(render(snapshot, width, height, clock=time.gmtime, notices=notices))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def titles(lines: list[str]) -> list[str]:
    return [title for title in ("RUN", "STATE", "STEP", "VAL LOSS", "TRAIN", "NEXT MILESTONE", "ALERTS") if title in lines[2]]


def test_one_glance_tells_where_each_run_stands() -> None:
    lines = drawn(seed_scene())
    assert lines[0].startswith("loss-watch 0.1.0   3 runs   milestones.yaml   http://127.0.0.1:10311")
    assert lines[0].endswith("15:06:40")
    assert "13503904   training   104 / 500  ██▏·······   1.07   █▃▂▁   3.0x base   1.32 down" in lines[3]
    assert "200 < 0.6  in 2 h 05  21 %   worry  step-100" in lines[3]
    assert "13506127   ended      270 / 270  ██████████   0.336" in lines[4]
    assert "all met" in lines[4]
    assert "no line for 26 min, ranks 17 / 256" in lines[5]
    assert lines[5].endswith("critical  stall")


def test_events_stand_below_the_table_latest_first() -> None:
    lines = drawn(seed_scene())
    assert "15:06:27  13503904  firing    critical  step-100  val_loss 1.07 at step 100, expected < 0.9, worry above 1.0" == lines[7]
    assert "15:05:31  13506127  met                 step-270  val_loss 0.336 < 0.34" == lines[8]


@pytest.mark.parametrize(
    ("width", "shown"),
    [(160, 7), (120, 7), (110, 6), (80, 5), (62, 4), (44, 3), (20, 2)],
)
def test_columns_that_do_not_fit_are_dropped_from_the_right(width: int, shown: int) -> None:
    every = titles(drawn(seed_scene()))
    assert every[:shown] == titles(drawn(seed_scene(), width))


names = st.text(min_size=1, max_size=40)


@given(name=names, message=names, value=st.floats(), width=st.integers(8, 150), height=st.none() | st.integers(5, 40))
def test_no_line_is_ever_wider_than_the_terminal_nor_moves_the_cursor(
    name: str, message: str, value: float, width: int, height: int | None
) -> None:
    alert = AlertView(message, "pattern", "warning", "firing", None, None, message)
    view = run(name, metrics=[metric("val_loss", [(1, value), (2, 1.0), (3, -1.0)])], alerts=(alert,), step=3.0, total_steps=value)
    news = Transition(name, 1, message, "pattern", "warning", "firing", None, value, message, NOW)
    lines = drawn(Snapshot(NOW, "0.1.0", message, name, (view, silent_run()), news=(news,)), width, height)
    assert max(cell_len(line) for line in lines) <= width
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for line in lines for letter in line)
    assert height is None or len(lines) <= height


def test_more_runs_than_lines_shows_those_that_want_attention() -> None:
    calm = [run(f"calm{number}") for number in range(50)]
    lines = drawn(seed_scene(*calm, training_run()), height=12)
    assert any(line.startswith("13503904") for line in lines)
    assert any("more, all calmer" in line for line in lines)
    assert len(lines) <= 12


def test_colour_is_only_where_a_word_says_the_same() -> None:
    plain = drawn(seed_scene())
    colored = "\n".join(drawn(seed_scene(), color=True))
    assert "\x1b[31mworry  step-100" in colored
    assert "\x1b[32mon path" in "\n".join(drawn(seed_scene(run("r", milestones=(milestone(1, "< 1", "met", 1.0),),
                                                             metrics=[metric("val_loss", [(1, 0.5)])])), color=True))  # fmt: skip
    assert "\x1b" not in "\n".join(plain)


def test_through_a_pipe_the_head_is_no_wider_than_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(seed_scene())
    head, _, *table = capsys.readouterr().out.splitlines()
    assert max(100, *map(cell_len, table)) == cell_len(head)
    assert "http" in head


def test_what_is_said_while_the_table_stands_is_below_it_and_bounded() -> None:
    said = [f"loss-watch: {name}.out: permission denied" for name in "abcde"]
    lines = drawn(seed_scene(), height=30, notices=said)
    assert said[-3:] == lines[-3:]
    assert 12 >= len(drawn(seed_scene(), height=12, notices=said))


def test_stderr_and_the_log_are_kept_while_the_table_stands_and_said_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        with noticed() as notices:
            print("loss-watch: x.out: nothing to read yet", file=sys.stderr)
            logging.getLogger("monitor").warning("y.out: permission denied")
            assert ("", 2) == (capsys.readouterr().err, len(notices.lines()))
        assert handler.stream is sys.stderr
    finally:
        logging.getLogger().removeHandler(handler)
    assert ["loss-watch: x.out: nothing to read yet", "y.out: permission denied"] == capsys.readouterr().err.splitlines()


def test_nothing_to_watch_is_said() -> None:
    assert "reading the logs" in drawn(Snapshot(NOW, "0.1.0"))
    assert "no log yet" in drawn(Snapshot(NOW, "0.1.0", ready=True))


@pytest.mark.parametrize(
    ("done", "total", "bar"),
    [(0, 10, "··········"), (10, 10, "██████████"), (5, 10, "█████·····"), (1, 16, "▋·········"), (20, 10, "██████████"),
     (1, 0, "··········"), (1, math.inf, "··········"), (math.nan, 10, "··········")],
)  # fmt: skip
def test_a_bar_is_as_long_as_the_share(done: float, total: float, bar: str) -> None:
    assert bar == cells.bar(done, total, 10)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (1.0712, "1.07"), (0.33612, "0.336"), (math.nan, "NaN"), (-math.inf, "-inf"), (123456.0, "1.23e+05")]
)
def test_a_value_takes_three_digits(value: float | None, shown: str) -> None:
    assert shown == cells.number(value)


CURVES = [
    ("down", [(step, 3 * math.exp(-step / 50)) for step in range(100)]),
    ("up", [(step, 1 + step / 50) for step in range(100)]),
    ("flat", [(step, 1 + 0.1 * math.sin(step)) for step in range(100)]),
    ("flat", [(step, 0.7) for step in range(100)]),
    ("", [(1, 0.7), (2, 0.6)]),
    ("", [(step, math.nan) for step in range(100)]),
]


@pytest.mark.parametrize(("word", "points"), CURVES)
def test_a_curve_has_a_direction_once_it_has_one(word: str, points: list[tuple[float, float]]) -> None:
    assert word == cells.direction(metric("train_loss", points))


STATES: list[tuple[RunView, str]] = [
    (run("r", state="waiting", last_line_s=None), "no log yet"),
    (run("r", state="starting", last_line_s=NOW - 40), "no line for 40 s"),
    (run("r", state="crashed"), ""),
]


@pytest.mark.parametrize(("view", "says"), STATES)
def test_a_run_without_numbers_says_what_is_known(view: RunView, says: str) -> None:
    assert says == cells.instead_of_numbers(view, NOW).plain


def test_what_a_run_that_ended_did_not_reach_is_said() -> None:
    ended = run("r", state="ended", milestones=(milestone(200, "< 0.6", "pending", 0.6),))
    assert "200 < 0.6 not reached" == cells.next_milestone(ended, NOW)[0].plain


def test_a_silenced_alert_is_named_but_not_as_an_alarm() -> None:
    silenced = AlertView("stall", "stall", "critical", "firing", None, None, "", silenced=True)
    warning = AlertView("spike", "spike", "warning", "firing", None, None, "")
    assert "silenced  stall" == cells.alerts(run("r", alerts=(silenced,))).plain
    assert "warning  spike  +1" == cells.alerts(run("r", alerts=(silenced, warning))).plain


def test_a_steep_curve_is_drawn_so_that_its_end_can_still_be_read() -> None:
    steep = metric("val_loss", [(1, 100.0), (2, 1.0), (3, 0.5), (4, 0.3)])
    assert "█▂▂▁" == cells.curve(steep)
