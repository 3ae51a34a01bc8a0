"""Lines that leave the reader of events as it is, whatever their digits, need not be handed to it."""

from __future__ import annotations

import pytest

from monitor.events import says_nothing

SILENT = (
    b'{"train_class_error": 98.9, "train_loss": 43.3, "epoch": 0}',
    b"[2025-09-21 09:13:08,710 INFO] Loading dataset from /data/onmt_data.train.1.pt",
    b"node3:42471:42599 [0] NCCL INFO Channel 00/04 :    0   1   2   3",
)
TELLING = (
    b"Traceback (most recent call last):",
    b"RuntimeError: CUDA error: an illegal memory access was encountered",
    b"srun: error: nid1: task 3: Exited with exit code 0",
    b"slurmstepd: error: *** JOB 53804 ON node CANCELLED AT 2025-06-29T01:22:49 ***",
    b"Epoch 3: saving model to /run/ckpt/epoch=3-step=100.ckpt",
    b"loss is nan, stopping training",
)


@pytest.mark.parametrize("line", SILENT)
def test_a_silent_line_says_nothing(line: bytes) -> None:
    assert says_nothing(line)


@pytest.mark.parametrize("line", TELLING)
def test_a_line_that_may_tell_an_event_is_not_silent(line: bytes) -> None:
    assert not says_nothing(line)
