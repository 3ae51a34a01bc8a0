import gzip
import pickle
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.tail.binary import binary_kind
from tail.following import Following

BINARY = {
    "gzip": gzip.compress(b"val_loss 1\n" * 100),
    "pickle": pickle.dumps({"state_dict": list(range(100))}),
    "random": random.Random(1).randbytes(4096),
    "elf": b"\x7fELF\x02\x01\x01" + bytes(100),
    "utf16": "val_loss 1\n".encode("utf-16"),
    "safetensors": (700).to_bytes(8, "little") + b'{"w":{"dtype":"F32"' + b" " * 700 + bytes(4000),
}


@pytest.mark.parametrize("kind", BINARY)
def test_a_binary_file_is_one_line_and_no_bytes(tmp_path: Path, kind: str) -> None:
    model, log = tmp_path / "model.out", tmp_path / "train.out"
    model.write_bytes(BINARY[kind])
    log.write_bytes(b"step 1\n")
    with Following(tmp_path / "*.out") as following:
        following.until_told("binary", model)
        following.until_read(log, b"step 1\n")
        for _ in range(5):
            following.take(0.02)
        assert ["found", "binary"] == following.kinds(model)
        assert str(model) not in following.content
        model.write_bytes(b"a log after all\n")
        following.until_read(model, b"a log after all\n")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_no_text_is_taken_for_a_binary(text: str) -> None:
    ascii_first = "step 1 " + text
    assert binary_kind(ascii_first.encode()) is None


@pytest.mark.parametrize(
    "head",
    [b"", b"\n", b"\x1b[1m\x1b[31mloss\x1b[0m\r" * 50, b"100/100 [=====>....]\x08\x08\x08\x08\x08" * 50, bytes(3000) + b"step 1\n",
     "Épisode 1: perte 0,5\n".encode("latin-1") * 20, b"step 1\n" + b"\0" * 100 + b"step 2\n", b"\xef\xbb\xbfstep 1\n", b"step\0 1\n" * 1],
)  # fmt: skip
def test_what_real_logs_hold_is_text(head: bytes) -> None:
    assert binary_kind(head) is None


def test_real_logs_are_text(shared: Path) -> None:
    kinds = {log.name: binary_kind(log.read_bytes()[:4096]) for log in (shared / "logs").iterdir() if log.is_file()}
    assert {} == {name: kind for name, kind in kinds.items() if kind}
