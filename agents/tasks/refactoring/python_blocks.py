"""Runs of statements in a Python function: found by lines, and what stands around them.

Start at `find_function` and `find_block`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tasks.refactoring.python_names import Flow, Swallows, bound_in, own_nodes, parameters_of, reads_in, swallows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.tasks.refactoring.python_names import Function, Names

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that follow each other.

    Attributes:
        function: that they stand in.
        statements: them.
        first_line: of their text, from 1; comments right above them belong to it.
        last_line: the last one of their text.
        around: the statements that they stand in, outermost first, each with the field that holds them.
    """

    function: Function
    statements: tuple[ast.stmt, ...]
    first_line: int
    last_line: int
    around: tuple[tuple[ast.stmt, str], ...]

    def holds(self, node: ast.AST) -> bool:
        """Return whether a node stands in the statements."""
        return self.first_line <= getattr(node, "lineno", 0) <= self.last_line

    def is_airy(self, text: Sequence[str]) -> bool:
        """Return whether blank lines stand between the statements beside these, in the lines of the whole file."""
        node, field = self.around[-1] if self.around else (self.function, "body")
        body = getattr(node, field) if field not in {"handlers", "cases"} else self.statements
        return any(not line.strip() for line in text[body[0].lineno - 1 : body[-1].end_lineno])

    def is_last(self) -> bool:
        """Return whether the function ends where the statements do."""
        inner: Sequence[ast.stmt] = self.function.body
        for node, field in self.around:
            if not isinstance(node, (ast.If, ast.With, ast.AsyncWith)) or inner[-1] is not node:
                return False
            inner = getattr(node, field)
        return inner[-1] is self.statements[-1]

    def leaving_loops(self) -> Iterator[ast.AST]:
        """Yield what stands in the statements and in no loop of theirs."""
        waiting: list[ast.AST] = [*self.statements]
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, _LOOPS):
                waiting += node.orelse
            elif not isinstance(node, _SCOPES):
                waiting += ast.iter_child_nodes(node)

    def bound_before(self) -> Names:
        """Return the names that may be bound by the function's body when the statements begin."""
        loop = self._loop()
        found = set(bound_in([loop])) if loop is not None else set()
        for node in own_nodes(self.function.body):
            if self._names_something(node) and getattr(node, "lineno", 0) < self.first_line:
                found |= bound_in([node])
        return frozenset(found)

    def bound_behind(self) -> Names:
        """Return the names that the function binds behind the statements, or in a loop around them."""
        found: set[str] = set()
        for node in own_nodes(self.function.body):
            if self._names_something(node) and self._comes_later(node):
                found |= bound_in([node])
        return frozenset(found)

    def read_before(self) -> Names:
        """Return the names that the function's own code above the statements reads."""
        above = (one for one in own_nodes(self.function.body) if getattr(one, "lineno", 0) < self.first_line)
        return self._read_in(above)

    def read_behind(self) -> Names:
        """Return the names that may be read once the statements are done."""
        found = self._read_in(one for one in ast.walk(self.function) if self._comes_later(one))
        return found | reads_in(self.statements) if self._loop() is not None else found

    def is_before(self, node: ast.AST) -> bool:
        """Return whether a node may have been run before the statements are."""
        line, loop = getattr(node, "lineno", 0), self._loop()
        return line < self.first_line or (loop is not None and line <= (loop.end_lineno or 0))

    def is_repeated(self) -> bool:
        """Return whether a loop stands around the statements."""
        return self._loop() is not None

    def lost_on_error(self) -> Names:
        """Return the names that may be read after an error in the statements, which a new function would keep."""
        found: set[str] = set()
        for node, field in self.around:
            if isinstance(node, (ast.Try, ast.TryStar)) and field != "finalbody":
                found |= reads_in(node.finalbody)
                goes_on = any(isinstance(one, (ast.Break, ast.Continue)) for one in own_nodes(node.finalbody))
                if field == "body":
                    found |= reads_in(node.handlers)
                    goes_on = goes_on or any(_goes_on(one.body) for one in node.handlers)
                if goes_on:
                    found |= self._read_past(node)
            elif isinstance(node, (ast.With, ast.AsyncWith)) and swallows(node) is not Swallows.NEVER:
                past = self._read_past(node)
                if swallows(node) is Swallows.MAYBE:  # without a value before, the code behind fails either way
                    past &= self.bound_before() | {one.arg for one in parameters_of(self.function)}
                found |= past
        return frozenset(found)

    def _read_past(self, node: ast.stmt) -> Names:
        """Return the names that may be read once a statement around these is done."""
        last, loop = node.end_lineno or 0, self._loop()
        first = loop.lineno if loop is not None else last + 1
        return self._read_in(
            one
            for one in ast.walk(self.function)
            if getattr(one, "lineno", 0) > last or first <= getattr(one, "lineno", 0) < node.lineno
        )

    def _loop(self) -> ast.stmt | None:
        """Return the outermost loop around the statements."""
        return next((one for one, field in self.around if isinstance(one, _LOOPS) and field == "body"), None)

    def _comes_later(self, node: ast.AST) -> bool:
        line, loop = getattr(node, "lineno", 0), self._loop()
        again = loop is not None and loop.lineno <= line <= (loop.end_lineno or line)
        return (line > self.last_line or again) and not self.holds(node)

    def _names_something(self, node: ast.AST) -> bool:
        """Return whether a node binds names itself: a statement around the block does so by its parts."""
        return isinstance(node, (ast.Name, ast.ExceptHandler, ast.pattern, *_SCOPES, ast.Import, ast.ImportFrom)) and (
            all(node is not one for one, _ in self.around)
        )

    def _read_in(self, nodes: Iterable[ast.AST]) -> Names:
        found: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
        return frozenset(found)


