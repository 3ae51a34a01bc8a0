"""Runs, attempts, observations: what files belong together, what counts as a value, what odd bytes do to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from endtoend.watching import run, step_line

LINES = step_line(25, 2.19) + step_line(50, 1.41)
REQUEUE = "slurmstepd: error: *** JOB 1003 ON nid001 CANCELLED AT 2026-01-01T00:00:00 DUE TO JOB REQUEUE ***\n"
OOM = 'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\ntorch.cuda.OutOfMemoryError: CUDA out of memory.\n'
KEYS = "Missing keys: ['blocks.0.mlp.fc1.weight', 'head.weight']\n"
BAR = "".join(f"\rEpoch 0: {i}%|###| {i}/100 [00:01<00:01, 1.0it/s, v_num=0, train_loss={3 - i / 100:.3f}]" for i in range(1, 101))

NAMES: dict[str, tuple[str, ...]] = {
    "13503904": ("slurm-13503904.out", "slurm-13503904.err"),
    "13503905": ("topoflow_full_finetune_13503905.out", "topoflow_full_finetune_13503905.err"),
    "13503904_7": ("train_13503904_7.out",),
    "13503904_8": ("train_13503904_8.out",),
    "13503906": ("13503906.log",),
    "123": ("job-123.out",),
    "run-12": ("run-12.out",),
    "resnet_v2": ("resnet_v2.log",),
    "x": ("x_rank0.log", "x_rank1.log"),
}
"""Run -> its files."""


def summarised(home: Path, *paths: str) -> dict[str, dict[str, Any]]:
    done = run(home, "scan", "--summary", "--json", *(paths or (".",)), timeout_s=20)
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert 1 == document["schema_version"]
    return {judged["run"]: judged for judged in document["runs"]}


def test_a_run_is_what_the_name_of_its_files_says(tmp_path: Path) -> None:
    for name in (name for names in NAMES.values() for name in names):
        (tmp_path / name).write_text(LINES)
    (tmp_path / "notes.txt").write_text(LINES)
    seen = {name: tuple(sorted(Path(path).name for path in told["paths"])) for name, told in summarised(tmp_path).items()}
    assert {name: tuple(sorted(files)) for name, files in NAMES.items()} == seen


def test_two_runs_never_share_a_name_nor_have_one_that_breaks_a_line(tmp_path: Path) -> None:
    odd = ["a/model.log", "b/model.log", "a/slurm-123.out", "b/slurm-123.out", 'we"ird\n<b>$(id).log', "é ü.log", "\x1b[31m.log", "[x].log"]
    for name in odd:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(LINES)
    done = run(tmp_path, "scan", ".", "a", "b", "--summary", "--json")
    names = [told["run"] for told in json.loads(done.stdout)["runs"]]
    assert (len(odd), len(odd)) == (len(names), len(set(names)))
    assert [] == [name for name in names if not name.isprintable() or "<" in name or '"' in name]


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One reading of a folder of odd logs."""
    home = tmp_path_factory.mktemp("logs")
    for name, text in LOGS.items():
        (home / f"{name}.out").write_bytes(text if isinstance(text, bytes) else text.encode())
    (home / "split_1002.err").write_text(OOM)
    return summarised(home)


TWO = {"count": 2, "first": [25, 2.19], "last": [50, 1.41], "min": [50, 1.41]}
LOGS: dict[str, str | bytes] = {
    "plain_1001": LINES,
    "split_1002": LINES,
    "requeued_1003": LINES + REQUEUE + step_line(25, 2.1) + step_line(50, 1.3) + step_line(75, 1.2),
    "fell_back_1004": LINES + step_line(75, 1.2) + step_line(50, 1.45) + step_line(75, 1.3),
    "not_finite_1005": step_line(25, 2.19) + step_line(50, "nan") + step_line(75, "inf") + step_line(100, "-inf"),
    "ranks_1006": "".join(step_line(step, val) * 256 for step, val in ((25, 2.19), (50, 1.41))),
    "labelled_ranks_1007": "".join(f"{r}: {line}\n" for line in LINES.splitlines() for r in range(16)),
    "crlf_1008": LINES.replace("\n", "\r\n"),
    "bom_1009": b"\xef\xbb\xbf" + LINES.encode(),
    "empty_1010": "",
    "bars_1011": BAR,
    "long_line_1012": "x" * 10_000_000 + "\n" + LINES,
    "no_end_1013": LINES.rstrip("\n"),
    "coloured_1014": "".join(f"\x1b[31m{line}\x1b[0m\n" for line in LINES.splitlines()),
    "nuls_1015": step_line(25, 2.19).encode() + b"\0" * 4096 + step_line(50, 1.41).encode(),
    "latin_1016": b"\xe9\xe8 caf\xe9\n" + LINES.encode(),
    "epochs_1017": "".join(f"epoch {i}: train_loss = {2 - i / 10:.2f}, val_loss = {2.2 - i / 10:.2f}\n" for i in range(1, 6)),
    "keys_1018": KEYS + LINES,
    "silent_1019": "loading data\n",
    "json_1020": "".join(json.dumps({"step": i, "train_loss": 2 - i / 10, "lr": 1e-4, "grad_norm": 1.5}) + "\n" for i in (1, 2, 3)),
}
VAL_LOSS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("1001", TWO), ("1002", TWO), ("1006", TWO), ("1007", TWO), ("1008", TWO), ("1009", TWO), ("1012", TWO), ("1013", TWO), ("1014", TWO),
    ("1015", TWO), ("1016", TWO), ("1018", TWO),
    ("1003", {"count": 3, "first": [25, 2.19], "last": [75, 1.2], "min": [75, 1.2]}),
    ("1004", {"count": 3, "first": [25, 2.19], "last": [75, 1.3], "min": [75, 1.2]}),
    ("1005", {"count": 4, "first": [25, 2.19], "last": [100, "-Infinity"], "min": [100, "-Infinity"]}),
    ("1017", {"count": 5, "first": [1, 2.1], "last": [5, 1.7], "min": [5, 1.7]}),
)  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), VAL_LOSS, ids=[
    next(log for log in LOGS if log.endswith(name)) for name, _ in VAL_LOSS])  # fmt: skip
