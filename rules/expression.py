"""Small safe expressions of metrics: ``val_loss - train_loss > 0.5 and lr < 1e-3``.

::

    or      = and ("or" and)*
    and     = not ("and" not)*
    not     = "not" not | compare
    compare = sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
    sum     = term (("+" | "-") term)*
    term    = factor (("*" | "/") factor)*
    factor  = "-" factor | NUMBER | NAME | FUNCTION "(" or ("," or)* ")" | "(" or ")"

It is parsed once into nested tuples and walked: nothing is compiled or executed, the length and the depth are bounded. A division
by zero, an overflow or a logarithm of nothing gives NaN, and a NaN satisfies no comparison.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 300
MAX_DEPTH = 24

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(<=|>=|==|!=|[-+*/()<>,]))")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SUM: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub}
_TERM: dict[str, Callable[[float, float], float]] = {"*": operator.mul, "/": operator.truediv}
_FUNCTIONS: dict[str, Callable[..., float]] = {"abs": abs, "min": min, "max": max, "log": math.log, "exp": math.exp, "sqrt": math.sqrt}
_WORDS = frozenset({"and", "or", "not"})
Node = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """``names`` are the metrics in the order in which they stand; ``tree`` is nested tuples."""

    text: str
    names: tuple[str, ...]
    tree: Node | None

    def evaluate(self, values: Mapping[str, float]) -> bool | None:
        """Whether it holds; None where a value it compares is NaN."""
        try:
            found = _value(self.tree, values)
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return None if isinstance(found, float) and math.isnan(found) else bool(found)


NOTHING = Expression("", (), None)


def parse_expression(text: str, known: Sequence[str] = ()) -> Expression:
    """Raises ValueError with what is wrong. ``known`` are names that may hold characters an expression could not."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an expression has at most {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text, known))
    tree = parser.alternatives(0)
    if parser.token is not None:
        raise ValueError(f"`{parser.token}` is one too many; join conditions with and, or")
    if tree[0] not in ("compare", "and", "or", "not"):
        raise ValueError("an expression compares; write val_loss - train_loss > 0.5")
    if not parser.names:
        raise ValueError("an expression names a metric; write val_loss > 2")
    return Expression(" ".join(text.split()), tuple(dict.fromkeys(parser.names)), tree)


def _tokens(text: str, known: Sequence[str]) -> list[str]:
    names = {name for name in known if _TOKEN.fullmatch(name) is None}
    found, at = [], 0
    while at < len(text.rstrip()):
        lead = len(text) - at - len(text[at:].lstrip())
        name = next((name for name in names if text.startswith(name, at + lead)), None)
        match = None if name else _TOKEN.match(text, at)
        if name is None and match is None:
            raise ValueError(f"`{text[at:].strip()[:20]}` is not understood; use metrics, numbers, + - * / < > and, or, not")
        found.append(name or next(part for part in match.groups() if part is not None))  # type: ignore[union-attr]
        at = at + lead + len(name) if name else match.end()  # type: ignore[union-attr]
    return found


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.names = tokens, 0, list[str]()

    @property
    def token(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        if self.token is None:
            raise ValueError("the expression ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def alternatives(self, depth: int) -> Node:
        return self._chain("or", lambda: self._chain("and", lambda: self._not(depth + 1)))

    def _chain(self, word: str, inner: Callable[[], Node]) -> Node:
        parts = [inner()]
        while self.token == word:
            self.take()
            parts.append(inner())
        return parts[0] if len(parts) == 1 else (word, *parts)

    def _not(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ValueError(f"an expression is nested at most {MAX_DEPTH} deep")
        if self.token == "not":  # noqa: S105
            self.take()
            return ("not", self._not(depth + 1))
        left = self._left(_SUM, lambda: self._left(_TERM, lambda: self._factor(depth + 1)))
        if self.token not in _COMPARE:
            return left
        op = self.take()
        right = self._left(_SUM, lambda: self._left(_TERM, lambda: self._factor(depth + 1)))
        if self.token in _COMPARE:
            raise ValueError("a comparison has two sides; join two of them with and")
        return ("compare", op, left, right)

    def _left(self, ops: Mapping[str, Any], inner: Callable[[], Node]) -> Node:
        left = inner()
        while self.token in ops:
            op = self.take()
            left = ("math", op, left, inner())
        return left

    def _factor(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ValueError(f"an expression is nested at most {MAX_DEPTH} deep")
        token = self.take()
        if token == "-":  # noqa: S105
            return ("math", "-", ("number", 0.0), self._factor(depth + 1))
        if token == "(":  # noqa: S105
            inner = self.alternatives(depth + 1)
            self._close()
            return inner
        if token[0].isdigit() or (token[0] == "." and len(token) > 1):
            return ("number", float(token))
        if token in _WORDS or not (token[0].isalpha() or token[0] == "_"):
            raise ValueError(f"`{token}` stands where a metric or a number should")
        if self.token == "(":  # noqa: S105
            return self._call(token, depth)
        self.names.append(token)
        return ("metric", token)

    def _call(self, name: str, depth: int) -> Node:
        if name not in _FUNCTIONS:
            raise ValueError(f"unknown function `{name}`; known: {', '.join(_FUNCTIONS)}")
        self.take()
        arguments = [self.alternatives(depth + 1)]
        while self.token == ",":  # noqa: S105
            self.take()
            arguments.append(self.alternatives(depth + 1))
        self._close()
        if (len(arguments) == 1) == (name in ("min", "max")):
            raise ValueError(f"{name} takes {'two values or more' if name in ('min', 'max') else 'one value'}")
        return ("call", name, *arguments)

    def _close(self) -> None:
        if self.token != ")":  # noqa: S105
            raise ValueError("a bracket is not closed")
        self.take()


def _value(node: Any, values: Mapping[str, float]) -> float | bool:
    kind = node[0]
    if kind == "number":
        return float(node[1])
    if kind == "metric":
        return values[node[1]]
    if kind == "math":
        op = _SUM.get(node[1]) or _TERM[node[1]]
        return op(_value(node[2], values), _value(node[3], values))
    if kind == "compare":
        left, right = _value(node[2], values), _value(node[3], values)
        return math.nan if math.isnan(left) or math.isnan(right) else _COMPARE[node[1]](left, right)
    if kind == "call":
        return float(_FUNCTIONS[node[1]](*(_value(part, values) for part in node[2:])))
    return _logic(kind, [_value(part, values) for part in node[1:]])


def _logic(kind: str, parts: list[float | bool]) -> float | bool:
    """Three-valued, as in SQL: NaN is "not known"."""
    unknown = any(math.isnan(part) for part in parts)
    if kind == "not":
        return math.nan if unknown else not parts[0]
    decides = kind == "or"
    if any(not math.isnan(part) and bool(part) is decides for part in parts):
        return decides
    return math.nan if unknown else not decides
