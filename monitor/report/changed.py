"""What changed in the model: the keys that the checkpoint did not fill, by module, and what was probably renamed."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.checkpoint.names import group_of
from monitor.checkpoint.show import rename_lines, share
from monitor.report.document import Block, Cell, Code, Section, Table, Text, Toned
from monitor.report.inputs import Inputs

MOST_ROWS = 15
OUTPUTS = frozenset({"head", "heads", "classifier", "lm_head", "fc", "decoder", "score", "output", "out"})
"""What the module that makes the prediction is usually called."""


def changed(inputs: Inputs) -> Section | None:
    """From the comparison where one was made, else from what the log said; None where nothing was missing or unexpected."""
    blocks = _compared(inputs) if inputs.comparison is not None else _from_log(inputs)
    return Section("What changed in the model", blocks) if blocks else None


def _compared(inputs: Inputs) -> list[Block]:
    found = inputs.comparison
    if found is None:
        return []
    if not found.missing and not found.mismatched and not found.unexpected:
        return [Text(f"Nothing: all {found.loaded_keys} keys of the model were in the checkpoint.", lead=True)]
    expected = sum(k.expected for k in found.missing)
    new = f" ({expected} expected)" if expected else ""
    lead = (
        f"{len(found.missing)} keys of the model were not in the checkpoint{new}: {found.random_params:,} of {found.model_params:,} "
        f"parameters, {share(found.share)}, started at random. {len(found.unexpected)} keys of the checkpoint were ignored."
    )
    rows: list[Sequence[Cell]] = []
    for group in sorted(found.missing_groups, key=lambda g: -g.params)[:MOST_ROWS]:
        meant: Cell = Toned("expected", "good") if group.expected else Toned(_fate(inputs, group.module), "warn")
        rows.append((group.module, f"{len(group.keys)}", f"{group.params:,}", share(group.params / (found.model_params or 1)), meant))
    rows.append(("in all", str(len(found.missing)), f"{sum(k.tensor.params for k in found.missing):,}", share(found.share), ""))
    blocks: list[Block] = [
        Text(lead, lead=True),
        Table(("Random at the start", "keys", "parameters", "share", ""), rows, frozenset({1, 2, 3})),
    ]
    if found.mismatched:
        shapes = [(m.key, str(list(m.checkpoint)), str(list(m.model))) for m in found.mismatched[:MOST_ROWS]]
        blocks.append(Table(("Another shape", "checkpoint", "model"), shapes))
    if found.renames:
        blocks.append(Text("Probably only renamed, or moved:"))
        blocks.append(Code("\n".join(line.strip() for line in rename_lines(found.renames))))
        blocks.append(Code(found.python_lines(), "Lines that load the renamed keys too", folded=True))
    return blocks


def _fate(inputs: Inputs, module: str) -> str:
    """What became of a module that starts at random: renamed, the same shape elsewhere, or new."""
    found = inputs.comparison
    renames = [r for r in found.renames if group_of(r.model) == module] if found else []
    if not renames:
        return "new, or not in this checkpoint"
    sure = max(r.confidence for r in renames)
    return (
        f"renamed ({sure:.0%} sure)" if sure >= 0.8 else f"the same shape as {renames[0].checkpoint.rpartition('.')[0]} ({sure:.0%} sure)"
    )


def _from_log(inputs: Inputs) -> list[Block]:
    missing, unexpected = inputs.last_event("missing_keys"), inputs.last_event("unexpected_keys")
    loaded = inputs.last_event("checkpoint_loaded")
    if missing is None and unexpected is None:
        return []
    counts = [
        f"{e.fields.get('count')} keys {word}"
        for e, word in (
            (missing, "of the model were not in the checkpoint and started at random"),
            (unexpected, "of the checkpoint were ignored"),
        )
        if e
    ]
    whence = f" ({loaded.fields['path']})" if loaded and loaded.fields.get("path") else ""
    blocks: list[Block] = [Text(f"The log says: {'; '.join(counts)}{whence}.", lead=True)]
    rows: dict[str, list[int]] = {}
    for column, event in enumerate((missing, unexpected)):
        keys = event.fields.get("keys") if event else None
        for key in keys if isinstance(keys, (list, tuple)) else ():
            rows.setdefault(group_of(str(key)), [0, 0])[column] += 1
    if rows:
        blocks.append(
            Table(
                ("Module", "missing", "ignored"),
                [(name, str(a or ""), str(b or "")) for name, (a, b) in list(rows.items())[:MOST_ROWS]],
                frozenset({1, 2}),
            )
        )
    blocks.append(
        Text("How many parameters that is, and which keys were only renamed, the two files tell: loss-watch diagnose CHECKPOINT MODEL.")
    )
    return blocks


def random_words(inputs: Inputs) -> str:
    """The largest reason for a high first loss in half a sentence; empty where nothing started at random."""
    found = inputs.comparison
    if found is not None and found.random_params:
        largest = sorted((g for g in found.missing_groups if not g.expected), key=lambda g: -g.params)[:3]
        names = ", ".join(f"{g.module} {g.params:,}" for g in largest)
        return f"{found.random_params:,} of {found.model_params:,} parameters ({share(found.share)}) started at random" + (
            f": {names}" if names else ""
        )
    missing = inputs.last_event("missing_keys")
    if missing is not None:
        return f"{missing.fields.get('count')} keys of the model started at random"
    return ""


def why_it_matters(inputs: Inputs) -> list[str]:
    """What a random module does to the loss, for the two places where a few parameters weigh most: the output, and the first block."""
    found = inputs.comparison
    missing = inputs.last_event("missing_keys")
    keys = missing.fields.get("keys") if missing else None
    named = {group_of(str(k)) for k in keys} if isinstance(keys, (list, tuple)) else set()
    groups = [g.module for g in found.missing_groups if not g.expected] if found else sorted(named)
    out = []
    first = next((g for g in groups if ".0." in f".{g}."), None)
    if first:
        out.append(f"{first} is in the first block: all that comes after it sees what it does, however well that is trained.")
    head = next((g for g in groups if g.rpartition(".")[2] in OUTPUTS), None)
    if head:
        out.append(f"{head} makes the prediction: until it has learnt, nothing before it shows in the loss.")
    return out
