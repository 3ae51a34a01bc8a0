"""Reads a pickle's structure and runs nothing of it.

Every class and function that a pickle names is replaced by an inert stand-in; those that rebuild tensors give their shape and
dtype. A name that no checkpoint needs and an attack does (``os.system``) ends the reading with an error. Python's own ``_Unpickler``
is used, not the C one: that reserves memory for any memo number which the file claims, 16 GB for five bytes.
"""

from __future__ import annotations

import collections
import io
import pickle
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

from monitor.checkpoint.tensors import MAX_HEADER_BYTES, CheckpointError, Tensor

FORBIDDEN = frozenset(
    "os posix nt subprocess sys shutil socket pty runpy importlib ctypes webbrowser commands code codeop pdb bdb timeit asyncio pickle cPickle _pickle "
    "requests urllib urllib2 http httplib ftplib smtplib telnetlib pydoc builtins.eval builtins.exec builtins.execfile builtins.compile builtins.open builtins.__import__ "
    "builtins.input builtins.breakpoint torch.hub torch.utils.cpp_extension".split()
)
"""Modules and functions that an attack names and a checkpoint does not. (``getattr`` is not among them: an Enum is pickled with it.)"""

_STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
}  # fmt: skip
_DTYPES = frozenset(
    "float32 float64 float16 bfloat16 float int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex64 complex128 half double long "
    "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz quint8 qint8 qint32 float4_e2m1fn_x2 float8_e8m0fnu".split()
)


class Dtype(str):
    """A dtype's name, apart from any text in the file."""


class Opaque:
    """Stands for an object of any class: keeps what it was made of, does nothing."""

    __slots__ = ("args", "items", "name", "state")

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.items: dict[Any, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key if isinstance(key, (str, int)) else repr(type(key))] = value

    def append(self, value: Any) -> None:
        self.items[len(self.items)] = value

    def extend(self, values: list[Any]) -> None:
        for value in values:
            self.append(value)

    def add(self, value: Any) -> None:
        self.append(value)

    def __call__(self, *args: Any, **_: Any) -> Opaque:
        return Opaque(self.name, args)

    def __hash__(self) -> int:
        return id(self)


def _stand_in(name: str) -> type[Opaque]:
    """A class for ``name``: pickle wants one for NEWOBJ."""

    def new(cls: type[Opaque], *args: Any, **_: Any) -> Opaque:
        made: Opaque = object.__new__(cls)
        Opaque.__init__(made, name, args)
        return made

    return type("Opaque", (Opaque,), {"__slots__": (), "__new__": new, "__init__": lambda *_, **__: None})


class Storage(str):
    """A storage's dtype."""


class Array(Opaque):
    """A numpy array: its state is (version, shape, dtype, fortran order, data)."""

    __slots__ = ()


def _shape(size: Any) -> tuple[int, ...]:
    if isinstance(size, Opaque):
        size = size.args[0] if size.args else ()
    return tuple(s if isinstance(s, int) else 0 for s in size) if isinstance(size, (tuple, list)) else ()


def _dtype(value: Any) -> str:
    return str(value) if isinstance(value, (Dtype, Storage)) else "?"


def _tensor(storage: Any = None, _offset: Any = 0, size: Any = (), *_: Any) -> Tensor:
    return Tensor(_shape(size), _dtype(storage))


def _tensor_v3(_storage: Any, _offset: Any, size: Any, _stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any) -> Tensor:
    return Tensor(_shape(size), _dtype(dtype))


def _meta(dtype: Any, size: Any, *_: Any) -> Tensor:
    return Tensor(_shape(size), _dtype(dtype))


def _wrapper(_cls: Any, dtype: Any, size: Any, *_: Any) -> Tensor:
    return Tensor(_shape(size), _dtype(dtype))


def _from_type(function: Any, _type: Any, args: Any, *_: Any) -> Any:
    """Calls only what is one of our own stand-ins."""
    known = function in _REBUILD.values() or isinstance(function, type) and issubclass(function, Opaque)
    return function(*args) if known and isinstance(args, tuple) else Opaque("tensor")


def _first(value: Any = None, *_: Any) -> Any:
    return value


def _ordered(items: Any = (), *_: Any) -> dict[Any, Any]:
    out: dict[Any, Any] = collections.OrderedDict()
    for pair in items if isinstance(items, (list, tuple)) else ():
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            out[pair[0]] = pair[1]
    return out


def _array(*_: Any) -> Array:
    return Array("ndarray")


def _encode(text: Any = "", *_: Any) -> bytes:
    return text.encode("latin-1", "replace") if isinstance(text, str) else b""


def _collection(items: Any = (), *_: Any) -> list[Any]:
    return list(items) if isinstance(items, (list, tuple)) else []


_REBUILD: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor": _tensor, "_rebuild_tensor_v2": _tensor, "_rebuild_tensor_v3": _tensor_v3, "_rebuild_qtensor": _tensor,
    "_rebuild_parameter": _first, "_rebuild_parameter_with_state": _first, "_rebuild_meta_tensor_no_storage": _meta,
    "_rebuild_wrapper_subclass": _wrapper, "_rebuild_from_type_v2": _from_type, "_rebuild_from_type": _from_type,
}  # fmt: skip
_KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered, "collections.defaultdict": lambda *_: {}, "collections.Counter": lambda *_: {}, "_codecs.encode": _encode,
    "torch.Size": lambda size=(), *_: _shape(size), "builtins.set": _collection, "builtins.frozenset": _collection, "__builtin__.set": _collection,
    "numpy.core.multiarray._reconstruct": _array, "numpy._core.multiarray._reconstruct": _array, "torch.nn.parameter.Parameter": _first,
}  # fmt: skip


class Unpickler(pickle._Unpickler):
    """Reads one pickle from ``file``. ``foreign`` counts the classes that became stand-ins."""

    dispatch = dict(pickle._Unpickler.dispatch)
    # The ordinary one reserves a bytearray of the length that the file claims before it reads.
    dispatch[pickle.BYTEARRAY8[0]] = pickle._Unpickler.load_binbytes8  # type: ignore[attr-defined]

    def __init__(self, file: BinaryIO, path: object) -> None:
        super().__init__(file, encoding="latin-1")
        self.path = path
        self.foreign: collections.Counter[str] = collections.Counter()

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if _forbidden(module, full):
            raise CheckpointError(self.path, f"its pickle calls {full[:120]}, which no checkpoint needs; nothing was run", "do not load this file with torch.load")
        if module == "torch" and name in _DTYPES:
            return Dtype(name)
        if module in ("torch", "torch.storage", "torch.cuda") and name in _STORAGES:
            return Storage(_STORAGES[name])
        if name in _REBUILD and module.startswith("torch"):
            return _REBUILD[name]
        if full in _KNOWN:
            return _KNOWN[full]
        self.foreign[full[:120]] += 1
        return _stand_in(full[:120])

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
    except Exception as wrong:  # noqa: BLE001 - a hostile pickle can raise anything out of the machine
        raise CheckpointError(path, f"no readable pickle, or a truncated one ({type(wrong).__name__}: {str(wrong)[:120]})") from None
