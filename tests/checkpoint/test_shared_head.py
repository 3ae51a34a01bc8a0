"""Keys are told without what all of them share: wrappers, and the attribute that a Lightning module keeps its network in."""

from __future__ import annotations

import pytest

from monitor.checkpoint.names import without_wrappers
from monitor.checkpoint.tensors import Tensor


def side(*keys: str) -> dict[str, Tensor]:
    return {key: Tensor((2, 2), "F32") for key in keys}


CASES = [
    (("model.climax.head.w", "model.climax.blocks.0.w"), ("model.climax.head.w", "model.climax.pos"), {"head.w", "blocks.0.w"}),
    (("model.climax.head.w", "model.climax.pos"), ("climax.head.w", "climax.pos"), {"head.w", "pos"}),
    (("module.head.w", "module.pos"), ("head.w", "pos"), {"head.w", "pos"}),
    (("blocks.0.w", "blocks.1.w"), ("blocks.0.w", "blocks.1.w"), {"blocks.0.w", "blocks.1.w"}),
    (("encoder.w.a", "encoder.v.a"), ("encoder.w.a", "decoder.w.a"), {"encoder.w.a", "encoder.v.a"}),
    (("head.weight", "head.bias"), ("head.weight", "head.bias"), {"head.weight", "head.bias"}),
]


@pytest.mark.parametrize(("checkpoint", "model", "expected"), CASES)
def test_what_all_keys_share_is_taken_off_and_nothing_that_tells_them_apart(
    checkpoint: tuple[str, ...], model: tuple[str, ...], expected: set[str]
) -> None:
    ours, _, _, _ = without_wrappers(side(*checkpoint), side(*model))
    assert expected == set(ours)
