"""The image builds and runs as a site would run it: read-only root, no capability, not root, logs read-only, state in a volume."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import needs
from endtoend.watching import free_port, step_line, until
from servers.receiver import receiver

from container.image import IMAGE, PROGRAMS, Store, base_archive

HARDENED = (
    "--network=host", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--ulimit=nofile=4096:4096",
    "--ulimit=nproc=4096:4096",
)  # fmt: skip
RULES = "version: 1\nmilestones:\n  - step 50 < 1.5\n  - step 100 < 0.9, worry > 1.0\nrules: []\n"


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    needs(*PROGRAMS)
    if os.geteuid() != 0:
        pytest.skip("debootstrap and a store of one's own need root")
    # Short and outside pytest's folder: overlay mount options have a length limit.
    folder = Path(tempfile.mkdtemp(prefix="lw-image-"))
    cache = Path(os.environ.get("LOSSWATCH_CONTAINER_CACHE", folder))
    cache.mkdir(parents=True, exist_ok=True)
    built = Store(folder)
    try:
        built.build(base_archive(cache))
        yield built
    finally:
        built.remove()


@pytest.fixture
def logs() -> Iterator[Path]:
    """A folder of logs that everybody may read, on a path that everybody may walk: pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="lw-logs-"))
    folder.chmod(0o755)
    (folder / "train_13503904.out").write_text(step_line(25, 2.19))
    (folder / "milestones.yaml").write_text(RULES)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def running(store: Store, name: str, *arguments: str, logs: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A container named ``name``; removed at the end, its volume kept where it was given one."""
    settings = [f"--env={key}={value}" for key, value in (env or {}).items()]
    process = subprocess.Popen(
        store.podman_command("run", "--rm", f"--name={name}", *HARDENED, *settings, "-v", f"{logs}:/logs:ro", *arguments),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        store.podman("kill", name, check=False)
        process.communicate(timeout=30)


def fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_the_image_is_described_as_the_readme_says(store: Store) -> None:
    described = store.describe()
    config = described["Config"]
    assert isinstance(config, dict)
    assert ("10311:10311", ["loss-watch"], {"/state": {}}) == (config["User"], config["Entrypoint"], config["Volumes"])
    assert "Healthcheck" in described
    assert ["10311/tcp"] == list(config["ExposedPorts"])


def test_nothing_of_the_tests_or_the_examples_is_in_the_image(store: Store) -> None:
    listing = store.podman("run", "--rm", *HARDENED, "--entrypoint=/bin/ls", IMAGE, "/", "/logs", "/state")
    assert {"src", "tests", "examples", "wheels"} & set(listing.stdout.split()) == set()


def test_a_mounted_log_is_followed_judged_and_scraped_and_the_state_outlives_the_container(store: Store, logs: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with receiver() as hook:
        env = {"LOSSWATCH_LISTEN": f"127.0.0.1:{port}", "LOSSWATCH_WEBHOOK_URL": f"{hook.url}/x"}
        watch = ("-v", "lw-state:/state", IMAGE, "/logs", "--rules", "/logs/milestones.yaml")
        with running(store, "first", *watch, logs=logs, env=env) as process:
            until(lambda: process.poll() is not None or fetched(f"{url}/readyz"), "the container is ready", 30)
            assert process.poll() is None, process.communicate()[0]
            with (logs / "train_13503904.out").open("a") as log:
                log.write(step_line(50, 1.7))
            assert "step-50" == hook.wait_for(1)[0].json["rule"]
            assert re.search(r'losswatch_metric_value\{.*metric="val_loss".*\} 1\.7', fetched(f"{url}/metrics"))
            assert "10311" == store.podman("exec", "first", "id", "-u").stdout.strip()
            assert 0 == store.podman("healthcheck", "run", "first", check=False).returncode
            assert 0 != store.podman("exec", "first", "touch", "/logs/x", check=False).returncode
            asked = time.monotonic()
            store.podman("kill", "--signal=TERM", "first")
            assert 0 == process.wait(timeout=10)
            assert time.monotonic() - asked < 3.0
        with (logs / "train_13503904.out").open("a") as log:
            log.write(step_line(100, 1.6))
        with running(store, "second", *watch, logs=logs, env=env):
            told = [row["rule"] for request in hook.wait_for(2, 30) for row in request.json["transitions"]]
    assert ["step-50", "step-100"] == told


def test_the_commands_that_print_facts_run_without_a_volume(store: Store, logs: Path) -> None:
    done = store.podman(
        "run", "--rm", *HARDENED, "-v", f"{logs}:/logs:ro", IMAGE, "check", "/logs", "-r", "/logs/milestones.yaml", "--json", check=False
    )
    assert (0, True) == (done.returncode, '"on_track"' in done.stdout), done.stderr
