"""Every real log of the shared corpus is read exactly: steps and values of validation and training, NaN, nothing invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.parse import Catalogue
from monitor.summary import summarise
from tests.conftest import SHARED
from tests.corpus.judge import agrees, is_loss
from tests.parse.test_fast import Pieces, naive, read_fast

MANIFEST = SHARED / "logs" / "MANIFEST.yaml"
ENTRIES = yaml.load(MANIFEST.read_text(), Loader=yaml.CSafeLoader)["files"] if MANIFEST.exists() else []


def digest_of(path: Path, *, chunk_bytes: int = 1 << 18) -> dict[str, Any]:
    data = path.read_bytes()
    return summarise(path.stem, [(str(path), Pieces(data, chunk_bytes))], Catalogue.load())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_a_log_of_the_corpus_is_read_exactly(shared: Path, entry: dict[str, Any]) -> None:
    metrics = digest_of(shared / "logs" / entry["name"])["metrics"]
    val, train = entry.get("val") or {}, entry.get("train") or {}
    if val.get("n"):
        least = entry.get("val_goal") == "min"
        named = least and is_loss(str(entry.get("val_metric")))
        candidates = [metrics["val_loss"]] if named else list(metrics.values())
        assert any(agrees(metric, val, least=least) for metric in candidates)
    else:
        assert "val_loss" not in metrics
    if train.get("n"):
        assert any(agrees(metric, train) for metric in metrics.values())


def test_the_digest_is_the_same_however_the_file_is_read(shared: Path) -> None:
    for name in ("llmc_slurm_timelimit.log", "actor_tmr_rich.out", "hf_trainer_short.txt", "sb3_dqn_breakout.txt"):
        assert digest_of(shared / "logs" / name, chunk_bytes=997) == digest_of(shared / "logs" / name)


@pytest.mark.parametrize("name", ["llmc_slurm_full.log", "dino_slurm.out", "neox_slurm_70m.out", "openpi_jax.out", "p2igan_valstep.out"])
def test_the_fast_path_reads_a_real_log_as_the_parser_does(shared: Path, name: str) -> None:
    data = (shared / "logs" / name).read_bytes()
    assert naive(data) == read_fast(data, 1 << 18)
