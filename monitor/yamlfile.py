"""YAML with positions, so that every mistake can point at its line and column.

Scalars stay the text that was written: YAML 1.1 reads ``1e-3`` as a string, ``off`` as False and ``1:30`` as 90, so what a
scalar means is left to who asks for it. Only ``null``, ``~`` and nothing are None. Doubled keys, merge keys and explicit tags
are refused, and so is a file that would unfold to more than ``MAX_NODES`` values. Only importer of ``yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.mistake import ConfigError, ConfigErrors
from rules.problem import Loc, Problem

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 60
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*(?::-[^{}\n]*)?)\}")
_HIDDEN = "$\ue000\\1\ue001"
"""``${NAME}`` while YAML reads: its braces would end a plain scalar inside ``{...}``, where users write it without quotes. As long as
before, so that every column stays."""
_SHOWN = re.compile("\\$\ue000([^\ue001]*)\ue001")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass
class Document:
    """A parsed file: plain ``value`` (dict, list, str, None), and where everything stands."""

    path: str
    text: str
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    marks: dict[Loc, tuple[yaml.Mark, yaml.Mark, str | None]] = field(default_factory=dict)
    key_marks: dict[Loc, tuple[yaml.Mark, yaml.Mark]] = field(default_factory=dict)

    def error(self, problem: Problem) -> ConfigError:
        """``problem`` at its line and column; a place that the file does not have falls back to the nearest one above it."""
        loc = problem.loc
        while loc and loc not in self.marks and loc not in self.key_marks:
            loc = loc[:-1]
        if (problem.on_key and loc in self.key_marks) or loc not in self.marks:
            start, end = self.key_marks.get(loc) or (None, None)
            return self._at(start, end, problem, 0, None)
        start, end, style = self.marks[loc]
        return self._at(start, end, problem, problem.at + (1 if style in ("'", '"') and problem.length else 0), problem.length)

    def errors(self, problems: Sequence[Problem]) -> ConfigErrors:
        return ConfigErrors([self.error(problem) for problem in problems])

    def _at(self, start: yaml.Mark | None, end: yaml.Mark | None, problem: Problem, shift: int, length: int | None) -> ConfigError:
        if start is None:
            return ConfigError(self.path, 1, 1, problem.message, problem.advice)
        lines = self.text.splitlines()
        source = lines[start.line] if start.line < len(lines) else ""
        if length is None:
            same_line = end is not None and end.line == start.line
            length = (end.column - start.column) if same_line and end is not None else len(source.rstrip()) - start.column
        column = max(0, start.column + shift)
        return ConfigError(self.path, start.line + 1, column + 1, problem.message, problem.advice, source, max(1, length))


def load_yaml(path: Path, *, strict: bool = True) -> Document:
    """The document at ``path``. Raises ConfigErrors for what cannot be read or is no YAML; ``strict`` also for what we do not take of YAML.

    Without ``strict`` the latter (a doubled key, a tag) stands in ``problems``, for who wants to tell all mistakes at once.
    """
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise ConfigErrors([ConfigError(str(path), 1, 1, f"cannot be read: {wrong.strerror}")]) from None
    if len(raw) > MAX_BYTES:
        raise ConfigErrors([ConfigError(str(path), 1, 1, f"is larger than {MAX_BYTES >> 20} MiB", "a rules file is a few lines")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        raise ConfigErrors([ConfigError(str(path), line, 1, "is no UTF-8 text")]) from None
    return parse_yaml(text, str(path), strict=strict)


_QUOTE = "quote a text that holds any of : # { } [ ] , & * ! | > % @"
_INDENT = "begin it below its neighbours, with as many blanks"
_TOLD = (
    ("\\t", "a tab where blanks are wanted", "indent with blanks, not tabs"),
    ("expected <block end>", "this is indented otherwise than the lines above it", _INDENT),
    ("mapping values are not allowed here", "a second `:` in one line, or an indentation that does not fit", f"{_INDENT}; or {_QUOTE}"),
    ("expected ',' or ']'", "the list that began with `[` is not closed here", "write a comma between its entries and ] at its end"),
    ("expected ',' or '}'", "the mapping that began with `{` is not closed here", "write a comma between its entries and } at its end"),
    ("found unexpected end of stream", "a quote that was opened is not closed", "close it"),
    ("could not find expected ':'", "a key without its `:`", "write key: value"),
)
"""What PyYAML says of the commonest mistakes, as one would say it to a person, and the mend."""


def parse_yaml(text: str, path: str, *, strict: bool = True) -> Document:
    """The same from a text. Raises ConfigErrors."""
    document = Document(path, text)
    try:
        root = yaml.compose(_VARIABLE.sub(_HIDDEN, text), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        said = (wrong.problem or wrong.context or "no YAML").strip()
        lines = text.splitlines()
        line = min(mark.line, max(0, len(lines) - 1)) if mark else 0
        source = lines[line] if lines else ""
        column = len(source) if mark and mark.line > line else mark.column if mark else 0
        said, advice = next(((ours, mend) for theirs, ours, mend in _TOLD if theirs in said), (said, _QUOTE))
        raise ConfigErrors([ConfigError(path, line + 1, column + 1, said, advice, source)]) from None
    except yaml.YAMLError as wrong:
        raise ConfigErrors([ConfigError(path, 1, 1, str(wrong).splitlines()[0])]) from None
    except RecursionError:
        raise ConfigErrors([ConfigError(path, 1, 1, "is nested too deeply", "a rules file has three levels")]) from None
    reader = _Reader(document)
    document.value = reader.plain(root, ()) if root is not None else None
    document.problems = reader.problems
    if strict and reader.problems:
        raise document.errors(reader.problems)
    return document


def plain_yaml(text: str) -> Any:
    """Data that ships with the program or a user's format file: plain YAML types, no positions. Raises ValueError."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (the C twin of SafeLoader)
    except yaml.YAMLError as wrong:
        raise ValueError(str(wrong)) from None


