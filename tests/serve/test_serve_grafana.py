"""The dashboard: what its program writes, in Grafana's shape, every query with an answer from a real Prometheus."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from serve.prometheus import Asked, prometheus, wait_for
from serve.scenes import finished_run, seed_scene, silent_run, training_run

from monitor.serve.grafana.build import FILE, as_text
from monitor.serve.server import Server
from monitor.snapshot import Counters, Snapshot

BOARD: dict[str, Any] = json.loads(FILE.read_text())
QUERIES = [(panel["title"], target) for panel in BOARD["panels"] for target in panel["targets"]]


def growing() -> Snapshot:
    """The scene with a step and the counters further at each look, as a watcher's are."""
    turn = next(_turns)
    runs = (replace(training_run(), step=104.0 + turn), finished_run(), silent_run())
    return replace(seed_scene(*runs), counters=Counters(turn, 100 * turn, turn), notifications={"slack": (turn, 0), "email": (1, turn)})


_turns = itertools.count(1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    server = Server(growing, "127.0.0.1:0")
    server.start()
    scrape = f"  - {{job_name: losswatch, static_configs: [{{targets: ['{server.url.removeprefix('http://')}']}}]}}"
    try:
        with prometheus(tmp_path_factory.mktemp("prometheus"), scrape) as asked:
            wait_for("two scrapes", lambda: asked.instant("count_over_time(losswatch_lines_total[1m]) > 2"))
            yield asked
    finally:
        server.stop()


def filled_in(expr: str) -> str:
    for variable, value in (("$run", ".+"), ("$metric", "val_loss"), ("$__rate_interval", "20s")):
        expr = expr.replace(variable, value)
    assert "$" not in expr
    return expr


@pytest.mark.parametrize(("title", "target"), QUERIES, ids=[f"{title} {target['refId']}" for title, target in QUERIES])
def test_every_query_of_the_dashboard_gives_at_least_one_series(asked: Asked, title: str, target: dict[str, Any]) -> None:
    ask = asked.instant if target["instant"] else asked.over
    assert ask(filled_in(target["expr"])), f"{title}: {target['expr']}"


def test_the_annotations_and_variables_have_answers_too(asked: Asked) -> None:
    assert asked.over(filled_in(BOARD["annotations"]["list"][0]["target"]["expr"]))
    assert ["13503904", "13506127", "13507072"] == asked.get("/api/v1/label/run/values", **{"match[]": "losswatch_run_info"})


def test_the_milestone_codes_say_the_states(asked: Asked) -> None:
    expr = next(target["expr"] for title, target in QUERIES if title == "Milestone states")
    rows = [row for row in asked.instant(filled_in(expr)) if row["metric"]["run"] == "13503904"]
    codes = {row["metric"]["milestone"]: float(row["value"][1]) for row in rows}
    assert {"step-50": 1.0, "step-100": 3.0, "step-200": 0.0, "step-311": 0.0} == codes


def test_the_next_milestone_is_the_nearest_that_is_ahead(asked: Asked) -> None:
    expr = next(target["expr"] for title, target in QUERIES if (title, target["refId"]) == ("Runs", "next"))
    assert [("13503904", "200")] == [(row["metric"]["run"], row["value"][1]) for row in asked.instant(filled_in(expr))]


def test_the_file_is_what_its_program_writes() -> None:
    assert as_text() == FILE.read_text()


def test_it_belongs_to_no_server_and_every_panel_takes_the_chosen_source() -> None:
    assert (None, "loss-watch") == (BOARD["id"], BOARD["uid"])
    sources = [panel["datasource"]["uid"] for panel in BOARD["panels"]] + [target["datasource"]["uid"] for _, target in QUERIES]
    assert {"${datasource}"} == set(sources)
    assert "__inputs" not in BOARD


def test_every_panel_says_what_it_shows_and_none_covers_another() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        assert panel["description"].endswith(".")
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own
    assert len(BOARD["panels"]) == len({panel["id"] for panel in BOARD["panels"]})
