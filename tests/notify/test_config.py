"""The layers of settings, their secrets, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.config import Settings, SettingsProblem, channels, notify_problems, settings, user_config_path
from monitor.notify.email import Email
from monitor.notify.slack_webhook import SlackWebhook
from monitor.notify.smtp import Server

HOOK = "https://hooks.slack.com/services/T0/B0/secretsecret"


def held(rules: dict[str, Any] | None = None, environ: dict[str, str] | None = None, **more: Any) -> Settings:
    return settings(rules_notify=rules, environ=environ or {}, **more)


def only(found: Settings) -> Any:
    (channel,) = found.channels
    return channel


def test_nothing_configured_is_no_channel() -> None:
    assert [] == channels(held())


def test_a_variable_alone_makes_a_slack_channel() -> None:
    channel = only(held(environ={"LOSSWATCH_SLACK_WEBHOOK_URL": HOOK}))
    assert isinstance(channel, SlackWebhook)
    assert ("slack", HOOK) == (channel.name, channel.url)


def test_the_variables_of_mail_make_one_channel_with_starttls() -> None:
    to = {"LOSSWATCH_EMAIL_FROM": "w@x.org", "LOSSWATCH_EMAIL_TO": "a@x.org, b@x.org"}
    channel = only(held(environ={"LOSSWATCH_SMTP_URL": "smtp://ada:p%40ss@mail:587", **to}))
    assert isinstance(channel, Email)
    assert (("a@x.org", "b@x.org"), "w@x.org") == (channel.to, channel.sender)
    assert Server("mail", 587, "starttls", "ada", "p@ss") == channel.deliver


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://host", Server("host", 465, "tls")),
        ("smtp://host:25?starttls=off", Server("host", 25, "off")),
        ("smtp://host", Server("host", 587, "starttls")),
    ],
)
def test_an_smtp_url_says_how_the_line_is_protected(url: str, server: Server) -> None:
    assert server == only(held({"email": {"smtp_url": url, "to": "a@x.org"}})).deliver


def test_the_environment_goes_over_the_rules_file_and_that_over_the_users_file() -> None:
    found = held(
        {"webhook": {"url": "http://rules/", "min_severity": "critical"}},
        {"LOSSWATCH_WEBHOOK_URL": "http://env/"},
        user_config={"notify": {"webhook": {"url": "http://user/", "name": "webhook", "digest": "6h"}}, "listen": "127.0.0.1:1"},
        command_line={"listen": "127.0.0.1:2"},
    )
    channel = only(found)
    assert ("http://env/", "critical", 21_600.0) == (channel.url, channel.route.min_severity.value, channel.route.digest_s)
    assert {"listen": "127.0.0.1:2"} == dict(found.options)


def test_a_default_under_notify_holds_for_channels_of_every_layer() -> None:
    found = held({"min_severity": "info"}, {"LOSSWATCH_WEBHOOK_URL": "http://env/"})
    assert "info" == only(found).route.min_severity.value


def test_a_bot_in_the_file_and_a_webhook_in_the_environment_are_two_channels() -> None:
    found = held({"slack": {"bot_token": "xoxb-1", "channel": "C1"}}, {"LOSSWATCH_SLACK_WEBHOOK_URL": HOOK})
    assert ["slack", "slack-webhook"] == [channel.name for channel in found.channels]


def test_what_the_environment_gives_is_taken_as_it_stands() -> None:
    environ = {"LOSSWATCH_SMTP_URL": "smtp://a:p${X}w@h", "LOSSWATCH_EMAIL_TO": "a@x.org"}
    assert "p${X}w" == only(held(environ=environ)).deliver.password


def test_a_variable_in_the_file_is_filled_in() -> None:
    assert HOOK == only(held({"slack": {"webhook_url": "${HOOK}"}}, {"HOOK": HOOK})).url
    assert "http://d/x" == only(held({"webhook": {"url": "http://${HOST:-d}/x"}})).url


def test_a_channel_whose_variable_is_not_set_is_off_with_a_warning() -> None:
    found = held({"slack": {"webhook_url": "${HOOK}"}})
    assert ((), 1) == (found.channels, len(found.warnings))
    assert "webhook_url names a variable that is not set" in found.warnings[0]


def test_a_channel_can_be_switched_off_by_a_higher_layer() -> None:
    assert () == held({"slack": "off"}, user_config={"notify": {"slack": HOOK}}).channels


def test_several_channels_of_a_kind_have_names() -> None:
    found = held({"webhook": [{"name": "a", "url": "http://a/"}, {"name": "b", "url": "http://b/"}]})
    assert ["a", "b"] == [channel.name for channel in found.channels]


def test_a_secret_comes_from_a_file_and_one_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    secret = tmp_path / "hook"
    secret.write_text(HOOK + "\n")
    secret.chmod(0o600)
    assert ((HOOK,), ()) == ((only(found := held({"slack": {"webhook_url_file": str(secret)}})).url,), found.warnings)
    secret.chmod(0o644)
    assert "chmod 600" in held({"slack": {"webhook_url_file": str(secret)}}).warnings[0]
    assert HOOK == only(held(environ={"LOSSWATCH_SLACK_WEBHOOK_URL_FILE": str(secret)})).url


def test_a_secret_in_plain_words_in_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.touch(0o644)
    given = {"slack": HOOK, "webhook": {"url": "${URL}", "min_severity": "info"}, "alertmanager": "http://am:9093"}
    (warning,) = held(given, {"URL": "http://x"}, files={"rules": rules}).warnings
    assert f"{rules} holds slack.webhook_url and others can read it: chmod 600 {rules}" in warning
    assert HOOK not in warning
    rules.chmod(0o600)
    assert () == held(given, {"URL": "http://x"}, files={"rules": rules}).warnings


MISTAKES = [
    ({"slak": {}}, ("notify", "slak"), "unknown key `slak`", "did you mean `slack`?"),
    ({"slack": {"webhok_url": HOOK}}, ("notify", "slack", "webhok_url"), "unknown key `webhok_url`", "did you mean `webhook_url`?"),
    ({"slack": {"min_severity": "loud"}}, ("notify", "slack", "min_severity"), "Input should be 'info', 'warning' or 'critical'", ""),
    ({"webhook": {"digest": "6"}}, ("notify", "webhook", "digest"), "`6` is no duration; write it with a unit, such as 30s, 10m or 2h", ""),
    ({"email": {"to": "nobody"}}, ("notify", "email", "to"), "`nobody` is no mail address", ""),
    ({"email": {"to": "a@"}}, ("notify", "email", "to"), "`a@` is no mail address", ""),
    ({"slack": "hooks.slack.com/x"}, ("notify", "slack", "webhook_url"), "is no http:// or https:// URL", ""),
    ({"alertmanager": {"url": "http://a, b"}}, ("notify", "alertmanager", "url", 1), "is no http:// or https:// URL", ""),
    ({"webhook": 7}, ("notify", "webhook"), "webhook takes a mapping", ""),
]


@pytest.mark.parametrize(("notify", "loc", "message", "advice"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(
    notify: dict[str, Any], loc: tuple[str, ...], message: str, advice: str
) -> None:
    (problem,) = notify_problems(notify)
    assert (loc, message, advice) == (problem.loc, problem.message, problem.advice)
    with pytest.raises(SettingsProblem) as raised:
        held(notify)
    assert (loc, message, advice, "rules") == (raised.value.loc, raised.value.message, raised.value.advice, raised.value.source)


def test_mail_needs_a_way_and_a_reader() -> None:
    for given, message in (({"to": "a@x.org"}, "email needs `smtp_url` or `sendmail`"), ({"smtp_url": "smtp://h"}, "email needs `to`")):
        with pytest.raises(SettingsProblem) as raised:
            held({"email": given})
        assert message == raised.value.message
    with pytest.raises(SettingsProblem, match=r"environment: notify\.email: email needs `smtp_url` or `sendmail`"):
        held(environ={"LOSSWATCH_EMAIL_TO": "a@x.org"})


def test_all_mistakes_come_at_once_and_none_shows_the_secret() -> None:
    with pytest.raises(SettingsProblem) as raised:
        held({"slak": 1, "email": {"smtp_url": "smtp://ada:hunter2@", "to": "a@x.org"}, "webhook": {}})
    assert 3 == len(raised.value.all)
    assert "hunter2" not in " ".join(map(str, raised.value.all))


def test_neither_settings_nor_channels_show_a_secret_in_their_repr() -> None:
    environ = {"LOSSWATCH_SLACK_WEBHOOK_URL": HOOK, "LOSSWATCH_SMTP_URL": "smtp://ada:hunter2@mail", "LOSSWATCH_EMAIL_TO": "a@x.org"}
    shown = repr(held({"webhook": {"url": "http://x/k3y", "secret": "s3cret-s3cret", "headers": {"Authorization": "Bearer zzz"}}}, environ))
    assert not [secret for secret in ("secretsecret", "hunter2", "k3y", "s3cret", "zzz") if secret in shown]


def test_linting_needs_neither_the_environment_nor_the_secret_files() -> None:
    assert [] == notify_problems({"slack": {"webhook_url": "${NOT_SET}"}, "webhook": {"url_file": "/nowhere/at/all"}})


def test_the_users_file_is_where_xdg_says(tmp_path: Path) -> None:
    assert tmp_path / "loss-watch" / "config.yaml" == user_config_path({"XDG_CONFIG_HOME": str(tmp_path)})
    assert Path.home() / ".config" / "loss-watch" / "config.yaml" == user_config_path({"XDG_CONFIG_HOME": "relative"})
