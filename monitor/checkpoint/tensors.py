"""Names, shapes and dtypes: all that is known of a checkpoint or a model here. No tensor is ever read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

MAX_TENSORS = 1_000_000
MAX_HEADER_BYTES = 64 * 2**20
"""Most bytes that are parsed of any file: safetensors' own limit is 100 MB, the largest header in use is a few MB."""


class CheckpointError(Exception):
    """A file that cannot be read as a checkpoint. ``advice`` says what to do, where that is known."""

    def __init__(self, path: object, problem: str, advice: str = "") -> None:
        super().__init__(f"{path}: {problem}" + (f"; {advice}" if advice else ""))
        self.path, self.problem, self.advice = str(path), problem, advice


class Tensor(NamedTuple):
    """Shape and dtype (torch's name without ``torch.``, ``?`` where the file does not say)."""

    shape: tuple[int, ...]
    dtype: str = "?"

    @property
    def params(self) -> int:
        """Number of elements; a scalar has one."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class TensorSet:
    """The tensors of one checkpoint or model in the file's order, under the file's own names.

    ``root`` is where in the file they stood (``state_dict`` in a Lightning checkpoint), empty for the top.
    ``notes`` are facts worth a line: classes that were not unpickled, shards that are absent.
    """

    tensors: Mapping[str, Tensor]
    format: str
    path: str
    root: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def params(self) -> int:
        return sum(tensor.params for tensor in self.tensors.values())


def checked_shape(path: object, name: str, shape: object) -> tuple[int, ...]:
    """A shape as a tuple of counts. Raises CheckpointError on anything else: a file is not trusted."""
    if not isinstance(shape, (list, tuple)) or len(shape) > 64:
        raise CheckpointError(path, f"the shape of {name[:120]!r} is no list of sizes")
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**62 for size in shape):
        raise CheckpointError(path, f"the shape of {name[:120]!r} has a size that is no count")
    return tuple(shape)
