"""Jobs that end badly or begin again, as SLURM itself ends, requeues and logs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from endtoend.watching import run, until, watching
from servers.receiver import Receiver, receiver

from slurm.cluster import Cluster

HEAD = "#!/bin/bash\n#SBATCH --job-name=finetune --output=logs/%x_%j.out --error=logs/%x_%j.err --ntasks=1 --time=2\n"
STEPS = 'for step in 25 50; do echo "Step $step: train_loss = 2.940, val_loss = 2.190"; done\n'
RAISE = """\
python3 - <<'EOF'
def forward():
    raise RuntimeError('CUDA error: an illegal memory access was encountered')
forward()
EOF
"""


@contextmanager
def followed(slurm: Cluster, home: Path, body: str) -> Iterator[tuple[str, Receiver]]:
    """A job with ``body`` while loss-watch follows its folder, and who is told."""
    (home / "logs").mkdir()
    (home / "rules.yaml").write_text("version: 1\nrules: [crash]\n")
    (home / "job.sbatch").write_text(HEAD + body)
    with receiver() as hook:
        env = {**slurm.environment, "LOSSWATCH_WEBHOOK_URL": f"{hook.url}/x"}
        with watching(home, "logs", "-r", "rules.yaml", env=env) as daemon:
            daemon.ready()
            yield slurm.submit(home / "job.sbatch"), hook
            assert 0 == daemon.stop()[0]


def crash_in(home: Path) -> dict[str, Any]:
    """The crash as `scan` sees it, and the runs that the two files make."""
    document = json.loads(run(home, "scan", "logs", "--summary", "--json").stdout)
    (one,) = document["runs"]
    (crash,) = [event for event in one["events"] if event["kind"] == "crash"]
    return {"run": one["run"], "files": len(one["paths"]), "class": crash["class"]}


def alerts(hook: Receiver) -> list[tuple[str, str, str]]:
    return [(row["run"], row["kind"], row["state"]) for request in list(hook.requests) for row in request.json["transitions"]]


def test_a_job_that_raises_is_a_crash_of_the_run(slurm: Cluster, tmp_path: Path) -> None:
    with followed(slurm, tmp_path, STEPS + RAISE) as (job, hook):
        assert "FAILED" == slurm.wait_for_end(job)
        until(lambda: alerts(hook), "the crash is told")
    assert [(job, "crash", "firing")] == alerts(hook)
    assert {"run": job, "files": 2, "class": "cuda_runtime"} == crash_in(tmp_path)


def test_a_job_that_somebody_cancels_is_told_as_cancelled(slurm: Cluster, tmp_path: Path) -> None:
    with followed(slurm, tmp_path, STEPS + "sleep 60\n") as (job, hook):
        until(lambda: any("Step 50" in log.read_text() for log in (tmp_path / "logs").glob("*.out")), "the job has printed its steps")
        slurm.ask("scancel", job)
        assert "CANCELLED" == slurm.wait_for_end(job)
        until(lambda: alerts(hook), "the end is told")
    assert [(job, "crash", "firing")] == alerts(hook)
    assert {"run": job, "files": 2, "class": "cancelled"} == crash_in(tmp_path)


@pytest.mark.parametrize("mode", ["truncate", "append"])
def test_a_requeued_job_is_the_second_attempt_of_its_run(slurm: Cluster, tmp_path: Path, mode: str) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "rules.yaml").write_text("version: 1\nmilestones: [step 50 < 1.0]\nrules: []\n")
    # The time stands at the head, as a log's head always differs in something: the same bytes again would be the same file.
    life = f"date +%T.%N\n{STEPS}[ $SLURM_RESTART_COUNT ] || sleep 60\n"
    (tmp_path / "job.sbatch").write_text(f"{HEAD}#SBATCH --requeue --open-mode={mode}\n{life}")
    with watching(tmp_path, "logs", "-r", "rules.yaml", env=slurm.environment) as daemon:
        daemon.ready()
        job = slurm.submit(tmp_path / "job.sbatch")

        def missed_in(attempt: int) -> list[dict[str, Any]]:
            return [event for event in daemon.events() if (event["state"], event["attempt"]) == ("firing", attempt)]

        until(lambda: missed_in(1), "the first life misses its milestone")
        slurm.ask("scontrol", "requeue", job)
        assert "COMPLETED" == slurm.wait_for_end(job)
        until(lambda: missed_in(2), "the second life misses it again")
        assert 0 == daemon.stop()[0]
    told = [*missed_in(1), *missed_in(2)]
    assert [(job, "step-50", 1), (job, "step-50", 2)] == [(event["run"], event["rule"], event["attempt"]) for event in told]
