"""The page as a file: small, harmless, without a request to anywhere, and right in a browser."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import pytest
from runs import EXAMPLE, RULES, inputs, seed

from monitor.events import CLASSES
from monitor.report import as_html, as_markdown, changed, crash_card, report, section_lines

HOSTILE = (
    'step 1 loss 3.0\nTraceback (most recent call last):\n  File "<img src=x onerror=alert(1)>", line 1\n'
    "ValueError: <script>alert(1)</script> \x1b[2J\x07 </pre>| a | `b` [c](http://evil.example)\n"
)


class Tags(HTMLParser):
    """Every tag opened and closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.bad: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.bad += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name in ("src", "href")]
        if tag not in ("meta", "wbr", "line", "circle", "rect", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()


def tags(html: str) -> Tags:
    found = Tags()
    found.feed(html)
    return found


def test_hostile_log_text_stays_text(tmp_path):
    log = tmp_path / "x.out"
    log.write_text(HOSTILE)
    document = report(inputs(log))
    found = tags(as_html(document))
    assert ([], []) == (found.open, found.bad)
    assert not {"script", "img"} & found.seen
    assert "\x1b" not in as_html(document)
    text = as_markdown(document)
    assert "\x1b" not in text
    outside_of_code = "\n".join(text.split("```")[::2])
    assert not re.search(r"(?<!\\)\[c\]\(http", outside_of_code)
    assert not re.search(r"(?<!\\)<script>", outside_of_code)


def test_the_page_asks_nobody_for_anything(tmp_path):
    html = as_html(report(seed(tmp_path, {25: 2.19, 50: 1.4})))
    assert "default-src 'none'" in html
    assert [] == re.findall(r"(?:src|href|url\()\s*=?\s*[\"']?https?:", html)
    assert ([], []) == (tags(html).open, tags(html).bad)


def test_a_long_run_makes_a_small_page(tmp_path):
    log = tmp_path / "long.out"
    log.write_text("".join(f"step {i} | train_loss {5 / (1 + i / 900):.5f} | val_loss {6 / (1 + i / 900):.5f}\n" for i in range(30_000)))
    assert len(as_html(report(inputs(log)))) < 300_000


def test_an_empty_log_has_a_report_too(tmp_path):
    log = tmp_path / "empty.out"
    log.write_text("hello\n")
    text = as_markdown(report(inputs(log)))
    assert "No loss was found in the log" in text


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_has_a_meaning_and_something_to_try(name):
    known = CLASSES[name]
    assert known.meaning
    assert all(known.advice)


def test_a_crash_has_its_card(tmp_path):
    log = tmp_path / "run_4711.out"
    steps = "".join(f"step {i} | train_loss {5 - i / 100:.3f}\n" for i in range(100))
    log.write_text(
        "Saved checkpoint at iteration 50\n" + steps + "Saving model checkpoint to /out/checkpoint-99\n"
        "[rank3]: Traceback (most recent call last):\n[rank3]:   File \"train.py\", line 12, in step\n"
        "[rank3]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
    )  # fmt: skip
    text = as_markdown(report(inputs(log, facts={"state": "FAILED", "exit_code": "1:0"}))).replace("\\", "")
    for line in (
        "It is not normal. Mend and resume.", "The memory of a GPU was full.", "| class | cuda_oom |", "| first seen | rank 3 |",
        "| at step | 99 |", "| SLURM state | FAILED |", "| last train_loss | 4.01 at step 99 |", "Halve the batch per GPU",
        'File "train.py", line 12, in step',
        "The last checkpoint of step 99 is /out/checkpoint-99.",
    ):  # fmt: skip
        assert line in text


def test_a_time_limit_says_nothing_against_the_run(shared):
    text = as_markdown(report(inputs(shared / "logs" / "llmc_slurm_timelimit.log")))
    assert "SLURM ended the job at its time limit." in text


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_a_phone_and_a_desk(tmp_path, width):
    chromium = shutil.which("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    if chromium is None:
        pytest.skip("chromium is not installed")
    page_file = tmp_path / "report.html"
    slow = [EXAMPLE / f"topoflow_full_finetune_13504112.{end}" for end in ("out", "err")]
    page_file.write_text(as_html(report(inputs(*slow, rules=RULES))), "utf-8")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": width, "height": 800})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(page_file.as_uri())
        assert width == page.evaluate("document.documentElement.scrollWidth")
        shown = page.evaluate("[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width > 0).length")
        assert 1 == shown
        assert [] == said
        browser.close()


def test_a_section_is_told_in_a_terminal_too(tmp_path):
    log = tmp_path / "x.out"
    log.write_text(HOSTILE)
    card = crash_card(inputs(log))
    assert card is not None
    lines = section_lines(card)
    assert "  class       traceback" in lines
    assert all(line.isprintable() for line in lines)
    found = changed(inputs(*[EXAMPLE / f"topoflow_full_finetune_13503904.{end}" for end in ("out", "err")], rules=RULES))
    assert found is not None
    assert "  model.climax.blocks.0.mlp          4         4" in section_lines(found)


def test_a_milestone_that_was_met_late_says_where(tmp_path):
    log, rules = tmp_path / "run_4712.out", tmp_path / "r.yaml"
    rules.write_text("milestones: [step 50 < 1.5, step 100 < 0.5]\n")
    log.write_text("".join(f"step {step}: val_loss {value}\n" for step, value in ((25, 2.0), (50, 1.7), (75, 1.4), (100, 1.2))))
    text = as_markdown(report(inputs(log, rules=rules)))
    assert "missed | reached at step 75 |" in text


def test_steps_lost_without_a_checkpoint_are_not_said_to_come_after_one(tmp_path):
    log = tmp_path / "run_4713.out"
    steps = "".join(f"step {i}: train_loss {5 - i / 100:.3f}\n" for i in range(1, 30))
    log.write_text(steps + "Traceback (most recent call last):\n  File \"t.py\", line 1, in <module>\nValueError: boom\n")
    text = as_markdown(report(inputs(log)))
    assert ("lost, where no checkpoint was written | 29" in text, "after the last checkpoint" in text) == (True, False)
