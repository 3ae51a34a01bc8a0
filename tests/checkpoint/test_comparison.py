"""What holds for any two sets of tensors."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.checkpoint import Tensor, TensorSet, compare
from monitor.checkpoint.names import group_of

PARTS = "model module _orig_mod blocks 0 1 2 11 mlp fc1 fc2 head attn weight bias gamma"
PART = st.sampled_from([*PARTS.split(), ""])
KEY = st.lists(PART, min_size=1, max_size=6).map(".".join)
SHAPE = st.lists(st.sampled_from([1, 3, 4, 768]), max_size=3).map(tuple)
TENSORS = st.dictionaries(KEY, SHAPE.map(Tensor), max_size=12)


def tensor_set(tensors: dict[str, Tensor]) -> TensorSet:
    return TensorSet(tensors, "names and shapes", "x.json")


@settings(max_examples=300, deadline=None)
@given(TENSORS, TENSORS)
def test_every_key_of_the_model_is_loaded_missing_or_mismatched(ours, theirs):
    found = compare(tensor_set(ours), tensor_set(theirs))
    assert found.model_keys == found.loaded_keys + len(found.missing) + len(found.mismatched)
    assert found.model_params == found.loaded_params + found.random_params
    assert 0.0 <= found.share <= 1.0
    json.dumps(found.as_json())
    found.python_lines()


@settings(max_examples=300, deadline=None)
@given(TENSORS, TENSORS)
def test_a_rename_joins_an_ignored_and_a_missing_key_of_one_shape_once(ours, theirs):
    found = compare(tensor_set(ours), tensor_set(theirs))
    missing, unexpected = {k.key: k.tensor for k in found.missing}, {k.key: k.tensor for k in found.unexpected}
    assert len({r.checkpoint for r in found.renames}) == len({r.model for r in found.renames}) == len(found.renames)
    for rename in found.renames:
        assert unexpected[rename.checkpoint].shape == missing[rename.model].shape
        assert 0.0 < rename.confidence < 1.0


@settings(max_examples=200, deadline=None)
@given(TENSORS)
def test_a_checkpoint_against_itself_has_nothing_to_say(tensors):
    found = compare(tensor_set(tensors), tensor_set(tensors))
    assert ((), (), (), ()) == (found.missing, found.unexpected, found.mismatched, found.renames)


def test_twelve_blocks_keep_their_numbers():
    leaves = {"weight": (8, 4), "bias": (8,)}
    old = {f"encoder.layers.{i}.mlp.fc1.{leaf}": Tensor(shape) for i in range(12) for leaf, shape in leaves.items()}
    new = {f"blocks.{i}.mlp.0.{leaf}": Tensor(shape) for i in range(12) for leaf, shape in leaves.items()}
    found = compare(tensor_set(old), tensor_set(new))
    expected = {f"encoder.layers.{i}.mlp.fc1.{leaf}": f"blocks.{i}.mlp.0.{leaf}" for i in range(12) for leaf in leaves}
    assert expected == found.key_map()


def test_a_shape_that_changed_counts_as_random():
    found = compare(tensor_set({"head.weight": Tensor((10, 4))}), tensor_set({"head.weight": Tensor((3, 4))}))
    assert [("head.weight", (10, 4), (3, 4))] == [(m.key, m.checkpoint, m.model) for m in found.mismatched]
    assert 12 == found.random_params


def test_groups_are_the_modules_that_a_person_names():
    assert "blocks.0.mlp" == group_of("blocks.0.mlp.fc1.weight")
    assert "blocks.0.attn" == group_of("blocks.0.attn.elevation_alpha")
    assert "head" == group_of("head.4.weight")
    assert "head" == group_of("head.weight")
    assert "pos_embed" == group_of("pos_embed")
