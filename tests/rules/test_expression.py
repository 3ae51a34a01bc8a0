"""Expressions of metrics: right values, three-valued logic, nothing that can be executed, no text that makes it fail otherwise."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.expression import parse_expression

VALUES = {"a": 2.0, "b": 3.0, "z": 0.0, "nan": math.nan}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", True),
        ("a - b < -0.5", True),
        ("a * b == 6 and not a > b", True),
        ("(a + b) / 2 >= 2.5", True),
        ("2 * a + b != 7", False),
        ("max(a, b, 1) - min(a, b) > 0.5", True),
        ("abs(a - b) < 1e-3 or b > 2.9", True),
        ("log(a) > 0 and sqrt(b) < 2", True),
        ("a / z > 1", None),
        ("log(z) < 0", None),
        ("exp(b * 1e6) > 1", None),
        ("nan > 1", None),
        ("nan > 1 or a < b", True),
        ("nan > 1 and a > b", False),
        ("not nan > 1", None),
        ("a-b<0", True),
    ],
)
def test_values(text: str, expected: bool | None) -> None:
    assert parse_expression(text).evaluate(VALUES) is expected


def test_names_are_in_their_order_and_once() -> None:
    assert parse_expression("val_loss - train_loss > 0.5 * val_loss").names == ("val_loss", "train_loss")


LONG = ["a > " + "(" * 60 + "1" + ")" * 60, "a > 1 and " * 60 + "a > 1", "not " * 40 + "a > 1", "a > 1" + " " * 400]


@pytest.mark.parametrize("text", LONG)
def test_length_and_depth_are_bounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"at most|deep"):
        parse_expression(text)


@given(st.text(alphabet="ab01.9()+-*/<>=! ,andortxe_'\"[]{}:;", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed = parse_expression(text)
    except ValueError:
        return
    assert parsed.evaluate(dict.fromkeys(parsed.names, 1.0)) in (True, False, None)
