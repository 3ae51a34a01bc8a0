"""The house rules that a reader can rely on without reading every file: who imports whom, how long a file is, what a file may name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("monitor", "rules")
LONGEST_FILE_LINES = 400
LONGER: dict[str, int] = {"monitor/cli.py": 460}
"""One function a command and no logic: it reads as a list."""
MEDIAN_FILE_LINES = 130

JUDGES_WITH = frozenset({
    "__future__", "array", "bisect", "collections", "contextlib", "dataclasses", "difflib", "enum", "fnmatch", "fractions", "functools",
    "heapq", "importlib", "itertools", "json", "math", "operator", "pkgutil", "re", "statistics", "string", "typing",
    "numpy", "pydantic", "re2", "rules",
})  # fmt: skip
"""All that `rules` may import: nothing that looks at a clock, a file, a socket or the environment. importlib and pkgutil find its own
rule kinds and presets."""
REACHES_OUT = frozenset({"open", "print", "input", "exec", "eval", "__import__"})

IMPORTERS: dict[str, tuple[str, ...]] = {
    "apprise": ("monitor/notify/apprise.py",),
    "fastapi": ("monitor/serve/api.py",),
    "httpx": ("monitor/notify/http.py",),
    "hyperscan": ("monitor/parse/gate.py",),
    "jinja2": ("monitor/notify/template.py",),
    "matplotlib": ("monitor/chartimage.py",),
    # Arithmetic on columns: the forecast's fit, and the fast reading of long logs (its digests included).
    "numpy": ("rules/forecast.py", "monitor/parse/", "monitor/digest.py", "monitor/attempts.py", "monitor/lanes.py", "monitor/moments.py"),
    "prometheus_client": ("monitor/serve/metrics.py",),
    "re2": ("rules/regex.py",),
    "rich": ("monitor/display/",),
    "typer": ("monitor/cli.py", "monitor/groups.py", "monitor/options.py", "monitor/usage.py"),
    "uvicorn": ("monitor/serve/server.py",),
    "watchdog": ("monitor/tail/wake.py",),
    "yaml": ("monitor/yamlfile.py",),
}
"""The one place (a module, or with a slash a folder) that knows a third-party library, so that it can be replaced there."""
EVERYWHERE = frozenset({"pydantic"})
"""The one exception: the models of rules, channels and answers stand beside what they describe."""

HEAVY = frozenset({
    "apprise", "fastapi", "httpx", "hyperscan", "jinja2", "matplotlib", "numpy", "prometheus_client", "starlette", "uvicorn", "watchdog",
})  # fmt: skip
"""What `loss-watch --help` must not wait for."""

OF_A_MACHINE = re.compile(r"(?<![\w.}$/-])/(?:work|root|opt|home/(?!you\b|user\b|USER\b)\w+)/[\w.]")
"""A path that exists on one machine only. Logs and their recorded truth are not looked at: they say what a training printed."""
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".txt", ".in", ".json", ".html", ".js", ".css", ".cfg", ""}


@cache
def files(*packages: str) -> tuple[Path, ...]:
    return tuple(path for package in packages for path in sorted((ROOT / package).rglob("*.py")))


@cache
def imports(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return frozenset(found)


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    found = [ROOT / name for name in names if name] or [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return [path for path in found if path.is_file()]


@pytest.mark.parametrize("path", files("rules"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_judgement_imports_nothing_that_looks_at_the_world(path: Path) -> None:
    assert set() == tops(path) - JUDGES_WITH


@pytest.mark.parametrize("path", files("rules"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_judgement_opens_prints_and_runs_nothing(path: Path) -> None:
    called = {
        node.func.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert set() == called & REACHES_OUT


def test_each_third_party_library_is_known_to_one_place() -> None:
    known = sys.stdlib_module_names | set(PACKAGES) | EVERYWHERE
    strangers = [
        f"{path.relative_to(ROOT)} imports {library}"
        for path in files(*PACKAGES)
        for library in sorted(tops(path) - known)
        if not _belongs(path, IMPORTERS.get(library, ()))
    ]
    assert [] == strangers


def _belongs(path: Path, places: tuple[str, ...]) -> bool:
    name = str(path.relative_to(ROOT))
    return any(name.startswith(place) if place.endswith("/") else name == place for place in places)


def test_the_table_of_importers_has_no_line_that_nothing_uses() -> None:
    used = set().union(*(tops(path) for path in files(*PACKAGES)))
    assert set() == set(IMPORTERS) - used


def test_a_library_that_is_imported_is_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    named = {re.match(r"[\w-]+", line).group().replace("-", "_").lower() for line in wanted}  # type: ignore[union-attr]
    distribution = {"re2": "google_re2", "yaml": "pyyaml", "starlette": "fastapi"}
    used = set().union(*(tops(path) for path in files(*PACKAGES))) - sys.stdlib_module_names - set(PACKAGES)
    assert set() == {library for library in used if distribution.get(library, library) not in named}


@pytest.mark.parametrize("path", files(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_one_can_hold_in_mind(path: Path) -> None:
    assert LONGER.get(str(path.relative_to(ROOT)), LONGEST_FILE_LINES) >= len(path.read_text().splitlines())


def test_the_median_file_is_short() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in files(*PACKAGES))
    assert MEDIAN_FILE_LINES >= lengths[len(lengths) // 2]


@pytest.mark.parametrize("path", files(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)) is not None


def test_nothing_names_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked()
        if path.suffix in TEXT and not path.name.endswith(".truth.yaml")
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if OF_A_MACHINE.search(line)
    ]
    assert [] == found


def test_the_command_line_does_not_wait_for_what_only_some_commands_need() -> None:
    code = "import sys, monitor.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set() == HEAVY & set(done.stdout.split())


def test_every_rule_kind_is_documented() -> None:
    from rules.conditions import kinds

    page = "\n".join(path.read_text() for path in sorted((ROOT / "docs").rglob("rules*.md")))
    assert [] == [kind for kind in kinds() if f"`{kind}`" not in page]


def test_every_log_format_is_documented() -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    shipped = sorted(path.stem for path in (ROOT / "monitor" / "parse" / "formats").glob("*.yaml"))
    assert [] == [name for name in shipped if f"`{name}`" not in page]


def test_every_command_of_the_makefile_is_described_at_its_head() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split())  # type: ignore[union-attr]
    described = set(re.findall(r"^#   make (\w+)", text, re.M))
    assert described == described & targets
