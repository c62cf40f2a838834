"""Seeded bugs: functions with one small slip of a kind that people make.

`choose_functions(package, count)` draws functions, `make_mutants(text, function)` makes every slip that fits one.
Texts are normalised with `ast.unparse`, before and after alike, so that formatting gives nothing away. Nothing is run:
a slip may turn out to change nothing that matters.
"""

from __future__ import annotations

import ast
import itertools
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.syntax import documents
from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.eval.data import Package

    Change = Callable[[], Callable[[], None]]  # makes the change, and returns a function that undoes it

MAX_FILE_CHARS = 60_000
LEAST_LINES, MOST_LINES = 4, 30  # of a function
LARGEST_COUNTED = 64

Function = ast.FunctionDef | ast.AsyncFunctionDef

BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
COMPARISON = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
MEMBERSHIP = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}


@dataclass(frozen=True)
class Span:
    """A function in a normalised module: its name, first and last line (from 1)."""

    name: str
    first: int
    last: int

    def within(self, text: str) -> documents.Span:
        """Return the function's start and end in the module with the text `text`, in code points."""
        starts = find_line_starts(text)
        return documents.Span(starts[self.first - 1], starts[self.last])


def find_line_starts(text: str) -> list[int]:
    """Return the offset of each line of a text, then that of the end of the text plus one."""
    return [0, *itertools.accumulate(len(line) + 1 for line in text.split("\n"))]


@dataclass(frozen=True)
class Mutant:
    """A module with one slip.

    Attributes:
        operator: kind of the slip, a key of `OPERATORS`.
        function: function with the slip.
        line: line of the slip, from 1.
        text: text of the whole module with the slip.
    """

    operator: str
    function: Span
    line: int
    text: str


def normalise(text: str) -> str | None:
    """Return the module `text` as `ast.unparse` writes it; None if it is not Python or too long."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    plain = ast.unparse(tree) + "\n"
    return plain if len(plain) <= MAX_FILE_CHARS else None


def find_functions(text: str) -> list[Span]:
    """Return the functions of a normalised module with 4 to 30 lines and without inner functions, in order."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        last = node.end_lineno or node.lineno
        inner = any(isinstance(one, Function) for one in ast.walk(node) if one is not node)
        if LEAST_LINES <= last - node.lineno + 1 <= MOST_LINES and not inner:
            found.append(Span(node.name, node.lineno, last))
    return sorted(found, key=lambda span: span.first)


def choose_functions(package: Package, count: int) -> list[tuple[Path, str, Span]]:
    """Return up to `count` random functions of a package, each with its file and the normalised text; deterministic."""
    found = []
    for path in package.list_files():
        text = normalise(path.read_text(encoding="utf-8", errors="replace"))
        if text is not None:
            found += [(path, text, function) for function in find_functions(text)]
    rng = random.Random(f"{SEED} {package.name} {package.version}")  # noqa: S311 - a sample that repeats, no secret
    return rng.sample(found, min(count, len(found)))


def make_mutants(text: str, function: Span) -> Iterator[Mutant]:
    """Yield a mutant for every slip of every kind in a function of the normalised module `text`.

    Slips that move lines or give invalid code are left out.
    """
    tree = ast.parse(text)
    chosen = next(node for node in ast.walk(tree) if isinstance(node, Function) and node.lineno == function.first)
    for operator, slip in OPERATORS.items():
        for change in slip(chosen):
            undo = change()
            changed = ast.unparse(tree) + "\n"
            undo()
            line = find_first_difference(text, changed)
            if line and _is_python(changed):
                yield Mutant(operator, function, line, changed)


def find_first_difference(before: str, after: str) -> int:
    """Return the first line, from 1, in which two texts differ; 0 if none does or the numbers of lines differ."""
    old, new = before.split("\n"), after.split("\n")
    if len(old) != len(new):
        return 0
    return next((number for number, (one, other) in enumerate(zip(old, new, strict=True), 1) if one != other), 0)


