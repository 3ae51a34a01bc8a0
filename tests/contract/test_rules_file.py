"""The rules file: what the interface promises is taken, every mistake is told at its place, nothing unfolds without end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from endtoend.watching import run, step_line

LOG = "topoflow_full_finetune_13503904.out"
AS_DOCUMENTED = r"""
version: 1
metric: val_loss                         # default metric; the default is val_loss
baseline: {val_loss: 0.3557, step: 311, label: checkpoint step_311}   # or {run: logs/old.out}
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
  - pattern: {name: oom, match: 'out of memory', ignore: 'amdgpu\.ids', severity: critical}
notify:                                  # optional here; also in the user's own config file, and from the environment
  slack: {webhook_url: ${LOSSWATCH_SLACK_WEBHOOK_URL}}
"""
KINDS = (
    "not_finite", "divergence", "spike", "plateau", "overfit", "threshold", "baseline", "forecast", "throughput", "stall", "pattern",
    "phase", "missing_keys", "crash", "walltime", "job_state",
)  # fmt: skip
FAULTY: tuple[tuple[str, int, str, str], ...] = (
    ("mileston: [step 50 < 1.5]", 1, "unknown key `mileston`", "`milestones`"),
    ("metric: [a]", 9, "metric is a name", "val_loss"),
    ("milestones:", 0, "", ""),
    ("  - step 50 < 1.5", 0, "", ""),
    ("  - stp 60 < 1.5", 5, "`stp` is no axis", "`step`"),
    ("  - step 61 <", 13, "no condition", "< 0.9"),
    ("  - step fifty < 1", 10, "`fifty` is no step", "100"),
    ("  - step -5 < 1", 10, "`-5` is no step", "100"),
    ("  - step 62 < nan", 13, "no condition", "< 0.9"),
    ("  - step 63 < 0.9, wory > 1.0", 20, "not understood", "`worry`"),
    ("  - step 64 < 0.9, severity critcal", 29, "no severity", "`critical`"),
    ("  - step 311 in 0.45..0.40", 14, "is empty", "0.40..0.45"),
    ("  - step 50 < 1.2", 5, "`step-50` is there twice", "take one out"),
    ("  - {step: 65, bellow: 0.9}", 16, "unknown key `bellow`", "`below`"),
    ("  - {step: 66, below: abc}", 23, "`abc` is no number", "0.3557"),
    ("  - {step: 67, below: inf}", 23, "`inf` is no number", "0.3557"),
    ("  - {step: nan, below: 1}", 12, "`nan` is no step", "100"),
    ("  - {step: -3, below: 1}", 12, "`-3` is no step", "100"),
    ("  - {step: 68, below: 1, severity: warn}", 36, "`warn` is no severity", "`warning`"),
    ("rules:", 0, "", ""),
    ("  - not_finit", 5, "unknown rule `not_finit`", "`not_finite`"),
    ("  - divergence: {factr: 3}", 18, "unknown key `factr`", "`factor`"),
    ("  - stall: {after: 30}", 20, "`30` is no duration", "30s"),
    ("  - stall: {after: soon}", 20, "`soon` is no duration", "30s"),
    ("  - pattern: {match: '('}", 22, "no regular expression", ""),
    ("  - plateau: {severity: fatal}", 25, "should be", ""),
    ("preset: finetun", 9, "no preset `finetun`", "`finetune`"),
    ("baseline: {}", 11, "no value", "val_loss"),
    ("notify:", 0, "", ""),
    ("  slak: {}", 3, "unknown key `slak`", "`slack`"),
    ("version: 2", 10, "version 2 is not known", "version: 1"),
    ("metric: val_loss", 1, "`metric` is there twice, first in line 2", "take one out"),
)
"""One faulty file, line by line: the column, what is said, and what is advised; column 0 where the line is right."""


def lint(home: Path, text: str) -> tuple[int, list[dict[str, Any]]]:
    (home / "rules.yaml").write_text(text)
    done = run(home, "rules", "lint", "rules.yaml", "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_documented_example_is_taken_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "milestones.yaml").write_text(AS_DOCUMENTED)
    (tmp_path / LOG).write_text(step_line(25, 2.19) + step_line(50, 1.41))
    done = run(tmp_path, "check", LOG, "-r", "milestones.yaml", "--json")
    (judged,) = json.loads(done.stdout)["runs"]
    assert [
        ("step-50", "val_loss", 50, "< 1.5", "met"), ("step-100", "val_loss", 100, "< 0.9", "pending"),
        ("step-200", "val_loss", 200, "< 0.6", "pending"), ("step-311", "val_loss", 311, "in 0.40..0.45", "pending"),
        ("step-500", "val_loss", 500, "< 0.35", "pending"), ("val_acc-epoch-3", "val_acc", 3, ">= 0.71", "pending"),
    ] == [tuple(m[key] for key in ("id", "metric", "step", "expect", "status")) for m in judged["milestones"]]  # fmt: skip
    assert 0 == done.returncode


def test_every_rule_kind_may_be_written_as_its_bare_name(tmp_path: Path) -> None:
    assert (0, []) == lint(tmp_path, "rules:\n" + "".join(f"  - {kind}\n" for kind in KINDS))


def test_all_mistakes_are_told_at_once_at_their_line_and_column_with_what_would_be_right(tmp_path: Path) -> None:
    code, told = lint(tmp_path, "".join(line + "\n" for line, *_ in FAULTY))
    wrong = [(number, *rest) for number, (_, *rest) in enumerate(FAULTY, 1) if rest[0]]
    assert (2, [(number, column) for number, column, *_ in wrong]) == (code, [(one["line"], one["column"]) for one in told])
    for (number, _, said, advised), one in zip(wrong, told, strict=True):
        assert said in one["problem"], f"line {number}: {one}"
        assert advised in one["advice"], f"line {number}: {one}"


def test_a_mistake_is_shown_with_its_line_a_caret_and_the_count(tmp_path: Path) -> None:
    (tmp_path / "milestones.yaml").write_text("version: 1\n\nmilestones:\n  - {step: 100, bellow: 0.9}\n")
    done = run(tmp_path, "rules", "lint", "milestones.yaml")
    assert (2, "") == (done.returncode, done.stdout)
    assert [
        "milestones.yaml:4:17: unknown key `bellow`",
        "   4 |   - {step: 100, bellow: 0.9}",
        "     |                 ^^^^^^ did you mean `below`?",
        "1 mistake in milestones.yaml, nothing is watched",
    ] == done.stderr.splitlines()


TAKEN: tuple[tuple[str, str], ...] = (
    ("an empty file", ""),
    ("only a comment", "# later\n"),
    ("no rules at all", "rules: []\n"),
    ("numbers as YAML 1.1 would not read them", "milestones:\n  - {step: 1e3, below: 1e-3}\n  - step 2e3 < 5E-4\n  - step 3_000 < .5\n"),
    ("ratios both ways", "rules:\n  - overfit: {min_rise: 1%}\n  - baseline: {tolerance: 0.01}\nbaseline: {val_loss: 1}\n"),
    ("durations", "rules:\n  - stall: {after: 30s}\n  - pattern: {match: x, quiet: 2h}\n  - phase: {name: p}\n"),
    ("a hold", "rules:\n  - threshold: {above: 3, for: 10m}\n  - spike: {for: 3}\n"),
    ("a byte order mark and CRLF", "\ufeffversion: 1\r\nmilestones:\r\n  - step 50 < 1.5\r\n"),
    ("two milestones that a name tells apart", "milestones:\n  - step 50 < 1.5\n  - {step: 50, below: 1.2, name: hard}\n"),
    ("a metric of its own", "metric: train_loss\nmilestones: [step 5 < 1, step 5 val_loss < 2, 'epoch 1 val/acc > 0.5']\n"),
)


@pytest.mark.parametrize("text", [text for _, text in TAKEN], ids=[name for name, _ in TAKEN])
def test_what_a_user_would_write_is_taken(tmp_path: Path, text: str) -> None:
    assert (0, []) == lint(tmp_path, text)


HOSTILE: tuple[tuple[str, bytes], ...] = (
    ("nested without end", b"[" * 50_000),
    ("nested and closed", b"a: " + b"[" * 800 + b"]" * 800),
    ("an anchor within itself", b"milestones: &a [*a]\n"),
    ("a billion laughs", b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (i, i, b",".join([b"*%c" % (i - 1)] * 9)) for i in range(ord("b"), ord("j")))),
    ("larger than a rules file is", b"# " + b"x" * 2_000_000),
    ("no text", bytes(range(256))),
    ("UTF-16", "version: 1\n".encode("utf-16")),
    ("a tag that builds objects", b"rules: !!python/object/apply:os.system ['true']\n"),
    ("a list", b"- step 50 < 1.5\n"),
    ("tabs", b"milestones:\n\t- step 50 < 1.5\n"),
    ("lists where names stand", b"metric: [a]\npreset: {a: b}\nversion: [1]\nbaseline: [1]\nnotify: 1\ntests: x\nrules: x\nmilestones: y"),
    ("lists in a milestone", b"milestones:\n  - {step: [1], below: {a: b}, metric: [x], name: {y: z}, worry: [1], severity: [2]}\n"),
    ("lists in a rule", b"rules:\n  - [stall]\n  - {stall: [1]}\n  - {[a]: b}\n  - stall: {after: [1]}\n  - pattern: {match: {a: b}}"),
)  # fmt: skip


@pytest.mark.parametrize("raw", [raw for _, raw in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_a_hostile_file_is_a_mistake_with_its_place(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "rules.yaml").write_bytes(raw)
    done = run(tmp_path, "rules", "lint", "rules.yaml", timeout_s=10)
    assert (2, False) == (done.returncode, "Traceback" in done.stderr), done.stderr[-2000:]
    assert done.stderr.startswith("rules.yaml:"), done.stderr[:200]


def test_two_thousand_milestones_and_one_far_away(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("".join(step_line(step, 1.0) for step in range(0, 2001, 10)))
    places = "".join(f"  - step {n} < 2\n" for n in range(1, 2001))
    (tmp_path / "m.yaml").write_text(f"rules: []\nmilestones:\n{places}  - step 1e9 < 1\n")
    done = run(tmp_path, "check", LOG, "-r", "m.yaml", "--json", timeout_s=20)
    milestones = json.loads(done.stdout)["runs"][0]["milestones"]
    assert (0, {"met"}, ("step-1000000000", 1_000_000_000, "pending")) == (
        done.returncode, {m["status"] for m in milestones[:-1]}, tuple(milestones[-1][key] for key in ("id", "step", "status")),
    )  # fmt: skip


def test_without_rules_the_safe_preset_holds_and_an_empty_list_means_none(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text(step_line(25, 2.19) + step_line(50, "nan"))
    kinds = {}
    for name, text in (("absent", ""), ("none", "rules: []\n"), ("named", "preset: finetune\n"), ("own", "rules: [stall]\n")):
        (tmp_path / "r.yaml").write_text(text)
        done = run(tmp_path, "check", LOG, "-r", "r.yaml", "--json")
        kinds[name] = (done.returncode, {alert["kind"] for alert in json.loads(done.stdout)["runs"][0]["alerts"]})
    done = run(tmp_path, "check", LOG, "--json")
    assert (1, {"not_finite"}) == (done.returncode, {alert["kind"] for alert in json.loads(done.stdout)["runs"][0]["alerts"]})
    assert {"absent": (1, {"not_finite"}), "none": (0, set()), "named": (1, {"not_finite"}), "own": (0, set())} == kinds


def test_the_schema_knows_every_kind_and_key(tmp_path: Path) -> None:
    done = run(tmp_path, "rules", "schema")
    schema = json.loads(done.stdout)
    assert {"version", "metric", "preset", "baseline", "milestones", "rules", "notify"} <= set(schema["properties"])
    assert [] == [kind for kind in KINDS if f'"{kind}"' not in done.stdout]
    assert {"default", "finetune"} <= {line.split()[0] for line in run(tmp_path, "rules", "presets").stdout.splitlines()}
