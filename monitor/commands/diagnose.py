"""``diagnose``: which keys of a checkpoint the model takes, misses, ignores; what starts at random, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.checkpoint import CheckpointError, Comparison, TensorSet, compare, read_checkpoint, read_from_model, write_renamed
from monitor.checkpoint.show import comparison_lines
from monitor.commands.inputs import fail, say, say_json
from monitor.ink import wants_color


@dataclass(frozen=True)
class DiagnoseOptions:
    """``from_model`` is ``module:function`` in place of the model's file; ``expect`` are patterns of keys that are new on purpose."""

    from_model: str | None = None
    expect: tuple[str, ...] = ()
    json: bool = False
    key_map: Path | None = None
    write_renamed: Path | None = None


def diagnose(checkpoint: str, model: str | None, options: DiagnoseOptions) -> int:
    """0 where all that is random was expected, 1 where something else is, 2 where a file cannot be used."""
    try:
        theirs = read_checkpoint(checkpoint)
        if model is None and options.from_model is None:
            return _contents(theirs, json=options.json)
        ours = read_from_model(options.from_model) if options.from_model is not None else read_checkpoint(str(model))
        found = compare(theirs, ours, options.expect)
        if options.write_renamed is not None:
            write_renamed(checkpoint, options.write_renamed, found.file_renames())
    except (CheckpointError, OSError) as wrong:
        fail(wrong)
    if options.key_map is not None:
        _write_key_map(options.key_map, found)
    if options.json:
        say_json(found.as_json())
    else:
        for line in comparison_lines(found, wants_color()):
            say(line)
    return 1 if found.mismatched or any(not key.expected for key in found.missing) else 0


def _contents(held: TensorSet, *, json: bool) -> int:
    """A checkpoint alone: what it holds."""
    rows = [(name, tensor.shape, tensor.dtype, tensor.params) for name, tensor in held.tensors.items()]
    if json:
        say_json({"schema_version": 1, "keys": [{"key": k, "shape": list(s), "dtype": d, "params": p} for k, s, d, p in rows]})
        return 0
    width = max((len(name) for name, *_ in rows), default=0)
    for name, shape, dtype, params in rows:
        say(f"{name.ljust(width)}   {list(shape)!s:<20} {dtype:<10} {params:>13,}")
    say(f"{len(rows)} keys, {sum(row[3] for row in rows):,} parameters")
    return 0


def _write_key_map(path: Path, found: Comparison) -> None:
    import json

    try:
        path.write_text(json.dumps(found.key_map(), indent=2) + "\n")
    except OSError as wrong:
        fail(f"{path}: {wrong.strerror}")


def parse_expect(patterns: Sequence[str]) -> tuple[str, ...]:
    """``--expect`` may be repeated, and hold several with commas."""
    return tuple(part.strip() for pattern in patterns for part in pattern.split(",") if part.strip())
