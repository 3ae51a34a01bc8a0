"""The JSON Schema of ``notify:``, from the same models that read it."""

from __future__ import annotations

from typing import Any

from monitor.notify.catalogue import BY_KEY, KINDS, spec_of
from monitor.notify.channel import ChannelSpec


def notify_schema() -> dict[str, Any]:
    """One property a kind of channel (a mapping, a list of them, the short form, or off) and one for each common default."""
    defaults = {name: part for name, part in _described(ChannelSpec)["properties"].items() if name != "name"}
    kinds: dict[str, Any] = {}
    for kind in KINDS:
        ways = [spec_of(kind), *(spec_of(kind, (key,)) for given, key in BY_KEY if given == kind)]
        one = [_described(way) for way in ways]
        kinds[kind] = {"description": (ways[0].__doc__ or "").strip(), "anyOf": [*one, {"type": "array"}, _short(ways[0])]}
    return {"type": "object", "additionalProperties": False, "properties": {**kinds, **defaults}}


def _short(spec: type[ChannelSpec]) -> dict[str, Any]:
    """A bare value, nothing (all comes from the environment), or off."""
    return {"type": ["string", "array", "null"]} if spec.shorthand else {"enum": ["off", None]}


def _described(spec: type[ChannelSpec]) -> dict[str, Any]:
    """A model as a schema that also takes ``KEY_file`` for each key, without references (it is put inside another)."""
    made = _inlined(spec.model_json_schema(), {})
    made.pop("$defs", None)
    for name in [name for name in made["properties"] if name not in ChannelSpec.model_fields]:
        made["properties"].setdefault(f"{name}_file", {"type": "string", "description": f"a file that holds {name}"})
    return dict(made)


def _inlined(part: Any, known: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        known = part.get("$defs", known)
        if "$ref" in part:
            beside = {key: inner for key, inner in part.items() if key != "$ref"}
            return {**_inlined(known[part["$ref"].rpartition("/")[2]], known), **_inlined(beside, known)}
        return {key: _inlined(inner, known) for key, inner in part.items() if key not in ("$defs", "writeOnly", "format", "title")}
    return [_inlined(inner, known) for inner in part] if isinstance(part, list) else part
