"""Writes ``docs/formats.md`` from the format files: ``python -m monitor.parse.document [FILE]``."""

from __future__ import annotations

import sys
from pathlib import Path

from monitor.parse.catalogue import Catalogue
from monitor.parse.format import Format, LineRule
from monitor.parse.pairs import HOLE
from monitor.parse.reading import Anchor

HEAD = """# Log formats

Made from the files in `monitor/parse/formats/` by `python -m monitor.parse.document`; do not edit it by hand.

A log's format is found by itself. A log that none of these knows is read by the general reader: names that mean a loss beside
numbers, with a step or an epoch on the line or before it; tables with a line of column names; JSON lines. `loss-watch formats test
LOG` says which one a log is and why; `loss-watch init LOG` proposes a format file for one that nothing knows.

## Writing one

A format is one YAML file, given with `--formats FILE` or put into the config directory.

```yaml
name: my-trainer
title: our own trainer
about: What a person should know of it.
recognise:                       # a line that looks so can only be this format; <n> is any number
  - '^tick <n> of <n> '
names: {crit: train_loss, dev.crit: val_loss}   # the log's own names (lower case, or /a regular expression/) and what they are
lines:
  - name: train
    match: '^tick <step> of <total_steps> trn <train_loss>'
  - name: validation
    match: '^dev <val_loss>'     # no step of its own: `at` says where it belongs
    at: last
samples:                         # they are its tests: [metric, step or epoch, value]
  - log: |
      tick 1 of 50 trn 3.9
      dev 4.0
    gives: [[train_loss, 1, 3.9], [val_loss, 1, 4.0]]
```

In a pattern, `<step>`, `<epoch>`, `<batch>`, `<batches>`, `<total_steps>` and `<total_epochs>` are places, `<n>` is a number that
does not matter, and every other `<name>` is a metric; `(?P<pairs>...)` is the part of the line whose `name: number` pairs are read too
(the whole line where it is not given, none with `pairs: false`). Patterns never see a number's digits, so what a line is read as
does not depend on its values.

| key of a line | meaning |
|---|---|
| `match` | the pattern, a Python regular expression with `<name>` for numbers |
| `names` | as above, for this line alone; a name may also be a place (`epoch`, `step`) or `ignore` |
| `at` | `last` step seen (the default), `here` (that, though epoch and batch made it), `next` step printed, last `epoch`, \
`count` (the n-th such line), next state of the `bar` |
| `first` | the step of a line that comes before any step |
| `epoch_from` | the first epoch's number, where the step is made of epoch and batch (-1: 0, or 1 in a log that begins with that) |
| `full` | only where `<batch>` equals `<batches>` (the last state of a bar) |
| `understudy` | metrics that this line gives only where no other line does |
| `bar` | a state of a progress bar: the last state of a step counts |
| `changed` | metrics that are shown again until the next is known; only a new value counts |
| `once` | the first value of a step is the one |
| `section` | the line begins a part of the log: `val` (validation), `none` (what is no step's value), or any other word |
| `by_section` | in the part `val` the line's train loss is a validation loss, in `none` the line counts for nothing |
| `within` | `val`: what a line means in the part `val`; elsewhere it is what the other rules say |
| `ignore` | the line says nothing |
| `started` | the program began anew |
| `prefix` | put before the names of the other metrics |
"""


def document(catalogue: Catalogue) -> str:
    """The page as Markdown."""
    formats = sorted(catalogue.formats, key=lambda one: one.title.lower())
    rows = "\n".join(f"| [{one.title}](#{one.name}) | `{one.name}` | {_gives(one)} |" for one in formats)
    return "\n".join([HEAD, f"## Shipped: {len(formats)}\n", "| format | name | gives |\n|---|---|---|", rows, "", *map(_section, formats)])


def _gives(one: Format) -> str:
    metrics = {str(row[0]) for sample in one.samples for row in sample.get("gives", ())}
    return ", ".join(f"`{name}`" for name in sorted(metrics)) or "-"


def _section(one: Format) -> str:
    lines = [f'<a id="{one.name}"></a>', f"### {one.title}", "", one.about, ""]
    if one.rules and one.reader is None:
        lines += ["| line | pattern | belongs to |", "|---|---|---|", *(_row(rule) for rule in one.rules if not rule.ignore), ""]
    for sample in one.samples[:1]:
        shown = [line.expandtabs(4)[:150] for line in str(sample["log"]).splitlines()[:4]]
        lines += ["```text", *shown, "```", ""]
    return "\n".join(lines)


def _row(rule: LineRule) -> str:
    shown = rule.pattern.pattern.replace(f"(?P<pairs>{HOLE})", "<pairs>").replace(HOLE, "<n>").replace("|", "&#124;").replace("`", "'")
    where = {
        Anchor.LAST: "its step, else the last", Anchor.NEXT: "the next step", Anchor.EPOCH: "the epoch", Anchor.COUNT: "its count",
        Anchor.BAR: "the bar's next step, else the epoch",
    }.get(rule.at, f"`{rule.at.value}`")  # fmt: skip
    return f"| {rule.name} | `{shown}` | {where} |"


def main(argv: list[str]) -> None:
    """Write the page to the file that is named, ``docs/formats.md`` where none is."""
    path = Path(argv[1]) if len(argv) > 1 else Path(__file__).parents[2] / "docs" / "formats.md"
    path.write_text(document(Catalogue.load()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv)
