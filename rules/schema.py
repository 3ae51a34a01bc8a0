"""The JSON Schema of a rules file, made from the same models that read it."""

from __future__ import annotations

from typing import Any

from rules.conditions import kinds
from rules.milestone_entries import MILESTONE_OPS
from rules.spec import TOP_KEYS
from rules.verdict import Severity

_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string"}]}


def rules_schema() -> dict[str, Any]:
    """Draft 2020-12. Editors take it by ``# yaml-language-server: $schema=FILE``."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "loss-watch rules file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "metric": {"type": "string", "default": "val_loss", "description": "default metric of milestones"},
            "preset": {"type": "string", "description": "a preset whose rules hold beside those of this file"},
            "baseline": _baseline(),
            "milestones": _list_of({"type": "string", "examples": ["step 100 < 0.9, worry > 1.0"]}, _milestone()),
            "rules": _list_of({"enum": list(kinds())}, *(_rule(kind) for kind in kinds())),
            "notify": {"type": "object"},
            "tests": {"type": "array"},
        },
    }
    assert set(schema["properties"]) == set(TOP_KEYS)  # noqa: S101
    return schema


def _list_of(*forms: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"anyOf": list(forms)}}


def _baseline() -> dict[str, Any]:
    run = "another run's log, or `previous`: the last finished run of the same job"
    return {
        "type": "object",
        "properties": {"step": _NUMBER, "label": {"type": "string"}, "run": {"type": "string", "description": run}},
        "additionalProperties": _NUMBER,
    }


def _milestone() -> dict[str, Any]:
    operators = {key: {**_NUMBER, "description": f"value {op} this"} for key, op in MILESTONE_OPS.items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "step": _NUMBER, "epoch": _NUMBER, "metric": {"type": "string"}, **operators,
            "in": {"type": "string", "examples": ["0.40..0.45"]}, "worry": {"type": "string", "examples": ["> 1.0"]},
            "severity": {"enum": [s.value for s in Severity]}, "name": {"type": "string"},
        },
    }  # fmt: skip


def _rule(kind: str) -> dict[str, Any]:
    parameters = kinds()[kind].model_json_schema(by_alias=True)
    return {"type": "object", "required": [kind], "additionalProperties": False, "properties": {kind: parameters}}
