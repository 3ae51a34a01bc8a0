"""SIGKILL at random moments: nothing is lost, and at most what was in flight comes twice, with the same id."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from conftest import ROOT
from servers.mail import post_office
from servers.receiver import Answer, receiver

COUNT = 400
KILLS = 12


def test_a_process_killed_at_random_moments_loses_nothing_and_repeats_only_what_was_in_flight(tmp_path: Path) -> None:
    rng = random.Random(20261123)
    with receiver(lambda request: Answer(503) if rng.random() < 0.005 else Answer()) as hook, post_office() as post:
        env = {
            **os.environ, "PYTHONPATH": str(ROOT), "LOSSWATCH_WEBHOOK_URL": hook.url, "XDG_CONFIG_HOME": str(tmp_path),
            "LOSSWATCH_SMTP_URL": f"smtp://127.0.0.1:{post.port}?starttls=off", "LOSSWATCH_EMAIL_TO": "ada@example.org",
        }  # fmt: skip
        argv = [sys.executable, str(Path(__file__).with_name("sender.py")), str(tmp_path / "state.sqlite3"), str(COUNT)]
        killed = 0
        for _ in range(KILLS):
            process = subprocess.Popen(argv, env=env)
            try:
                process.wait(rng.uniform(0.2, 0.7))
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
            process.wait()
        assert 0 == subprocess.run(argv, env=env, timeout=90).returncode
        bodies = [request.json for request in hook.requests]
        mails = [letter.mail for letter in post.letters]
    assert killed >= 5, "the kills came too late to prove anything"
    told = {row["rule"] for body in bodies for row in body["transitions"]}
    assert {f"rule{number}" for number in range(COUNT)} == told
    mailed = "\n".join(mail.get_body(("plain",)).get_content() for mail in mails)
    messages = Counter(mail["Message-ID"] for mail in mails)
    assert sum(messages.values()) - len(messages) <= killed
    rules = [row["rule"] for body in {body["id"]: body for body in bodies}.values() for row in body["transitions"]]
    assert len(rules) == len(set(rules)), "what came twice came with the same id"
    assert "alert 0" in mailed
