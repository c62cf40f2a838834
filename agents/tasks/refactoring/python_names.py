"""Which local names some statements of a Python function read, bind, and leave bound, path by path.

A name is bound for certain when every path binds it. Reads no text and decides nothing. Start at `Flow` and `bound_in`.
"""

from __future__ import annotations

import ast
import re
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Names = frozenset[str]
NONE: Names = frozenset()
Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Context managers by their last name.
_SWALLOWS = re.compile(r"(?i)suppress|raises|ignor|swallow")
_PASSES_ON = re.compile(
    r"""(?ix) (?: ^ | [._] ) (?: r? lock | mutex | semaphore | condition ) (?: \(\) )? $
    | (?: ^ | \. ) (?: open | closing | nullcontext | catch_warnings | subTest | TemporaryDirectory | \w*TemporaryFile
    | ThreadPoolExecutor | ProcessPoolExecutor | redirect_std\w+ | urlopen | scandir | ZipFile ) \( [^()]*
    (?: \( [^()]* \) [^()]* )* \) $"""
)
_ENDS_ANYWHERE = (ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
_JUMPS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def inner_nodes(node: ast.AST) -> Iterable[ast.AST]:
    """Return what stands right in a node and is run where the node stands: of a function its defaults and types."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        types = [one.annotation for one in parameters_of(node)]
        types += [] if isinstance(node, ast.Lambda) else [node.returns]
        return [*decorators, *node.args.defaults, *(one for one in (*node.args.kw_defaults, *types) if one is not None)]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(one.value for one in node.keywords)]
    return ast.iter_child_nodes(node)


def own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield nodes and all in them that is of the same function, so not what stands in functions and classes inside."""
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += inner_nodes(node)


def bound_in(nodes: Iterable[ast.AST]) -> Names:
    """Return the names that statements bind in the function they stand in."""
    found: set[str] = set()
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _COMPREHENSIONS):  # its own names stay in it, those of `:=` do not
            found |= {
                each.target.id
                for each in own_nodes([node])
                if isinstance(each, ast.NamedExpr) and isinstance(each.target, ast.Name)
            }
            continue
        found |= _bound_by(node)
        waiting += inner_nodes(node)
    return frozenset(found)


def parameters_of(function: Function | ast.Lambda) -> tuple[ast.arg, ...]:
    """Return the parameters of a function in the order in which they are written."""
    every = function.args
    starred = [every.vararg] if every.vararg else []
    double = [every.kwarg] if every.kwarg else []
    return (*every.posonlyargs, *every.args, *starred, *every.kwonlyargs, *double)


def free_in(node: ast.AST) -> Names:
    """Return the names that a function, class or lambda takes from outside of it."""
    inner: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else getattr(node, "body", [])
    declared = {
        name for each in own_nodes(inner) if isinstance(each, (ast.Nonlocal, ast.Global)) for name in each.names
    }
    own = set(bound_in(inner)) if not isinstance(node, ast.ClassDef) else set()
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        own |= {one.arg for one in parameters_of(node)}
    return frozenset(declared | (reads_in(inner) - (own - declared)))


def reads_in(nodes: Iterable[ast.AST]) -> Names:
    """Return the names that statements read, functions and classes in them included."""
    found: set[str] = set()
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, _COMPREHENSIONS):
            own = bound_in([one.target for one in node.generators])
            found |= reads_in(ast.iter_child_nodes(node)) - own | reads_in([node.generators[0].iter])
            continue
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, _Scope):
            found |= free_in(node)
        waiting += inner_nodes(node)
    return frozenset(found)


