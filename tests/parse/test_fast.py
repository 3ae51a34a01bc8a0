"""The fast path gives what the parser gives line by line, whatever stands in the file and however it is cut."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.commands.summary import EventLines
from monitor.digest import MetricDigest
from monitor.events import WANTED
from monitor.matcher import LineMatcher
from monitor.parse import Catalogue, LogParser
from monitor.parse import blockreader as blockreader_module
from monitor.parse import columns as columns_module
from monitor.parse import fast as fast_module
from monitor.parse.columns import Columns
from monitor.parse.digits import PAD, Digits
from monitor.parse.fast import FastReader
from monitor.parse.gate import LineSearch
from monitor.parse.numbers import cut
from monitor.parse.reading import Reading, Value
from monitor.parse.shape import Shape
from monitor.parse.template import learn, steady
from monitor.summary import summarise
from rules.history import RunState
from rules.jsonable import jsonable
from rules.observation import Item, Observation

CATALOGUE = Catalogue.load()
HERE = Path(__file__).resolve().parent
LOGS = (*HERE.glob("frameworks/*.log"), *(HERE.parents[1] / "examples").rglob("*.out"))
REAL_LOGS = sorted(path for path in LOGS if path.stat().st_size < 150_000)
NOISE = [
    "INFO loader worker 3: fetched batch 17 in 0.250 s",
    "some text without any number",
    "checkpoint written to /data/run/12345",
    "a loss of connection is across the possible 3 hosts",
    "",
    "    x = compute(loss, 0.5)",
]


class Pieces:
    """A file whose reads give ``most`` bytes at once."""

    def __init__(self, data: bytes, most: int) -> None:
        self._file, self._most = io.BytesIO(data), most

    def readinto(self, buffer: memoryview) -> int:
        return self._file.readinto(buffer[: self._most])


def naive(data: bytes) -> tuple[dict[str, Any], int, float | None]:
    """The oracle: every line through the parser, every observation an object."""
    parser, state = LogParser(CATALOGUE), RunState("")
    metrics: dict[str, MetricDigest] = {}
    items: list[Item] = parser.feed(data) + parser.flush()
    for item in items:
        if isinstance(item, Observation):
            metrics.setdefault(item.metric, MetricDigest(item.name)).add(item.at, item.value)
        state.see(item)
    return jsonable({name: one.entry() for name, one in metrics.items()}), state.attempt, state.total_steps


def read_fast(data: bytes, chunk: int) -> tuple[dict[str, Any], int, float | None]:
    document = summarise("run", [("a", Pieces(data, chunk))], CATALOGUE)
    return document["metrics"], document["attempts"], document["total_steps"]


def plain_lines(step: int, loss: str, chance: random.Random) -> list[str]:
    made = [f"step {step}/90000 | train_loss {loss} | lr {chance.random() * 1e-3:.2e} | {chance.random() * 99:.2f} ms"]
    return made + [f"step {step}/90000 | val_loss {chance.random() * 4:.4f} | lr 3.00e-04 | 1.00 ms"] * (step % 40 == 0)


def llmc(step: int, loss: str, chance: random.Random) -> list[str]:
    z = f"({chance.choice('+-')}0.41z)| norm 0.7611 ({chance.choice(['-0.80', '+nan'])}z)"
    made = [f"step {step:4d}/90000 | loss {loss} {z}| lr 2.14e-04 | 4206.02 ms | 124793 tok/s"]
    return made + [f"val loss {chance.random() * 4:.6f}"] * (step % 50 == 0)


def before(step: int, _loss: str, chance: random.Random) -> list[str]:
    line = f"step {step:5d} | loss: {chance.random():.6f} | lr 5.9977e-04 | norm: 0.4141 | dt: 18866.25ms | tok/sec: 27789.73"
    return [f"validation loss: {chance.random() * 4:.4f}"] * (step % 50 == 0) + [line]


def epochs(step: int, _loss: str, chance: random.Random) -> list[str]:
    epoch, batch = divmod(step, 400)
    place = f"Epoch: [{epoch}/100]  [{batch:4d}/400]  eta: 1:46:21"
    return [f"{place}  loss: {chance.random():.6f} (7.179945)  lr: 0.000013 (0.000013)"]


def counted(step: int, loss: str, chance: random.Random) -> list[str]:
    clock = f"2024-02-15 00:{step // 60 % 60:02d}:{step % 60:02d}.178"
    epoch = f"{clock} INFO: Epoch {step // 9}: loss={chance.random():.4f}, RMSE_E_per_atom=1.8 meV, RMSE_F=568.9 meV / A"
    return [f"loss tensor({loss}, device='cuda:0', grad_fn=<AddBackward0>)"] + [epoch] * (step % 9 == 0)


def banner(step: int, _loss: str, chance: random.Random) -> list[str]:
    rest = f"loss: {chance.random():.4f} - acc: 0.5 - val_loss: {chance.random():.4f} - val_acc: 0.6"
    return [f"Epoch {step}/40000", f"313/313 [==============================] - 351s 1s/step - {rest}"]


def dicts(step: int, _loss: str, chance: random.Random) -> list[str]:
    place = f"'epoch': {step / 100:.2f}}}"
    made = [f"{{'loss': {chance.random():.4f}, 'grad_norm': {chance.random() * 9}, 'learning_rate': 2e-05, {place}"]
    return made + [f"{{'eval_loss': {chance.random()}, 'eval_runtime': 16.8, {place}"] * (step % 25 == 0)


def json_lines(step: int, _loss: str, chance: random.Random) -> list[str]:
    values = f'"train_loss": {chance.random() * 50}, "test_loss": {chance.random()}, "train_lr": 9.999999999999983e-05'
    return [f'{{{values}, "epoch": {step}, "n_parameters": 41279495}}']


def table(step: int, _loss: str, chance: random.Random) -> list[str]:
    row = f"{step * 100:7d}      {chance.random():.2e}    {chance.random() * 9:.2e}      1.0e-03"
    return ["#  step      rmse_val    rmse_trn    lr"] * (step == 1) + [row]


def understudy(step: int, loss: str, chance: random.Random) -> list[str]:
    evaluation = f"step {step}: train loss {chance.random():.4f}, val loss {chance.random():.4f}"
    return [evaluation] * (step % 25 == 0) + [f"iter {step}: loss {loss}, time 263.86ms, mfu 9.31%"]


def thousands(step: int, _loss: str, chance: random.Random) -> list[str]:
    head = f"[2022-06-28 23:{step // 60 % 60:02d}:{step % 60:02d}] Ep. {1 + step // 500} : Up. {step * 100}"
    made = [f"{head} : Sen. {step * 1172:,} : Cost {chance.random():.8f} : Time 1468.58s : 16860.65 words/s : gNorm 0.3584"]
    valid = head.replace("] Ep.", "] [valid] Ep.")
    return made + [f"{valid} : ce-mean-words : {chance.random():.5f} : new best"] * (step % 30 == 0)


def batches(step: int, _loss: str, chance: random.Random) -> list[str]:
    line = f"epoch: {step // 50}, batch_id: {step % 50 * 500}, AUC:0.788134, ACC:0.688159, loss:{chance.random():.8f}"
    return [f"2022-04-12 17:10:51,909 - INFO - {line}, avg_samples: 1024.00000, ips: 1822.08655 ins/s"]


KINDS = {
    one.__name__: one
    for one in (plain_lines, llmc, before, epochs, counted, banner, dicts, json_lines, table, understudy, thousands, batches)
}


def log_of(seed: int, kind: str, lines: int) -> bytes:
    """A log of ``lines`` steps with noise, odd numbers, a validation now and then, and a restart."""
    chance = random.Random(seed)
    out: list[str] = []
    step = 0
    for _ in range(lines):
        step += 1
        if chance.random() < 0.0005 and step > 900:
            step -= 500
            out.append("Resuming from checkpoint")
        loss = chance.choice([f"{chance.random() * 4:.4f}"] * 200 + ["nan", "inf", "-inf", "1e-3", "2.5E+00", "-0.25", "12", "1,234.5"])
        out += KINDS[kind](step, loss, chance)
        while chance.random() < 0.2:
            out.append(chance.choice(NOISE))
    return ("\n".join(out) + "\n").encode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_fast_path_reads_what_the_parser_reads(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_module, "BLOCK_BYTES", 9000)
    data = log_of(seed, kind, 2500)
    assert naive(data) == read_fast(data, 7001)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), chunk=st.integers(300, 200_000), block=st.integers(2000, 100_000), kind=st.sampled_from(sorted(KINDS)))
def test_the_fast_path_is_the_same_however_the_file_is_cut(seed: int, chunk: int, block: int, kind: str) -> None:
    before, fast_module.BLOCK_BYTES = fast_module.BLOCK_BYTES, block
    try:
        data = log_of(seed, kind, 900)
        assert naive(data) == read_fast(data, chunk)
    finally:
        fast_module.BLOCK_BYTES = before


@pytest.mark.parametrize("path", REAL_LOGS, ids=lambda path: path.name)
def test_the_fast_path_reads_real_logs_as_the_parser_does(path: Path) -> None:
    data = path.read_bytes()
    assert naive(data) == read_fast(data, 1 << 18)
    again = data + b"\n" + data
    assert naive(again) == read_fast(again, 5001)


def test_means_over_epochs_after_a_loss_in_steps_stand_where_the_parser_puts_them() -> None:
    chance = random.Random(5)
    lines = [f"INFO | Epoch {step // 3} | step {step}/600 | loss={chance.random():.4f}" for step in range(600)]
    means = [f"INFO: Epoch {epoch}: loss={chance.random():.4f}, RMSE=1.8 meV" for epoch in range(90)]
    batches = [f"INFO - epoch: {at // 50}, batch_id: {at % 50}, loss:{chance.random():.4f}" for at in range(100)]
    data = "\n".join([*lines, *means, *batches, *means, ""]).encode()
    assert naive(data) == read_fast(data, 1 << 18)


def test_lines_that_columns_cannot_follow_are_not_tried_as_columns_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = mock.Mock(wraps=blockreader_module.take)
    monkeypatch.setattr(blockreader_module, "take", tried)
    lines = [f"=== epoch {step // 100} ===" if step % 100 == 0 else f"step {step % 100} loss {step % 997}.5" for step in range(20_000)]
    data = "\n".join([*lines, ""]).encode()
    assert naive(data) == read_fast(data, 1 << 18)
    assert tried.call_count < 400


def test_most_lines_of_a_dense_log_are_read_as_columns() -> None:
    taken: list[Item] = []
    columns: list[int] = []

    class Sink:
        def take(self, items: list[Item]) -> None:
            taken.extend(items)

        def block(self, found: Any, items: list[Item]) -> None:
            columns.extend(len(column.steps) for column in found)

    data = b"".join(b"step %d/90000 | train_loss %d.25 | lr 3.0e-04\n" % (n, n % 7) for n in range(60_000))
    FastReader(LogParser(CATALOGUE), Sink()).read(io.BytesIO(data))
    assert sum(columns) > 60_000
    assert len([item for item in taken if isinstance(item, Observation)]) < 60_000


@pytest.mark.parametrize("seed", range(4))
def test_a_search_ahead_of_the_reading_leaves_what_is_read_as_it_is(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    lines = []
    for n in range(20_000):
        lines.append(f"step {n}/90000 | train_loss {chance.random():.4f}" if n % 40 == 0 else f"loader batch {n} in 0.3 s")
        if chance.random() < 0.001:
            frames = [f'  File "train.py", line {n}, in main'] * chance.choice([1, 3000])
            lines += ["Traceback (most recent call last):", *frames, "pkg.Broken: x"]
        if chance.random() < 0.001:
            lines.append("x" * chance.choice([10_000, 100_000]))

    def read(block_bytes: int, *, ahead: bool) -> dict[str, Any]:
        monkeypatch.setattr(fast_module, "BLOCK_BYTES", block_bytes)
        events = lambda: EventLines(LineMatcher({}, WANTED))  # noqa: E731
        return summarise("run", [("a", io.BytesIO(data))], CATALOGUE, events=events, ahead=ahead)

    lines += ["Traceback (most recent call last):", *['  File "train.py", line 3, in main'] * 3000, "pkg.Broken: the data ended"]
    data = "\n".join(lines).encode()
    whole = read(1 << 24, ahead=False)
    assert ["crash"] == [event["kind"] for event in whole["events"]]
    assert [whole] * 4 == [read(block, ahead=ahead) for block in (5000, 40_000) for ahead in (False, True)]


PIECES = st.sampled_from(["step ", "loss=", "a", "_", ":", "-", ",", ".", " ", "e-", "lr: ", "[", "] some text, ", "\u00e9", "\x0f", "\t"])
NUMBERS = st.sampled_from(["1", "7", "12", "345", "0001", "123456789", "12345678901234567"])


@settings(deadline=None)
@given(
    pieces=st.lists(PIECES, min_size=1, max_size=8),
    numbers=st.lists(st.lists(NUMBERS, min_size=8, max_size=8), min_size=2, max_size=8),
    others=st.lists(st.lists(st.one_of(PIECES, NUMBERS), max_size=9).map("".join), max_size=5),
)
def test_a_shape_finds_the_lines_of_its_key_and_no_other(pieces: list[str], numbers: list[list[str]], others: list[str]) -> None:
    alike = ["".join(part for pair in zip(pieces, row, strict=False) for part in pair) for row in numbers]
    raw = [line.encode() for line in [*alike, *others]]
    digits = Digits(PAD + b"".join(line + b"\n" for line in raw))
    keys = digits.keys()
    shape = Shape(keys[0], raw[0])
    likely = np.flatnonzero(digits.signatures() == shape.signature)
    found = np.isin(np.arange(len(raw)), likely[shape.among(digits, likely)])
    assert found[0]
    without_digits = [re.sub(rb"\d+", b"0", line) for line in raw]
    for at in range(len(raw)):
        assert keys[at] == keys[0] or not found[at]
        assert found[at] or keys[at] != keys[0] or without_digits[at] != without_digits[0]


def test_a_traceback_is_read_to_its_end_where_few_lines_of_a_log_say_anything() -> None:
    lines = [f"step {n}/90000 | train_loss 2.5" if n % 40 == 0 else f"loader batch {n} in 0.3 s" for n in range(20_000)]
    crash = ["Traceback (most recent call last):", '  File "train.py", line 3, in main', "    read()", "pkg.Broken: the data ended"]
    log = io.BytesIO("\n".join([*lines, *crash, ""]).encode())
    document = summarise("run", [("a", log)], CATALOGUE, events=lambda: EventLines(LineMatcher({}, WANTED)))
    assert [("crash", "pkg.Broken: the data ended")] == [(event["kind"], event["text"]) for event in document["events"]]


def test_a_long_traceback_in_a_log_that_is_searched_takes_no_more_memory_than_other_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_module, "BLOCK_BYTES", 8192)
    asked: list[int] = []
    take = fast_module.BlocksAhead.take

    def noting(self: Any, size_bytes: int, *, ahead: bool) -> Any:
        asked.append(size_bytes)
        return take(self, size_bytes, ahead=ahead)

    monkeypatch.setattr(fast_module.BlocksAhead, "take", noting)
    lines = [f"step {n}/90000 | train_loss 2.5" if n % 40 == 0 else f"loader batch {n} in 0.3 s" for n in range(8_000)]
    crash = ["Traceback (most recent call last):", *(f'  File "train.py", line {n}, in main' for n in range(9_000))]
    log = io.BytesIO("\n".join([*lines, *crash, ""]).encode())
    summarise("run", [("a", log)], CATALOGUE, events=lambda: EventLines(LineMatcher({}, WANTED)))
    assert max(asked) == 8192


@given(
    lines=st.lists(st.text(alphabet="lossval 0123\x00é", max_size=30), max_size=40),
    literals=st.lists(st.sampled_from(["oss", "val", "s v", "12", "é"]), min_size=1, max_size=4),
)
def test_a_search_finds_the_lines_that_contain_a_literal_with_and_without_hyperscan(lines: list[str], literals: list[str]) -> None:
    raw = [line.encode() for line in lines]
    text = b"".join(line + b"\n" for line in raw)
    search = LineSearch(literals)
    starts, at = [], 0
    for line in raw:
        if any(literal.encode() in line for literal in literals):
            starts.append(at)
        at += len(line) + 1
    assert starts == search.starts(text)
    assert starts == search._one_by_one(text)


def test_distinct_steps_are_counted_whatever_their_order() -> None:
    chance = random.Random(5)
    steps = [float(step) for step in [*range(100), *range(50, 200), *chance.sample(range(1000), 300), 0.5, 0.5, 199.0]]
    one_by_one, at_once = MetricDigest("x"), MetricDigest("x")
    for step in steps:
        one_by_one.add(step, 1.0)
    at_once.extend(np.array(steps), np.ones(len(steps)))
    assert len(set(steps)) == one_by_one.entry()["count"] == at_once.entry()["count"]


@given(st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=6))
def test_steps_that_come_in_columns_count_as_those_that_come_alone(columns: list[list[int]]) -> None:
    one_by_one, at_once = MetricDigest("x"), MetricDigest("x")
    for column in columns:
        for step in column:
            one_by_one.add(float(step), 1.0)
        at_once.extend(np.array(column, float), np.ones(len(column)))
    distinct = len({step for column in columns for step in column})
    assert distinct == one_by_one.entry()["count"] == at_once.entry()["count"]


NUMBERS = st.one_of(
    st.integers(0, 10**17).map(str),
    st.floats(0, 1e6, allow_nan=False).map(lambda value: f"{value:.6f}"),
    st.floats(1e-9, 1e9).map(lambda value: f"{value:.3e}"),
    st.floats(0, 1e6).map(repr),
    st.floats(1e-20, 1e20).map(repr),
    st.integers(2**53, 2**54).map(str),
    st.integers(2**53, 2**54).map(lambda value: f"{value}.5"),
    st.text("0123456789", min_size=15, max_size=30).map("0.".__add__),
)


@pytest.mark.parametrize("few_rows", [0, 512])
@given(st.lists(st.tuples(st.integers(0, 10**9), NUMBERS, NUMBERS, st.sampled_from(["", "-"])), min_size=1, max_size=30))
def test_a_column_holds_the_numbers_that_float_would_give(few_rows: int, told: list[tuple[int, str, str, str]]) -> None:
    by_key: dict[bytes, list[tuple[bytes, list[float]]]] = {}
    for step, one, other, sign in told:
        line = f"step {step} train_loss {one} val_loss {sign}{other} end".encode()
        by_key.setdefault(Digits(PAD + line + b"\n").keys()[0], []).append((line, [float(step), float(one), float(sign + other)]))
    for rows in by_key.values():
        digits = Digits(PAD + b"".join(line + b"\n" for line, _ in rows))
        reading = Reading("x", step=0, values=(Value("train_loss", "train_loss", 1), Value("val_loss", "val_loss", 2)))
        template = learn(rows[0][0], 0, reading)
        assert template is not None
        with mock.patch.object(columns_module, "FEW_ROWS", few_rows):
            found = Columns(template, digits, np.arange(len(rows))).numbers((2, 0, 1))
        assert [row for _, row in rows] == np.column_stack([found[at] for at in range(3)]).tolist()


@given(st.text(alphabet="ab_@0123456789.,:-+ e/[]", max_size=40), st.text(alphabet="ab_@0123456789.,:-+ e/[]", max_size=40))
def test_lines_of_one_key_have_one_skeleton_where_the_key_is_steady(one: str, other: str) -> None:
    def view(line: bytes) -> object:
        return cut(line)[0]

    lines = [one.encode(), re.sub("[0-9]+", "8", one).encode(), re.sub("[0-9]+", "5309", one).encode(), other.encode()]
    keys = Digits(PAD + b"".join(line + b"\n" for line in lines)).keys()
    for line, key in zip(lines, keys, strict=True):
        alike = [again for again, its in zip(lines, keys, strict=True) if its == key]
        assert not steady(line, view) or {view(line)} == {view(again) for again in alike}
