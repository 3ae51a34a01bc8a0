"""Formats of which only the head is read, and which of them a line can come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.parse import Catalogue
from monitor.parse.catalogue import SHIPPED
from monitor.parse.formatfile import make_format, read_format
from monitor.parse.lines import plain
from monitor.parse.listed import PRIORITY, shipped
from monitor.parse.numbers import cut

CATALOGUE = Catalogue.load()
FILES = sorted(SHIPPED.glob("*.yaml"))
SAMPLES = [line for one in CATALOGUE.formats for sample in one.samples for line in sample["log"].splitlines()]
PIECES = sorted({piece for line in SAMPLES for piece in line.split(" ")})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_head_of_a_file_says_what_the_whole_file_says(path: Path) -> None:
    head, one = shipped(path), read_format(path)
    whole = (one.name, [sign.pattern for sign in one.signs], one.text.get("priority", PRIORITY))
    assert whole == (head.name, list(head.signs), head.priority)


def test_nothing_but_the_head_of_a_file_of_ours_is_read_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> None:
        raise AssertionError(f"{path} was read whole")

    monkeypatch.setattr("monitor.parse.listed.read_format", read)
    assert len(FILES) == len([shipped(path) for path in FILES])


QUOTED = [
    lambda sign: f"  - '{sign.replace(chr(39), chr(39) * 2)}'\n",
    lambda sign: f"  - '{sign.replace(chr(39), chr(39) * 2)}' # why\n",
    lambda sign: f"  - {json.dumps(sign)}\n",
    lambda sign: f"    - '{sign.replace(chr(39), chr(39) * 2)}'\n",
    lambda sign: f"  - {sign}\n",
    lambda sign: f"\n  - |\n    {sign}\n",
    lambda sign: f"  - '{sign.replace(chr(39), chr(39) * 2)}\n    {sign.replace(chr(39), chr(39) * 2)}'\n",
]
SIGN = st.text("ab'\\\"|:#,[]{}- <n>é", min_size=1, max_size=12)


@pytest.mark.filterwarnings("ignore:Possible")
@given(
    signs=st.lists(st.tuples(SIGN, st.just(QUOTED[0]) | st.sampled_from(QUOTED)), min_size=1, max_size=4),
    before=st.sampled_from(["", "priority: 3\n", "about: >-\n  priority: 3\n  recognise:\n    - 'no'\n", "general: true\n"]),
    after=st.sampled_from(["", "priority: 4\n", " \n", "# why\n", "  - x\n", "samples:\n  - log: |\n      priority: 7\n    gives: []\n"]),
)
def test_however_a_file_is_written_its_head_is_read_as_yaml_has_it(
    signs: list[tuple[str, Callable[[str], str]]], before: str, after: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = f"name: mine\n{before}recognise:\n{''.join(quoted(sign) for sign, quoted in signs)}{after}"
    path = tmp_path_factory.getbasetemp() / "mine.yaml"
    path.write_text(text)
    try:
        whole = make_format(yaml.safe_load(text))
    except Exception:  # no format: then there is nothing to compare with
        return
    head = shipped(path)
    assert (whole.name, [sign.pattern for sign in whole.signs]) == (head.name, list(head.signs))
    assert whole.text.get("priority", PRIORITY) == head.priority


def recognised_by_asking_all(skeleton: str) -> list[str]:
    return [one.name for one in CATALOGUE.formats if one.recognises(skeleton)]


def test_the_formats_that_recognise_a_line_are_those_that_say_so_when_all_are_asked() -> None:
    for line in SAMPLES:
        skeleton = cut(plain(line.encode()))[0].decode("utf-8", "replace")
        assert recognised_by_asking_all(skeleton) == [one.name for one in CATALOGUE.that_recognise(skeleton)]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=10).map(" ".join))
def test_so_they_are_for_any_line(line: str) -> None:
    skeleton = cut(plain(line.encode("utf-8", "replace")))[0].decode("utf-8", "replace")
    assert recognised_by_asking_all(skeleton) == [one.name for one in CATALOGUE.that_recognise(skeleton)]


def test_a_catalogue_without_formats_recognises_nothing() -> None:
    assert [] == list(Catalogue(()).that_recognise("step \x00 loss \x00"))


def test_a_catalogue_that_is_read_whole_needs_no_file_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Catalogue.load().read_whole()
    monkeypatch.setattr("monitor.parse.listed.read_format", None)
    assert [one.name for one in CATALOGUE.formats] == [one.name for one in whole.formats]
    before, after = ([(one.name, one.signs, one.priority) for one in held.entries] for held in (CATALOGUE, whole))
    assert before == after
