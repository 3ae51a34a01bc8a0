"""The rule kinds, one file each; a file that stands here is known, without a list to keep."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from rules.kind import RuleSpec


@cache
def kinds() -> dict[str, type[RuleSpec]]:
    """Every rule kind by its name, in the order of their names."""
    found: dict[str, type[RuleSpec]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        spec: type[RuleSpec] = module.Spec
        found[spec.kind] = spec
    return dict(sorted(found.items()))
