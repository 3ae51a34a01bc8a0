"""Loops of one's own (bars drawn with tqdm, rich or by hand; plain prints) and smaller frameworks: their losses and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.parse import Catalogue, LogParser
from rules.observation import Item
from tests.parse.test_same_kind import check

CATALOGUE = Catalogue.load()
CASES: list[dict[str, Any]] = [
    case
    for name in ("loops.yaml", "loop_bars.yaml", "plain_prints.yaml", "more_frameworks.yaml")
    for case in yaml.load(Path(__file__).with_name(name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_loop_of_ones_own_gives_its_losses_and_no_others(case: dict[str, Any]) -> None:
    check(case, case["log"].encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_it_does_not_matter_how_a_loop_is_cut(case: dict[str, Any]) -> None:
    data = case["log"].encode()
    parser = LogParser(CATALOGUE)
    items: list[Item] = []
    for at in range(len(data)):
        items += parser.feed(data[at : at + 1])
        if at % 37 == 0:
            state = parser.state()
            back, parser = state["resume_offset"], LogParser.restore(CATALOGUE, state)
            parser.feed(data[back : at + 1])
    items += parser.flush()
    whole = LogParser(CATALOGUE)
    assert whole.feed(data) + whole.flush() == items
