"""Crashes of the real logs, and none on the healthy ones."""

from __future__ import annotations

import re

import pytest
from event_reading import crashes

from monitor.events import WANTED, EventReader, first_cause
from rules.observation import Event

ANSI = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
STEP = re.compile(rb"(?:[sS]tep|[iI]ter(?:ation)?|[eE]poch|Up\.)\D{0,3}(\d+)")

CRASHED = {
    "logs/milescredit_crash.txt": ("device_mismatch", 6, "gcn04"),
    "logs/megatron_ds_moe.log": ("cancelled", None, None),
    "logs/megatron_slurm_base.out": ("time_limit", None, "r6i4n3"),
    "logs/megatron_slurm_timelimit.out": ("time_limit", None, "r6i4n5"),
    "logs/llmc_slurm_timelimit.log": ("time_limit", None, "g084"),
    "logs/openpi_jax.out": ("cancelled", None, "dgx-03"),
    "logs/spformer_slurm_tail.err": ("cancelled", None, "todi.disi.unitn.it"),
    "slurm/samples/logs_basic/cancelme_5.err": ("cancelled", None, "n1"),
    "slurm/samples/logs_basic/cancelsrun_6.err": ("cancelled", None, "n1"),
    "slurm/samples/logs_basic/fail1_4.err": ("cuda_runtime", None, None),
    "slurm/samples/logs_basic/oo_1_0.err": ("cancelled", None, "n1"),
    "slurm/samples/logs_limits/oomlinux_1.err": ("oom_killer", None, "n1"),
    "slurm/samples/logs_limits/timelimit_3.err": ("time_limit", None, "n1"),
    "slurm/samples/logs_limits/timelimitsrun_5.err": ("runtime_error", None, None),
    "slurm/samples/logs_oom/oomcg_1.err": ("oom_killer", None, "n1"),
    "slurm/samples/logs_oom/oomcgb_2.err": ("oom_killer", None, "n1"),
}


def read_file(path) -> list[Event]:
    reader, events, offset = EventReader(), [], 0
    for raw in path.read_bytes().split(b"\n"):
        for part in raw.split(b"\r"):
            step = STEP.search(part) if b"oss" in part else None
            if step:
                events += reader.note_observation(float(step[1]))
            if reader.hungry or any(literal in part for literal in WANTED):
                events += reader.feed(ANSI.sub(b"", part.rstrip()), offset, None)
        offset += len(raw) + 1
    return events + reader.flush()


@pytest.mark.parametrize("name", CRASHED)
def test_the_crash_of_a_real_log_is_known(shared, name):
    events = read_file(shared / name)
    crash = first_cause(events)
    assert crash is not None
    assert CRASHED[name] == (crash.fields["class"], crash.fields["rank"], crash.fields["node"])
    assert [CRASHED[name][0]] == crashes(events)


def test_healthy_logs_have_no_crash(shared):
    healthy = [
        path
        for folder in ("logs", "slurm/samples/logs_basic", "slurm/samples/logs_limits", "slurm/samples/logs_oom")
        for path in sorted((shared / folder).iterdir())
        if str(path.relative_to(shared)) not in CRASHED and path.name not in ("FORMATS.md", "MANIFEST.yaml")
    ]
    assert len(healthy) > 50
    assert {} == {path.name: found for path in healthy if (found := crashes(read_file(path)))}


def test_the_same_traceback_of_eight_ranks_is_shown_once(shared):
    crash = first_cause(read_file(shared / "logs/milescredit_crash.txt"))
    assert crash is not None
    assert 8 == crash.fields["copies"]
    assert str(crash.fields["traceback"][-1]).startswith("RuntimeError: Expected all tensors")


def test_keys_that_did_not_fit_are_read_from_transformers_4(shared):
    missing = [e for e in read_file(shared / "logs/hf_trainer_short.txt") if e.kind == "missing_keys"]
    assert [4] == [e.fields["count"] for e in missing]
    assert "classifier.weight" in missing[0].fields["keys"]


def test_a_requeue_is_no_crash(shared):
    kinds = [e.kind for e in read_file(shared / "slurm/samples/logs_basic/rqappend_12.err")]
    assert ["requeued", "started"] == kinds
