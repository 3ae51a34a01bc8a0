"""SIGKILL at random moments: no alert is lost, and none is repeated but the message that was in flight.

A log grows all the while; each of its milestones is missed, so that each must arrive, at a real HTTP receiver and at a real SMTP server.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from servers.mail import Post, post_office
from servers.receiver import Receiver, receiver

from endtoend.watching import step_line, until, watching

KILLS = 15
MILESTONES = 120
BETWEEN_LINES_S = 0.15


def grow(log: Path, stop: threading.Event) -> None:
    """One milestone's line after the other, each in two writes, so that some kill falls between the halves."""
    with log.open("ab", buffering=0) as out:
        for step in range(1, MILESTONES + 1):
            line = step_line(step, 2.0).encode()
            out.write(line[:17])
            if stop.wait(BETWEEN_LINES_S / 3):
                return
            out.write(line[17:])
            if stop.wait(2 * BETWEEN_LINES_S / 3):
                return


def posted(seen: Receiver) -> Counter[str]:
    """How often each alert's firing was told by the webhook."""
    told: Counter[str] = Counter()
    for request in list(seen.requests):
        told.update(row["rule"] for row in request.json["transitions"] if row["state"] == "firing")
    return told


def mailed(seen: Post) -> Counter[str]:
    """In how many mails each alert stands; its message names the step, in the subject or in the plain text."""
    told: Counter[str] = Counter()
    for letter in list(seen.letters):
        body = letter.mail.get_body(("plain",))
        assert body is not None
        told.update({f"step-{step}" for step in re.findall(r" at step (\d+), expected", body.get_content())})
    return told


def repeats(ids: list[str]) -> int:
    return sum(count - 1 for count in Counter(ids).values())


@pytest.mark.parametrize("seed", [13503904])
def test_no_alert_is_lost_and_only_the_one_in_flight_is_repeated(tmp_path: Path, seed: int) -> None:
    moment = random.Random(seed)
    every = {f"step-{step}" for step in range(1, MILESTONES + 1)}
    milestones = "".join(f"  - step {step} < 1.0\n" for step in range(1, MILESTONES + 1))
    (tmp_path / "rules.yaml").write_text(f"version: 1\nmilestones:\n{milestones}rules: []\n")
    log = tmp_path / "train_13503904.out"
    log.touch()
    stop = threading.Event()
    writer = threading.Thread(target=grow, args=(log, stop))
    with receiver() as web, post_office() as post:
        channels = {
            "LOSSWATCH_WEBHOOK_URL": f"{web.url}/hook", "LOSSWATCH_SMTP_URL": f"smtp://127.0.0.1:{post.port}?starttls=off",
            "LOSSWATCH_EMAIL_FROM": "loss-watch@example.org", "LOSSWATCH_EMAIL_TO": "ada@example.org",
        }  # fmt: skip
        writer.start()
        try:
            for _ in range(KILLS):
                with watching(tmp_path, log, "-r", "rules.yaml", env=channels) as daemon:
                    # From before the first byte is read to well after a delivery: the time to start is about 0.5 s.
                    stop.wait(moment.uniform(0.3, 1.8))
                    assert daemon.process.poll() is None, daemon.err.read_text()
                    daemon.process.kill()
                    daemon.process.wait()
            writer.join()
            with watching(tmp_path, log, "-r", "rules.yaml", env=channels) as daemon:
                until(lambda: every <= posted(web).keys(), "every alert was posted", 60)
                until(lambda: every <= mailed(post).keys(), "every alert was mailed", 60)
                code, _ = daemon.stop()
        finally:
            stop.set()
            writer.join()
        deliveries: list[Any] = [request.json["id"] for request in web.requests]
        letters = [letter.mail["message-id"] for letter in post.letters]
    assert 0 == code
    # At each kill one message at the most was under way on each channel; it may come twice, under the same id.
    assert KILLS >= repeats(deliveries)
    assert KILLS >= repeats(letters)
    # Beyond those repeats, nothing is told twice.
    assert {} == {rule: count for rule, count in distinct_posts(web).items() if count > 1}


def distinct_posts(seen: Receiver) -> Counter[str]:
    """As ``posted``, with each message id counted once."""
    told: Counter[str] = Counter()
    for body in {request.json["id"]: request.json for request in seen.requests}.values():
        told.update(row["rule"] for row in body["transitions"] if row["state"] == "firing")
    return told
