"""The text of ``diagnose``."""

from __future__ import annotations

from pathlib import Path

from monitor.checkpoint import Tensor, TensorSet, compare, read_checkpoint
from monitor.checkpoint.show import comparison_lines, share

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "lightning_finetune"


def test_the_example_says_what_the_seed_says():
    checkpoint, model = (read_checkpoint(EXAMPLE / f"{side}_keys_768.json") for side in ("checkpoint", "model"))
    found = compare(checkpoint, model, ["elevation_alpha", "H_scale"])
    text = "\n".join(comparison_lines(found))
    assert "random          8 keys         4,768,574 parameters   8.4 % of the model" in text
    assert "blocks.0.mlp        4 keys         4,722,432" in text
    assert "head                2 keys            46,140" in text
    assert "blocks.0.attn       2 keys                 2   expected" in text
    assert "blocks.0.mlp.fc1 -> blocks.0.mlp.0   weight, bias    92%   same shape, same place" in text
    assert "head.4 -> head                       weight, bias    70%   same shape" in text


def test_a_hostile_key_cannot_move_the_cursor():
    evil = TensorSet({"a.\x1b[2Jb\nc": Tensor((2,)), "a.w": Tensor((3,))}, "x", "x")
    lines = comparison_lines(compare(evil, TensorSet({"a.w": Tensor((4,)), "z.w": Tensor((1,))}, "x", "y")))
    assert all(line.isprintable() for line in lines)


def test_shares_are_written_as_a_person_does():
    assert ["0 %", "< 0.1 %", "5.6 %", "100.0 %"] == [share(v) for v in (0.0, 0.0005, 0.056, 1.0)]
