"""Every kind of channel that ships, by the key that names it under ``notify:``. A new one is a new file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from monitor.notify.channel import ChannelSpec

KINDS: Mapping[str, str] = {
    "slack": "slack_webhook",
    "email": "email",
    "webhook": "webhook",
}


def spec_of(kind: str) -> type[ChannelSpec]:
    """The parameters' model of ``kind``; imported when asked, since most people use one. Raises KeyError."""
    spec: type[ChannelSpec] = import_module(f"monitor.notify.{KINDS[kind]}").Spec
    return spec
