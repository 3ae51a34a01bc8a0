"""A format file in the user's config directory is known without being named."""

from __future__ import annotations

import json
from pathlib import Path

from endtoend.watching import run

FORMAT = """
name: odd
title: an odd one
recognise: ['^tick <n> :: fitness']
lines:
  - name: values
    match: '^tick <step> :: fitness of validation <val_loss> ; of training <train_loss>'
"""


def test_a_format_in_the_config_directory_is_found_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "loss-watch" / "formats"
    folder.mkdir(parents=True)
    (folder / "odd.yaml").write_text(FORMAT)
    (tmp_path / "odd.log").write_text("tick 10 :: fitness of validation 0.5 ; of training 0.6\n")
    (digest,) = json.loads(run(tmp_path, "scan", "odd.log", "--summary", "--json").stdout)["runs"]
    last = {name: metric["last"] for name, metric in digest["metrics"].items()}
    assert ("odd", {"val_loss": [10, 0.5], "train_loss": [10, 0.6]}) == (digest["format"], last)


def test_a_mistake_in_it_is_told_with_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "loss-watch" / "formats"
    folder.mkdir(parents=True)
    (folder / "odd.yaml").write_text("name: odd\nlinez: []\n")
    done = run(tmp_path, "formats", "list")
    assert 2 == done.returncode
    assert "odd.yaml" in done.stderr
    assert "linez" in done.stderr
