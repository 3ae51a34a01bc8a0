"""Logs of the kinds that are known, as other users, versions and configurations write them: no step, value or loss too many or too few.

Each case in ``same_kind.yaml`` is the least that shows one habit: another validation metric, several validation sets, no validation, a
resumed run, a log without its head, a launcher's prefix, a summary that repeats.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.parse import parser
from tests.parse.test_frameworks import curve, items_of, said

CASES: list[dict[str, Any]] = yaml.load(Path(__file__).with_name("same_kind.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def check(case: dict[str, Any], data: bytes) -> None:
    items = items_of(data)
    for metric in ("train_loss", "val_loss"):
        assert said(case.get(metric)) == curve(items, metric), metric
    for metric, pairs in (case.get("also") or {}).items():
        assert said(pairs) == curve(items, metric), metric


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_log_of_a_known_kind_gives_its_losses_and_no_others(case: dict[str, Any]) -> None:
    check(case, case["log"].encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_line_ends_of_windows_change_nothing(case: dict[str, Any]) -> None:
    check(case, case["log"].replace("\n", "\r\n").encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_colours_change_nothing(case: dict[str, Any]) -> None:
    coloured = "\n".join(f"\x1b[32m{line}\x1b[0m" if line else line for line in case["log"].split("\n"))
    check(case, coloured.encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_long_log_loses_no_line_once_only_its_literals_are_looked_for(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = len(case.get("train_loss") or []) + len(case.get("val_loss") or []) + sum(len(one) for one in (case.get("also") or {}).values())
    data = case["log"].encode() * (2 + 2 * parser.SURE // max(1, lines))
    gated = items_of(data)
    monkeypatch.setattr(parser, "SURE", 1 << 62)
    assert curve(items_of(data), "train_loss") == curve(gated, "train_loss")
    assert curve(items_of(data), "val_loss") == curve(gated, "val_loss")
