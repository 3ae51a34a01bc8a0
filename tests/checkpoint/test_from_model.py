"""``--from-model module:function`` builds the user's model, without memory where it can be."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from monitor.checkpoint import CheckpointError, read_from_model  # noqa: E402

SOURCE = """
import torch
def build():
    return torch.nn.Linear(1_000_000, 50_000)   # 200 GB
def values():
    w = torch.zeros(3)
    return {"w": w * float(w.sum())}              # computes: impossible on meta
def broken():
    raise ValueError("no config")
def number():
    return 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "user_model.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_model_of_200_gigabytes_costs_no_memory():
    shapes = {k: t.shape for k, t in read_from_model("user_model:build").tensors.items()}
    assert {"weight": (50_000, 1_000_000), "bias": (50_000,)} == shapes


def test_a_model_that_computes_is_built_on_the_cpu():
    assert {"w": (3,)} == {k: t.shape for k, t in read_from_model("user_model:values").tensors.items()}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("user_model", "module:function"),
        ("user_model:nothing", "cannot be imported"),
        ("no_such_module_here:build", "cannot be imported"),
        ("user_model:broken", "raised ValueError: no config"),
        ("user_model:number", "neither a module nor a state dict"),
    ],
)
def test_what_cannot_be_built_is_told(name, said):
    with pytest.raises(CheckpointError, match=said):
        read_from_model(name)