def yaml_text(document: Any) -> str:
    """Plain values as a YAML file, in their own order."""
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=140))


class _Reader:
    """Turns YAML nodes into plain values, noting where each stands."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.nodes = 0

    def plain(self, node: yaml.Node, loc: Loc) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            if not self.problems:
                self.problems.append(Problem(loc, "the file unfolds to too many values", "take the anchors out"))
            return None
        if len(loc) > MAX_DEPTH:
            self.problems.append(Problem(loc, "is nested too deeply", "a rules file has three levels"))
            self.nodes = MAX_NODES
            return None
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        self.document.marks[loc] = (node.start_mark, node.end_mark, style)
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.startswith("tag:yaml.org,2002:python"):
            self.problems.append(Problem(loc, f"the tag {node.tag} is not allowed", "write the plain value"))
            return None
        if isinstance(node, yaml.ScalarNode):
            return None if style is None and node.value in _NULLS else _SHOWN.sub(r"${\1}", str(node.value))
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*loc, i)) for i, item in enumerate(node.value)]
        return self._mapping(node, loc)

    def _mapping(self, node: yaml.Node, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            place = (*loc, key)
            if not key or key == "<<":
                self.document.key_marks[place] = (key_node.start_mark, key_node.end_mark)
                self.problems.append(Problem(place, "a key is a name; merge keys are not taken", "write the keys out", on_key=True))
                continue
            if key in found:
                first = self.document.key_marks[place][0].line + 1
                self.document.key_marks[place] = (key_node.start_mark, key_node.end_mark)
                self.problems.append(Problem(place, f"`{key}` is there twice, first in line {first}", "take one out", on_key=True))
                continue
            self.document.key_marks[place] = (key_node.start_mark, key_node.end_mark)
            found[key] = self.plain(value_node, place)
        return found
