"""Blocks: consecutive statements of a Python function, found by lines, and the names that the code around them uses.

Start at `find_function_on_line` and `find_block`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tasks.refactoring.python_names import (
    Flow,
    Swallows,
    classify_swallowing,
    find_bound,
    find_reads,
    list_parameters,
    walk_own_nodes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.tasks.refactoring.python_names import Function, Names

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive statements of one function.

    Attributes:
        function: the function that they are in.
        statements: the statements.
        first_line: their first line, from 1, comments right above included.
        last_line: their last line, from 1.
        around: the statements around them, outermost first, each with the name of the field that holds the next one.
    """

    function: Function
    statements: tuple[ast.stmt, ...]
    first_line: int
    last_line: int
    around: tuple[tuple[ast.stmt, str], ...]

    def contains(self, node: ast.AST) -> bool:
        """Return whether `node` begins on one of the block's lines."""
        return self.first_line <= getattr(node, "lineno", 0) <= self.last_line

    def has_blank_lines(self, text: Sequence[str]) -> bool:
        """Return whether the statement list around the block has blank lines; `text` holds the lines of the file.

        In an `except` or a `case`, only the block itself is searched.
        """
        node, field = self.around[-1] if self.around else (self.function, "body")
        body = getattr(node, field) if field not in {"handlers", "cases"} else self.statements
        return any(not line.strip() for line in text[body[0].lineno - 1 : body[-1].end_lineno])

    def is_last(self) -> bool:
        """Return whether the function certainly ends after the statements; False in loops, `try` and `match`."""
        inner: Sequence[ast.stmt] = self.function.body
        for node, field in self.around:
            if not isinstance(node, (ast.If, ast.With, ast.AsyncWith)) or inner[-1] is not node:
                return False
            inner = getattr(node, field)
        return inner[-1] is self.statements[-1]

    def walk_outside_loops(self) -> Iterator[ast.AST]:
        """Yield the nodes of the block outside of its own loops and nested scopes; a `break` there leaves the block."""
        waiting: list[ast.AST] = [*self.statements]
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, _LOOPS):
                waiting += node.orelse
            elif not isinstance(node, _SCOPES):
                waiting += ast.iter_child_nodes(node)

    def find_names_bound_before(self) -> Names:
        """Return the names that the function's body may have bound when the block starts, without parameters."""
        loop = self._find_loop()
        found = set(find_bound([loop])) if loop is not None else set()
        for node in walk_own_nodes(self.function.body):
            if self._binds_names(node) and getattr(node, "lineno", 0) < self.first_line:
                found |= find_bound([node])
        return frozenset(found)

    def find_names_bound_after(self) -> Names:
        """Return the names that the function binds after the block, or in a loop around it."""
        found: set[str] = set()
        for node in walk_own_nodes(self.function.body):
            if self._binds_names(node) and self._comes_later(node):
                found |= find_bound([node])
        return frozenset(found)

    def find_names_read_before(self) -> Names:
        """Return the names that the function's own code above the block reads."""
        above = (one for one in walk_own_nodes(self.function.body) if getattr(one, "lineno", 0) < self.first_line)
        return self._collect_reads(above)

    def find_names_read_after(self) -> Names:
        """Return the names that may be read after the block has run."""
        found = self._collect_reads(one for one in ast.walk(self.function) if self._comes_later(one))
        return found | find_reads(self.statements) if self._find_loop() is not None else found

    def may_run_before(self, node: ast.AST) -> bool:
        """Return whether `node` may have run before the block does."""
        line, loop = getattr(node, "lineno", 0), self._find_loop()
        return line < self.first_line or (loop is not None and line <= (loop.end_lineno or 0))

    def is_in_loop(self) -> bool:
        """Return whether the block is in the body of a loop."""
        return self._find_loop() is not None

    def find_names_read_after_error(self) -> Names:
        """Return the names that may be read after an error in the block that the function survives.

        In a new function, an error would lose the values that the block has given these names until then.
        """
        found: set[str] = set()
        for place, (node, field) in enumerate(self.around):
            if isinstance(node, (ast.Try, ast.TryStar)) and field != "finalbody":
                found |= find_reads(node.finalbody)
                goes_on = any(isinstance(one, (ast.Break, ast.Continue)) for one in walk_own_nodes(node.finalbody))
                if field == "body":
                    found |= find_reads(node.handlers)
                    goes_on = goes_on or any(_continues_after(one.body) for one in node.handlers)
                if goes_on:
                    found |= self._find_names_read_past(place)
            elif isinstance(node, (ast.With, ast.AsyncWith)) and classify_swallowing(node) is not Swallows.NEVER:
                past = self._find_names_read_past(place)
                if classify_swallowing(node) is Swallows.MAYBE:
                    # Without an earlier value, the code after the `with` fails either way.
                    past &= self.find_names_bound_before() | {one.arg for one in list_parameters(self.function)}
                found |= past
        return frozenset(found)

    def _find_names_read_past(self, place: int) -> Names:
        """Return the names whose values may be read once an error in the block has ended the statement `around[place]`.

        They are read below that statement, or in the next round of a loop around it before they are bound again there.
        """
        last = self.around[place][0].end_lineno or 0
        found = self._collect_reads(one for one in ast.walk(self.function) if getattr(one, "lineno", 0) > last)
        for loop, field in self.around[:place]:
            if isinstance(loop, _LOOPS) and field == "body":
                once = Flow(wary=True)
                once.follow([loop], frozenset())
                found |= once.exposed
        return found

    def _find_loop(self) -> ast.stmt | None:
        """Return the outermost loop with the block in its body; None if there is none."""
        return next((one for one, field in self.around if isinstance(one, _LOOPS) and field == "body"), None)

    def _comes_later(self, node: ast.AST) -> bool:
        """Return whether `node` is outside of the block and may run after it."""
        line, loop = getattr(node, "lineno", 0), self._find_loop()
        again = loop is not None and loop.lineno <= line <= (loop.end_lineno or line)
        return (line > self.last_line or again) and not self.contains(node)

    def _binds_names(self, node: ast.AST) -> bool:
        """Return whether `node` itself binds names; False for statements around the block, whose parts are separate."""
        return isinstance(node, (ast.Name, ast.ExceptHandler, ast.pattern, *_SCOPES, ast.Import, ast.ImportFrom)) and (
            all(node is not one for one, _ in self.around)
        )

    def _collect_reads(self, nodes: Iterable[ast.AST]) -> Names:
        """Return the names that the given nodes read themselves, without the nodes in them."""
        found: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
        return frozenset(found)