def _bound_by(node: ast.AST) -> set[str]:
    """Return the names that one node binds itself."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {one.asname or one.name.split(".")[0] for one in node.names}
    if isinstance(node, (ast.ExceptHandler, ast.MatchStar, ast.MatchAs)):
        return {node.name} if node.name else set()
    return {node.rest} if isinstance(node, ast.MatchMapping) and node.rest else set()


class Swallows(Enum):
    """Whether a context manager swallows errors of its body."""

    NEVER = auto()
    MAYBE = auto()
    ALWAYS = auto()


def swallows(node: ast.With | ast.AsyncWith) -> Swallows:
    """Return whether the context managers of a statement swallow errors, as far as their names say."""
    said = [ast.unparse(item.context_expr) for item in node.items]
    if any(map(_SWALLOWS.search, said)):
        return Swallows.ALWAYS
    return Swallows.NEVER if all(map(_PASSES_ON.search, said)) else Swallows.MAYBE


class Flow:
    """Follows statements from their first to their last.

    Attributes:
        exposed: names that were read where they were not bound for certain.
        seen: what was bound for certain before a statement, by the statement.
    """

    def __init__(self, *, wary: bool = False) -> None:
        """Begin.

        Args:
            wary: whether any context manager that is not known may swallow errors.
        """
        self._wary = wary
        self.exposed: set[str] = set()
        self.seen: dict[ast.stmt, Names] = {}

    def follow(self, statements: Iterable[ast.stmt], bound: Names) -> Names | None:
        """Return what is bound for certain behind the statements; None where nothing gets there."""
        state: Names | None = bound
        for statement in statements:
            if state is None:
                break
            self.seen[statement] = state
            state = self._statement(statement, state)
            if state is not None and isinstance(statement, _ENDS_ANYWHERE):
                state -= _unbound_in(statement)
        return state

    def _statement(self, node: ast.stmt, bound: Names) -> Names | None:  # noqa: C901, PLR0911, PLR0912 - one for each kind
        match node:
            case ast.If():
                bound = self._read(node.test, bound)
                return _join(self.follow(node.body, bound), self.follow(node.orelse, bound))
            case ast.While():
                bound = self._read(node.test, bound)
                return self._loop(node, bound, endless=isinstance(node.test, ast.Constant) and bool(node.test.value))
            case ast.For() | ast.AsyncFor():
                bound = self._read(node.iter, bound)
                self._read(node.target, bound)
                return self._loop(node, bound)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    bound = self._read(item.context_expr, bound)
                    if item.optional_vars is not None:
                        bound = self._read(item.optional_vars, bound) | bound_in([item.optional_vars])
                after = self.follow(node.body, bound)
                # Where an error is swallowed, the end is reached however far the body came.
                known = swallows(node)
                unsure = known is Swallows.MAYBE and (after is None or self._wary)
                return bound if known is Swallows.ALWAYS or unsure else after
            case ast.Try() | ast.TryStar():
                return self._try(node, bound)
            case ast.Match():
                bound = self._read(node.subject, bound)
                return self._match(node, bound)
            case ast.Assign():
                bound = self._read(node.value, bound)
                return self._bind(node.targets, bound)
            case ast.AugAssign():
                self._look(reads_in([node]), bound)
                return bound | bound_in([node])
            case ast.AnnAssign():
                if node.value is None:
                    return bound
                return self._bind([node.target], self._read(node.value, bound))
            case ast.Delete():
                self._look(reads_in([node]), bound)
                return bound - reads_in([node])
            case _:
                self._look(reads_in([node]), bound)
                return None if isinstance(node, _JUMPS) else bound | _bound_by(node) | _surely_named(node)

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor, bound: Names, *, endless: bool = False) -> Names | None:
        target = bound_in([node.target]) if not isinstance(node, ast.While) else NONE
        self.follow(node.body, (bound - _unbound_in(node)) | target)
        broken = any(isinstance(one, ast.Break) for one in _of_loop(node.body))
        if endless and not broken:
            return None
        after = self.follow(node.orelse, bound)
        return after if not broken else bound

    def _try(self, node: ast.Try | ast.TryStar, bound: Names) -> Names | None:
        whole = self.follow(node.body, bound)
        after = self.follow(node.orelse, whole) if whole is not None else None
        bound -= _unbound_in(node)
        for handler in node.handlers:
            start = self._read(handler.type, bound) if handler.type is not None else bound
            caught = self.follow(handler.body, start | ({handler.name} if handler.name else NONE))
            after = _join(after, caught - {handler.name or ""} if caught is not None else None)
        last = self.follow(node.finalbody, bound)
        return None if after is None or last is None else after | last

    def _match(self, node: ast.Match, bound: Names) -> Names | None:
        after: Names | None = None
        whole = False
        for case in node.cases:
            start = bound | bound_in([case.pattern])
            self._look(reads_in([case.pattern]), bound)
            if case.guard is not None:
                start = self._read(case.guard, start)
            after = _join(after, self.follow(case.body, start))
            whole = whole or (case.guard is None and isinstance(case.pattern, ast.MatchAs) and not case.pattern.pattern)
        return after if whole else _join(after, bound)

    def _read(self, node: ast.expr, bound: Names) -> Names:
        """Look at what an expression reads, and return what is bound behind it."""
        named = _surely_named(node)
        self._look(reads_in([node]) - named, bound)
        return bound | named

    def _bind(self, targets: Sequence[ast.expr], bound: Names) -> Names:
        self._look(reads_in(targets), bound)
        return bound | bound_in(targets)

    def _look(self, names: Names, bound: Names) -> None:
        self.exposed |= names - bound


def _unbound_in(statement: ast.stmt) -> Names:
    """Return the names that may be unbound within a statement: by `del`, or at the end of an `except` with a name."""
    nodes = list(own_nodes([statement]))
    handled = {one.name for one in nodes if isinstance(one, ast.ExceptHandler) and one.name}
    return frozenset(handled | {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Del)})


def _join(one: Names | None, other: Names | None) -> Names | None:
    """Return what is bound where two paths meet."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _surely_named(node: ast.AST) -> Names:
    """Return the names that `:=` binds first thing, whatever else the expression does."""
    while isinstance(node, (ast.BoolOp, ast.Compare, ast.UnaryOp, ast.Expr)):
        if isinstance(node, ast.BoolOp):
            node = node.values[0]
        elif isinstance(node, ast.Compare):
            node = node.left
        else:
            node = node.operand if isinstance(node, ast.UnaryOp) else node.value
    return bound_in([node.target]) if isinstance(node, ast.NamedExpr) else NONE


def _of_loop(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the statements of a loop that a `break` in them leaves."""
    waiting = [*body]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            waiting += node.orelse
        elif not isinstance(node, _Scope):
            waiting += ast.iter_child_nodes(node)
