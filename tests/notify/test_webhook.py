"""The generic webhook: what it posts, how it is signed."""

from __future__ import annotations

import hashlib
import hmac
import json

from servers.receiver import receiver
from servers.samples import worry

from monitor.notify.webhook import Webhook, signed


def test_the_body_has_the_first_event_at_its_top_and_all_events_in_a_list() -> None:
    with receiver() as hook:
        Webhook(name="webhook", url=f"{hook.url}/x").send(worry(), {})
        (sent,) = hook.requests
    body = sent.json
    assert ("13503904", "step-100", "milestone", "critical", "firing", 100, 1.07) == tuple(
        body[key] for key in ("run", "rule", "kind", "severity", "state", "step", "value")
    )
    assert [worry().transitions[0].as_json()] == body["transitions"]
    assert "13503904 worry: val_loss 1.07 at step 100, expected < 0.9" == body["text"]
    assert worry().id == sent.headers["idempotency-key"] == body["id"]


def test_not_a_number_is_a_string_in_the_body() -> None:
    with receiver() as hook:
        Webhook(name="webhook", url=hook.url).send(worry(value=float("nan")), {})
        assert "NaN" == hook.requests[0].json["value"]


def test_the_signature_is_that_of_time_and_body() -> None:
    with receiver() as hook:
        Webhook(name="webhook", url=hook.url, secret="k3y", headers={"Authorization": "Bearer x"}).send(worry(), {})
        (sent,) = hook.requests
    stamp = sent.headers["x-losswatch-timestamp"]
    digest = hmac.new(b"k3y", stamp.encode() + b"." + sent.body, hashlib.sha256).hexdigest()
    assert (f"sha256={digest}", "Bearer x") == (sent.headers["x-losswatch-signature"], sent.headers["authorization"])
    assert signed(b"{}", "k", 1.9)["X-LossWatch-Timestamp"] == "1"


def test_the_payload_is_json_whatever_the_run_is_called() -> None:
    json.dumps(Webhook(name="w", url="http://x").payload(worry(run="\ud800<>")))
