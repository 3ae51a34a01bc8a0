"""Bars that loops draw with tqdm: whatever they are called, a step's last state and a validation's last one count, and no other."""

from __future__ import annotations

import io
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.parse import Catalogue, LogParser
from monitor.parse.drawn import drawn
from monitor.parse.numbers import cut
from monitor.summary import summarise
from rules.observation import Item, Observation

CATALOGUE = Catalogue.load()
NAMES = (
    ("Train Epoch {e}", "Val Epoch {e}"), ("Epoch {e} [Train]", "Epoch {e} [Val]"), ("Epoch {e}/9 - Training", "Epoch {e}/9 - Validation"),
    ("[Train] Epoch {e}", "[Valid] Epoch {e}"), ("Training", "Validation"), ("train", "test"), ("Epoch {e}", "Evaluating"),
    ("Train [{e}/9]", "Valid [{e}/9]"), ("{e}/9", "Validating"), ("Epoch: {e} | Training", "Epoch: {e} | Eval"),
)  # fmt: skip
LINES = ("", "Validation loss: {v}\n", "Epoch {e}: train loss {t}, val loss {v}\n", "Epoch {e}: val_loss={v}\n", "saved model_{e}.pt\n",
         "Train Loss: {t} | Train Acc: 0.5\nVal Loss: {v} | Val Acc: 0.5\n", "Epoch {e} Summary:\nTrain Loss: {t}\nVal Loss: {v}\n")


def bar(name: str, n: int, total: int, loss: str, end: str) -> str:
    return f"\r{name}: {100 * n // total:3d}%|{'#' * (10 * n // total):10s}| {n}/{total} [00:0{n % 10}<00:01,  9.87it/s, loss={loss}]{end}"


class Loop:
    """A training as somebody's loop shows it, and what it should be read as where no line tells more."""

    def __init__(self, seed: int, *, lines: str = "") -> None:
        chance = Random(seed)
        train, val = chance.choice(NAMES)
        first, self.batches, checks = chance.choice((0, 1)), chance.choice((4, 7, 60, 130)), chance.choice((2, 5))
        self.text, self.train, self.val = "", [], []
        for epoch in range(chance.choice((1, 3))):
            shown = sorted({self.batches, *chance.sample(range(1, self.batches), min(self.batches - 1, 40))})
            values = [f"{chance.random() * 3:.4f}" for _ in shown]
            for n, loss in zip(shown, values, strict=True):
                redrawn = bar(train.format(e=epoch + first), n, self.batches, f"{chance.random():.4f}", "") * chance.choice((0, 0, 1))
                self.text += redrawn + bar(train.format(e=epoch + first), n, self.batches, loss, "\n" if n == self.batches else "")
                self.train.append((epoch * self.batches + n, float(loss)))
            for n in range(checks + 1):
                loss = f"{chance.random() * 3:.4f}"
                self.text += bar(val.format(e=epoch + first), n, checks, loss, "\n" if n == checks else "")
            self.val.append((len(self.val) * self.batches + self.batches, float(loss)))
            self.text += lines.format(e=epoch + first, t=f"{chance.random():.4f}", v=f"{chance.random():.4f}")


def items_of(data: bytes, *, piece: int = 0) -> list[Item]:
    parser, items = LogParser(CATALOGUE), []
    for at in range(0, len(data), piece or max(1, len(data))):
        items += parser.feed(data[at : at + (piece or len(data))])
        if piece:
            state = parser.state()
            parser = LogParser.restore(CATALOGUE, state)
            parser.feed(data[state["resume_offset"] : at + piece])
    return items + parser.flush()


def curve(items: list[Item], metric: str) -> list[tuple[float, float]]:
    return [(one.at, one.value) for one in items if isinstance(one, Observation) and one.metric == metric]


