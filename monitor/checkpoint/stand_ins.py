"""Inert stand-ins for what a pickle names: objects that do nothing, and torch's rebuilding functions, which give shape and dtype."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from monitor.checkpoint.tensors import Tensor

STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16", "LongStorage":
    "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8", "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
}  # fmt: skip
DTYPES = frozenset({
    "float32", "float64", "float16", "bfloat16", "float", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64",
    "bool", "complex64", "complex128", "half", "double", "long", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
    "quint8", "qint8", "qint32", "float4_e2m1fn_x2", "float8_e8m0fnu",
})  # fmt: skip


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


def stand_in(name: str) -> type[Opaque]:
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
    known = function in REBUILD.values() or (isinstance(function, type) and issubclass(function, Opaque))
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


REBUILD: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor,
    "_rebuild_tensor_v3": _tensor_v3,
    "_rebuild_qtensor": _tensor,
    "_rebuild_parameter": _first,
    "_rebuild_parameter_with_state": _first,
    "_rebuild_meta_tensor_no_storage": _meta,
    "_rebuild_wrapper_subclass": _wrapper,
    "_rebuild_from_type_v2": _from_type,
    "_rebuild_from_type": _from_type,
}
KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "collections.defaultdict": lambda *_: {},
    "collections.Counter": lambda *_: {},
    "_codecs.encode": _encode,
    "torch.Size": lambda size=(), *_: _shape(size),
    "builtins.set": _collection,
    "builtins.frozenset": _collection,
    "__builtin__.set": _collection,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
    "torch.nn.parameter.Parameter": _first,
}
