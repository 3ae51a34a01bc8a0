"""Blocks of rows that are read at once say what they say line by line, whatever stands between and within them."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.digest import MetricDigest
from monitor.parse import Catalogue, LogParser
from monitor.summary import summarise
from rules.history import RunState
from rules.jsonable import jsonable
from rules.observation import Observation

CATALOGUE = Catalogue.load()


def naive(data: bytes) -> tuple[dict[str, Any], int]:
    """The oracle: every line through the parser."""
    parser, state = LogParser(CATALOGUE), RunState("")
    metrics: dict[str, MetricDigest] = {}
    for item in [*parser.feed(data), *parser.flush()]:
        if isinstance(item, Observation):
            metrics.setdefault(item.metric, MetricDigest(item.name)).add(item.at, item.value)
        state.see(item)
    return jsonable({name: one.entry() for name, one in metrics.items()}), state.attempt


def at_once(data: bytes) -> tuple[dict[str, Any], int]:
    document = summarise("run", [("a", io.BytesIO(data))], CATALOGUE)
    return document["metrics"], document["attempts"]


def block(step: int, rows: list[tuple[str, str]], width: int = 34) -> str:
    dashes = "-" * width
    inner = [f"| {name:<19} | {value:<8} |" if name else "" for name, value in (*rows, ("   total_timesteps", str(step)))]
    return "\n".join((dashes, *inner, dashes)) + "\n"


NAMES = ("train/", "   loss", "   ep_rew_mean", "   fps", "   learning_rate", "   n_updates", "eval/loss", "layer 2", "top@5", "std", "")
VALUES = st.one_of(
    st.floats(-1e6, 1e6, width=32).map(lambda x: f"{x:.4g}"), st.integers(-(10**9), 10**12).map(str),
    st.sampled_from(["", "nan", "-0.5", "12%", "+3", ".5", "1,024", "0:12:30", "-inf", "5 x"]),
)  # fmt: skip
ROWS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), min_size=0, max_size=5)
BETWEEN = st.sampled_from((
    *[""] * 6, "Eval num_timesteps=500, episode_reward=3.0 +/- 1.2\n", "\n", "New best mean reward!\n", "| broken | row\n", "------\n",
    "| a | b | 3 |\n", "step 3 | loss 0.5\n", "| step | loss | lr |\n", "   x = f(3)\n",
    "|    loss             | 0.25     |\n", "Using cuda\n",
))  # fmt: skip
COURSES = st.lists(st.tuples(st.integers(0, 2), BETWEEN, VALUES), min_size=20, max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), COURSES, st.integers(1, 999))
def test_blocks_read_at_once_say_what_they_say_line_by_line(
    forms: list[list[tuple[str, str]]], course: list[tuple[int, str, str]], stride: int
) -> None:
    text = ""
    for at, (form, between, value) in enumerate(course * 6, start=1):
        rows = [(name, value if "loss" in name else told) for name, told in forms[form % len(forms)]]
        text += between + block(at * stride % 100_000, [*rows, ("loss", f"{1 / at:.3g}")])
    assert naive(text.encode()) == at_once(text.encode())


def test_of_a_long_log_of_blocks_few_lines_go_through_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    data = "".join(block(step, [("   loss", f"{1 / step:.3g}"), ("   fps", str(step % 90))]) for step in range(1, 20_001)).encode()
    taken: Counter[str] = Counter()
    row = LogParser.row

    def counted(self: LogParser, *args: Any, **more: Any) -> None:
        taken["lines"] += 1
        row(self, *args, **more)

    monkeypatch.setattr(LogParser, "row", counted)
    document = summarise("run", [("a", io.BytesIO(data))], CATALOGUE)
    assert 20_000 == document["metrics"]["train_loss"]["count"]
    assert taken["lines"] < data.count(b"\n") / 20


@pytest.mark.parametrize("last", ["", "|    loss             | 0.25     |\n", "-" * 34 + "\n|    loss             | 0.25     |\n"])
def test_a_block_that_has_not_ended_says_nothing_yet(last: str) -> None:
    text = "".join(block(step, [("   loss", f"{1 / step:.3g}")]) for step in range(1, 2000)) + last
    assert naive(text.encode()) == at_once(text.encode())
    assert 1999 == at_once(text.encode())[0]["train_loss"]["count"]
