"""README shows what the command prints: its marked blocks are run, its rules files are read."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from monitor.rulesfile import read_rulebook
from monitor.yamlfile import parse_yaml

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"<!-- tested -->\n```console\n\$ (loss-watch [^\n]+)\n(.*?)\n```", TEXT, re.S)
RULES = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


def test_readme_has_blocks_that_are_run() -> None:
    assert len(BLOCKS) >= 4
    assert len(RULES) >= 2
    assert "@@" not in TEXT


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command.split()[1] for command, _ in BLOCKS])
def test_a_marked_block_is_what_the_command_prints(command: str, shown: str, loss_watch: list[str]) -> None:
    real = command.replace("loss-watch", " ".join(loss_watch), 1)
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
    done = subprocess.run(
        real, shell=True, executable="/bin/bash", cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.splitlines() == (done.stdout + done.stderr).rstrip().splitlines()


@pytest.mark.parametrize("text", RULES)
def test_a_rules_file_in_readme_has_no_mistake(text: str) -> None:
    assert read_rulebook(parse_yaml(text, "README.md"), "README.md").milestones


def test_every_page_that_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert [] == [link for link in links if not (ROOT / link).exists()]
