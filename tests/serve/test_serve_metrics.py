"""What a scraper gets: the contract's names, values that parse back, a silent promtool."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace

from conftest import needs
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families
from serve.scenes import NOW, finished_run, metric, run, seed_scene, training_run

from monitor.serve.families import GRACE_S, MAX_METRICS_PER_RUN, MILESTONE_STATES, Family
from monitor.serve.metrics import Metrics, SnapshotCollector
from monitor.snapshot import AlertView, Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

CONTRACT = {
    "losswatch_metric_value": {"run", "metric"},
    "losswatch_metric_best": {"run", "metric"},
    "losswatch_step": {"run"},
    "losswatch_total_steps": {"run"},
    "losswatch_run_info": {"run", "slurm_job_id", "job_name", "user", "attempt", "format", "state"},
    "losswatch_run_up": {"run"},
    "losswatch_milestone_state": {"run", "milestone", "state"},
    "losswatch_milestone_threshold": {"run", "milestone"},
    "losswatch_milestone_observed": {"run", "milestone"},
    "losswatch_milestone_forecast": {"run", "milestone", "bound"},
    "losswatch_milestone_eta_timestamp_seconds": {"run", "milestone"},
    "losswatch_alert_firing": {"run", "rule", "severity"},
    "losswatch_last_line_timestamp_seconds": {"run"},
    "losswatch_last_step_timestamp_seconds": {"run"},
    "losswatch_tail_lag_bytes": {"run"},
    "losswatch_lines_total": set(),
    "losswatch_bytes_total": set(),
    "losswatch_observations_total": set(),
    "losswatch_notifications_total": {"channel"},
    "losswatch_notifications_failed_total": {"channel"},
    "losswatch_build_info": {"version"},
    "losswatch_config_last_reload_successful": set(),
}

Row = tuple[str, frozenset[tuple[str, str]]]


def scrape(snapshot: Snapshot, accept: str = "") -> str:
    return Metrics(lambda: snapshot).scrape(accept)[0].decode()


def rows(text: str) -> dict[Row, float]:
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found if sample.name.startswith("losswatch_")}


def value(text: str, name: str, **labels: str) -> float | None:
    return rows(text).get((name, frozenset(labels.items())))


def test_every_metric_of_the_contract_is_exported_with_its_labels() -> None:
    found = rows(scrape(seed_scene()))
    assert {name: {label for row, labels in found if row == name for label, _ in labels} for name in CONTRACT} == CONTRACT


def test_the_values_are_the_snapshots() -> None:
    text = scrape(seed_scene())
    assert 1.07 == value(text, "losswatch_metric_value", run="13503904", metric="val_loss")
    assert 0.336 == value(text, "losswatch_metric_best", run="13506127", metric="val_loss")
    assert 104.0 == value(text, "losswatch_step", run="13503904")
    assert 1.0 == value(text, "losswatch_milestone_state", run="13503904", milestone="step-100", state="worry")
    assert 0.58 == value(text, "losswatch_milestone_forecast", run="13503904", milestone="step-200", bound="low")
    assert NOW + 7500.0 == value(text, "losswatch_milestone_eta_timestamp_seconds", run="13503904", milestone="step-200")
    assert 1.0 == value(text, "losswatch_alert_firing", run="13503904", rule="step-100", severity="critical")
    assert 12.0 == value(text, "losswatch_tail_lag_bytes", run="13503904")
    assert 1.0 == value(text, "losswatch_notifications_failed_total", channel="email")


def test_exactly_one_state_of_a_milestone_is_one() -> None:
    per_milestone: Counter[tuple[str, str]] = Counter()
    for (name, labels), number in rows(scrape(seed_scene())).items():
        if name == "losswatch_milestone_state":
            per_milestone[dict(labels)["run"], dict(labels)["milestone"]] += int(number)
            assert dict(labels)["state"] in MILESTONE_STATES
    assert {1} == set(per_milestone.values())


def test_a_run_that_ended_is_down_at_once_and_gone_after_its_grace() -> None:
    ended = finished_run()
    assert 0.0 == value(scrape(seed_scene(ended)), "losswatch_run_up", run="13506127")
    assert 1.0 == value(scrape(seed_scene(training_run())), "losswatch_run_up", run="13503904")
    seen = [seed_scene(ended)]
    metrics = Metrics(lambda: seen[0])
    seen[0] = replace(seed_scene(ended), time_s=NOW + GRACE_S)
    assert b"13506127" not in metrics.scrape()[0]


def test_a_run_that_ended_before_the_watcher_came_is_still_seen_for_the_grace() -> None:
    old = replace(finished_run(), ended_s=NOW - 10 * GRACE_S)
    assert 0.336 == value(scrape(seed_scene(old)), "losswatch_metric_value", run="13506127", metric="val_loss")


def test_the_lines_follow_a_run_that_changes_comes_or_goes() -> None:
    seen = [seed_scene()]
    metrics = Metrics(lambda: seen[0])
    first, *others = seen[0].runs
    scenes = [
        seen[0], replace(seen[0], runs=(replace(first, step=105.0), *others)), replace(seen[0], runs=()), seed_scene(*others),
        seed_scene(run("new", step=1.0), *others), seed_scene(replace(first, alerts=()), *others),
    ]  # fmt: skip
    for scene in scenes:
        seen[0] = scene
        assert rows(scrape(scene)) == rows(metrics.scrape()[0].decode())


def test_promtool_finds_nothing_to_say() -> None:
    needs("promtool")
    checked = subprocess.run(["promtool", "check", "metrics"], input=scrape(seed_scene()), capture_output=True, text=True, timeout=20)
    assert (0, "", "") == (checked.returncode, checked.stdout, checked.stderr)


def test_openmetrics_is_served_when_it_is_asked_for_and_parses_strictly() -> None:
    body, content_type = Metrics(seed_scene).scrape(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in openmetrics_parser.text_string_to_metric_families(body.decode())}
    assert ("info", "counter", "seconds") == (
        families["losswatch_run"].type, families["losswatch_lines"].type, families["losswatch_last_line_timestamp_seconds"].unit,
    )  # fmt: skip
    assert body.endswith(b"# EOF\n")


def test_the_text_format_is_the_default() -> None:
    assert Metrics(seed_scene).scrape("*/*")[1].startswith("text/plain; version=0.0.4")


def test_what_we_write_is_what_prometheus_client_writes() -> None:
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(seed_scene))
    assert rows(generate_latest(registry).decode()) == rows(scrape(seed_scene()))


hostile = st.text(alphabet=st.one_of(st.sampled_from('"\\\n{}=,# \r\x00\x1b\u2028\udcff'), st.characters()), max_size=30)


@given(name=hostile, rule=hostile, job=hostile, number=st.floats())
def test_hostile_names_come_back_whole_or_made_safe_and_never_break_a_line(name: str, rule: str, job: str, number: float) -> None:
    alert = AlertView(rule, "pattern", "warning", "firing", None, None, "m")
    snapshot = seed_scene(run("r", metrics=[metric(name, [(1, number)])], alerts=(alert,), facts={"job_name": job}))
    for accept in ("", OPENMETRICS):
        text = scrape(snapshot, accept)
        families = openmetrics_parser.text_string_to_metric_families(text) if accept else text_string_to_metric_families(text)
        samples = [sample for family in families for sample in family.samples]
        firing = [sample for sample in samples if sample.name == "losswatch_alert_firing"]
        assert [rule.encode("utf-8", "replace").decode()] == [sample.labels["rule"] for sample in firing]
        values = [sample.value for sample in samples if sample.name == "losswatch_metric_value"]
        assert [repr(number)] == [repr(value) for value in values]


def test_a_log_that_invents_metrics_does_not_fill_prometheus() -> None:
    views = [metric(f"m{number}", [(1, 1.0)]) for number in range(3 * MAX_METRICS_PER_RUN)]
    found = rows(scrape(seed_scene(run("r", metrics=views))))
    assert MAX_METRICS_PER_RUN == sum(name == "losswatch_metric_value" for name, _ in found)


def test_two_metrics_whose_names_become_one_label_are_one_series() -> None:
    text = scrape(seed_scene(run("r", metrics=[metric("a b", [(1, 1.0)]), metric("a_b", [(1, 2.0)])])))
    assert 1 == sum(line.startswith("losswatch_metric_value") for line in text.splitlines())


def test_a_watcher_without_runs_still_says_who_it_is() -> None:
    text = scrape(Snapshot(NOW, "0.1.0"))
    assert 1.0 == value(text, "losswatch_build_info", version="0.1.0")
    assert "losswatch_metric_value" not in text


def test_a_family_takes_no_row_for_a_value_never_seen() -> None:
    family = Family("losswatch_x", "gauge", "x")
    family.add(None)
    assert [] == family.rows