def test_the_digest_of_a_log(digest: dict[str, dict[str, Any]], name: str, expected: dict[str, Any]) -> None:
    assert {"name": "val_loss", **expected} == digest[name]["metrics"]["val_loss"]


def test_the_keys_of_a_digest(digest: dict[str, dict[str, Any]]) -> None:
    told = digest["1001"]
    assert {"run", "paths", "format", "attempts", "step", "total_steps", "metrics", "events"} <= set(told)
    assert (1, 50, None, []) == (told["attempts"], told["step"], told["total_steps"], told["events"])


def test_a_requeue_and_a_step_that_falls_back_begin_an_attempt(digest: dict[str, dict[str, Any]]) -> None:
    attempts = {name: told["attempts"] for name, told in digest.items()}
    assert {"1003": 2, "1004": 2} == {name: count for name, count in attempts.items() if count != 1}


def test_a_progress_bar_gives_the_final_state_of_each_step(digest: dict[str, dict[str, Any]]) -> None:
    told = digest["1011"]
    assert (100, 100) == (told["metrics"]["train_loss"]["count"], told["step"])


def test_every_other_number_keeps_its_own_name(digest: dict[str, dict[str, Any]]) -> None:
    assert {"train_loss", "lr", "grad_norm"} <= set(digest["1020"]["metrics"])


def test_a_log_without_a_number_is_a_run_without_metrics(digest: dict[str, dict[str, Any]]) -> None:
    assert [({}, None), ({}, None)] == [(digest[name]["metrics"], digest[name]["step"]) for name in ("1010", "1019")]


def test_events_of_a_digest(digest: dict[str, dict[str, Any]]) -> None:
    (crash,) = [event for event in digest["1002"]["events"] if event["kind"] == "crash"]
    assert {"kind", "class", "rank", "node", "line", "text"} <= set(crash)
    assert "cuda_oom" == crash["class"]
    (keys,) = [event for event in digest["1018"]["events"] if event["kind"] == "missing_keys"]
    assert (2, None) == (keys["count"], keys["step"])


def test_one_observation_a_line_with_the_byte_where_its_line_starts(tmp_path: Path) -> None:
    log = tmp_path / "train_13503904.out"
    log.write_text("é loading\n" + step_line(25, 2.19) + step_line(50, "nan") + step_line(75, "-inf"))
    done = run(tmp_path, "scan", log.name, "--json")
    rows = [json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) for line in done.stdout.splitlines()]
    assert [["run", "attempt", "path", "offset", "step", "epoch", "metric", "name", "value"]] * 6 == [list(row) for row in rows]
    assert [(25, 2.19), (50, "NaN"), (75, "-Infinity")] == [(row["step"], row["value"]) for row in rows if row["metric"] == "val_loss"]
    raw = log.read_bytes()
    assert {True} == {raw[row["offset"] :].startswith(b"Step %d:" % row["step"]) for row in rows}
    assert {("13503904", 1, None)} == {(row["run"], row["attempt"], row["epoch"]) for row in rows}


def test_a_log_from_standard_input(tmp_path: Path) -> None:
    import subprocess

    from endtoend.watching import command, environment

    done = subprocess.run([*command(), "scan", "-", "--json"], input=LINES, cwd=tmp_path, env=environment(tmp_path),
                          capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
    assert (0, 4, {"stdin"}) == (
        done.returncode, len(done.stdout.splitlines()), {json.loads(line)["run"] for line in done.stdout.splitlines()},
    )  # fmt: skip


def test_a_file_that_is_no_text_is_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "a_1001.out").write_text(LINES)
    (tmp_path / "b_1002.out").write_bytes(LINES.encode("utf-16"))
    (tmp_path / "c_1003.out").write_bytes(bytes(range(256)) * 512)
    done = run(tmp_path, "scan", ".", "--summary", "--json")
    assert (0, ["1001"]) == (done.returncode, [told["run"] for told in json.loads(done.stdout)["runs"]])
    assert ["b_1002.out", "c_1003.out"] == sorted(line.split(":")[1].strip().removeprefix("./") for line in done.stderr.splitlines())
