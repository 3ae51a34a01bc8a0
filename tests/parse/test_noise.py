"""What is no observation gives none: source, configurations, installers, tracebacks, chatter of libraries, random text."""

from __future__ import annotations

import os
import random
import string
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.parse import Catalogue, LogParser
from rules.observation import Observation, Progress
from tests.parse.test_labels import SOURCES, losses

CATALOGUE = Catalogue.load()
NOISE = sorted((Path(__file__).parent / "noise").glob("*.txt"))
STDLIB = Path(sysconfig.get_paths()["stdlib"])
MODULES = sorted(path.name for path in STDLIB.glob("*.py"))


def observations(data: bytes) -> list[Observation]:
    parser = LogParser(CATALOGUE)
    return [item for item in parser.feed(data) + parser.flush() if isinstance(item, Observation)]


@pytest.mark.parametrize("path", NOISE, ids=lambda path: path.stem)
def test_text_that_is_no_metric_gives_no_observation(path: Path) -> None:
    assert [] == observations(path.read_bytes())


@pytest.mark.parametrize("module", MODULES[:: max(1, len(MODULES) // 60)])
def test_printed_source_gives_no_observation(module: str) -> None:
    assert [] == observations((STDLIB / module).read_bytes())


def test_a_training_script_printed_at_the_head_of_its_own_log_gives_no_observation() -> None:
    root = Path(__file__).parents[2]
    for path in sorted((root / "examples").rglob("*.py")):
        assert [] == observations(path.read_bytes()), path.name


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_random_bytes_give_no_observation_and_no_error(data: bytes) -> None:
    assert [] == observations(data)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=string.printable, max_size=2000))
def test_random_text_gives_no_observation(text: str) -> None:
    assert [] == observations(text.encode())


def test_a_megabyte_of_random_words_gives_no_observation() -> None:
    generator = random.Random(os.environ.get("LOSSWATCH_SEED", "7"))
    letters = string.ascii_letters + string.digits + "    .:,=_-/%"
    text = "\n".join("".join(generator.choices(letters, k=generator.randint(5, 120))) for _ in range(12_000))
    assert [] == observations(text.encode())


def test_a_line_of_ten_megabytes_is_cut_and_counted_and_the_next_is_read() -> None:
    parser = LogParser(CATALOGUE)
    items = parser.feed(b"x" * 5_000_000)
    items += parser.feed(b"y" * 5_000_000 + b"\nStep 25: train_loss = 2.940, val_loss = 2.190\n")
    assert [("train_loss", 2.94), ("val_loss", 2.19)] == [(one.metric, one.value) for one in items if isinstance(one, Observation)]
    assert (1, 2) == (parser.cut_lines, parser.lines)


@pytest.mark.parametrize("path", NOISE, ids=lambda path: path.stem)
def test_what_stands_before_a_training_changes_nothing_in_it(path: Path) -> None:
    head = path.read_bytes() + b"\n"
    for name, data in SOURCES:
        assert losses(data) == losses(head + data), name


def test_a_run_that_begins_with_a_configuration_is_one_attempt_from_its_first_step() -> None:
    head = (Path(__file__).parent / "noise" / "configurations.txt").read_bytes()
    items = LogParser(CATALOGUE).feed(head + b"step: 1 loss: 2.5\nstep: 2 loss: 2.4\n")
    assert [] == [item for item in items if isinstance(item, Progress) and item.step is not None and item.step > 2]


@pytest.mark.parametrize("path", NOISE, ids=lambda path: path.stem)
def test_what_stands_behind_a_training_adds_nothing_to_it(path: Path) -> None:
    for name, data in SOURCES:
        assert losses(data) == losses(data.rstrip(b"\n") + b"\n" + path.read_bytes()), name


@pytest.mark.parametrize("stem", ["model_summaries", "nvidia_smi", "packages", "pip", "slurm"])
def test_what_is_printed_amid_a_training_changes_nothing(stem: str) -> None:
    """Those that name no step, epoch or loss; a message that does (``at step 311``) may still be taken for a place."""
    noise = (Path(__file__).parent / "noise" / f"{stem}.txt").read_bytes()
    for name, data in SOURCES:
        lines = data.split(b"\n")
        half = len(lines) // 2
        assert losses(data) == losses(b"\n".join([*lines[:half], noise, *lines[half:]])), name
