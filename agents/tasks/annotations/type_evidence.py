"""Evidence for the type of a Python parameter or result: defaults, uses, and annotations of the same name elsewhere.

Proposes only types whose names the file knows. The caller decides between them, by the amount of evidence or with a
model. Never asks a model. Start at `gather_for_parameter` and `gather_for_result`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starling_python import parse_python, pause_garbage_collection

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
_ANNOTATION = r"\b{name}\s*:\s*([A-Za-z_][\w.]*(?:\[[\w., |\[\]]*\])?(?:\s*\|\s*[\w.\[\], ]+?)?)\s*(?:[,)=]|$)"
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The candidate types of a value.

    Attributes:
        votes: weight of the evidence, by type as it would be written.
        optional: whether the value can also be None.
    """

    votes: Counter[str]
    optional: bool = False

    @property
    def best(self) -> str:
        """The type with the most votes, "" for none."""
        return self.votes.most_common(1)[0][0] if self.votes else ""


def gather_for_parameter(parameter: Parameter, body: str, around: Iterable[str]) -> Evidence:
    """Return the evidence for the type of one parameter.

    Args:
        parameter: a parameter without annotation.
        body: the function's definition, dedented so that Python can parse it.
        around: texts in which parameters of the same name may be annotated, the nearest first; at most 8 are searched.
    """
    votes: Counter[str] = Counter()
    default = parameter.default.strip()
    if default and (known := _infer_literal(default)):
        votes[known] += 5
    for found in _infer_from_uses(parameter.name, body):
        votes[found] += 2
    pattern = re.compile(_ANNOTATION.format(name=re.escape(parameter.name)), re.MULTILINE)
    for weight, text in zip((3, 1, 1, 1, 1, 1, 1, 1), around, strict=False):
        for annotated in pattern.findall(text):
            votes[annotated.strip().removesuffix("| None").strip()] += weight
    compared = re.search(rf"(?<![\w.]){re.escape(parameter.name)} is None\b", body) is not None
    return Evidence(votes, optional=default == "None" or compared)


def gather_for_result(body: str) -> Evidence:
    """Return the evidence for the return type of the function whose definition is `body`.

    No votes where the type is uncertain: for generators, for unknown or different types, if it only raises, and if
    `body` does not parse.
    """
    tree = _parse_function(body)
    if tree is None:
        return Evidence(Counter())
    own = list(_walk_own_nodes(tree))
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own):
        return Evidence(Counter())  # a generator: the type of its items is unknown
    returned = [node.value for node in own if isinstance(node, ast.Return)]
    values = [value for value in returned if value is not None and not _is_none(value)]
    if not values:
        ends = bool(tree.body) and isinstance(tree.body[-1], ast.Raise)
        return Evidence(Counter() if ends and not returned else Counter({"None": 1}))
    kinds = {_infer_expression(value) for value in values}
    falls = len(values) < len(returned) or not _always_ends(tree.body)
    return Evidence(Counter(kinds) if len(kinds) == 1 and "" not in kinds else Counter(), optional=falls)


def is_known_type(name: str, text: str) -> bool:
    """Return whether each name in the type `name` is a builtin, or on an `import`, `class` or `type` line of `text`."""
    return all(
        part in _BUILTINS or re.search(rf"^(?:from\s.*import|import|class|type)\b.*\b{part}\b", text, re.MULTILINE)
        for part in _NAME.findall(name)
    )


def _infer_literal(text: str) -> str:
    """Return the name of the type of the literal `text`; "" for other expressions and for `None`."""
    if text in _LITERALS:
        return _LITERALS[text]
    try:
        with pause_garbage_collection():
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return type(value).__name__ if type(value).__name__ in _BUILTINS and value is not None else ""


def _infer_from_uses(name: str, body: str) -> Iterator[str]:
    """Yield the types that the uses of `name` in `body` suggest, one for each use that suggests a type."""
    tree = _parse_function(body)
    for node in _walk_own_nodes(tree) if tree is not None else ():
        if isinstance(node, ast.Attribute) and _is_name(node.value, name) and (known := _BY_METHOD.get(node.attr)):
            yield known
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and _is_name(node.right, name):
            if (known := _infer_expression(node.left)) in {"str", "list"}:
                yield known
        elif isinstance(node, ast.Compare) and _is_name(node.left, name) and len(node.comparators) == 1:
            if (known := _infer_expression(node.comparators[0])) in {"str", "int", "float"}:
                yield known
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and any(_is_name(arg, name) for arg in node.args)
        ):
            if node.func.id in {"range", "chr"}:
                yield "int"
            elif node.func.id == "ord":
                yield "str"


def _infer_expression(value: ast.expr) -> str:
    """Return the type that an expression has by its form alone, "" where that is unknown."""
    if isinstance(value, ast.Constant):
        return type(value.value).__name__ if value.value is not None and value.value is not ... else ""
    if isinstance(value, ast.UnaryOp):
        return "bool" if isinstance(value.op, ast.Not) else _infer_expression(value.operand)
    if isinstance(value, ast.Call):
        return _infer_call(value)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Mod | ast.Mult):
        return (
            "str" if _infer_expression(value.left) == "str" else ""
        )  # an operation on text gives text, whatever the other operand is
    simple: tuple[tuple[type[ast.expr], str], ...] = (
        (ast.JoinedStr, "str"), (ast.Compare, "bool"), (ast.List, "list"), (ast.ListComp, "list"), (ast.Dict, "dict"),
        (ast.DictComp, "dict"), (ast.Set, "set"), (ast.SetComp, "set"), (ast.Tuple, "tuple"),
    )  # fmt: skip
    return next((name for kind, name in simple if isinstance(value, kind)), "")


def _infer_call(call: ast.Call) -> str:
    """Return the type that a call returns: a class's own name, or the result of a common function; "" if unknown."""
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
    """Return whether all branches of the last statement of `body` return, raise or loop endlessly; ignores `break`."""
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


def _parse_function(body: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the function that `body` begins with; None if there is none or `body` does not parse."""
    try:
        tree = parse_python(body)
    except SyntaxError:
        return None
    first = tree.body[0] if tree.body else None
    return first if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _walk_own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield all nodes of the function's body, but not those inside of nested functions, lambdas and classes."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _is_name(node: ast.AST, name: str) -> bool:
    """Return whether `node` is the variable `name`."""
    return isinstance(node, ast.Name) and node.id == name


def _is_none(value: ast.expr) -> bool:
    """Return whether `value` is the literal `None`."""
    return isinstance(value, ast.Constant) and value.value is None
