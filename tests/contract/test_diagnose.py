"""`diagnose`: the document that the interface shows, from JSON of names and shapes and from safetensors, and what is no checkpoint."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from endtoend.watching import run

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = {"head.4.weight": [60, 768], "head.0.weight": [768, 768], "body.w": [10, 10], "x": [3, 4]}
MODEL = {"head.weight": [60, 768], "body.w": [10, 10], "new.alpha": [], "x": [4, 4]}


def shapes(path: Path, named: dict[str, list[int]], prefix: str = "") -> str:
    path.write_text(json.dumps({prefix + key: {"shape": shape, "dtype": "float32"} for key, shape in named.items()}))
    return str(path)


def safetensors(path: Path, named: dict[str, list[int]], prefix: str = "") -> str:
    header: dict[str, Any] = {}
    at = 0
    for key, shape in named.items():
        count = 1
        for length in shape:
            count *= length
        header[prefix + key] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * count]}
        at += 4 * count
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)
    return str(path)


@pytest.mark.parametrize("write", [shapes, safetensors])
@pytest.mark.parametrize("prefixes", [("", ""), ("module.", "model."), ("model._orig_mod.", "")], ids=["plain", "wrapped", "one wrapped"])
def test_the_document(tmp_path: Path, write: Any, prefixes: tuple[str, str]) -> None:
    ending = ".json" if write is shapes else ".safetensors"
    old, new = write(tmp_path / f"old{ending}", CHECKPOINT, prefixes[0]), write(tmp_path / f"new{ending}", MODEL, prefixes[1])
    done = run(tmp_path, "diagnose", old, new, "--json", "--expect", "*alpha")
    document = json.loads(done.stdout)
    assert (1, {"keys": 1, "params": 100}) == (document["schema_version"], document["loaded"])
    assert [("head.weight", [60, 768], 46080, False), ("new.alpha", [], 1, True)] == sorted(
        tuple(row[key] for key in ("key", "shape", "params", "expected")) for row in document["missing"]
    )
    assert [("head.0.weight", [768, 768], 589824), ("head.4.weight", [60, 768], 46080)] == sorted(
        tuple(row[key] for key in ("key", "shape", "params")) for row in document["unexpected"]
    )
    assert [("x", [3, 4], [4, 4])] == [tuple(row[key] for key in ("key", "checkpoint", "model")) for row in document["mismatched"]]
    (rename,) = document["renames"]
    assert ("head.4.weight", "head.weight", True) == (rename["checkpoint"], rename["model"], "same shape" in rename["why"])
    assert 0.0 < rename["confidence"] <= 1.0
    params = document["params"]
    assert (46080 + 100 + 1 + 16, round(params["random"] / params["model"], 3)) == (params["model"], round(params["share"], 3))


def test_the_seed_s_case(tmp_path: Path) -> None:
    files = [str(ROOT / "examples" / "lightning_finetune" / f"{name}_keys_768.json") for name in ("checkpoint", "model")]
    done = run(tmp_path, "diagnose", *files, "--json", "--expect", "*elevation_alpha", "--expect", "*H_scale")
    document = json.loads(done.stdout)
    assert (8, 10, 0, 4_768_574) == (
        len(document["missing"]), len(document["unexpected"]), len(document["mismatched"]), document["params"]["random"],
    )  # fmt: skip
    assert 2 == sum(row["expected"] for row in document["missing"])
    assert {2: 46_140, 4: 4_722_432} == {
        count: sum(row["params"] for row in document["missing"] if word in row["key"]) for word, count in (("head", 2), ("mlp", 4))
    }


NONE: tuple[tuple[str, bytes], ...] = (
    ("empty.safetensors", b""),
    ("huge_header.safetensors", struct.pack("<Q", 1 << 40) + b"{}"),
    ("no_json.safetensors", struct.pack("<Q", 4) + b"abcd"),
    ("pickle.pt", b"\x80\x02cos\nsystem\nq\x00X\x0c\x00\x00\x00touch ownedq\x01\x85q\x02Rq\x03."),
    ("zip.ckpt", b"PK\x03\x04" + b"\0" * 60),
    ("text.json", b"[1, 2"),
    ("deep.json", b"[" * 100_000),
    ("list.json", b'{"a": {"shape": ["x"]}}'),
)


@pytest.mark.parametrize(("name", "raw"), NONE, ids=[name for name, _ in NONE])
def test_what_is_no_checkpoint_is_a_clear_line_and_nothing_runs(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    model = shapes(tmp_path / "model.json", MODEL)
    done = run(tmp_path, "diagnose", name, model)
    assert (2, True, False) == (done.returncode, name in done.stderr, "Traceback" in done.stderr), done.stdout + done.stderr[-1500:]
    assert not (tmp_path / "owned").exists()
