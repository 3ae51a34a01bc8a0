"""The example deployment: each file accepted by the program that reads it, each mount there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, needs

FOLDER = ROOT / "examples" / "grafana"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())


@pytest.mark.parametrize(
    "command",
    [
        ("promtool", "check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")),
        ("amtool", "check-config", str(FOLDER / "alertmanager.yml")),
    ],
    ids=["promtool", "amtool"],
)
def test_the_programs_that_read_the_files_accept_them(command: tuple[str, ...]) -> None:
    needs(command[0])
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_file_that_is_mounted_is_there() -> None:
    mounts = [mount.split(":")[0] for service in COMPOSE["services"].values() for mount in service.get("volumes", ())]
    files = [mount for mount in mounts if mount.startswith(("./", "../"))]
    assert [] == [file for file in files if not (FOLDER / file).exists()]
    assert {"state", "metrics"} == set(COMPOSE["volumes"])


def test_only_this_machine_reaches_the_example() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_grafana_finds_its_source_and_the_dashboard_where_they_are_mounted() -> None:
    provisioning = FOLDER / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    assert ("prometheus", "http://prometheus:9090") == (source["type"], source["url"])
    folder = yaml.safe_load((provisioning / "dashboards" / "losswatch.yaml").read_text())["providers"][0]["options"]["path"]
    assert any(mount.split(":")[1].startswith(folder) for mount in COMPOSE["services"]["grafana"]["volumes"])


def test_the_token_is_read_from_where_it_is_mounted() -> None:
    scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["authorization"]["credentials_file"] in COMPOSE["services"]["loss-watch"]["command"]
    assert "losswatch_token" == Path(scrape["authorization"]["credentials_file"]).name
