"""Files that lie: nothing of them is run, memory stays bounded, and the error says what is wrong."""

from __future__ import annotations

import collections
import io
import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.checkpoint import CheckpointError, read_checkpoint

ROOT = Path(__file__).resolve().parents[2]


class Runs:
    """A pickle that would run a command when it is loaded."""

    def __init__(self, call, *args) -> None:
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


def torch_zip(path: Path, data: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", b"3\n")
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("call", [os.system, subprocess.check_output, eval, exec, __import__], ids=lambda c: c.__name__)
def test_a_pickle_that_runs_a_command_runs_nothing(tmp_path, call, protocol):
    trace = tmp_path / "trace"
    command = f"touch {trace}" if call in (os.system, subprocess.check_output) else f"open({str(trace)!r}, 'w')"
    data = pickle.dumps({"state_dict": {"w": Runs(call, command)}}, protocol)
    for path in (torch_zip(tmp_path / "x.ckpt", data), tmp_path / "x.bin"):
        if path.suffix == ".bin":
            path.write_bytes(data)
        with pytest.raises(CheckpointError, match="nothing was run"):
            read_checkpoint(path)
    assert not trace.exists()


def test_an_unknown_class_is_a_stand_in_that_does_nothing(tmp_path):
    with pytest.raises(CheckpointError, match="no tensors"):
        read_checkpoint(torch_zip(tmp_path / "x.ckpt", pickle.dumps({"a": Runs(collections.Counter, "abc"), "b": Path("/x")})))


def test_a_memo_number_does_not_reserve_memory(tmp_path):
    """The C unpickler would reserve 16 GB for this."""
    limited(tmp_path, torch_zip(tmp_path / "x.ckpt", b"\x80\x02}r\xff\xff\xff\x7f."))


def test_a_length_is_not_believed(tmp_path):
    for i, opcode in enumerate((pickle.BINBYTES8, pickle.BYTEARRAY8, pickle.BINUNICODE8, pickle.FRAME)):
        limited(tmp_path, torch_zip(tmp_path / f"{i}.ckpt", b"\x80\x05" + opcode + struct.pack("<Q", 2**40) + b"xx."))


def test_a_zip_bomb_is_refused(tmp_path):
    data = b"\x80\x02X" + struct.pack("<I", 2**31 - 1) + bytes(400 * 2**20)
    limited(tmp_path, torch_zip(tmp_path / "bomb.ckpt", data, zipfile.ZIP_DEFLATED), "unpacks to")


def test_a_zip_directory_that_claims_gigabytes_is_refused(tmp_path):
    path = torch_zip(tmp_path / "x.ckpt", pickle.dumps({}))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x05\x06")
    struct.pack_into("<L", data, at + 12, 0xF0000000)
    path.write_bytes(data)
    limited(tmp_path, path, "zip directory")


def test_a_header_of_four_gigabytes_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 2**32) + b"{")
        file.truncate(2**33)
    limited(tmp_path, path, "header would take")


def limited(tmp_path: Path, path: Path, message: str = "") -> None:
    """Read ``path`` in a process that may take 600 MB: it must say CheckpointError, not MemoryError."""
    code = f"from monitor.checkpoint import *\ntry: read_checkpoint({str(path)!r})\nexcept CheckpointError as e: print('refused', e)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (600 * 2**20, 600 * 2**20)),
    )  # fmt: skip
    assert done.stdout.startswith("refused"), done.stderr
    assert message in done.stdout


def test_a_truncated_zip_says_so(tmp_path):
    path = torch_zip(tmp_path / "x.ckpt", pickle.dumps({"w": 1}))
    for keep in (10, 40, path.stat().st_size - 5):
        cut = tmp_path / "cut.ckpt"
        cut.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(CheckpointError, match="truncated"):
            read_checkpoint(cut)


def test_a_truncated_safetensors_says_so(tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"1234567")
    with pytest.raises(CheckpointError, match="truncated"):
        read_checkpoint(path)


@pytest.mark.parametrize("shape", ["[-1]", "[1.5]", '"x"', "[true]", "null", "[" + "9" * 40 + "]"])
def test_a_shape_that_is_none_is_refused(tmp_path, shape):
    path = tmp_path / "keys.json"
    path.write_text(f'{{"w": {{"shape": {shape}}}}}')
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


def test_deep_json_is_refused(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


def test_an_index_cannot_name_a_shard_elsewhere(tmp_path):
    path = tmp_path / "m.safetensors.index.json"
    path.write_text('{"weight_map": {"w": "../../etc/passwd"}}')
    with pytest.raises(CheckpointError, match="outside"):
        read_checkpoint(path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([".ckpt", ".safetensors", ".json", ".metadata"]))
def test_random_bytes_are_refused_with_a_clear_error(tmp_path_factory, data, suffix):
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 300), st.binary(min_size=1, max_size=8))
def test_a_damaged_pickle_is_refused_or_read(tmp_path_factory, at, noise):
    whole = pickle.dumps({"state_dict": {"a": [1, 2, {"b": (3, "x" * 50)}], "w": collections.OrderedDict(a=1)}, "lr": 0.1, "n": "t" * 100})
    at %= len(whole)
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


def test_the_error_names_the_file_and_the_mend(tmp_path):
    path = tmp_path / "nothing.pt"
    path.write_bytes(b"")
    with pytest.raises(CheckpointError) as wrong:
        read_checkpoint(path)
    assert str(path) in str(wrong.value)


def test_stand_ins_never_reach_the_caller(tmp_path):
    """Only strings, tuples of counts and dtypes come out."""
    buffer = io.BytesIO()
    pickle.dump({"state_dict": {"w": Runs(collections.OrderedDict, [("x", 1)])}}, buffer)
    path = tmp_path / "x.bin"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match="no tensors"):
        read_checkpoint(path)
