"""The JSON API answers what its OpenAPI description says, whatever the runs hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from serve.scenes import metric, run, seed_scene

from monitor.notify.text import clean
from monitor.serve import wire
from monitor.serve.api import application
from monitor.serve.silences import SilenceView
from monitor.snapshot import AlertView, EventView, RunView, Snapshot

JSON_PATHS: list[tuple[str, type[BaseModel]]] = [
    ("/api/v1/runs", wire.Runs),
    ("/api/v1/runs/13503904", wire.RunDetail),
    ("/api/v1/runs/13507072", wire.RunDetail),
    ("/api/v1/runs/13503904/series?metric=train_loss&max_points=10", wire.Series),
    ("/api/v1/alerts", wire.Alerts),
    ("/api/v1/news", wire.News),
]


def client(*runs: RunView) -> TestClient:
    return TestClient(application(lambda: seed_scene(*runs)), base_url="http://127.0.0.1")


def get(path: str, *runs: RunView) -> Any:
    return client(*runs).get(path).json()


@pytest.mark.parametrize(("path", "model"), JSON_PATHS)
def test_every_answer_is_what_the_description_says(path: str, model: type[BaseModel]) -> None:
    document = get(path)
    assert document == model.model_validate(document).model_dump()


def test_every_path_is_described() -> None:
    described = set(get("/api/openapi.json")["paths"])
    expected = {"/metrics", "/healthz", "/readyz", "/api/v1/runs", "/api/v1/runs/{run}", "/api/v1/runs/{run}/series",
                "/api/v1/alerts", "/api/v1/news"}  # fmt: skip
    assert expected <= described


def test_the_list_tells_how_a_run_stands() -> None:
    first = get("/api/v1/runs")["runs"][0]
    assert ("13503904", "training", "critical", 104, 500) == tuple(
        first[key] for key in ("run", "state", "verdict", "step", "total_steps")
    )  # fmt: skip
    assert {"step": 100, "value": 1.07} == first["milestones"][1]["observed"]
    assert [2.19, 1.41, 1.2, 1.07] == first["trend"]["values"]


def test_the_list_follows_a_run_that_changes_and_forgets_one_that_is_gone() -> None:
    seen = [seed_scene()]
    asked = TestClient(application(lambda: seen[0]), base_url="http://127.0.0.1")
    before = asked.get("/api/v1/runs").json()["runs"]
    changed, finished, _ = seen[0].runs
    seen[0] = replace(seen[0], runs=(replace(changed, step=105.0), finished))
    after = asked.get("/api/v1/runs").json()["runs"]
    assert [{**before[0], "step": 105}, before[1]] == after


def test_a_series_comes_as_columns() -> None:
    document = get("/api/v1/runs/13503904/series?metric=val_loss")
    assert [25, 50, 75, 100] == document["attempts"][0]["steps"]
    assert [2.19, 1.41, 1.2, 1.07] == document["attempts"][0]["values"]


def test_the_curve_of_a_baseline_is_named_in_the_list_and_fetched_apart() -> None:
    held = {"values": {}, "step": None, "label": "old.out", "curves": {"val_loss": ([10.0, 20.0], [2.0, float("nan")])}}
    view = run("r", metrics=[metric("val_loss", [(5, 1.0)])], baseline=held)
    listed = wire.Runs.model_validate(get("/api/v1/runs", view)).runs[0].baseline
    assert listed is not None
    assert ("old.out", ["val_loss"]) == (listed.label, listed.curves)
    curve = wire.BaselineCurve.model_validate(get("/api/v1/runs/r/baseline", view))
    assert ("old.out", [10.0, 20.0], [2.0, "NaN"]) == (curve.label, curve.steps, curve.values)
    assert 404 == client(view).get("/api/v1/runs/r/baseline?metric=lr").status_code


def test_a_series_shows_the_attempts_apart() -> None:
    view = run("r", metrics=[metric("val_loss", [(5, 1.0)], earlier=[[(1, 3.0), (2, 2.0)]])], attempt=2)
    attempts = get("/api/v1/runs/r/series", view)["attempts"]
    assert [(1, [1, 2]), (2, [5])] == [(attempt["attempt"], attempt["steps"]) for attempt in attempts]


def test_a_series_is_thinned_on_request() -> None:
    view = run("r", metrics=[metric("val_loss", [(step, 1.0 / step) for step in range(1, 5001)])])
    document = get("/api/v1/runs/r/series?max_points=100", view)
    assert 5000 == document["points"]
    assert 100 >= len(document["attempts"][0]["steps"]) >= 50


def test_a_run_whose_name_holds_a_slash_is_found() -> None:
    view = run("jobs/a b", metrics=[metric("val_loss", [(5, 1.0)])])
    assert "jobs/a b" == get("/api/v1/runs/jobs/a%20b", view)["run"]
    assert "jobs/a b" == get("/api/v1/runs/jobs/a%20b/series", view)["run"]


def test_numbers_that_json_has_not_are_strings() -> None:
    nan, inf = float("nan"), float("inf")
    view = run("r", metrics=[metric("val_loss", [(1, inf), (2, -inf), (3, nan)])])
    assert ["Infinity", "-Infinity", "NaN"] == get("/api/v1/runs/r/series", view)["attempts"][0]["values"]
    assert "NaN" == get("/api/v1/runs", view)["runs"][0]["metrics"]["val_loss"]["last"]


def test_alerts_can_be_asked_by_run_and_state() -> None:
    assert ["step-100", "stall"] == [alert["rule"] for alert in get("/api/v1/alerts?state=firing")["alerts"]]
    assert ["stall"] == [alert["rule"] for alert in get("/api/v1/alerts?run=13507072")["alerts"]]
    assert [] == get("/api/v1/alerts?state=resolved")["alerts"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/v1/runs/nothere", 404, "no run `nothere`"),
        ("/api/v1/runs/13503904/series?metric=bleu", 404, "it has val_loss, train_loss"),
        ("/api/v1/runs/13503904/series?max_points=x", 422, "max_points"),
        ("/api/v2", 404, "Not Found"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(path: str, status: int, says: str) -> None:
    answer = client().get(path)
    assert (status, True) == (answer.status_code, says in answer.text)


def test_ready_only_after_the_first_pass_over_the_logs() -> None:
    reading = TestClient(application(lambda: Snapshot(0.0, "0.1.0")))
    assert [(200, 503), (200, 200)] == [
        (asked.get("/healthz").status_code, asked.get("/readyz").status_code) for asked in (reading, client())
    ]  # fmt: skip
    assert (200, 503) == (reading.get("/-/healthy").status_code, reading.get("/-/ready").status_code)


_shown = [seed_scene()]
_one_client = TestClient(application(lambda: _shown[0]), base_url="http://127.0.0.1")


@given(st.text(max_size=40), st.floats())
def test_whatever_a_log_says_stays_a_string_in_json(text: str, number: float) -> None:
    view = run("r", metrics=[metric("val_loss", [(1, number)])], events=(EventView("crash", text, None, None, {"line": text}),))
    _shown[0] = seed_scene(view)
    document = json.loads(_one_client.get("/api/v1/runs/r").content)
    assert wire.RunDetail.model_validate(document)
    assert clean(text, 2000) == document["events"][0]["text"]


def test_a_secret_that_a_training_printed_is_not_served() -> None:
    token = "hf_abcdefghijklmnopqrstuvwxyz012345"
    alert = AlertView("crash", "crash", "critical", "firing", None, None, f"login with {token} failed")
    event = EventView("crash", f"HF_TOKEN={token}", None, None, {"line": f"x {token}", "lines": [token]})
    view = run("r", alerts=(alert,), events=(event,))
    assert token not in client(view).get("/api/v1/runs/r").text + client(view).get("/api/v1/alerts").text


class Kept:
    """Silences in memory."""

    def __init__(self) -> None:
        self.held: list[SilenceView] = []

    def all(self) -> list[SilenceView]:
        return self.held

    def add(self, run: str, rule: str | None, until: str) -> SilenceView:
        if until != "2h":
            raise ValueError(f"`{until}` is no time; write step 200, 2h or end")
        self.held.append(SilenceView("7", run, rule, until, 0.0))
        return self.held[-1]

    def remove(self, silence_id: str) -> bool:
        found = [one for one in self.held if one.id == silence_id]
        self.held = [one for one in self.held if one.id != silence_id]
        return bool(found)


def test_a_silence_is_made_listed_and_ended() -> None:
    asked = TestClient(application(seed_scene, Kept()), base_url="http://127.0.0.1")
    made = asked.post("/api/v1/silences", json={"run": "13503904", "rule": "stall", "until": "2h"})
    assert (201, "7") == (made.status_code, wire.Silence.model_validate(made.json()).id)
    assert ["stall"] == [one.rule for one in wire.Silences.model_validate(asked.get("/api/v1/silences").json()).silences]
    assert [204, 404] == [asked.delete("/api/v1/silences/7").status_code for _ in range(2)]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"run": "nothere", "until": "2h"}, 404, "no run"),
        ({"run": "13503904", "until": "soon"}, 422, "write step 200, 2h or end"),
        ({"run": "13503904", "until": "2h", "rules": "x"}, 422, "rules"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_with_the_reason(body: dict[str, str], status: int, says: str) -> None:
    answer = TestClient(application(seed_scene, Kept()), base_url="http://127.0.0.1").post("/api/v1/silences", json=body)
    assert (status, True) == (answer.status_code, says in answer.text)


def test_without_anybody_to_keep_them_there_are_no_silences() -> None:
    assert not get("/api/v1/runs")["can_silence"]
    assert 404 == client().get("/api/v1/silences").status_code
