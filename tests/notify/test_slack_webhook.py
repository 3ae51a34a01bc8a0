"""The Slack message: what it says, within Slack's limits whatever the text, and how Slack's answers are understood."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.receiver import DROP, Answer, receiver
from servers.samples import CONTEXT, HOSTILE, NOON, transition, worry
from slack_sdk.models.blocks import Block

from monitor.notify.channel import DeliveryError
from monitor.notify.notification import Notification, RunContext, notification
from monitor.notify.slack_text import MAX_BLOCKS, MESSAGE, blocks, escape
from monitor.notify.slack_webhook import SlackWebhook


def channel(url: str = "http://127.0.0.1:9/") -> SlackWebhook:
    return SlackWebhook(name="slack", url=url, secrets=(url,))


def check_limits(told: Notification) -> None:
    """Slack's limits as slack-sdk's models hold them, and those that they do not know."""
    made = blocks(told)
    for block in Block.parse_all(made):
        block.validate_json()
    assert len(made) <= MAX_BLOCKS
    texts = [block["text"]["text"] for block in made if block["type"] == "section"]
    assert all(1 <= len(text) <= 3000 for text in texts)
    assert len(json.dumps(made, ensure_ascii=False)) < 2 * MESSAGE


def test_the_message_is_that_of_the_sketch() -> None:
    sent = channel().payload(worry())
    assert "13503904 worry: val_loss 1.07 at step 100, expected &lt; 0.9" == sent["text"]
    assert (
        "*13503904 worry* · val_loss 1.07 at step 100, expected &lt; 0.9, worry above 1.0\n"
        "█▆▅▃▂▁ 1.41 → 1.2 → 1.07 · 3.0 times baseline 0.3557 · step 200 &lt; 0.6 is 21 % likely\n"
        "topoflow_full_finetune on 32 nodes, 256 GPUs, 2 h 11 · step 104 / 500 · resolves when val_loss &lt; 0.9"
        " · <http://127.0.0.1:10311/?run=13503904|open>"
    ) == sent["blocks"][0]["text"]["text"]


def test_hostile_text_can_neither_ping_nor_link_nor_show_a_secret() -> None:
    told = replace(worry(message=HOSTILE), context=replace(CONTEXT, excerpt=(HOSTILE,), job_name=HOSTILE).bounded())
    sections = [block["text"]["text"] for block in blocks(told) if block["type"] == "section"]
    for text in (channel().payload(told)["text"], *sections):
        assert "<!" not in text
        assert "<script" not in text
    assert "ghp_" not in json.dumps(blocks(told))


anything = st.text(max_size=1500)


@settings(max_examples=60)
@given(st.lists(anything, max_size=80), st.lists(anything, max_size=30), anything, st.text(alphabet="<>&", max_size=5000))
def test_every_message_keeps_within_slacks_limits(notes: list[str], excerpt: list[str], name: str, marks: str) -> None:
    context = RunContext(job_name=name, excerpt=tuple(excerpt), values=(1.0, float("nan")), page_url="https://x/?a=1&b=2", baseline=marks)
    events = tuple(transition(rule=f"r{i}", message=marks + note) for i, note in enumerate(notes))
    check_limits(notification(name, "transitions", NOON, events, context=context, notes=tuple(notes)))


@given(st.text(max_size=400), st.integers(20, 200))
def test_an_escaped_text_is_never_cut_inside_an_entity(text: str, limit: int) -> None:
    said = escape(text, limit)
    assert len(said) <= limit
    assert "&" not in said.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


def test_a_message_of_five_hundred_events_is_cut_and_says_so() -> None:
    told = notification("7", "transitions", NOON, tuple(transition(rule=f"rule-{i}", message="x" * 300) for i in range(500)))
    check_limits(told)
    assert "more parts left out" in blocks(told)[-1]["text"]["text"]


def test_slack_takes_the_message() -> None:
    with receiver() as slack:
        assert "200 ok" == channel(f"{slack.url}/services/T/B/secret").send(worry(), {})
        assert channel().payload(worry()) == slack.requests[0].json


@pytest.mark.parametrize(
    ("answer", "permanent", "retry_after_s"),
    [
        (400, True, None), (403, True, None), (404, True, None), (410, True, None), (500, False, None), (503, False, None),
        (DROP, False, None),
        (Answer(429, "rate_limited", {"Retry-After": "30"}), False, 30.0), (Answer(302, "", {"Location": "http://evil/"}), True, None),
    ],
)  # fmt: skip
def test_each_answer_of_slack_is_understood(answer: object, permanent: bool, retry_after_s: float | None) -> None:
    with receiver([answer]) as slack:
        url = f"{slack.url}/services/T/B/secretsecret"
        with pytest.raises(DeliveryError) as raised:
            channel(url).send(worry(), {})
    assert (permanent, retry_after_s) == (raised.value.permanent, raised.value.retry_after_s)
    assert "secretsecret" not in str(raised.value)


def test_no_server_at_all_is_tried_again() -> None:
    with pytest.raises(DeliveryError) as raised:
        channel("http://127.0.0.1:1/services/T/B/secretsecret").send(worry(), {})
    assert not raised.value.permanent
    assert "secretsecret" not in str(raised.value)
