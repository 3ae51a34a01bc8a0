"""Every kind of channel that ships, by the key that names it under ``notify:``. A new one is a new file and one line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module

from monitor.notify.channel import ChannelSpec

KINDS: Mapping[str, str] = {
    "slack": "slack_webhook",
    "email": "email",
    "webhook": "webhook",
    "alertmanager": "alertmanager",
    "healthchecks": "healthchecks",
    "command": "command",
    "apprise": "apprise",
}
BY_KEY: Mapping[tuple[str, str], str] = {("slack", "bot_token"): "slack_bot"}
"""A kind that has a second way, and the key by whose presence it is meant."""


def spec_of(kind: str, given: Iterable[str] = ()) -> type[ChannelSpec]:
    """The parameters' model of ``kind`` where the keys ``given`` were; imported when asked, since most people use one. Raises KeyError."""
    ways = (BY_KEY.get((kind, key.removesuffix("_file"))) for key in given)
    module = next((way for way in ways if way), KINDS[kind])
    spec: type[ChannelSpec] = import_module(f"monitor.notify.{module}").Spec
    return spec
