"""What of a checkpoint a model takes, misses and ignores, from names and shapes alone: no tensor is read, nothing is unpickled.

``compare(read_checkpoint(a), read_checkpoint(b), expect)`` gives a ``Comparison``; its ``as_json()`` is the document of
``diagnose --json``, ``monitor.checkpoint.show`` its text.
"""

from monitor.checkpoint.compare import Comparison, Key, Mismatch, compare
from monitor.checkpoint.from_model import read_from_model
from monitor.checkpoint.read import read_checkpoint
from monitor.checkpoint.renames import Rename
from monitor.checkpoint.rewrite import write_renamed
from monitor.checkpoint.tensors import CheckpointError, Tensor, TensorSet

__all__ = [
    "CheckpointError",
    "Comparison",
    "Key",
    "Mismatch",
    "Rename",
    "Tensor",
    "TensorSet",
    "compare",
    "read_checkpoint",
    "read_from_model",
    "write_renamed",
]
