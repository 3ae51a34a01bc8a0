"""Texts of the user's own: what they may see, that they are bounded, and that a faulty one costs no message."""

from __future__ import annotations

import pytest
from servers.samples import HOSTILE, worry

from monitor.config import SettingsProblem, settings
from monitor.notify.notification import Notification
from monitor.notify.slack_webhook import SlackWebhook
from monitor.notify.template import Template
from monitor.notify.wording import headline, plain


def applied(title: str | None = None, body: str | None = None, told: Notification | None = None) -> Notification:
    return Template(title, body).apply(told or worry())


def test_title_and_body_replace_ours() -> None:
    told = applied("{{ run }} {{ transitions[0].value }}", "loss {{ context['values'][-1] | short }}\n{{ place }}")
    assert "13503904 1.07" == headline(told)
    place = "topoflow_full_finetune on 32 nodes, 256 GPUs, 2 h 11 · step 104 / 500 · resolves when val_loss < 0.9"
    assert ["13503904 1.07", "", "loss 1.07", place] == plain(told)[:4]


def test_a_template_is_escaped_like_any_other_text() -> None:
    told = applied("{{ transitions[0].message }} <!here>", "<script>", worry(message=HOSTILE))
    sent = SlackWebhook(name="s", url="http://x").payload(told)
    assert "<!" not in sent["text"]
    assert "<script" not in str(sent["blocks"])


@pytest.mark.parametrize(
    "source",
    ["{{ nothing.here }}", "{{ 1 / 0 }}", "{{ ''.__class__.__mro__ }}", "{{ run.missing() }}", "{{ [].append(1) }}", "{{ 'a' * 'b' }}"],
)
def test_a_template_that_fails_costs_the_template_and_not_the_message(source: str) -> None:
    told = applied(source)
    assert headline(worry()) == headline(told)
    assert "the template of this channel failed" in told.notes[-1]


def test_a_template_without_end_is_cut() -> None:
    told = applied(None, "{% for a in range(90000) %}{% for b in range(90000) %}x\n{% endfor %}{% endfor %}")
    assert len(told.body or ()) <= 40


def test_a_template_with_a_mistake_is_told_at_its_place() -> None:
    with pytest.raises(SettingsProblem) as raised:
        settings(rules_notify={"webhook": {"url": "http://x", "template": {"title": "{{ run"}}}, environ={})
    assert ("notify", "webhook", "template", "title") == raised.value.loc
    assert "no jinja2 template: line 1" in raised.value.message