def _goes_on(body: Sequence[ast.stmt]) -> bool:
    """Return whether the function goes on behind the body of an `except`."""
    jumps = any(isinstance(one, (ast.Break, ast.Continue)) for one in own_nodes(body))
    return jumps or Flow().follow(body, frozenset()) is not None


def find_function(tree: ast.Module, line: int) -> tuple[Function, tuple[ast.AST, ...]] | None:
    """Return the function whose head stands on a line, and the functions and classes around it, outermost first."""
    waiting: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(tree, ())]
    while waiting:
        node, holders = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno == line:
            return node, holders
        inner = (*holders, node) if isinstance(node, _SCOPES) else holders
        waiting += ((one, inner) for one in ast.iter_child_nodes(node) if isinstance(one, (ast.stmt, *_PARTS)))
    return None


_PARTS = (ast.ExceptHandler, ast.match_case)


def find_block(function: Function, lines: tuple[int, int], text: Sequence[str]) -> Block | None:
    """Return the statements that lines of a function come nearest to; None where there are no such.

    Args:
        function: whose.
        lines: the first and the last, from 1.
        text: the lines of the whole file.
    """
    first, last = lines
    statements: Sequence[ast.stmt] = function.body[1:] if _documents(function) else function.body
    around: list[tuple[ast.stmt, str]] = []
    outer: list[Sequence[ast.stmt]] = []
    found = _covered(statements, first, last)
    while len(found) == 1 and first > found[0].lineno and (inner := _inner(found[0], first, last)):
        around.append((found[0], inner[0]))
        outer.append(statements)
        statements = inner[1]
        found = _covered(statements, first, last)
    while found and outer and text[found[0].lineno - 1].lstrip().startswith("elif"):  # a part of the `if` above it
        found, statements = [around.pop()[0]], outer.pop()
    if not found or not _stands_alone(statements, found, text):
        return None
    begin = _first_line(found[0])
    above = max((one.end_lineno or 0 for one in statements if one.lineno < begin), default=0)
    depth = text[begin - 1][: found[0].col_offset]
    while begin - 1 > above and text[begin - 2].startswith(f"{depth}#"):
        begin -= 1
    return Block(function, (*found,), begin, found[-1].end_lineno or 0, (*around,))


def runs(function: Function) -> Iterator[tuple[ast.stmt, ...]]:
    """Yield all statements of a function that follow each other, outer blocks first, each alone before any several."""
    waiting: list[Sequence[ast.stmt]] = [function.body[1:] if _documents(function) else function.body]
    while waiting:
        body = waiting.pop(0)
        yield from ((one,) for one in body)
        yield from ((*body[first:last],) for first in range(len(body)) for last in range(first + 2, len(body) + 1))
        for one in body:
            waiting += [inner for _, inner in _blocks(one)]


def _documents(function: Function) -> bool:
    one = function.body[0]
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _SCOPES) else []
    return min([node.lineno, *(one.lineno for one in decorators)])


def _covered(statements: Sequence[ast.stmt], first: int, last: int) -> list[ast.stmt]:
    """Return the statements on some lines, without those at both ends of which less than half stands on them."""
    found = [one for one in statements if _first_line(one) <= last and (one.end_lineno or 0) >= first]

    def share(one: ast.stmt) -> float:
        begin, end = _first_line(one), one.end_lineno or 0
        return (min(end, last) - max(begin, first) + 1) / (end - begin + 1)

    while len(found) > 1 and share(found[-1]) < 0.5:
        found.pop()
    while len(found) > 1 and share(found[0]) < 0.5:
        found.pop(0)
    return found


def _inner(node: ast.stmt, first: int, last: int) -> tuple[str, Sequence[ast.stmt]] | None:
    """Return the one block of a statement that lines stand in; None where they are not in one alone."""
    found = [(field, body) for field, body in _blocks(node) if _covered(body, first, last)]
    return found[0] if len(found) == 1 else None


def _blocks(node: ast.stmt) -> list[tuple[str, Sequence[ast.stmt]]]:
    """Return the blocks of a statement that belong to the same function, each with the field that holds it."""
    if isinstance(node, _SCOPES):
        return []
    found: list[tuple[str, Sequence[ast.stmt]]] = [
        (field, getattr(node, field)) for field in ("body", "orelse", "finalbody") if getattr(node, field, None)
    ]
    found += (("handlers", one.body) for one in getattr(node, "handlers", ()))
    found += (("cases", one.body) for one in getattr(node, "cases", ()))
    return found


def _stands_alone(statements: Sequence[ast.stmt], found: Sequence[ast.stmt], text: Sequence[str]) -> bool:
    """Return whether nothing else stands on the lines of some statements."""
    begin, end = _first_line(found[0]), found[-1].end_lineno or 0
    others = [one for one in statements if all(one is not each for each in found)]
    if any(_first_line(one) <= end and (one.end_lineno or 0) >= begin for one in others):
        return False
    before = text[begin - 1].encode()[: found[0].col_offset].decode()
    behind = text[end - 1].encode()[found[-1].end_col_offset or 0 :].decode().strip()
    return not before.strip() and (not behind or behind.startswith("#"))
