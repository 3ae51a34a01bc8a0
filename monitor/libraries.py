"""What libraries do when they are loaded and we do not want: threads of numpy's OpenBLAS, plugins of pydantic.

OpenBLAS starts a thread a core, 40 MB of addresses each, for sums that need none: on a login node of many cores that is most of the
start of a process, and more threads than a user may have there. pydantic asks every distribution that is installed whether it has a
plugin for it, two files each, and runs what it finds.
"""

from __future__ import annotations

import os

_UNWANTED = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
_ours: set[str] = set()


def keep_libraries_quiet() -> None:
    """To be called before any of them is imported. A variable that the user has set stays as it is."""
    for name, value in _UNWANTED.items():
        if name not in os.environ:
            os.environ[name] = value
            _ours.add(name)


def environment() -> dict[str, str]:
    """The environment as it was given to this process: what programs that are started get."""
    return {name: value for name, value in os.environ.items() if name not in _ours}
