"""Reads a pickle's structure and runs nothing of it.

Every class and function that a pickle names is replaced by an inert stand-in; those that rebuild tensors give their shape and
dtype. A name that no checkpoint needs and an attack does (``os.system``) ends the reading with an error. Python's own ``_Unpickler``
is used, not the C one: that reserves memory for any memo number which the file claims, 16 GB for five bytes.
"""

from __future__ import annotations

import collections
import io
import pickle
from typing import Any, BinaryIO, ClassVar, NoReturn

from monitor.checkpoint.stand_ins import DTYPES, KNOWN, REBUILD, STORAGES, Dtype, Storage, stand_in
from monitor.checkpoint.tensors import MAX_HEADER_BYTES, CheckpointError

FORBIDDEN = frozenset({
    "os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "pty", "runpy", "importlib", "ctypes", "webbrowser", "commands",
    "code", "codeop", "pdb", "bdb", "timeit", "asyncio", "pickle", "cPickle", "_pickle", "requests", "urllib", "urllib2", "http",
    "httplib", "ftplib", "smtplib", "telnetlib", "pydoc", "builtins.eval", "builtins.exec", "builtins.execfile", "builtins.compile",
    "builtins.open", "builtins.__import__", "builtins.input", "builtins.breakpoint", "torch.hub", "torch.utils.cpp_extension",
})  # fmt: skip
"""Modules and functions that an attack names and a checkpoint does not. (``getattr`` is not among them: an Enum is pickled with it.)"""

class Unpickler(pickle._Unpickler):
    """Reads one pickle from ``file``. ``foreign`` counts the classes that became stand-ins."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
    # The ordinary one reserves a bytearray of the length that the file claims before it reads.
    dispatch[pickle.BYTEARRAY8[0]] = pickle._Unpickler.load_binbytes8  # type: ignore[attr-defined]

    def __init__(self, file: BinaryIO, path: object) -> None:
        super().__init__(file, encoding="latin-1")
        self.path = path
        self.foreign: collections.Counter[str] = collections.Counter()

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if _forbidden(module, full):
            raise CheckpointError(
                self.path,
                f"its pickle calls {full[:120]}, which no checkpoint needs; nothing was run",
                "do not load this file with torch.load",
            )
        if module == "torch" and name in DTYPES:
            return Dtype(name)
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
            return Storage(STORAGES[name])
        if name in REBUILD and module.startswith("torch"):
            return REBUILD[name]
        if full in KNOWN:
            return KNOWN[full]
        self.foreign[full[:120]] += 1
        return stand_in(full[:120])

    def persistent_load(self, pid: Any) -> Any:
        """torch: ``("storage", type, key, location, numel, ...)``."""
        if isinstance(pid, tuple) and len(pid) > 1 and isinstance(pid[1], Storage):
            return pid[1]
        return Storage("?")


def _forbidden(module: str, full: str) -> bool:
    full = full.replace("__builtin__.", "builtins.")
    return module.partition(".")[0] in FORBIDDEN or module in FORBIDDEN or full in FORBIDDEN


class Bounded(io.RawIOBase):
    """Reads at most ``limit`` bytes of ``file``, then raises CheckpointError: a pickle's lengths are not to be believed."""

    def __init__(self, file: BinaryIO, path: object, limit: int = MAX_HEADER_BYTES) -> None:
        self.file, self.path, self.left = file, path, limit

    def read(self, size: int = -1) -> bytes:
        return self._spend(self.file.read(self._claim(size)))

    def readline(self, size: int | None = -1) -> bytes:
        return self._spend(self.file.readline(self._claim(min(65_536, size) if size and size > 0 else 65_536)))

    def _claim(self, size: int) -> int:
        if size < 0 or size > self.left:
            self._refuse()
        return size

    def _spend(self, data: bytes) -> bytes:
        self.left -= len(data)
        return data

    def _refuse(self) -> NoReturn:
        raise CheckpointError(self.path, f"its pickle claims more than {MAX_HEADER_BYTES} bytes")


def unpickle(file: BinaryIO, path: object) -> tuple[Any, Unpickler]:
    """The object that the next pickle of ``file`` describes. Raises CheckpointError on anything malformed."""
    reader = Unpickler(Bounded(file, path), path)  # type: ignore[arg-type]
    try:
        return reader.load(), reader
    except CheckpointError:
        raise
    except Exception as wrong:  # a hostile pickle can raise anything out of the machine
        raise CheckpointError(path, f"no readable pickle, or a truncated one ({type(wrong).__name__}: {str(wrong)[:120]})") from None
