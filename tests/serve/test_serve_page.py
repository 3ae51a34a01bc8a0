"""The page in a real browser: what it shows, what the keys do, that nothing from a log or from elsewhere runs in it."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from conftest import needs
from serve.scenes import NOW, finished_run, many_runs, metric, run, seed_scene, silent_run, training_run

from monitor.serve import page
from monitor.serve.server import Server
from monitor.serve.silences import SilenceView
from monitor.snapshot import AlertView, EventView, Snapshot
from rules.alert import Transition

playwright = pytest.importorskip("playwright.sync_api")
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


class Kept:
    """Silences in memory, as the state keeps them."""

    def __init__(self) -> None:
        self.held: list[SilenceView] = []
        self._ids = itertools.count(1)

    def all(self) -> list[SilenceView]:
        return list(self.held)

    def add(self, run: str, rule: str | None, until: str) -> SilenceView:
        if until not in {"2h", "end", "step 200"}:
            raise ValueError(f"`{until}` is no time")
        self.held.append(SilenceView(str(next(self._ids)), run, rule, f"until {until}", NOW))
        return self.held[-1]

    def remove(self, silence_id: str) -> bool:
        before = len(self.held)
        self.held = [one for one in self.held if one.id != silence_id]
        return len(self.held) < before


class Watched:
    """A server whose snapshot a test may change, and what the browser said while it was looked at."""

    def __init__(self, snapshot: Snapshot, **options: Any) -> None:
        self.snapshot = snapshot
        self.server = Server(lambda: self.snapshot, "127.0.0.1:0", **options)
        self.said: list[str] = []
        self.foreign: list[str] = []

    def look(self, tab: Any, path: str = "/") -> Any:
        tab.on("console", lambda message: self.said.append(message.text))
        tab.on("pageerror", lambda error: self.said.append(str(error)))
        tab.on("request", lambda request: self.foreign.append(request.url) if not request.url.startswith(self.server.url) else None)
        tab.goto(self.server.url + path)
        return tab


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    needs("chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(8000)
    yield context.new_page()
    context.close()


@contextmanager
def watched(snapshot: Snapshot, **options: Any) -> Iterator[Watched]:
    seen = Watched(snapshot, **options)
    seen.server.start()
    try:
        yield seen
    finally:
        seen.server.stop()
        assert ([], []) == (seen.said, seen.foreign)


def text(tab: Any, selector: str) -> str:
    return " ".join(tab.locator(selector).first.inner_text().split())


def wait_text(tab: Any, selector: str, wanted: str) -> None:
    tab.locator(selector, has_text=wanted).first.wait_for()


def test_the_list_says_how_every_run_stands_the_urgent_ones_first(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab)
        tab.wait_for_selector("tr[data-run]")
        assert ["13503904", "13507072", "13506127"] == [row.get_attribute("data-run") for row in tab.query_selector_all("tr[data-run]")]
        row = text(tab, "tr[data-run='13503904']")
        for says in ("training", "104 / 500", "1.07", "3.0× checkpoint step_311", "200 < 0.6", "21 % likely", "worry", "step-100"):
            assert says in row
        assert "silent 26 min" in text(tab, "tr[data-run='13507072']")
        assert "all met" in text(tab, "tr[data-run='13506127']")
        assert "3 runs" in text(tab, "#tally")
        assert "val_loss 0.336 < 0.34" in text(tab, ".news")


def test_the_page_follows_the_watcher_without_being_asked(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab)
        wait_text(tab, "tr[data-run='13503904']", "104 / 500")
        seen.snapshot = seed_scene(replace(training_run(), step=131.0), silent_run())
        wait_text(tab, "tr[data-run='13503904']", "131 / 500")
        tab.locator("tr[data-run='13506127']").wait_for(state="detached")


def test_a_run_shows_its_curve_milestones_alerts_and_events(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab, "/#/run/13503904")
        tab.wait_for_selector(".chart canvas")
        assert "val_loss 1.07" in text(tab, ".readout")
        assert "resolves when val_loss < 0.9" in text(tab, ".alert")
        assert ["step 50", "step 100", "step 200", "step 311"] == tab.locator(".milestones tbody th").all_inner_texts()
        assert "0.66 expected (0.58 to 0.75), 21 % likely" in text(tab, ".milestones")
        wait_text(tab, ".news", "8 keys missing")


def test_hovering_reads_the_values_and_the_keys_do_what_the_help_says(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab)
        tab.wait_for_selector("tr[data-run]")
        tab.keyboard.press("j")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".chart canvas")
        tab.locator(".chart").focus()
        tab.keyboard.press("ArrowRight")
        assert text(tab, ".readout").startswith("step 1 ")
        log = tab.get_by_role("button", name="log scale")
        before = log.get_attribute("aria-pressed")
        tab.keyboard.press("l")
        tab.wait_for_function("before => document.querySelector('button[title^=logarithmic]').ariaPressed !== before", arg=before)
        tab.keyboard.press("+")
        tab.get_by_role("button", name="whole run").wait_for()
        tab.keyboard.press("0")
        tab.get_by_role("button", name="whole run").wait_for(state="hidden")
        tab.keyboard.press("x")
        tab.wait_for_function("location.hash.includes('x=time')")
        tab.keyboard.press("?")
        assert tab.locator("dialog").is_visible()
        tab.keyboard.press("Escape")
        tab.keyboard.press("Escape")
        tab.wait_for_selector("tr[data-run]")


def test_a_drag_zooms_and_a_double_click_shows_the_whole_run_again(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab, "/#/run/13503904")
        tab.wait_for_selector(".chart canvas")
        box = tab.locator(".chart").bounding_box()
        tab.mouse.move(box["x"] + 200, box["y"] + 200)
        tab.mouse.down()
        tab.mouse.move(box["x"] + 500, box["y"] + 200, steps=5)
        tab.mouse.up()
        tab.get_by_role("button", name="whole run").wait_for()
        tab.mouse.dblclick(box["x"] + 300, box["y"] + 150)
        tab.get_by_role("button", name="whole run").wait_for(state="hidden")


def test_another_run_is_laid_over_and_the_address_keeps_it(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab, "/#/run/13503904")
        tab.wait_for_selector(".chart canvas")
        tab.select_option("#compare", "13506127")
        wait_text(tab, ".readout", "13506127 val_loss")
        tab.goto("about:blank")
        tab.goto(f"{seen.server.url}/{'#/run/13503904?m=val_loss&vs=13506127'}")
        wait_text(tab, ".readout", "13506127 val_loss")


def test_the_curve_of_a_baseline_run_lies_under_the_runs_own(tab: Any) -> None:
    held = {"values": {}, "step": None, "label": "old run", "curves": {"val_loss": ([10.0, 50.0, 90.0], [3.0, 1.0, 0.4])}}
    with watched(seed_scene(replace(training_run(), baseline=held))) as seen:
        seen.look(tab, "/#/run/13503904")
        wait_text(tab, ".readout", "old run")


def test_an_alert_is_silenced_from_its_run_and_the_silence_ended_from_the_list(tab: Any) -> None:
    kept = Kept()
    with watched(seed_scene(), silences=kept) as seen:
        seen.look(tab, "/#/run/13503904")
        tab.locator(".alert summary").click()
        tab.get_by_role("button", name="until step 200").click()
        wait_text(tab, ".alert .silence", "silenced (step 200)")
        assert [("13503904", "step-100", "until step 200")] == [(one.run, one.rule, one.until) for one in kept.held]
        tab.keyboard.press("Escape")
        wait_text(tab, ".silences", "until step 200")
        tab.get_by_role("button", name="End the silence").click()
        tab.locator(".silences li").wait_for(state="detached")
        assert [] == kept.held


def test_a_whole_run_is_silenced_from_its_page(tab: Any) -> None:
    kept = Kept()
    with watched(seed_scene(), silences=kept) as seen:
        seen.look(tab, "/#/run/13506127")
        tab.get_by_text("silence this run").click()
        tab.get_by_role("button", name="until it ends").click()
        wait_text(tab, ".top .silence", "silenced (end)")
        assert [("13506127", None)] == [(one.run, one.rule) for one in kept.held]


def test_what_a_log_says_is_shown_and_never_run(tab: Any) -> None:
    alert = AlertView(HOSTILE, "pattern", "critical", "firing", 1.0, None, HOSTILE, NOW, HOSTILE)
    told = Transition(HOSTILE, 1, HOSTILE, "pattern", "critical", "firing", 1.0, None, HOSTILE, NOW)
    view = run(HOSTILE, metrics=[metric("val_loss", [(1, 1.0), (2, 0.5)]), metric(HOSTILE, [(1, 1.0)])], alerts=(alert,), step=2.0,
               facts={"job_name": HOSTILE}, events=(EventView("crash", HOSTILE, 2.0, NOW, {}),),
               baseline={"values": {"val_loss": 1.0}, "label": HOSTILE})  # fmt: skip
    with watched(replace(seed_scene(view), news=(told,), rules_label=HOSTILE)) as seen:
        seen.look(tab)
        tab.locator("a.run").click()
        tab.wait_for_selector(".chart canvas")
        wait_text(tab, "main", "onerror")
        assert "owned" != tab.title()
        assert 0 == tab.locator("main img, main script").count()


def test_nan_is_marked_and_breaks_nothing(tab: Any) -> None:
    points = [(step, 2.0 / step) for step in range(1, 50)] + [(step, math.nan) for step in range(50, 60)]
    with watched(seed_scene(run("r", metrics=[metric("train_loss", points)], step=59.0))) as seen:
        seen.look(tab, "/#/run/r")
        tab.wait_for_selector(".chart canvas")
        assert "train_loss NaN" in text(tab, ".readout")


@pytest.mark.parametrize("path", ["/", "/#/run/13503904"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll_in_either_colours(browser: Any, path: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, color_scheme=scheme)
    with watched(seed_scene(), silences=Kept()) as seen:
        phone = seen.look(context.new_page(), path)
        phone.wait_for_selector("tr[data-run]" if path == "/" else ".chart canvas")
        assert 360 >= phone.evaluate("document.documentElement.scrollWidth")
        dark = phone.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        assert ("rgb(18, 21, 24)" if scheme == "dark" else "rgb(246, 247, 248)") == dark
    context.close()


def test_a_watcher_that_went_away_is_said_so(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab)
        tab.wait_for_selector("tr[data-run]")
        seen.server.stop()
        wait_text(tab, "#lost", "The watcher does not answer since")
        seen.said.clear()  # the browser reports each refused connection
        tab.close()
        seen.said.clear()


def test_a_run_that_is_not_watched_is_said_so(tab: Any) -> None:
    with watched(seed_scene()) as seen:
        seen.look(tab, "/#/run/nowhere")
        wait_text(tab, "main", "No such run is watched")


def test_with_a_token_the_browser_asks_once_and_the_whole_page_works(browser: Any) -> None:
    context = browser.new_context(http_credentials={"username": "me", "password": "s3cret"})
    with watched(seed_scene(), token="s3cret") as seen:
        tab = seen.look(context.new_page())
        tab.wait_for_selector("tr[data-run]")
        seen.said.clear()  # the first 401, by which the browser learns that it must ask
    context.close()


def test_a_hundred_runs_of_ten_thousand_points_are_on_the_screen_within_a_second(tab: Any) -> None:
    with watched(many_runs(100, metrics=4, points=10_000)) as seen:
        httpx.get(f"{seen.server.url}/healthz", timeout=10)
        began = time.monotonic()
        seen.look(tab)
        tab.wait_for_selector("tr[data-run]:nth-child(100)")
        took_s = time.monotonic() - began
        painted_ms = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert painted_ms < 1000
        assert took_s < 3.0  # a busy machine; bench/serve.py measures


def test_the_chart_library_is_served_only_as_the_file_that_was_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.chart_script() is not None
    monkeypatch.setattr(page, "CHARTS_SHA256", "0" * 64)
    assert page.chart_script() is None
    assert b"pip install" in page.assets()[page.CHARTS].body


def test_files_of_the_page_are_sent_once_and_then_by_tag() -> None:
    with watched(finished_scene := seed_scene(finished_run())) as seen, httpx.Client(base_url=seen.server.url, timeout=10) as client:
        assert finished_scene.runs
        first = client.get("/static/style.css")
        assert ("gzip", "text/css; charset=utf-8") == (first.headers["content-encoding"], first.headers["content-type"])
        assert 304 == client.get("/static/style.css", headers={"if-none-match": first.headers["etag"]}).status_code
        assert 404 == client.get("/static/..%2fapi.py").status_code
        assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
