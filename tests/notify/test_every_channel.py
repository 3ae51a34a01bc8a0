"""One run watched by the command itself with every channel at once: an alert fires, is seen everywhere, resolves, is seen everywhere."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from servers.daemons import alertmanagers, routed, wait_until
from servers.mail import post_office
from servers.receiver import Receiver, receiver
from servers.slack import workspace

pytest.importorskip("apprise")

RULES = """
version: 1
milestones: ["step 100 < 0.9, worry > 1.0"]
rules: []
notify:
  slack:
    - {name: bot, bot_token: "${TOKEN}", channel: "#train", api_url: "${SLACK}/api/", edit: 1s}
    - {name: hook, webhook_url: "${HOOK}/slack"}
  email: {smtp_url: "${SMTP}", to: ada@example.org}
  webhook: {url: "${HOOK}/webhook", secret: "${KEY}"}
  alertmanager: {url: "${AM}", resend: 1s}
  healthchecks: {ping_url: "${HOOK}/ping", every: 1s}
  command: {run: ["${PROGRAM}", "{job_id}"], on: [firing, resolved]}
  apprise: "${APPRISE}/apprise"
"""
PROGRAM = """#!/bin/sh
echo "$1 $LOSSWATCH_RULE $LOSSWATCH_STATE" >> "$(dirname "$0")/ran"
"""


def at(hook: Receiver, path: str) -> list[str]:
    return [request.body.decode() for request in hook.requests if request.path == path]


def test_an_alert_reaches_every_channel_and_so_does_its_end(tmp_path: Path, loss_watch: list[str]) -> None:
    log, program = tmp_path / "train_13503904.out", tmp_path / "program"
    log.touch()
    (tmp_path / "rules.yaml").write_text(RULES)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    with (
        workspace() as slack, receiver() as hook, receiver() as paged, post_office() as post,
        alertmanagers(tmp_path, routed(paged.url)) as (server,),
    ):  # fmt: skip
        env = {
            **os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "TOKEN": slack.token,
            "SLACK": slack.receiver.url, "HOOK": hook.url, "SMTP": f"smtp://127.0.0.1:{post.port}?starttls=off", "AM": server.url,
            "PROGRAM": str(program), "KEY": "k3y-k3y", "APPRISE": hook.url.replace("http", "json", 1),
        }  # fmt: skip
        output = (tmp_path / "output").open("wb")
        watch = subprocess.Popen(
            [*loss_watch, "watch", str(log), "-r", str(tmp_path / "rules.yaml")], env=env, stdout=output, stderr=output, cwd=tmp_path
        )
        try:
            wait_until(lambda: at(hook, "/ping"), "a ping of the living loop")
            with log.open("a") as out:
                out.write("Step 50: train_loss = 1.900, val_loss = 1.410\nStep 100: train_loss = 1.500, val_loss = 1.070\n")
            wait_until(lambda: post.letters and at(paged, "/") and at(hook, "/apprise") and (tmp_path / "ran").exists(), "the alert")
            with log.open("a") as out:
                out.write("Step 130: train_loss = 1.200, val_loss = 0.880\n")
            wait_until(lambda: len(post.letters) > 1 and len(at(hook, "/apprise")) > 1, "its end")
            wait_until(lambda: '"status":"resolved"' in "".join(at(paged, "/")), "its end at Alertmanager")
            wait_until(lambda: len(slack.messages) == 3 and "on track" in str(slack.roots[0]["blocks"]), "the bot's message, edited")
            wait_until(lambda: len((tmp_path / "ran").read_text().splitlines()) == 2, "the program's second run")
            wait_until(lambda: len(at(hook, "/slack")) == 2 and len(at(hook, "/webhook")) == 2, "both webhooks")
        finally:
            watch.send_signal(signal.SIGTERM)
            assert 0 == watch.wait(10), (tmp_path / "output").read_text()
    first, second = (letter.mail for letter in post.letters)
    assert "13503904 worry: val_loss 1.07 at step 100, expected < 0.9" == first["Subject"]
    assert first["Message-ID"] == second["In-Reply-To"]
    assert "13503904 step-100 firing\n13503904 step-100 resolved\n" == (tmp_path / "ran").read_text()
    assert "k3y" not in (tmp_path / "output").read_text()
    assert "k3y" not in (tmp_path / "state" / "loss-watch" / "state.sqlite3").read_bytes().decode("latin-1")