def _continues_after(body: Sequence[ast.stmt]) -> bool:
    """Return whether the function may continue after the body of an `except`."""
    jumps = any(isinstance(one, (ast.Break, ast.Continue)) for one in walk_own_nodes(body))
    return jumps or Flow().follow(body, frozenset()) is not None


def find_function_on_line(tree: ast.Module, line: int) -> tuple[Function, tuple[ast.AST, ...]] | None:
    """Return the function whose head is on `line`, and the functions and classes around it, outermost first.

    Returns None if no function begins there. `line` counts from 1.
    """
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
    """Return the block of whole statements that is nearest to the given lines of a function; None if there is none.

    Args:
        function: the function.
        lines: the first and the last line, from 1.
        text: the lines of the whole file.
    """
    first, last = lines
    statements: Sequence[ast.stmt] = function.body[1:] if _has_docstring(function) else function.body
    around: list[tuple[ast.stmt, str]] = []
    outer: list[Sequence[ast.stmt]] = []
    found = _select_covered(statements, first, last)
    while len(found) == 1 and first > found[0].lineno and (inner := _find_inner_block(found[0], first, last)):
        around.append((found[0], inner[0]))
        outer.append(statements)
        statements = inner[1]
        found = _select_covered(statements, first, last)
    # An `elif` is a part of the `if` above it.
    while found and outer and text[found[0].lineno - 1].lstrip().startswith("elif"):
        found, statements = [around.pop()[0]], outer.pop()
    if not found or not _are_whole_lines(statements, found, text):
        return None
    begin = _find_first_line(found[0])
    above = max((one.end_lineno or 0 for one in statements if one.lineno < begin), default=0)
    depth = text[begin - 1][: found[0].col_offset]
    while begin - 1 > above and text[begin - 2].startswith(f"{depth}#"):
        begin -= 1
    return Block(function, (*found,), begin, found[-1].end_lineno or 0, (*around,))


