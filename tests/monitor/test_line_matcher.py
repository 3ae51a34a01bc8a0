"""Which lines a rule's pattern finds: its own ignore list, and the harmless noise that ships."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.events.noise import noise_literals
from monitor.matcher import LineMatcher
from rules.conditions import kinds
from rules.conditions.pattern import ERRORS
from rules.kind import Context

AMDGPU = b"libdrm/amdgpu.ids: No such file or directory"
MISSING = b"data/era5.zarr: No such file or directory"
WANDB = b"wandb: ERROR Error while calling W&B API: rate limit exceeded"


def finds(line: bytes, **parameters: Any) -> bool:
    rule = kinds()["pattern"].model_validate({"name": "p", **parameters}).build(Context())
    assert rule.lines is not None
    matcher = LineMatcher({"p": rule.lines})
    found = bool(matcher.events(line, 0))
    assert not found or (matcher.interesting is not None and matcher.interesting.search(line))
    return found


@pytest.mark.parametrize("noise", noise_literals())
def test_harmless_noise_does_not_count_by_default(noise: bytes) -> None:
    assert not finds(b"12: ERROR " + noise + b" and more")


def test_only_the_noise_is_left_out() -> None:
    assert not finds(AMDGPU, match="No such file")
    assert finds(MISSING, match="No such file")


def test_an_empty_ignore_list_lets_every_line_count() -> None:
    assert finds(AMDGPU, match="No such file", ignore=[])


def test_an_own_list_stands_beside_the_noise() -> None:
    own = ["era5", "cache"]
    assert [finds(line, match="No such file", ignore=own) for line in (AMDGPU, MISSING)] == [False, False]
    assert finds(b"weights.pt: No such file or directory", match="No such file", ignore=own)


def test_a_pattern_that_begins_like_a_piece_of_noise_asks_for_it() -> None:
    assert finds(AMDGPU, match=r"amdgpu\.ids")
    assert finds(WANDB, match="wandb: ERROR")
    assert not finds(WANDB, match=ERRORS)


@pytest.mark.parametrize("ignore", ["(", ["fine", "("], [""], 3, {"a": 1}])
def test_what_is_no_expression_is_refused(ignore: Any) -> None:
    with pytest.raises(ValueError, match=r"regular expression"):
        kinds()["pattern"].model_validate({"match": "x", "ignore": ignore})
