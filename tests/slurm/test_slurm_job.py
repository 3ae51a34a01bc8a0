"""A real job, from its submission to its end: followed by the real command, its alerts received, its gauges in a real Prometheus."""

from __future__ import annotations

import json
from pathlib import Path

from endtoend.watching import until, watching
from serve.prometheus import Asked, prometheus
from servers.receiver import Receiver, receiver

from slurm.cluster import Cluster

JOB = """\
#!/bin/bash
#SBATCH --job-name=topoflow_full_finetune
#SBATCH --output=logs/%x_%j.out
#SBATCH --ntasks=1
#SBATCH --time=2
echo "Loading checkpoint step_311"
for pair in 25:2.190 50:1.410 75:1.300 100:1.070 125:0.880; do
  echo "Step ${pair%%:*}: train_loss = 2.940, val_loss = ${pair##*:}"
  sleep 1.5
done
"""
RULES = """\
version: 1
milestones:
  - step 50 < 1.5
  - step 100 < 0.9, worry > 1.0
  - step 200 < 0.6
rules: [not_finite]
"""


def webhook_told(hook: Receiver) -> list[tuple[str, str, str]]:
    """What the webhook was told: rule, state, severity, in the order of arrival."""
    posts = [request.json for request in list(hook.requests) if request.path == "/alerts"]
    return [(row["rule"], row["state"], row["severity"]) for post in posts for row in post["transitions"]]


def value(prom: Asked, query: str) -> float | None:
    found = prom.instant(query)
    return float(found[0]["value"][1]) if found else None


def test_a_job_is_followed_from_its_submission_to_its_end(slurm: Cluster, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "job.sbatch").write_text(JOB)
    with receiver() as hook:
        env = {**slurm.environment, "LOSSWATCH_WEBHOOK_URL": f"{hook.url}/alerts", "LOSSWATCH_SLACK_WEBHOOK_URL": f"{hook.url}/slack"}
        # The quoted glob stands for logs that do not exist yet.
        with watching(tmp_path, "logs/*.out", "-r", "rules.yaml", env=env) as daemon:
            daemon.ready()
            target = daemon.url.removeprefix("http://")
            with prometheus(tmp_path, f"  - {{job_name: loss-watch, static_configs: [{{targets: ['{target}']}}]}}") as prom:
                job = slurm.submit(tmp_path / "job.sbatch")
                until(lambda: value(prom, f'losswatch_step{{run="{job}"}}'), "the job's first step is in Prometheus")
                assert "COMPLETED" == slurm.wait_for_end(job)
                until(lambda: ("step-100", "resolved", "critical") in webhook_told(hook), "the last alert arrived")
                until(lambda: value(prom, f'losswatch_step{{run="{job}"}}') == 125, "the last step is in Prometheus")

                assert 0.88 == value(prom, f'losswatch_metric_value{{run="{job}",metric="val_loss"}}')
                assert 0.88 == value(prom, f'losswatch_metric_best{{run="{job}",metric="val_loss"}}')
                held = prom.instant(f'losswatch_milestone_state{{run="{job}"}} == 1')
                states = {row["metric"]["milestone"]: row["metric"]["state"] for row in held}
                assert {"step-50": "met", "step-100": "worry", "step-200": "pending"} == states
                fired = f'max_over_time(losswatch_alert_firing{{run="{job}",rule="step-100",severity="critical"}}[1m])'
                assert 1 == value(prom, fired)
                info = prom.instant(f'losswatch_run_info{{run="{job}"}}')[-1]["metric"]
                assert (job, "1") == (info["slurm_job_id"], info["attempt"])
                (view,) = [run for run in json.loads(daemon.get("/api/v1/runs"))["runs"] if run["run"] == job]
                assert view["step"] == 125
            code, took_s = daemon.stop()
        assert (0, True) == (code, took_s < 2.0)
        assert [("step-100", "firing", "critical"), ("step-100", "resolved", "critical")] == webhook_told(hook)
        slack = [request.json["text"] for request in hook.requests if request.path == "/slack"]
        assert [True, True] == [(job in text and "step 100" in text) or "step 125" in text for text in slack[:2]]
