"""Everything else through apprise, to a real receiver by its json:// service."""

from __future__ import annotations

import pytest
from servers.receiver import receiver
from servers.samples import worry

from monitor.config import SettingsProblem, settings
from monitor.notify.apprise import Apprise
from monitor.notify.channel import DeliveryError

pytest.importorskip("apprise")


def test_the_message_arrives_with_its_title_and_kind() -> None:
    with receiver() as service:
        url = service.url.replace("http://", "json://") + "/x"
        assert "1 sent" == Apprise(name="apprise", urls=(url,)).send(worry(), {})
        (sent,) = service.requests
    assert ("13503904 worry: val_loss 1.07 at step 100, expected < 0.9", "failure") == (sent.json["title"], sent.json["type"])
    assert "3.0 times baseline 0.3557" in sent.json["message"]


def test_a_url_that_failed_is_tried_again_without_repeating_the_others() -> None:
    with receiver() as good, receiver([500, 200]) as bad:
        urls = tuple(made.url.replace("http://", "json://") + "/k3y" for made in (good, bad))
        channel, memory = Apprise(name="apprise", urls=urls, secrets=urls), {}
        with pytest.raises(DeliveryError) as raised:
            channel.send(worry(), memory)
        channel.send(worry(), memory)
        assert (1, 2) == (len(good.requests), len(bad.requests))
    assert not raised.value.permanent
    assert "k3y" not in str(raised.value)


def test_a_log_line_rings_nobodys_phone() -> None:
    title, body, _ = Apprise(name="a", urls=()).payload(worry(message="@everyone <@123> @here look"))
    for text in (title, body):
        assert "@everyone" not in text
        assert "<@1" not in text


def test_the_settings_take_several_urls_and_refuse_what_apprise_does_not_know() -> None:
    (channel,) = settings(rules_notify={"apprise": ["json://a/x", "json://b/y"]}, environ={}).channels
    assert isinstance(channel, Apprise)
    assert 2 == len(channel.urls)
    with pytest.raises(SettingsProblem, match="URL number 1 is none that apprise knows"):
        settings(rules_notify={"apprise": "nosuch://s3cret"}, environ={})
