"""Checkpoints written by torch (new, old, distributed), Lightning, safetensors and Transformers: read as torch reads them."""

from __future__ import annotations

import argparse
import enum
import json
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from seed_models import small  # noqa: E402

from monitor.checkpoint import CheckpointError, compare, read_checkpoint, write_renamed  # noqa: E402


class Mode(enum.Enum):
    FINE = "fine"


def facts(state) -> dict[str, tuple[tuple[int, ...], str]]:
    return {k: (tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in state.items()}


def read(path) -> dict[str, tuple[tuple[int, ...], str]]:
    return {k: (t.shape, t.dtype) for k, t in read_checkpoint(path).tensors.items()}


@pytest.fixture
def state():
    state = small(now=False).state_dict()
    state["half"] = torch.zeros(3, 4, dtype=torch.float16)
    state["brain"] = torch.zeros(2, dtype=torch.bfloat16)
    state["steps"] = torch.tensor(7)
    state["transposed"] = torch.zeros(5, 9).t()
    return state


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "before 1.6"])
def test_torch_save_in_both_formats(tmp_path, state, new_format):
    torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=new_format)
    assert facts(state) == read(tmp_path / "x.pt")


@pytest.mark.parametrize("root", ["state_dict", "model", "model_state_dict", "module"])
def test_the_model_is_found_beside_optimizer_and_arguments(tmp_path, state, root):
    model = small(now=False)
    optimizer = torch.optim.AdamW(model.parameters())
    sum(p.sum() for p in model.parameters()).backward()
    optimizer.step()
    torch.save(
        {
            "epoch": 3,
            "optimizer": optimizer.state_dict(),
            "args": argparse.Namespace(lr=1e-3, out=Path("/x"), mode=Mode.FINE),
            "rng": torch.get_rng_state(),
            root: state,
        },
        tmp_path / "x.ckpt",
    )
    assert facts(state) == read(tmp_path / "x.ckpt")


def test_a_whole_pickled_module(tmp_path):
    model = small(now=True)
    torch.save(model, tmp_path / "x.pt")
    assert facts(model.state_dict()) == read(tmp_path / "x.pt")


def test_parameters_with_their_flags(tmp_path):
    torch.save({"w": torch.nn.Parameter(torch.zeros(2, 3))}, tmp_path / "x.pt")
    assert {"w": ((2, 3), "float32")} == read(tmp_path / "x.pt")


def test_safetensors_one_file_and_sharded(tmp_path, state):
    save_file = pytest.importorskip("safetensors.torch").save_file
    whole = {k: v.contiguous() for k, v in state.items()}
    save_file(whole, tmp_path / "x.safetensors", metadata={"format": "pt"})
    assert facts(whole) == read(tmp_path / "x.safetensors")
    keys = list(whole)
    shards = {"a-1.safetensors": keys[::2], "a-2.safetensors": keys[1::2]}
    for name, held in shards.items():
        save_file({k: whole[k] for k in held}, tmp_path / name)
    index = tmp_path / "a.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {k: name for name, held in shards.items() for k in held}}))
    assert facts(whole) == read(index)
    (tmp_path / "a-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"a-2\.safetensors is not there"):
        read_checkpoint(index)


def test_a_distributed_checkpoint(tmp_path, state):
    checkpoint = pytest.importorskip("torch.distributed.checkpoint")
    whole = {k: v.contiguous() for k, v in state.items()}
    checkpoint.save({"model": whole}, checkpoint_id=str(tmp_path / "dcp"), no_dist=True)
    assert facts(whole) == {k.removeprefix("model."): v for k, v in read(tmp_path / "dcp").items()}


def test_a_lightning_checkpoint(tmp_path):
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters({"lr": 1e-3, "where": Path("/data")})
            self.model = small(now=False)

        def training_step(self, *_):
            return sum(p.sum() for p in self.model.parameters())

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters())

    module = Module()
    trainer = lightning.Trainer(
        max_steps=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu"
    )
    trainer.fit(module, torch.utils.data.DataLoader([0.0, 1.0]))
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    assert facts(module.state_dict()) == read(tmp_path / "x.ckpt")


