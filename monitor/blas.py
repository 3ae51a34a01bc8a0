"""numpy with one thread: its OpenBLAS else starts one a core when it is loaded, 40 MB of addresses each, for sums that need none.

On a login node of many cores that is most of the start of a process, and more threads than a user may have there. What is set for that
is not handed on to programs that are started.
"""

from __future__ import annotations

import os

_VARIABLE = "OPENBLAS_NUM_THREADS"
_ours: set[str] = set()


def one_thread() -> None:
    """To be called before numpy is imported. Who has set the variable himself is left his way."""
    if _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = "1"
        _ours.add(_VARIABLE)


def environment() -> dict[str, str]:
    """The environment as it was given to this process."""
    return {name: value for name, value in os.environ.items() if name not in _ours}
