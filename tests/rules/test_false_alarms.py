"""The default preset on synthetic curves: a small part of bench/judge.py, so that a change that makes it worse is seen at once."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from monitor.rulesfile import load_rules
from rules.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
RUNS = 25


@cache
def bench() -> ModuleType:
    told = importlib.util.spec_from_file_location("bench_judge", ROOT / "bench" / "judge.py")
    assert told is not None
    assert told.loader is not None
    module = importlib.util.module_from_spec(told)
    sys.modules[told.name] = module
    told.loader.exec_module(module)
    return module


def test_healthy_curves_raise_nothing() -> None:
    judge, rng, engine = bench(), np.random.default_rng(5), Engine(load_rules(None).rules)
    assert [judge.play(engine, judge.make_curve(rng)) for _ in range(2 * RUNS)] == [[]] * (2 * RUNS)


@pytest.mark.parametrize("fault", ["nan", "divergence", "spike and recovery", "half speed", "silence"])
def test_a_fault_is_found_and_named(fault: str) -> None:
    judge, rng, engine = bench(), np.random.default_rng(5), Engine(load_rules(None).rules)
    for _ in range(RUNS // 2):
        curve, at = judge.with_fault(rng, judge.make_curve(rng), fault)
        raised = [kind for i, _, kind, _, _ in judge.play(engine, curve, at if fault == "silence" else None) if at <= i <= at + 50]
        assert set(raised) & judge.RIGHT[fault]