def test_a_transformers_directory(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, vocab_size=99)
    whole, alone = transformers.BertForMaskedLM(config), transformers.BertForSequenceClassification(config)
    whole.save_pretrained(tmp_path / "hf")
    torch.save(alone.state_dict(), tmp_path / "alone.pt")
    found = compare(read_checkpoint(tmp_path / "hf"), read_checkpoint(tmp_path / "alone.pt"))
    assert ["classifier.bias", "classifier.weight"] == sorted(k.key for k in found.missing if "classifier" in k.key)
    assert found.loaded_keys > 15


def test_wrappers_come_off_both_sides(tmp_path):
    model = small(now=False)
    torch.save({"state_dict": {"module._orig_mod." + k: v for k, v in model.state_dict().items()}}, tmp_path / "ddp.pt")
    torch.save({"model." + k: v for k, v in model.state_dict().items()}, tmp_path / "plain.pt")
    found = compare(read_checkpoint(tmp_path / "ddp.pt"), read_checkpoint(tmp_path / "plain.pt"))
    assert ((), (), 1.0) == (found.missing, found.unexpected, found.loaded_params / found.model_params)
    assert ("module._orig_mod.", "model.") == (found.checkpoint_prefix, found.model_prefix)


def test_an_encoder_is_found_inside_a_whole_model(tmp_path):
    model = small(now=False)
    torch.save({"backbone." + k: v for k, v in model.state_dict().items()} | {"decoder.w": torch.zeros(2)}, tmp_path / "whole.pt")
    torch.save(model.state_dict(), tmp_path / "encoder.pt")
    found = compare(read_checkpoint(tmp_path / "whole.pt"), read_checkpoint(tmp_path / "encoder.pt"))
    assert ([], ["decoder.w"]) == ([k.key for k in found.missing], [k.key for k in found.unexpected])


def test_renamed_safetensors_load_without_a_missing_key(tmp_path):
    files = pytest.importorskip("safetensors.torch")
    model = small(now=False)
    renames = {k: k.replace("mlp.fc1", "mlp.0") for k in model.state_dict() if "mlp.fc1" in k}
    files.save_file(model.state_dict(), tmp_path / "a.safetensors", metadata={"format": "pt"})
    assert len(renames) == write_renamed(tmp_path / "a.safetensors", tmp_path / "b.safetensors", renames)
    back = files.load_file(tmp_path / "b.safetensors")
    assert {renames.get(k, k) for k in model.state_dict()} == set(back)
    assert all(torch.equal(v, back[renames.get(k, k)]) for k, v in model.state_dict().items())
    with pytest.raises(CheckpointError, match="exists"):
        write_renamed(tmp_path / "a.safetensors", tmp_path / "b.safetensors", renames)


def test_a_file_of_ten_gigabytes_is_read_by_its_header(tmp_path):
    size = 10**8
    header = json.dumps(
        {f"l.{i}.w": {"dtype": "F32", "shape": [10**6, 25], "data_offsets": [i * size, i * size + size]} for i in range(100)}
    )
    path = tmp_path / "big.safetensors"
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header.encode())
        file.truncate(8 + len(header) + 10**10)
    began = time.perf_counter()
    assert 2_500_000_000 == read_checkpoint(path).params
    assert time.perf_counter() - began < 1.0


def test_names_and_shapes_as_json(tmp_path):
    path = tmp_path / "keys.json"
    for written in ({"a": [2, 3]}, {"a": {"shape": [2, 3]}}, [{"key": "a", "shape": [2, 3]}], {"tensors": {"a": {"shape": [2, 3]}}}):
        path.write_text(json.dumps(written))
        assert {"a": ((2, 3), "?")} == read(path)
