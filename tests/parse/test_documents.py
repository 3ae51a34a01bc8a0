"""The page of formats is made from their files; a proposed format reads the log it was proposed from; facts about formats."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from monitor.parse import Catalogue, LogParser
from monitor.parse.document import document
from monitor.parse.facts import identify, list_formats, show_format
from monitor.parse.formatfile import FormatError, make_format, read_format
from monitor.parse.propose import propose
from rules.observation import Observation, Progress

ROOT = Path(__file__).parents[2]
CATALOGUE = Catalogue.load()


def test_the_page_of_formats_is_what_the_format_files_say() -> None:
    assert document(CATALOGUE) == (ROOT / "docs" / "formats.md").read_text(encoding="utf-8"), "run python -m monitor.parse.document"


INVENTED = {
    "tick": "<<tick {n:05d} of 00050>> trn.crit~{t:.3f} dev.crit~{v:.3f} speed~120.2",
    "arrows": "round#{n} => objective -> {t:.4f} ;; held-out objective -> {v:.4f} ;; 12 ms",
    "dated": "2026-11-23 17:20:{n:02d} worker[4] upd={n} trainErr={t:.5f} validErr={v:.5f}",
    "bars": "|| iter {n} || TRAIN NLL {t:.3f} || DEV NLL {v:.3f} ||",
    "German": "Schritt {n}/50 | Verlust: {t:.4f} | Validierungsverlust: {v:.4f}",
    "French": "Époque {n}/50 - perte {t:.4f} - perte_val {v:.4f}",
    "Chinese": "第{n}轮 训练损失={t:.4f} 验证损失={v:.4f}",
    "a solver's": "ITER {n:8d}  RES= {t:.6E}  VRES= {v:.6E}  CFL= 0.90",
    "energies": "gen={n} E_trn={t:.6f} E_tst={v:.6f} |g|=0.5",
    "nested": '{{"i": {n}, "obj": {t:.4f}, "dev": {{"obj": {v:.4f}}}}}',
    "no words": "{n:6d} {t:10.5f} {v:10.5f} 1.00e-03",
    "semicolons": "{n};{t:.5f};{v:.5f};0.001",
    "three lines": "round {n} begins\n   objective = {t:.4f}\n   held-out objective = {v:.4f}",
    "a logger's": "2026-01-01 10:00:{n:02d},123 - INFO - solver - cycle #{n} cost~{t:.4f} xval~{v:.4f}",
}


@pytest.mark.parametrize("form", sorted(INVENTED))
def test_a_format_proposed_for_an_invented_log_reads_it(form: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    rows = [(n, 4 / n + chance.random(), 4.5 / n + chance.random()) for n in range(1, 51)]
    log = "boot ok, 8 workers, seed 17\n" + "".join(INVENTED[form].format(n=n, t=t, v=v) + "\n" for n, t, v in rows)
    text = propose(log.encode(), name="invented")
    assert text is not None
    path = tmp_path / "invented.yaml"
    path.write_text(text, encoding="utf-8")
    parser = LogParser(Catalogue.load([path]))
    for sample in parser.catalogue.named("invented").samples:
        alone = LogParser(parser.catalogue)
        given = [[item.metric, item.at, item.value] for item in alone.feed(sample["log"].encode()) if isinstance(item, Observation)]
        assert all(row in given for row in sample["gives"])
    seen = [item for item in parser.feed(log.encode()) + parser.flush() if isinstance(item, Observation)]
    assert "invented" == parser.format
    for metric, column in (("train_loss", 1), ("val_loss", 2)):
        values = [(item.step, item.value) for item in seen if item.metric == metric]
        assert [row[0] for row in rows] == [step for step, _ in values]
        assert all(abs(row[column] - value) < 0.001 for row, (_, value) in zip(rows, values, strict=True))


def test_nothing_is_proposed_for_a_text_in_which_nothing_counts() -> None:
    assert propose(b"hello\nworld 3\nthe end 4 5\n") is None


def test_a_format_file_with_a_mistake_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\nlines: [{match: '(<step>', nmes: {}}]\n")
    with pytest.raises(FormatError, match=r"bad\.yaml.*nmes"):
        read_format(path)


def test_a_users_own_format_comes_before_the_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"name": "keras", "recognise": ["^own <n>"], "lines": [{"match": "^own <step> <train_loss>"}]}))
    catalogue = Catalogue.load([path])
    assert ["keras"] == [one.name for one in catalogue.formats if one.name == "keras"]
    assert str(path) == catalogue.named("keras").source


def test_a_log_is_identified_with_the_line_that_gave_it_away() -> None:
    log = b"hello\nstep 0: train loss 4.2874, val loss 4.2823\niter 0: loss 4.2665, time 36069.79ms, mfu -100.00%\n"
    facts = identify(CATALOGUE, [log])
    assert ("nanogpt", 2) == (facts["format"], facts["line_number"])
    assert "step 0: train loss" in facts["line"]


def test_every_format_can_be_listed_and_shown() -> None:
    for row in list_formats(CATALOGUE):
        assert make_format(yaml.safe_load(show_format(CATALOGUE, row["name"]))).name == row["name"]


def test_a_parsers_total_is_told_once() -> None:
    parser = LogParser(CATALOGUE)
    items = parser.feed(b"".join(b"step:%d/100 train_loss:2.0 train_time:1ms step_avg:1ms\n" % n for n in range(1, 20)))
    assert [100.0] == [item.total_steps for item in items if isinstance(item, Progress) and item.total_steps is not None]
