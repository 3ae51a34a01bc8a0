"""PyPI has a package ``rules`` whose files would overwrite ours when both are installed into one place. Notice it, and say so."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def stranger() -> str | None:
    """Where the import ``rules`` leads, if it is not the package that came with this one."""
    ours = Path(__file__).resolve().parent.parent / "rules"
    found = find_spec("rules")
    places = [Path(place).resolve() for place in (found.submodule_search_locations or ())] if found else []
    overwritten = not (ours / "engine.py").exists() or (ours / "predicates.py").exists()
    if places and places[0] == ours and not overwritten:
        return None
    return str(places[0]) if places else "nowhere"


def warn_of_stranger() -> None:
    """Exit with one sentence where another distribution has taken our package's place."""
    where = stranger()
    if where is not None:
        print(  # noqa: T201
            f"loss-watch: the package `rules` in {where} belongs to another distribution (PyPI's `rules`); "
            "install loss-watch into an environment of its own (pipx, uv tool)",
            file=sys.stderr,
        )
        raise SystemExit(2)
