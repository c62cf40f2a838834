"""What a Python parameter or result might be, by what the code shows: defaults, uses, other annotations of that name.

Guesses only from evidence, and only types whose names the file knows; what fits best is for a model to say, or for how
much evidence there is. Never asks a model. Start at `of_parameter` and `of_result`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starling_python import parse_python, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.tasks.functions import Parameter

_METHODS = {
    "str": "strip lstrip rstrip split rsplit splitlines lower upper startswith endswith encode format title capitalize"
    " casefold partition rpartition isdigit isalpha isidentifier removeprefix removesuffix zfill",
    "bytes": "decode hex",
    "dict": "items keys values setdefault popitem",
    "list": "append extend insert sort reverse",
    "set": "add discard union intersection difference issubset issuperset",
    "Path": "read_text write_text read_bytes write_bytes exists is_file is_dir iterdir glob rglob mkdir resolve unlink",
}
_BY_METHOD = {method: name for name, methods in _METHODS.items() for method in methods.split()}
_BUILTINS = frozenset(dir(builtins))
_LITERALS = {"True": "bool", "False": "bool", "[]": "list", "{}": "dict", "()": "tuple", "''": "str", '""': "str"}
_ANNOTATED = r"\b{name}\s*:\s*([A-Za-z_][\w.]*(?:\[[\w., |\[\]]*\])?(?:\s*\|\s*[\w.\[\], ]+?)?)\s*(?:[,)=]|$)"
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for which type.

    Attributes:
        votes: how much, by the type as it would be written.
        optional: whether None is a value too.
    """

    votes: Counter[str]
    optional: bool = False

    @property
    def best(self) -> str:
        """The type with the most votes, "" for none."""
        return self.votes.most_common(1)[0][0] if self.votes else ""


def of_parameter(parameter: Parameter, body: str, around: Iterable[str]) -> Evidence:
    """Evidence for one parameter.

    Args:
        parameter: without annotation.
        body: the function's definition, as text that Python can parse once it is dedented.
        around: texts in which parameters of the same name may be annotated, the nearest first.
    """
    votes: Counter[str] = Counter()
    default = parameter.default.strip()
    if default and (known := _of_literal(default)):
        votes[known] += 5
    for found in _uses(parameter.name, body):
        votes[found] += 2
    pattern = re.compile(_ANNOTATED.format(name=re.escape(parameter.name)), re.MULTILINE)
    for weight, text in zip((3, 1, 1, 1, 1, 1, 1, 1), around, strict=False):
        for annotated in pattern.findall(text):
            votes[annotated.strip().removesuffix("| None").strip()] += weight
    return Evidence(votes, optional=default == "None" or f"{parameter.name} is None" in body)


def of_result(body: str) -> Evidence:
    """Evidence for what a function returns."""
    tree = _parsed(body)
    if tree is None:
        return Evidence(Counter())
    own = list(_own_nodes(tree))
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own):
        return Evidence(Counter())  # of what, nobody knows
    returned = [node.value for node in own if isinstance(node, ast.Return)]
    values = [value for value in returned if value is not None and not _is_none(value)]
    if not values:
        ends = bool(tree.body) and isinstance(tree.body[-1], ast.Raise)
        return Evidence(Counter() if ends and not returned else Counter({"None": 1}))
    kinds = {_of_value(value) for value in values}
    falls = len(values) < len(returned) or not _always_ends(tree.body)
    return Evidence(Counter(kinds) if len(kinds) == 1 and "" not in kinds else Counter(), optional=falls)


def is_known(name: str, text: str) -> bool:
    """Whether all names in the type `name` are built in, or bound in the file's `text`."""
    return all(
        part in _BUILTINS or re.search(rf"^(?:from\s.*import|import|class|type)\b.*\b{part}\b", text, re.MULTILINE)
        for part in _NAME.findall(name)
    )


def _of_literal(text: str) -> str:
    if text in _LITERALS:
        return _LITERALS[text]
    try:
        with uninterrupted():
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return type(value).__name__ if type(value).__name__ in _BUILTINS and value is not None else ""


def _uses(name: str, body: str) -> Iterator[str]:
    """Types that the ways in which `name` is used speak for."""
    tree = _parsed(body)
    for node in _own_nodes(tree) if tree is not None else ():
        if isinstance(node, ast.Attribute) and _is(node.value, name) and (known := _BY_METHOD.get(node.attr)):
            yield known
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and _is(node.right, name):
            if (known := _of_value(node.left)) in {"str", "list"}:
                yield known
        elif isinstance(node, ast.Compare) and _is(node.left, name) and len(node.comparators) == 1:
            if (known := _of_value(node.comparators[0])) in {"str", "int", "float"}:
                yield known
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and any(_is(arg, name) for arg in node.args)
        ):
            if node.func.id in {"range", "chr"}:
                yield "int"
            elif node.func.id == "ord":
                yield "str"


def _of_value(value: ast.expr) -> str:
    """The type of an expression that shows it, "" otherwise."""
    if isinstance(value, ast.Constant):
        return type(value.value).__name__ if value.value is not None and value.value is not ... else ""
    if isinstance(value, ast.UnaryOp):
        return "bool" if isinstance(value.op, ast.Not) else _of_value(value.operand)
    if isinstance(value, ast.Call):
        return _of_call(value)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Mod | ast.Mult):
        return "str" if _of_value(value.left) == "str" else ""  # text stays text, whatever it is formatted with
    simple: tuple[tuple[type[ast.expr], str], ...] = (
        (ast.JoinedStr, "str"), (ast.Compare, "bool"), (ast.List, "list"), (ast.ListComp, "list"), (ast.Dict, "dict"),
        (ast.DictComp, "dict"), (ast.Set, "set"), (ast.SetComp, "set"), (ast.Tuple, "tuple"),
    )  # fmt: skip
    return next((name for kind, name in simple if isinstance(value, kind)), "")


def _of_call(call: ast.Call) -> str:
    """A class returns itself; a few functions and methods return what everybody knows."""
    if isinstance(call.func, ast.Name):
        name = call.func.id
        known = {"len": "int", "sorted": "list", "round": "", "isinstance": "bool", "all": "bool", "any": "bool"}
        if name in known:
            return known[name]
        is_type = name in {"str", "int", "float", "bool", "list", "dict", "set", "tuple", "bytes", "frozenset"}
        return name if is_type or name[:1].isupper() else ""
    if isinstance(call.func, ast.Attribute):
        return {"join": "str", "format": "str", "splitlines": "list[str]", "encode": "bytes"}.get(call.func.attr, "")
    return ""


def _always_ends(body: list[ast.stmt]) -> bool:
    """Whether no way leads past the end of `body`, as far as its last statement says."""
    last = body[-1] if body else None
    if isinstance(last, ast.Return | ast.Raise):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and _always_ends(last.body) and _always_ends(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return _always_ends(last.body)
    if isinstance(last, ast.Try):
        return _always_ends(last.body) and all(_always_ends(handler.body) for handler in last.handlers)
    return isinstance(last, ast.While) and isinstance(last.test, ast.Constant) and bool(last.test.value)


def _parsed(body: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        tree = parse_python(body)
    except SyntaxError:
        return None
    first = tree.body[0] if tree.body else None
    return first if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """All nodes of the body, those of functions inside of it left out."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
