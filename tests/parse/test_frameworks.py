"""Logs in the form of many frameworks, of numbers of our own: each must give exactly the losses that stand in it, at their steps.

A log is written as its framework's own format strings print it, with the lines that stand round it in practice. Beside it stands
what a user of that framework would say that it shows; no other train or validation loss may come of it.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.parse import Catalogue, LogParser
from monitor.summary import summarise
from rules.observation import Item, Observation, Progress

LOGS = sorted((Path(__file__).parent / "frameworks").glob("*.log"))
CATALOGUE = Catalogue.load()


def items_of(data: bytes) -> list[Item]:
    parser = LogParser(CATALOGUE)
    return parser.feed(data) + parser.flush()


def curve(items: list[Item], metric: str) -> list[list[float | str]]:
    """The pairs of a metric in the order of the log; NaN as a word, so that it equals itself."""
    found = [one for one in items if isinstance(one, Observation) and one.metric == metric]
    return [[one.at, "nan" if math.isnan(one.value) else one.value] for one in found]


def said(pairs: list[list[float]] | None) -> list[list[float | str]]:
    return [[at, "nan" if math.isnan(value) else value] for at, value in pairs or []]


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_log_of_this_framework_gives_its_losses_and_no_others(path: Path) -> None:
    truth: dict[str, Any] = yaml.load(path.with_suffix(".truth.yaml").read_text(), Loader=yaml.CSafeLoader)
    items = items_of(path.read_bytes())
    for metric in ("train_loss", "val_loss"):
        assert said(truth.get(metric)) == curve(items, metric), metric
    for metric, pairs in (truth.get("also") or {}).items():
        assert said(pairs) == curve(items, metric), metric
    totals = [one.total_steps for one in items if isinstance(one, Progress) and one.total_steps is not None]
    assert truth.get("total_steps") == (totals[-1] if totals else None)


def test_none_of_these_logs_is_taken_for_several_attempts() -> None:
    """A metric keeps its axis: a step and then an epoch would look as if the run had fallen back."""
    lives = {path.stem: summarise("run", [(str(path), io.BytesIO(path.read_bytes()))], CATALOGUE)["attempts"] for path in LOGS}
    assert {} == {name: attempts for name, attempts in lives.items() if attempts != 1}
