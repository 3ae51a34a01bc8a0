"""The seed's numbers: 8 missing, 10 unexpected, 4,722,432 + 46,140 + 2 = 4,768,574 parameters at random."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from seed_models import Wrapped  # noqa: E402

from monitor.checkpoint import compare, read_checkpoint  # noqa: E402


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """The comparison of two real files, saved by torch from modules on its meta device: full size, no memory."""
    folder = tmp_path_factory.mktemp("seed")
    with torch.device("meta"):
        old, new = Wrapped(now=False), Wrapped(now=True)
    torch.save({"epoch": 3, "state_dict": old.state_dict()}, folder / "step_311.ckpt")
    torch.save(new.state_dict(), folder / "model.pt")
    theirs = new.load_state_dict(old.state_dict(), strict=False)
    total = sum(t.numel() for t in new.state_dict().values())
    found = compare(read_checkpoint(folder / "step_311.ckpt"), read_checkpoint(folder / "model.pt"), ["elevation_alpha", "H_scale"])
    return found, theirs, total


def test_missing_and_unexpected_keys_are_those_of_torch(seed):
    found, torchs, _ = seed
    assert sorted(torchs.missing_keys) == sorted("model.climax." + k.key for k in found.missing)
    assert sorted(torchs.unexpected_keys) == sorted("model.climax." + k.key for k in found.unexpected)
    assert (8, 10) == (len(found.missing), len(found.unexpected))


def test_parameters_by_module_and_in_all(seed):
    found, _, total = seed
    groups = {g.module: (len(g.keys), g.params, g.expected) for g in found.missing_groups}
    assert {"blocks.0.attn": (2, 2, True), "blocks.0.mlp": (4, 4_722_432, False), "head": (2, 46_140, False)} == groups
    assert 4_768_574 == found.random_params
    assert total == found.model_params
    assert round(4_768_574 / total, 4) == found.as_json()["params"]["share"]


def test_two_keys_were_expected(seed):
    found, _, _ = seed
    assert ["blocks.0.attn.elevation_alpha", "blocks.0.attn.H_scale"] == [k.key for k in found.missing if k.expected]


def test_the_four_renames_are_right_and_the_head_has_the_same_shape(seed):
    found, _, _ = seed
    mlp, head = "blocks.0.mlp", "head"
    assert {
        f"{mlp}.fc1.weight": f"{mlp}.0.weight",
        f"{mlp}.fc1.bias": f"{mlp}.0.bias",
        f"{mlp}.fc2.weight": f"{mlp}.2.weight",
        f"{mlp}.fc2.bias": f"{mlp}.2.bias",
        f"{head}.4.weight": f"{head}.weight",
        f"{head}.4.bias": f"{head}.bias",
    } == found.key_map()
    sure = {r.checkpoint: r.confidence for r in found.renames}
    assert min(v for k, v in sure.items() if "mlp" in k) >= 0.9
    assert {0.7} == {v for k, v in sure.items() if "head" in k}
    assert {"same shape"} == {r.why for r in found.renames if "head" in r.checkpoint}


def test_the_document_has_the_keys_of_the_interface(seed):
    document = json.loads(json.dumps(seed[0].as_json()))
    assert ["schema_version", "loaded", "missing", "unexpected", "mismatched", "renames", "params"] == list(document)
    assert {"key", "shape", "params", "expected"} == set(document["missing"][0])
    assert {"key", "shape", "params"} == set(document["unexpected"][0])
    assert {"checkpoint", "model", "confidence", "why"} == set(document["renames"][0])
    assert {"model", "random", "share"} == set(document["params"])


def test_the_python_lines_load_what_was_renamed(tmp_path, monkeypatch, capsys):
    """They are run as a user would: nothing but the two expected keys and what really changed stays random."""
    old, new = Wrapped(now=False, dim=16, depth=2), Wrapped(now=True, dim=16, depth=2)
    torch.save({"state_dict": old.state_dict()}, tmp_path / "old.ckpt")
    torch.save(new.state_dict(), tmp_path / "new.pt")
    found = compare(read_checkpoint(tmp_path / "old.ckpt"), read_checkpoint(tmp_path / "new.pt"))
    exec(found.python_lines(), {"model": new})
    said = capsys.readouterr().out
    assert "elevation_alpha" in said
    assert "mlp" not in said.partition("unexpected_keys")[0]
    assert torch.equal(old.state_dict()["model.climax.blocks.0.mlp.fc1.weight"], new.state_dict()["model.climax.blocks.0.mlp.0.weight"])