@given(st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_a_loop_gives_each_state_that_its_bars_come_to_and_each_validation_once(seed: int) -> None:
    loop = Loop(seed)
    items = items_of(loop.text.encode())
    assert loop.train == curve(items, "train_loss")
    assert loop.val == curve(items, "val_loss")
    assert {"train_loss", "val_loss"} == {one.metric for one in items if isinstance(one, Observation)}


@given(st.integers(0, 1 << 32), st.sampled_from(LINES), st.integers(1, 900))
@settings(max_examples=40, deadline=None)
def test_bars_and_lines_give_the_same_however_they_are_cut_and_taken_up_again(seed: int, lines: str, piece: int) -> None:
    data = Loop(seed, lines=lines).text.encode()
    assert items_of(data) == items_of(data, piece=piece)


@given(st.integers(0, 1 << 32), st.sampled_from(LINES))
@settings(max_examples=40, deadline=None)
def test_the_digest_counts_what_is_read_of_bars_line_by_line(seed: int, lines: str) -> None:
    data = Loop(seed, lines=lines).text.encode()
    items = items_of(data)
    metrics = summarise("run", [("a", io.BytesIO(data))], CATALOGUE)["metrics"]
    names = {one.metric for one in items if isinstance(one, Observation)}
    assert {name: len({at for at, _ in curve(items, name)}) for name in names} == {name: one["count"] for name, one in metrics.items()}
    assert {name: list(curve(items, name)[-1]) for name in names} == {name: one["last"] for name, one in metrics.items()}


@given(st.integers(0, 1 << 32), st.sampled_from(LINES[2:3]))
@settings(max_examples=20, deadline=None)
def test_what_lines_tell_of_an_epoch_never_mixes_with_what_bars_tell_of_its_steps(seed: int, lines: str) -> None:
    items = items_of(Loop(seed, lines=lines).text.encode())
    told = [one for one in items if isinstance(one, Observation) and one.metric == "train_loss"]
    assert 1 == len({one.step is None for one in told})
    assert all(one.step is None for one in items if isinstance(one, Observation) and one.metric == "val_loss")


def epochs(first: int, last: int) -> str:
    """Whole epochs of four batches with a validation of two."""
    made = ""
    for epoch in range(first, last + 1):
        made += "".join(bar(f"Epoch {epoch} [Train]", n, 4, f"{3 - epoch / 4 - n / 100:.2f}", "") for n in range(1, 5)) + "\n"
        made += "".join(bar(f"Epoch {epoch} [Val]", n, 2, f"{3.5 - epoch / 4}", "") for n in (1, 2)) + "\n"
    return made


@pytest.mark.parametrize("last", ["", bar("Epoch 4 [Val]", 1, 5, "9.5", "\n"), bar("Epoch 4 [Train]", 2, 4, "1.5", "\n")])
def test_a_loop_that_was_started_again_is_a_second_attempt(last: str) -> None:
    data = (epochs(1, 3) + last + epochs(2, 4)).encode()
    document = summarise("run", [("a", io.BytesIO(data))], CATALOGUE)
    assert 2 == document["attempts"]
    assert [(4, 3.25), (8, 3.0), (12, 2.75), (8, 3.0), (12, 2.75), (16, 2.5)] == curve(items_of(data), "val_loss")


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        (b"Epoch 3:  25%|##5       | 10/40 [00:01<00:03,  9.87it/s, loss=0.52]", (3, 4, tuple(range(1, 10)))),
        (b" 25%|##5       | 10/40 [00:01<?, ?it/s]", (2, 3, tuple(range(6)))),
        (b"Epoch 3: 41it [00:04, 9.87it/s, loss=0.52]", (1, 1, tuple(range(1, 5)))),
        (b"  5%|5         | 2/40 [00:10<1:03:10, 99.01s/it, {'loss': 0.5}]", (2, 3, tuple(range(10)))),
    ],
)
def test_the_numbers_of_a_bar_are_known_from_what_it_shows(line: bytes, counts: tuple[int, int, tuple[int, ...]]) -> None:
    found = drawn(cut(line)[0].decode())
    assert found is not None
    assert counts == (found.n, found.total, tuple(sorted(found.own)))


@pytest.mark.parametrize("line", [b"loss: 0.5 | 10/40 [00:01]", b"10%|#  | 1/9 [00:01<00:02, 1it/s] 20%|## | 2/9 [00:01]", b"3 it [0.5]"])
def test_what_is_no_bar_or_more_than_one_is_none(line: bytes) -> None:
    assert drawn(cut(line)[0].decode()) is None
