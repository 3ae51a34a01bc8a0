"""The bot: one message a run that is edited in place, events as replies, the curve as an image, and nothing done twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.receiver import Answer
from servers.samples import CONTEXT, NOON, transition, worry
from servers.slack import Workspace, workspace
from slack_sdk.models.blocks import Block

from monitor.config import settings
from monitor.notify.channel import DeliveryError
from monitor.notify.notification import Notification, RunContext, notification
from monitor.notify.present import Present
from monitor.notify.slack_api import SlackApi
from monitor.notify.slack_board import board
from monitor.notify.slack_bot import SlackBot

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with workspace() as made:
        yield made


def bot(slack: Workspace, **more: Any) -> SlackBot:
    return SlackBot(name="slack", api=SlackApi(slack.token, slack.receiver.url + "/api/"), channel="#train", **more)


def resolved() -> Notification:
    return worry(state="resolved", message="val_loss 0.88 at step 130", time_s=NOON + 60)


def test_a_run_has_one_message_and_its_events_stand_in_its_thread(slack: Workspace) -> None:
    channel, memory = bot(slack), {}
    channel.send(worry(), memory)
    channel.send(resolved(), memory)
    channel.send(worry("7"), {})
    assert 2 == len(slack.roots)
    said = [reply["text"] for reply in slack.replies(memory["ts"])]
    assert ["13503904 worry: val_loss 1.07 at step 100, expected &lt; 0.9", "13503904 resolved: val_loss 0.88 at step 130"] == said
    assert [True, False] == [reply["reply_broadcast"] for reply in slack.replies(memory["ts"])]


def test_the_message_shows_state_step_loss_and_what_is_next() -> None:
    context = replace(CONTEXT, next_milestone="step 200 val_loss < 0.6")
    text, blocks = board(notification("13503904", "catch_up", NOON, (transition(),), context=context))
    assert "13503904 training, 1 alert" == text
    assert (
        "*13503904* · training · 1 alert\n"
        "step 104 / 500 ██········ · val_loss 1.07 █▆▅▃▂▁ · 3.0 times baseline 0.3557\n"
        "next step 200 val_loss &lt; 0.6 · step 200 &lt; 0.6 is 21 % likely\n"
        "stands: step-100\n"
        "topoflow_full_finetune on 32 nodes, 256 GPUs, 2 h 11 · <http://127.0.0.1:10311/?run=13503904|open>"
    ) == blocks[0]["text"]["text"]


@given(st.text(max_size=900), st.one_of(st.none(), st.floats()), st.one_of(st.none(), st.floats()), st.lists(st.floats(), max_size=9))
def test_the_message_keeps_within_slacks_limits(text: str, step: float | None, total: float | None, values: list[float]) -> None:
    context = RunContext(job_name=text, state=text, step=step, total_steps=total, values=tuple(values), baseline=text, next_milestone=text)
    shown, blocks = board(notification(text, "catch_up", NOON, context=context))
    assert shown
    for block in Block.parse_all(blocks):
        block.validate_json()
    assert len(blocks[0]["text"]["text"]) <= 3000


def test_a_refresh_edits_the_message_only_where_it_would_look_different(slack: Workspace) -> None:
    channel, memories = bot(slack), {"13503904": {}}
    channel.send(worry(), memories["13503904"])
    before = len(slack.calls)
    now = notification("13503904", "catch_up", NOON, context=replace(CONTEXT, step=120))
    assert "1 messages edited" == channel.refresh(Present(NOON, (now, worry("unknown"))), memories)
    assert "0 messages edited" == channel.refresh(Present(NOON, (now,)), memories)
    assert ["chat.update"] == slack.calls[before:]
    assert "step 120 / 500" in slack.roots[0]["blocks"][0]["text"]["text"]


def test_the_curve_is_uploaded_into_the_thread_of_a_firing_alert_only(slack: Workspace) -> None:
    channel, memory = bot(slack, chart=lambda told: PNG), {}
    channel.send(worry(), memory)
    channel.send(resolved(), memory)
    (file,) = slack.files
    assert (memory["ts"], "C0123456789") == (file["thread_ts"], file["channel_id"])
    assert PNG in slack.uploads["F0"]


def test_a_bot_that_may_not_upload_still_tells_and_does_not_ask_again(slack: Workspace) -> None:
    slack.refuse["files.getUploadURLExternal"] = ["missing_scope"]
    channel, memory = bot(slack, chart=lambda told: PNG), {}
    channel.send(worry(), memory)
    channel.send(worry(time_s=NOON + 9), memory)
    assert (2, 1) == (len(slack.replies(memory["ts"])), slack.calls.count("files.getUploadURLExternal"))


def test_a_second_try_does_only_what_the_first_did_not(slack: Workspace) -> None:
    channel, memory = bot(slack), {}
    slack.refuse["chat.postMessage"] = [Answer(200, '{"ok":true,"ts":"1.0","channel":"C0123456789"}'), Answer(503, "")]
    slack.messages["1.0"] = {}
    with pytest.raises(DeliveryError):
        channel.send(worry(), memory)
    channel.send(worry(), memory)
    assert "posted in thread 1.0" == channel.send(worry(), memory)
    assert (["1.0"], 1) == ([ts for ts, message in slack.messages.items() if "thread_ts" not in message], len(slack.replies("1.0")))


def test_a_message_that_somebody_deleted_is_posted_anew(slack: Workspace) -> None:
    channel, memory = bot(slack), {}
    channel.send(worry(), memory)
    slack.messages.clear()
    channel.send(resolved(), memory)
    assert (1, 1) == (len(slack.roots), len(slack.replies(memory["ts"])))
    slack.messages.clear()
    channel.refresh(Present(NOON, (notification("13503904", "catch_up", NOON),)), {"13503904": memory})
    assert {} == memory


@pytest.mark.parametrize(
    ("answer", "permanent", "retry_after_s"),
    [
        ("invalid_auth", True, None), ("channel_not_found", True, None), ("not_in_channel", True, None), ("internal_error", False, None),
        (Answer(429, '{"ok":false,"error":"ratelimited"}', {"Retry-After": "17"}), False, 17.0), (Answer(502, "<html>"), False, None),
        (Answer(200, "<html>"), False, None),
    ],
)  # fmt: skip
def test_each_answer_of_slack_is_understood(slack: Workspace, answer: Any, permanent: bool, retry_after_s: float | None) -> None:
    slack.refuse["chat.postMessage"] = [answer]
    with pytest.raises(DeliveryError) as raised:
        bot(slack).send(worry(), {})
    assert (permanent, retry_after_s) == (raised.value.permanent, raised.value.retry_after_s)
    assert slack.token not in str(raised.value)


def test_tests_digests_and_summaries_stand_by_themselves(slack: Workspace) -> None:
    for kind in ("test", "digest", "summary"):
        bot(slack).send(notification("x", kind, NOON, notes=("hello",)), {})  # type: ignore[arg-type]
    assert 3 == len(slack.roots) == len(slack.messages)


def test_a_bot_token_in_the_settings_makes_a_bot() -> None:
    found = settings(rules_notify={"slack": {"bot_token": "${TOKEN}", "channel": "#train", "edit": "30s"}}, environ={"TOKEN": "xoxb-1"})
    (channel,) = found.channels
    assert isinstance(channel, SlackBot)
    assert ("#train", 30.0, False) == (channel.channel, channel.refresh_s, "xoxb-1" in repr(found))
