"""A bar that is followed without being read anew gives what it gives where every state is read."""

from __future__ import annotations

from random import Random
from unittest import mock

import pytest

from monitor.parse import Catalogue, LogParser
from monitor.parse import parser as parser_module

CATALOGUE = Catalogue.load()
POSTFIXES = (
    "train_loss={loss}", "v_num=47, train_loss={loss}", "v_num=a1b2, train_loss_step={loss}, train_loss_epoch={mean}",
    "loss={loss}, v_num=3", "lr=1e-3, train_mse_loss={loss}, train_mae_loss={loss}",
    "v_num=0, loss={loss}, other={text}", "train_loss={loss}, train/acc={loss}",
)  # fmt: skip


def bar(name: str, n: int, total: int, post: str) -> str:
    full = 10 * n // total
    return f"{name}: {100 * n // total:3d}%|{'█' * full}{' ' * (10 - full)}| {n}/{total} [02:11<03:43,  1.31s/it{post and ', ' + post}]"


def reached(epoch: int, step: int, value: str) -> str:
    return f"\nEpoch {epoch}, global step {step}: 'val_loss' reached {value} (best {value}), saving model to 'a.ckpt' as top 1\n"


def log_of(chance: Random) -> bytes:
    """Bars of a few epochs with what stands between them: validations, messages, a new start, a state that the terminal cut."""
    out, post, total = [], chance.choice(POSTFIXES), chance.choice([6, 20, 60])
    every, twice, loud, rank = chance.choice([1, 1, 5]), chance.random() < 0.4, chance.random() < 0.7, chance.choice(["", "", "[rank0]: "])
    accumulate, shown, mean, epoch = chance.choice([1, 1, 4]), "", 3.0, 0
    while epoch < chance.choice([5, 8]):
        for n in range(0, total + 1, every):
            loss = chance.choice(["nan.0", f"{chance.random():.3f}", f"{chance.random():.3f}", "1.2e-5"])
            pairs = post.format(loss=loss, mean=f"{mean:.2f}", text=chance.choice(["0.5", "0.5", "on"])) + shown
            state = bar(f"Epoch {epoch}", n, total, pairs)
            out += ["\r", rank, state[:70] if chance.random() < 0.02 else state] * (2 if twice and n else 1)
            if chance.random() < 0.01:
                out.append("\nsome words between, loss of a connection\n")
        if chance.random() < 0.7:
            out += ["\r" + bar("Validation DataLoader 0", n, 3, "") + "\x1b[A" for n in range(4)]
            value = f"{chance.random():.3f}"
            shown = f", val_loss={value}" if loud else ""
            out.append("\r" + bar(f"Epoch {epoch}", total, total, post.format(loss="0.5", mean=f"{mean:.2f}", text="0.5") + shown))
            if chance.random() < 0.5:
                step = total * (epoch + 1) // accumulate
                out.append(reached(epoch, step, f"{value}45"))
        mean *= 0.9
        epoch = 0 if chance.random() < 0.05 else epoch + 1
    return "".join(out).encode()


def items_of(data: bytes) -> list[str]:
    """What a log says, NaN being equal to NaN."""
    parser = LogParser(CATALOGUE)
    return [repr(item) for item in parser.feed(data) + parser.flush()]


@pytest.mark.parametrize("seed", range(150))
def test_a_bar_that_is_followed_gives_what_one_gives_that_is_read(seed: int) -> None:
    data = log_of(Random(seed))
    with mock.patch.object(parser_module, "run_of", return_value=None):
        read = items_of(data)
    assert items_of(data) == read


def test_most_states_of_a_bar_are_followed() -> None:
    taken = mock.Mock(wraps=parser_module.run_of)
    states = [bar(f"Epoch {epoch}", n, 270, f"v_num=47, train_loss={n / 100:.3f}") for epoch in range(4) for n in range(271)]
    with mock.patch.object(parser_module, "run_of", taken):
        items = items_of(("\r".join(states) + "\n").encode())
    assert len([one for one in items if "metric='train_loss'" in one]) == 4 * 270
    assert taken.call_count < 40
