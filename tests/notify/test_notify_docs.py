"""The pages about channels name every key, and every example on them is one that loss-watch takes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from conftest import ROOT
from servers.samples import worry

from monitor.config import ENVIRONMENT, notify_problems, settings
from monitor.notify.catalogue import KINDS, spec_of
from monitor.notify.channel import ChannelSpec
from monitor.notify.schema import notify_schema
from monitor.notify.template import facts
from monitor.notify.webhook import Webhook

PAGES = sorted((ROOT / "docs" / "notify").glob("*.md"))
WAYS = [(kind, spec_of(kind)) for kind in KINDS] + [("slack", spec_of("slack", ["bot_token"]))]


def page(name: str) -> str:
    return (ROOT / "docs" / "notify" / f"{name}.md").read_text("utf-8")


def keys(spec: type[ChannelSpec]) -> set[str]:
    return {info.alias or name for name, info in spec.model_fields.items()}


def examples() -> list[Any]:
    found = [(path.stem, text) for path in PAGES for text in re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL)]
    return [pytest.param(text, id=f"{stem}-{i}") for i, (stem, text) in enumerate(found)]


@pytest.mark.parametrize(("kind", "spec"), WAYS)
def test_every_key_of_a_channel_is_on_its_page(kind: str, spec: type[ChannelSpec]) -> None:
    assert [] == [key for key in keys(spec) - keys(ChannelSpec) if f"| `{key}` |" not in page(kind)]


def test_every_common_key_and_variable_is_on_the_first_page() -> None:
    assert [] == [key for key in keys(ChannelSpec) if f"| `{key}` |" not in page("index")]
    assert [] == [variable for variable in ENVIRONMENT if variable not in page("index")]
    assert [] == [kind for kind in KINDS if f"]({kind}.md)" not in page("index")]


@pytest.mark.parametrize("text", examples())
def test_every_example_is_one_that_is_taken(text: str) -> None:
    assert [] == notify_problems(yaml.safe_load(text)["notify"])


def test_the_body_of_the_webhook_has_the_keys_that_its_page_shows() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", page("webhook"), re.DOTALL)
    assert set(json.loads(text)) == set(Webhook(name="w", url="http://x").payload(worry()))


def test_the_facts_of_templates_are_those_of_their_page() -> None:
    told = facts(worry())
    assert [] == [name for name in {*told, *told["context"]} - {"covers", "silence_url"} if f"`{name}`" not in page("templates")]


def test_the_example_of_templates_gives_the_texts_that_it_promises() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", page("templates"), re.DOTALL)
    (channel,) = settings(rules_notify=yaml.safe_load(text)["notify"], environ={}).channels
    assert channel.template is not None
    told = channel.template.apply(worry())
    assert "[topoflow_full_finetune] 13503904 worry: val_loss 1.07 at step 100, expected < 0.9" == told.title
    assert told.body is not None
    assert "last: 1.07 after 2 h 11" == told.body[1]


@pytest.mark.parametrize(("kind", "spec"), WAYS)
def test_the_schema_describes_every_key(kind: str, spec: type[ChannelSpec]) -> None:
    ways = [way["properties"] for way in notify_schema()["properties"][kind]["anyOf"] if "properties" in way]
    assert any(keys(spec) <= set(way) for way in ways)
