"""The seed's run: the report says what its author was told, in that order, from the log, two checkpoints and the rules."""

from __future__ import annotations

import pytest
from runs import RULES, inputs, seed, seed_log

from monitor.report import as_html, as_markdown, report, what_to_do

AT_25 = {25: 2.19}
LATE = {25: 2.19, 50: 1.41, 100: 1.07}
ON_TIME = {25: 2.19, 50: 1.38, 75: 1.05, 100: 0.84, 125: 0.72, 150: 0.64, 175: 0.59, 200: 0.55}


def test_it_says_what_the_seed_says_in_its_order(tmp_path):
    text = as_markdown(report(seed(tmp_path, AT_25)))
    told = [
        "Run 13503904 at step 25",
        "It is normal. Carry on; worry if val_loss is > 1.0 at step 100.",
        "Step 25: val_loss 2.19, train_loss 2.94",
        "65 min on 32 nodes, 256 GPUs",
        "That is 6.2 times the 0.3557 of checkpoint step_311.",
        "8 keys of the model were not in the checkpoint (2 expected): 4,768,574 of 56,809,790 parameters, 8.4 %, started at random.",
        "10 keys of the checkpoint were ignored.",
        "| blocks.0.mlp | 4 | 4,722,432 | 8.3 % | renamed (92% sure) |",
        "| head | 2 | 46,140 | < 0.1 % | the same shape as head.4 (70% sure) |",
        "| blocks.0.attn | 2 | 2 | < 0.1 % | expected |",
        "blocks.0.mlp.fc1 -> blocks.0.mlp.0",
        "head.4 -> head",
        "Is it normal?",
        "A high loss at the start is what that looks like.",
        "blocks.0.mlp is in the first block",
        "head makes the prediction",
        "train_loss 5.42 -> 2.94 from step 1 to 25 (-46%)",
        "| 50 | < 1.5 |",
        "| 100 | < 0.9, worry > 1.0 |",
        "| 311 | 0.40 to 0.45 |",
        "Carry on. Let it run",
        "4,768,572 more parameters from the checkpoint, costs the 25 steps so far (277 GPU-hours)",
        "When to worry",
        "At step 100: val_loss > 1.0.",
        "all ranks are there",
        "85 of 93 keys",
        "| spent | 25 | 65 min | 277 |",
    ]
    plain = text.replace("\\", "")
    places = [plain.find(line) for line in told]
    assert [] == [line for line, place in zip(told, places, strict=True) if place < 0]
    assert sorted(places) == places


@pytest.mark.parametrize(
    ("val", "word"),
    [(AT_25, "Carry on"), (ON_TIME, "Carry on"), (LATE, "Stop"), ({25: 2.19, 50: float("nan")}, "Stop"), ({25: 2.19, 50: 1.6}, "Watch")],
    ids=["at the start", "on time", "worry", "NaN", "one milestone missed"],
)
def test_what_to_do_follows_from_the_milestones(tmp_path, val, word):
    assert word == what_to_do(seed(tmp_path, val)).word.text


def test_the_two_formats_tell_the_same(tmp_path):
    document = report(seed(tmp_path, LATE))
    html, text = as_html(document), as_markdown(document).replace("\\", "")
    for section in document.sections:
        assert f"<h2>{section.title}</h2>" in html
        assert f"## {section.title}" in text


def test_a_log_that_was_read_at_once_tells_no_time(tmp_path):
    log = tmp_path / "x_4711.out"
    log.write_text(seed_log(AT_25))
    text = as_markdown(report(inputs(log, rules=RULES)))
    assert "Step 25: val_loss 2.19, train_loss 2.94. On 256 GPUs" not in text
    assert " min on " not in text
    assert "## Cost" not in text


def test_a_page_is_enough_for_a_healthy_run(tmp_path):
    text = as_markdown(report(seed(tmp_path, ON_TIME)))
    assert len(text.split("\n")) < 130
