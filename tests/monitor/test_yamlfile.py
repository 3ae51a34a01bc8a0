"""Every mistake in a rules file is told with its place, the line, a caret and what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rulesfile import read_rulebook
from monitor.yamlfile import ConfigErrors, parse_yaml


def mistakes(text: str) -> list[tuple[int, int, str, str]]:
    try:
        read_rulebook(parse_yaml(text, "m.yaml"), "m.yaml")
    except ConfigErrors as wrong:
        return [(e.line, e.column, e.problem, e.advice) for e in wrong.errors]
    return []


CASES = [
    ("milestones:\n  - {step: 100, bellow: 0.9}\n", (2, 17, "unknown key `bellow`", "did you mean `below`?")),
    ("milestones:\n  - stp 50 < 1\n", (2, 5, "`stp` is no axis", "did you mean `step`?")),
    ("milestones:\n  - 'step 50 < 1, wory > 2'\n", (2, 19, "`wory > 2` is not understood", "did you mean `worry`?")),
    ("rules: [not_finit]\n", (1, 9, "unknown rule `not_finit`", "did you mean `not_finite`?")),
    ("rules:\n  - stall: {after: 30}\n", (2, 20, "`30` is no duration", "write it with a unit, such as 30s, 10m or 2h")),
    ("rules:\n  - stall: {aftr: 30s}\n", (2, 13, "unknown key `aftr`", "did you mean `after`?")),
    ("rules:\n  - threshold: {metric: x}\n", (2, 16, "threshold needs a bound", "write above: 10 or when: val_loss > 2")),
    ("preset: finetun\n", (1, 9, "no preset `finetun`", "did you mean `finetune`?")),
    ("version: 2\n", (1, 10, "version 2 is not known", "write version: 1")),
    ("metric: a\nmetric: b\n", (2, 1, "`metric` is there twice, first in line 1", "take one out")),
    ("milestones: 5\n", (1, 13, "milestones is a list", "begin each of them on its own line with `- ` below `milestones:`")),
    ("baseline: {val_loss: abc}\n", (1, 22, "`abc` is no number", "write a number such as 0.3557")),
    ("milestones:\n  - step 50 < 1\n  - step 50 < 2\n", (3, 5, "`step-50` is there twice", "take one out, or give it a name")),
    ("a: [1, 2\n", (1, 9, "the list that began with `[` is not closed here", None)),
    ("x: !!python/name:os.system ''\n", (1, 4, "the tag tag:yaml.org,2002:python/name:os.system is not allowed", "write the plain value")),
    ("base: &b {x: 1}\nmore:\n  <<: *b\n", (3, 3, "a key is a name; merge keys are not taken", "write the keys out")),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_mistake_is_told_at_its_line_and_column(text: str, expected: tuple[int, int, str, str | None]) -> None:
    found = mistakes(text)
    wanted = [found_one for found_one in found if found_one[:3] == expected[:3]]
    assert wanted, found
    if expected[3] is not None:
        assert expected[3] == wanted[0][3]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    found = mistakes("nootify: 1\nmilestones:\n  - stp 1 < 2\nrules:\n  - stal\n")
    assert [1, 3, 5] == [line for line, *_ in found]


def test_the_message_shows_the_line_with_a_caret_under_the_fault() -> None:
    with pytest.raises(ConfigErrors) as wrong:
        read_rulebook(parse_yaml("milestones:\n  - {step: 100, bellow: 0.9}\n", "milestones.yaml"), "milestones.yaml")
    assert [
        "milestones.yaml:2:17: unknown key `bellow`",
        "   2 |   - {step: 100, bellow: 0.9}",
        "     |                 ^^^^^^ did you mean `below`?",
        "1 mistake in milestones.yaml, nothing is watched",
    ] == str(wrong.value).splitlines()


def test_scalars_mean_what_was_written_and_not_what_yaml_1_1_makes_of_them() -> None:
    assert {"a": "1e-3", "b": "off", "c": "1:30", "d": None, "e": "", "f": "010"} == parse_yaml(
        "a: 1e-3\nb: off\nc: 1:30\nd: ~\ne: ''\nf: 010\n", "x"
    ).value


def test_a_file_that_unfolds_without_end_is_refused_and_not_unfolded() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
    with pytest.raises(ConfigErrors, match="unfolds to too many values"):
        parse_yaml(bomb, "bomb.yaml")


@given(st.text(alphabet="abc:-[]{}#&*!|>'\"% \n\t0129.<>,", max_size=80))
def test_any_text_gives_a_rulebook_or_mistakes_and_nothing_else(text: str) -> None:
    for line, column, problem, _ in mistakes(text):
        assert line >= 1
        assert column >= 1
        assert problem


def test_what_the_contract_shows_is_read_without_a_mistake() -> None:
    text = """\
version: 1
metric: val_loss
baseline: {val_loss: 0.3557, step: 311, label: checkpoint step_311}
milestones:
  - step 50 < 1.5
  - step 100 < 0.9, worry > 1.0
  - step 200 < 0.6
  - step 311 in 0.40..0.45
  - {step: 500, below: 0.35, severity: info}
  - epoch 3 val_acc >= 0.71
rules:
  - not_finite
  - divergence: {factor: 3}
  - stall: {after: 30m}
  - pattern: {name: oom, match: 'out of memory', ignore: 'amdgpu\\.ids', severity: critical}
notify:
  slack: {webhook_url: "${LOSSWATCH_SLACK_WEBHOOK_URL}"}
"""
    book = read_rulebook(parse_yaml(text, "milestones.yaml"), "milestones.yaml")
    assert ["step-50", "step-100", "step-200", "step-311", "step-500", "val_acc-epoch-3", "not_finite", "divergence", "stall", "oom"] == [
        rule.id for rule in book.rules
    ]
    assert 0.3557 == (book.baseline.values["val_loss"] if book.baseline else None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("milestones:\n  - step 50 < 1\n rules: []\n", "3:2: this is indented otherwise than the lines above it"),
        ("milestones:\n\t- step 50 < 1\n", "2:1: a tab where blanks are wanted"),
        ("rules: [stall: {after: 30m}\nx: 1\n", "2:1: the list that began with `[` is not closed here"),
        ("rules:\n  - pattern: {match: a, b]\n", "2:26: the mapping that began with `{` is not closed here"),
        ("metric: val_loss: 3\n", "1:17: a second `:` in one line, or an indentation that does not fit"),
        ("rules:\n  - pattern: {match: \"x}\n", "a quote that was opened is not closed"),
        ("a: 1\nmetric\nrules: []\n", "3:1: a key without its `:`"),
    ],
)
def test_the_commonest_slips_of_yaml_are_told_in_plain_words(text: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_yaml(text, "m.yaml")
    assert told in str(caught.value)