def _is_python(text: str) -> bool:
    """Return whether `text` compiles as Python."""
    try:
        compile(text, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _set_field(node: ast.AST, name: str, value: object) -> Change:
    """Return a reversible change that sets the field `name` of a syntax node."""

    def change() -> Callable[[], None]:
        """Set the field; return a function that restores the old value."""
        old = getattr(node, name)
        setattr(node, name, value)
        return lambda: setattr(node, name, old)

    return change


def _replace_node(root: ast.AST, node: ast.AST, new: ast.AST) -> Iterator[Change]:
    """Yield a reversible change that replaces the syntax node `node`, below `root`, by `new`."""
    for parent in ast.walk(root):
        for name, value in ast.iter_fields(parent):
            if value is node:
                yield _set_field(parent, name, new)
            elif isinstance(value, list) and any(one is node for one in value):
                yield _set_field(parent, name, [new if one is node else one for one in value])


def _walk_body(function: Function) -> Iterator[ast.AST]:
    """Yield the syntax nodes of a function's body, without its docstring."""
    for statement in function.body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield from ast.walk(statement)


def _make_operator_swap(table: dict[type[ast.cmpop], type[ast.cmpop]]) -> Callable[[Function], Iterator[Change]]:
    """Return a function that yields changes of comparison operators by `table`."""

    def swap(function: Function) -> Iterator[Change]:
        for node in _walk_body(function):
            if isinstance(node, ast.Compare) and len(node.ops) == 1 and (new := table.get(type(node.ops[0]))):
                yield _set_field(node, "ops", [new()])

    return swap


def _swap_arithmetic(function: Function) -> Iterator[Change]:
    """Yield changes of arithmetic operators, except between texts."""
    for node in _walk_body(function):
        texts = isinstance(node, ast.BinOp) and any(
            isinstance(side, ast.JoinedStr)
            or (isinstance(side, ast.Constant) and not isinstance(side.value, int | float))
            for side in (node.left, node.right)
        )
        if isinstance(node, ast.BinOp | ast.AugAssign) and not texts and (new := ARITHMETIC.get(type(node.op))):
            yield _set_field(node, "op", new())


def _drop_not(function: Function) -> Iterator[Change]:
    """Yield changes that remove a `not`."""
    for node in list(_walk_body(function)):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield from _replace_node(function, node, node.operand)


def _flip_bool(function: Function) -> Iterator[Change]:
    """Yield changes of True to False and back."""
    for node in _walk_body(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield _set_field(node, "value", not node.value)


def _swap_arguments(function: Function) -> Iterator[Change]:
    """Yield changes that swap two neighbouring arguments of a call."""
    for node in _walk_body(function):
        if isinstance(node, ast.Call):
            for at in range(len(node.args) - 1):
                first, second = node.args[at : at + 2]
                starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
                if not starred and ast.dump(first) != ast.dump(second):
                    yield _set_field(node, "args", [*node.args[:at], second, first, *node.args[at + 2 :]])


def _misuse_variables(function: Function) -> Iterator[Change]:
    """Yield changes of a local variable into the other one that was bound last before."""
    bound = {argument.arg: argument.lineno for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] = min(node.lineno, bound.get(node.id, node.lineno))
    called = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    for node in list(_walk_body(function)):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id in bound
            and id(node) not in called
        ):
            others = [
                name for name, line in bound.items() if line < node.lineno and name not in {node.id, "self", "cls"}
            ]
            if others and node.id not in {"self", "cls"}:
                yield _set_field(node, "id", max(others, key=lambda name: bound[name]))


def _drop_self(function: Function) -> Iterator[Change]:
    """Yield changes of `self.name` to `name`."""
    for node in list(_walk_body(function)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            yield from _replace_node(function, node, ast.Name(node.attr, node.ctx))


def _swap_attributes(function: Function) -> Iterator[Change]:
    """Yield changes of an attribute of a variable into another attribute of it that the function uses."""
    used: dict[tuple[str, bool], list[str]] = defaultdict(list)
    called = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    found = [
        (node, node.value.id, id(node) in called)
        for node in _walk_body(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    for node, holder, is_called in found:
        used[holder, is_called].append(node.attr)
    for node, holder, is_called in found:
        others = [name for name in used[holder, is_called] if name != node.attr]
        if others and isinstance(node.ctx, ast.Load):
            yield _set_field(node, "attr", others[0])


def _drop_await(function: Function) -> Iterator[Change]:
    """Yield changes that remove an `await`."""
    for node in list(_walk_body(function)):
        if isinstance(node, ast.Await):
            yield from _replace_node(function, node, node.value)


def _drop_return(function: Function) -> Iterator[Change]:
    """Yield changes that remove the `return` before a value that is not a constant."""
    for node in list(_walk_body(function)):
        if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            yield from _replace_node(function, node, ast.Expr(node.value))


def _drop_raise(function: Function) -> Iterator[Change]:
    """Yield changes that remove the `raise` before a new exception."""
    for node in list(_walk_body(function)):
        if isinstance(node, ast.Raise) and node.cause is None and isinstance(node.exc, ast.Call):
            yield from _replace_node(function, node, ast.Expr(node.exc))


def _shift_numbers(function: Function) -> Iterator[Change]:
    """Yield changes of small integers by one."""
    for node in _walk_body(function):
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNTED:
            yield _set_field(node, "value", value + 1)
            if value:
                yield _set_field(node, "value", value - 1)


OPERATORS: dict[str, Callable[[Function], Iterator[Change]]] = {
    "boundary": _make_operator_swap(BOUNDARY),
    "arithmetic": _swap_arithmetic,
    "comparison": _make_operator_swap(COMPARISON),
    "dropped not": _drop_not,
    "flipped bool": _flip_bool,
    "is and in": _make_operator_swap(MEMBERSHIP),
    "swapped arguments": _swap_arguments,
    "variable misuse": _misuse_variables,
    "dropped self": _drop_self,
    "dropped await": _drop_await,
    "dropped return": _drop_return,
    "dropped raise": _drop_raise,
    "off by one": _shift_numbers,
    "wrong attribute": _swap_attributes,
}