def iterate_runs(function: Function) -> Iterator[tuple[ast.stmt, ...]]:
    """Yield all runs of consecutive statements in a function, those of outer blocks first.

    Of each block, single statements come before longer runs.
    """
    waiting: list[Sequence[ast.stmt]] = [function.body[1:] if _has_docstring(function) else function.body]
    while waiting:
        body = waiting.pop(0)
        yield from ((one,) for one in body)
        yield from ((*body[first:last],) for first in range(len(body)) for last in range(first + 2, len(body) + 1))
        for one in body:
            waiting += [inner for _, inner in _list_blocks(one)]


def _has_docstring(function: Function) -> bool:
    """Return whether the function's body begins with a docstring."""
    one = function.body[0]
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)


def _find_first_line(node: ast.stmt) -> int:
    """Return the first line of a statement, decorators included."""
    decorators = node.decorator_list if isinstance(node, _SCOPES) else []
    return min([node.lineno, *(one.lineno for one in decorators)])


def _select_covered(statements: Sequence[ast.stmt], first: int, last: int) -> list[ast.stmt]:
    """Return the statements on the lines, without first and last ones that are covered by less than half.

    At least one statement is returned if any is on the lines.
    """
    found = [one for one in statements if _find_first_line(one) <= last and (one.end_lineno or 0) >= first]

    def measure_covered_share(one: ast.stmt) -> float:
        """Return the share of the statement's lines from `first` to `last`, 0 to 1."""
        begin, end = _find_first_line(one), one.end_lineno or 0
        return (min(end, last) - max(begin, first) + 1) / (end - begin + 1)

    while len(found) > 1 and measure_covered_share(found[-1]) < 0.5:
        found.pop()
    while len(found) > 1 and measure_covered_share(found[0]) < 0.5:
        found.pop(0)
    return found


def _find_inner_block(node: ast.stmt, first: int, last: int) -> tuple[str, Sequence[ast.stmt]] | None:
    """Return the name and the statements of the only block in `node` that the lines touch; None for none or several."""
    found = [(field, body) for field, body in _list_blocks(node) if _select_covered(body, first, last)]
    return found[0] if len(found) == 1 else None


def _list_blocks(node: ast.stmt) -> list[tuple[str, Sequence[ast.stmt]]]:
    """Return the blocks of a statement that belong to the same function, each with the name of its field."""
    if isinstance(node, _SCOPES):
        return []
    found: list[tuple[str, Sequence[ast.stmt]]] = [
        (field, getattr(node, field)) for field in ("body", "orelse", "finalbody") if getattr(node, field, None)
    ]
    found += (("handlers", one.body) for one in getattr(node, "handlers", ()))
    found += (("cases", one.body) for one in getattr(node, "cases", ()))
    return found


def _are_whole_lines(statements: Sequence[ast.stmt], found: Sequence[ast.stmt], text: Sequence[str]) -> bool:
    """Return whether the lines of the statements `found` hold nothing else, except a comment at the end."""
    begin, end = _find_first_line(found[0]), found[-1].end_lineno or 0
    others = [one for one in statements if all(one is not each for each in found)]
    if any(_find_first_line(one) <= end and (one.end_lineno or 0) >= begin for one in others):
        return False
    before = text[begin - 1].encode()[: found[0].col_offset].decode()
    behind = text[end - 1].encode()[found[-1].end_col_offset or 0 :].decode().strip()
    return not before.strip() and (not behind or behind.startswith("#"))
