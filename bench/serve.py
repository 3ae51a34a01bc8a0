"""What the server costs: a scrape of many runs, the start and the stop, the page's first paint and its chart.

    python bench/serve.py [--runs 1000] [--metrics 20]

The page's part needs chromium and playwright, and is left out, by name, where they are absent. Medians of five, milliseconds.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(ROOT), str(ROOT / "tests")]  # in place of this folder, where "serve" is this very file

from serve.scenes import many_runs, seed_scene  # noqa: E402

from monitor.serve.metrics import Metrics  # noqa: E402
from monitor.serve.server import Server  # noqa: E402

ROUNDS = 5
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def median_ms(act: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def get(url: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def scrape(runs: int, metrics: int) -> None:
    snapshot = many_runs(runs, metrics=metrics)
    lines = Metrics(lambda: snapshot).scrape()[0].count(b"\n")
    print(f"/metrics, {runs:,} runs x {metrics} metrics, {lines:,} lines")
    for name, accept in (("text", ""), ("OpenMetrics", OPENMETRICS)):
        fresh = median_ms(lambda accept=accept: Metrics(lambda: snapshot).scrape(accept))
        print(f"  {name + ', every run changed':34} {fresh:8.1f}")
    asked = Metrics(lambda: snapshot)
    asked.scrape()
    print(f"  {'text, no run changed':34} {median_ms(asked.scrape):8.1f}")
    server = Server(lambda: snapshot, "127.0.0.1:0")
    server.start()
    get(f"{server.url}/healthz")
    print(f"  {'text, over HTTP':34} {median_ms(lambda: get(f'{server.url}/metrics')):8.1f}")
    print(f"  {'/api/v1/runs, over HTTP':34} {median_ms(lambda: get(f'{server.url}/api/v1/runs')):8.1f}")
    server.stop()


def start_and_stop() -> None:
    print("the server")
    starts, answers, stops = [], [], []
    for _ in range(ROUNDS):
        server = Server(seed_scene, "127.0.0.1:0")
        began = time.perf_counter()
        server.start()
        bound = time.perf_counter()
        get(f"{server.url}/healthz")
        answered = time.perf_counter()
        server.stop()
        starts.append(bound - began)
        answers.append(answered - began)
        stops.append(time.perf_counter() - answered)
    for name, took in (("start, until it is bound", starts), ("first answer", answers), ("stop", stops)):
        print(f"  {name:34} {1000 * statistics.median(took):8.1f}")


def page() -> None:
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print("the page: left out, it needs chromium and playwright")
        return
    snapshot = many_runs(100, metrics=4, points=10_000)
    server = Server(lambda: snapshot, "127.0.0.1:0")
    server.start()
    get(f"{server.url}/healthz")
    paints, lists, charts = [], [], []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for _ in range(ROUNDS):
            tab = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
            tab.goto(server.url)
            tab.wait_for_selector("tr[data-run]:nth-child(100)")
            lists.append(tab.evaluate("performance.now()"))
            paints.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            began = time.perf_counter()
            tab.locator("a.run").first.click()
            tab.wait_for_selector(".chart canvas")
            charts.append(1000 * (time.perf_counter() - began))
            tab.context.close()
        browser.close()
    server.stop()
    print("the page, 100 runs x 4 metrics x 10,000 points")
    for name, took in (("first paint", paints), ("all hundred runs in the list", lists), ("a run opened, its chart drawn", charts)):
        print(f"  {name:34} {statistics.median(took):8.1f}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=1000)
    asked.add_argument("--metrics", type=int, default=20)
    options = asked.parse_args()
    scrape(options.runs, options.metrics)
    start_and_stop()
    page()


if __name__ == "__main__":
    main()
