"""The units of a rules file as types of pydantic models: durations, ratios, holds, each with its JSON Schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from rules.units import Hold, duration_s, hold, ratio

Duration = Annotated[
    float,
    BeforeValidator(lambda v: v if isinstance(v, float) else duration_s(v)),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?\s*(ms|s|m|min|h|d|w)\s*)+$", "examples": ["30s", "10m", "2h"]}),
]
Ratio = Annotated[
    float,
    BeforeValidator(lambda v: v if isinstance(v, float) else ratio(v)),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[+-]?\d+(\.\d+)?%?$"}]}),
]
HoldFor = Annotated[
    Hold,
    BeforeValidator(hold),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}], "examples": [3, "200 steps", "10m"]}),
]
