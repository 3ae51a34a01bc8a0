"""The project's image, built from its own Dockerfile without a registry: the base is Debian's, made by debootstrap, under the name
that the Dockerfile asks for. Nothing of the machine's own images is touched: the store is a folder of the test's.

``LOSSWATCH_CONTAINER_CACHE=FOLDER`` keeps the base (the slow part, 45 s) between runs.

Not shown by this: that it also runs on the published python:3.12-slim. The base here is Debian 12 with its Python 3.11.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = "docker.io/library/python:3.12-slim"
IMAGE = "localhost/loss-watch:test"
PROGRAMS = ("debootstrap", "buildah", "podman", "runc", "tar")

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = Path("/etc/pip.conf")


def base_archive(folder: Path) -> Path:
    """A root file system with Python in it as ``folder/base.tar``; made where it is not there yet."""
    archive = folder / "base.tar"
    if archive.exists():
        return archive
    tree = folder / "base"
    suite = _os_release().get("VERSION_CODENAME", "stable")
    _run("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", suite, str(tree))
    for name in ("python", "python3"):
        (tree / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    left_out = ("--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "--exclude=./dev/*")
    _run("tar", "-C", str(tree), "-cf", f"{archive}.new", *left_out, ".")
    os.replace(f"{archive}.new", archive)
    shutil.rmtree(tree)
    return archive


@dataclass(frozen=True)
class Store:
    """A folder of images and containers; ``podman`` and ``buildah`` on it."""

    folder: Path

    def where(self) -> list[str]:
        return ["--root", str(self.folder / "store"), "--runroot", str(self.folder / "run")]

    def podman(self, *arguments: str, check: bool = True, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        return _run(*self.podman_command(*arguments), check=check, timeout_s=timeout_s)

    def podman_command(self, *arguments: str) -> list[str]:
        return ["podman", *self.where(), "--runtime", shutil.which("runc") or "runc", "--cgroup-manager", "cgroupfs", *arguments]

    def build(self, archive: Path) -> None:
        """The image as ``docker build`` would make it."""
        self.podman("import", str(archive), BASE)
        host = [f"--volume={path}:{path}:ro" for path in (CERTIFICATES, PIP_SETTINGS) if path.exists()]
        _run(
            "buildah", *self.where(), "bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker", *host,
            "--tag", IMAGE, str(ROOT), timeout_s=300,
        )  # fmt: skip

    def describe(self) -> dict[str, object]:
        (told,) = json.loads(self.podman("image", "inspect", IMAGE).stdout)
        return dict(told)

    def remove(self) -> None:
        self.podman("rm", "--all", "--force", "--time", "0", check=False)
        # Layers are owned by many uids and may still be mounted: podman knows how to take them away.
        self.podman("rmi", "--all", "--force", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _run(*command: str, check: bool = True, timeout_s: float = 400.0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return done


def _os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}

