"""The crash card: class, the one line that matters, where, SLURM's own word, the last metrics, what to try, the traceback."""

from __future__ import annotations

from monitor.events import CLASSES
from monitor.report.document import Block, Code, Listing, Section, Table, Text, Toned
from monitor.report.inputs import Inputs
from rules.jsonable import short, step_number

MOST_TRACEBACK_LINES = 40


def crash_card(inputs: Inputs) -> Section | None:
    """None where the run did not crash."""
    crash = inputs.crash
    if crash is None:
        return None
    name = str(crash.fields.get("class", "traceback"))
    known = CLASSES.get(name, CLASSES["traceback"])
    rows: list[tuple[str, str]] = [("class", name), ("line", str(crash.fields.get("line") or crash.text))]
    where = crash_place(crash.fields)
    if where:
        rows.append(("first seen", where))
    if crash.step is not None:
        rows.append(("at step", f"{step_number(crash.step):,}"))
    rows += [
        (f"SLURM {key.replace('_', ' ')}", str(inputs.run.facts[key]))
        for key in ("state", "reason", "exit_code")
        if inputs.run.facts.get(key)
    ]
    rows += [
        (f"last {m.name or m.metric}", f"{short(m.last)} at step {step_number(m.last_step)}")
        for m in (inputs.metric, inputs.train)
        if m is not None
    ]
    blocks: list[Block] = [
        Text(Toned(f"{known.meaning[0].upper()}{known.meaning[1:]}.", "bad"), lead=True),
        Table(("", ""), rows),
        Text("What to try:"),
        Listing([f"{advice[0].upper()}{advice[1:]}." for advice in known.advice]),
    ]
    lines = crash.fields.get("traceback")
    if isinstance(lines, (list, tuple)) and lines:
        blocks.append(Code("\n".join(str(line) for line in lines[-MOST_TRACEBACK_LINES:]), "Traceback", folded=True))
    return Section("Crash", blocks)


def crash_place(fields: object) -> str:
    """``rank 3 on nid005260, and the same on 255 others``."""
    if not hasattr(fields, "get"):
        return ""
    rank, node, copies = fields.get("rank"), fields.get("node"), fields.get("copies")
    parts = [f"rank {rank}" if rank is not None else "", f"on {node}" if node else ""]
    text = " ".join(part for part in parts if part)
    more = f", and the same on {copies - 1} others" if isinstance(copies, int) and copies > 1 else ""
    return text + more if text else more.lstrip(", ")
