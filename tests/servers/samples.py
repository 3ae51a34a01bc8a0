"""Notifications as a run of the seed's kind gives them, for the tests of everything that carries one."""

from __future__ import annotations

from typing import Any

from monitor.notify.notification import Kind, Notification, RunContext, notification
from rules.alert import Transition

NOON = 1_795_435_200.0
CONTEXT = RunContext(
    job_name="topoflow_full_finetune", user="ada", nodes=32, gpus=256, state="training", step=104, total_steps=500, elapsed_s=7860.0,
    values=(2.19, 1.9, 1.7, 1.41, 1.2, 1.07), train_loss=1.31, baseline="3.0 times baseline 0.3557",
    forecast="step 200 < 0.6 is 21 % likely",
    resolves_when={"step-100": "val_loss < 0.9"}, page_url="http://127.0.0.1:10311/?run=13503904",
)  # fmt: skip
HOSTILE = (
    "<!channel> <script>alert(1)</script> &amp; \r\nSubject: owned\r\n\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link \u202etxt.exe "
    "token=ghp_0123456789abcdefghij0123456789abcdef https://hooks.slack.com/services/T0/B0/XXXXSECRET =cmd|' /C calc'!A0 \x00\x07 {{ 7*7 }}"
)


def transition(**facts: Any) -> Transition:
    given: dict[str, Any] = {
        "run": "13503904", "attempt": 1, "rule": "step-100", "kind": "milestone", "severity": "critical", "state": "firing", "step": 100.0,
        "value": 1.07, "message": "val_loss 1.07 at step 100, expected < 0.9, worry above 1.0", "time_s": NOON,
    }  # fmt: skip
    return Transition(**{**given, **facts})


def worry(run: str = "13503904", *, time_s: float = NOON, as_kind: Kind = "transitions", **facts: Any) -> Notification:
    return notification(run, as_kind, time_s, (transition(run=run, time_s=time_s, **facts),), context=CONTEXT)
