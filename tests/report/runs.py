"""Runs for the report: real logs folded as ``check`` folds them, with the clock turned by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monitor.checkpoint import Comparison, compare, read_checkpoint
from monitor.commands.check import baseline_document, judged
from monitor.oneshot import read_runs
from monitor.parse import Catalogue
from monitor.report import Inputs
from monitor.rulesfile import load_rules
from rules.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "lightning_finetune"
RULES = EXAMPLE / "rules.yaml"
NOW_S = 1_760_181_300.0
CATALOGUE = Catalogue.load()

LOADED = "".join((EXAMPLE / "topoflow_full_finetune_13503904.out").read_text("utf-8").partition("Sanity")[:1])
TRAIN = {1: 5.42, 5: 4.6, 10: 3.9, 15: 3.4, 20: 3.12, 25: 2.94}


def seed_log(val: dict[int, float]) -> str:
    """The seed's run as its script printed it, up to the last step of ``val``."""
    ranks = "".join(f"Initializing distributed: GLOBAL_RANK: {r}, MEMBER: {r + 1}/256\n" for r in range(256))
    ready = "All distributed processes registered. Starting with 256 processes\n"
    steps = sorted({**TRAIN, **val})
    lines = [
        f"Step {s}: train_loss = {TRAIN.get(s, round(2.94 * (25 / s) ** 0.5, 3))}" + (f", val_loss = {val[s]}" if s in val else "")
        for s in steps
    ]
    return ranks + ready + LOADED + "\n".join(lines) + "\n"


def comparison() -> Comparison:
    checkpoint, model = (read_checkpoint(EXAMPLE / f"{side}_keys_768.json") for side in ("checkpoint", "model"))
    return compare(checkpoint, model, ["elevation_alpha", "H_scale"])


def inputs(*paths: Path, rules: Path | None = None, found: Comparison | None = None, facts: dict[str, Any] | None = None) -> Inputs:
    """The report's inputs for the one run that ``paths`` are the files of."""
    book = load_rules(rules)
    engine = Engine(book.rules)
    reading = read_runs([str(path) for path in paths], engine, CATALOGUE)
    for run in reading.runs.values():
        run.facts.update(facts or {})
    (view,) = judged(reading, engine, baseline_document(book.baseline), NOW_S)
    return Inputs(view, NOW_S, found, "milestones.yaml", "0.1.0")


def seed(folder: Path, val: dict[int, float]) -> Inputs:
    """The seed's run on 32 nodes for 65 minutes, its checkpoint compared."""
    log = folder / "topoflow_full_finetune_13503904.out"
    log.write_text(seed_log(val), "utf-8")
    facts = {"start_time_s": NOW_S - 3900, "nodes": 32, "gpus": 256, "job_name": "topoflow_full_finetune"}
    return inputs(log, rules=RULES, found=comparison(), facts=facts)
