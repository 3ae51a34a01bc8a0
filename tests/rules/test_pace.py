"""Which of a log's own numbers are its speed."""

from __future__ import annotations

import pytest

from rules.pace import speed_sign


@pytest.mark.parametrize(
    "name",
    ["tokens_per_sec", "tok_s", "tok_sec", "train_samples_per_second", "it_s", "steps_per_s", "samples_sec", "wps",
     "ups", "ips", "bf16_MFU", "throughput"],
)  # fmt: skip
def test_more_is_faster(name: str) -> None:
    assert speed_sign(name) == 1


@pytest.mark.parametrize("name", ["step_time", "dt", "avg_batch_cost", "elapsed_time_per_iteration_ms", "iter_time_s", "step_avg"])
def test_more_is_slower(name: str) -> None:
    assert speed_sign(name) == -1


@pytest.mark.parametrize(
    "name",
    ["train_loss", "lr", "total_tokens", "consumed_samples", "number_of_nan_iterations", "n_updates", "avg_samples", "steps",
     "eval_samples_per_second", "time", "time_elapsed", "val_wps", "ntokens"],
)
def test_counts_and_evaluations_are_no_speed(name: str) -> None:
    assert speed_sign(name) == 0
