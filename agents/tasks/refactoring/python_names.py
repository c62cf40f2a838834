"""Data flow of local names in Python statements: which are read, bound, and certainly bound on every path.

Works on syntax trees, reads no text and decides nothing. Start at `Flow` and `find_bound`.
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
# Context managers whose names say that they swallow errors, and well-known ones that do not.
_SWALLOWS = re.compile(r"(?i)suppress|raises|ignor|swallow")
_PASSES_ON = re.compile(
    r"""(?ix) (?: ^ | [._] ) (?: r? lock | mutex | semaphore | condition ) (?: \(\) )? $
    | (?: ^ | \. ) (?: open | closing | nullcontext | catch_warnings | subTest | TemporaryDirectory | \w*TemporaryFile
    | ThreadPoolExecutor | ProcessPoolExecutor | redirect_std\w+ | urlopen | scandir | ZipFile ) \( [^()]*
    (?: \( [^()]* \) [^()]* )* \) $"""
)
_MAY_END_EARLY = (ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
_JUMPS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def list_inner_nodes(node: ast.AST) -> Iterable[ast.AST]:
    """Return the child nodes that are evaluated in the scope around `node`.

    A function has only decorators, defaults and annotations there, a class only decorators and bases.
    """
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        types = [one.annotation for one in list_parameters(node)]
        types += [] if isinstance(node, ast.Lambda) else [node.returns]
        return [*decorators, *node.args.defaults, *(one for one in (*node.args.kw_defaults, *types) if one is not None)]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(one.value for one in node.keywords)]
    return ast.iter_child_nodes(node)


def walk_own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield `nodes` and all nodes in them that belong to the same function, not to a nested function or class."""
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += list_inner_nodes(node)


def find_bound(nodes: Iterable[ast.AST]) -> Names:
    """Return the names that `nodes` bind in the function around them."""
    found: set[str] = set()
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _COMPREHENSIONS):  # its loop variables stay inside, names bound by `:=` do not
            found |= {
                each.target.id
                for each in walk_own_nodes([node])
                if isinstance(each, ast.NamedExpr) and isinstance(each.target, ast.Name)
            }
            continue
        found |= _find_bound_by(node)
        waiting += list_inner_nodes(node)
    return frozenset(found)


def list_parameters(function: Function | ast.Lambda) -> tuple[ast.arg, ...]:
    """Return the parameters of a function in the order in which they are written."""
    every = function.args
    starred = [every.vararg] if every.vararg else []
    double = [every.kwarg] if every.kwarg else []
    return (*every.posonlyargs, *every.args, *starred, *every.kwonlyargs, *double)


def find_free(node: ast.AST) -> Names:
    """Return the names that a function, class or lambda may use from outside of itself.

    Of a class, all names that its body reads, even those that it binds.
    """
    inner: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else getattr(node, "body", [])
    declared = {
        name for each in walk_own_nodes(inner) if isinstance(each, (ast.Nonlocal, ast.Global)) for name in each.names
    }
    own = set(find_bound(inner)) if not isinstance(node, ast.ClassDef) else set()
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        own |= {one.arg for one in list_parameters(node)}
    return frozenset(declared | (find_reads(inner) - (own - declared)))


def find_reads(nodes: Iterable[ast.AST]) -> Names:
    """Return the names that `nodes` read, including those that nested functions and classes use from outside."""
    found: set[str] = set()
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, _COMPREHENSIONS):
            own = find_bound([one.target for one in node.generators])
            found |= find_reads(ast.iter_child_nodes(node)) - own | find_reads([node.generators[0].iter])
            continue
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, _Scope):
            found |= find_free(node)
        waiting += list_inner_nodes(node)
    return frozenset(found)


def _find_bound_by(node: ast.AST) -> set[str]:
    """Return the names that the node itself binds, without its child nodes."""
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
    """The chance that a context manager swallows errors of its body."""

    NEVER = auto()
    MAYBE = auto()
    ALWAYS = auto()


def classify_swallowing(node: ast.With | ast.AsyncWith) -> Swallows:
    """Return the chance that the context managers of a `with` statement swallow errors, judged by their names."""
    said = [ast.unparse(item.context_expr) for item in node.items]
    if any(map(_SWALLOWS.search, said)):
        return Swallows.ALWAYS
    return Swallows.NEVER if all(map(_PASSES_ON.search, said)) else Swallows.MAYBE


class Flow:
    """An abstract run of statements that tracks which names are certainly bound.

    Attributes:
        exposed: names that were read where they were not certainly bound.
        seen: names that are certainly bound before each statement.
    """

    def __init__(self, *, wary: bool = False) -> None:
        """Create a run that has followed no statement yet.

        Args:
            wary: whether an unknown context manager counts as one that may swallow errors.
        """
        self._wary = wary
        self.exposed: set[str] = set()
        self.seen: dict[ast.stmt, Names] = {}

    def follow(self, statements: Iterable[ast.stmt], bound: Names) -> Names | None:
        """Return the names that are certainly bound after the statements; None where their end is never reached.

        Also updates `exposed` and `seen`. `bound` are the names that are certainly bound before.
        """
        state: Names | None = bound
        for statement in statements:
            if state is None:
                break
            self.seen[statement] = state
            state = self._follow_statement(statement, state)
            if state is not None and isinstance(statement, _MAY_END_EARLY):
                state -= _find_unbound(statement)
        return state

    def _follow_statement(self, node: ast.stmt, bound: Names) -> Names | None:  # noqa: C901, PLR0911, PLR0912 - one branch for each kind
        """Return the names that are certainly bound after one statement; None where its end is never reached."""
        match node:
            case ast.If():
                bound = self._read_expression(node.test, bound)
                return _join(self.follow(node.body, bound), self.follow(node.orelse, bound))
            case ast.While():
                bound = self._read_expression(node.test, bound)
                return self._follow_loop(
                    node, bound, endless=isinstance(node.test, ast.Constant) and bool(node.test.value)
                )
            case ast.For() | ast.AsyncFor():
                bound = self._read_expression(node.iter, bound)
                self._read_expression(node.target, bound)
                return self._follow_loop(node, bound)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    bound = self._read_expression(item.context_expr, bound)
                    if item.optional_vars is not None:
                        bound = self._read_expression(item.optional_vars, bound) | find_bound([item.optional_vars])
                after = self.follow(node.body, bound)
                # If an error is swallowed, the end is reached from any point of the body.
                known = classify_swallowing(node)
                unsure = known is Swallows.MAYBE and (after is None or self._wary)
                return bound if known is Swallows.ALWAYS or unsure else after
            case ast.Try() | ast.TryStar():
                return self._follow_try(node, bound)
            case ast.Match():
                bound = self._read_expression(node.subject, bound)
                return self._follow_match(node, bound)
            case ast.Assign():
                bound = self._read_expression(node.value, bound)
                return self._bind_targets(node.targets, bound)
            case ast.AugAssign():
                self._note_exposed(find_reads([node]), bound)
                return bound | find_bound([node])
            case ast.AnnAssign():
                if node.value is None:
                    return bound
                return self._bind_targets([node.target], self._read_expression(node.value, bound))
            case ast.Delete():
                self._note_exposed(find_reads([node]), bound)
                return bound - _find_unbound(node)
            case _:
                self._note_exposed(find_reads([node]), bound)
                return None if isinstance(node, _JUMPS) else bound | _find_bound_by(node) | _find_surely_bound(node)

    def _follow_loop(
        self, node: ast.While | ast.For | ast.AsyncFor, bound: Names, *, endless: bool = False
    ) -> Names | None:
        """Return the names that are certainly bound after a loop; None where the code after it is never reached."""
        target = find_bound([node.target]) if not isinstance(node, ast.While) else NONE
        self.follow(node.body, (bound - _find_unbound(node)) | target)
        broken = any(isinstance(one, ast.Break) for one in _walk_loop_body(node.body))
        if endless and not broken:
            return None
        after = self.follow(node.orelse, bound)
        return after if not broken else bound

    def _follow_try(self, node: ast.Try | ast.TryStar, bound: Names) -> Names | None:
        """Return the names that are certainly bound after a `try`: on the paths through its body and each handler.

        Returns None where the end of the statement is never reached.
        """
        whole = self.follow(node.body, bound)
        after = self.follow(node.orelse, whole) if whole is not None else None
        bound -= _find_unbound(node)
        for handler in node.handlers:
            start = self._read_expression(handler.type, bound) if handler.type is not None else bound
            caught = self.follow(handler.body, start | ({handler.name} if handler.name else NONE))
            after = _join(after, caught - {handler.name or ""} if caught is not None else None)
        last = self.follow(node.finalbody, bound)
        return None if after is None or last is None else after | last

    def _follow_match(self, node: ast.Match, bound: Names) -> Names | None:
        """Return the names that are certainly bound after a `match`, on the paths through all cases.

        Returns None where the end of the statement is never reached.
        """
        after: Names | None = None
        whole = False
        for case in node.cases:
            start = bound | find_bound([case.pattern])
            self._note_exposed(find_reads([case.pattern]), bound)
            if case.guard is not None:
                start = self._read_expression(case.guard, start)
            after = _join(after, self.follow(case.body, start))
            whole = whole or (case.guard is None and isinstance(case.pattern, ast.MatchAs) and not case.pattern.pattern)
        return after if whole else _join(after, bound)

    def _read_expression(self, node: ast.expr, bound: Names) -> Names:
        """Record the names that an expression reads unbound, and return the names that are bound after it."""
        named = _find_surely_bound(node)
        self._note_exposed(find_reads([node]) - named, bound)
        return bound | named

    def _bind_targets(self, targets: Sequence[ast.expr], bound: Names) -> Names:
        """Record the names that assignment targets read unbound, and return the names bound after the assignment."""
        self._note_exposed(find_reads(targets), bound)
        return bound | find_bound(targets)

    def _note_exposed(self, names: Names, bound: Names) -> None:
        """Record the names that are not in `bound` as exposed."""
        self.exposed |= names - bound


def _find_unbound(statement: ast.stmt) -> Names:
    """Return the names that a statement may unbind: by `del`, or at the end of an `except` with a name."""
    nodes = list(walk_own_nodes([statement]))
    handled = {one.name for one in nodes if isinstance(one, ast.ExceptHandler) and one.name}
    return frozenset(handled | {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Del)})


def _join(one: Names | None, other: Names | None) -> Names | None:
    """Return the names that are certainly bound where two paths meet: on both, or on the only one that goes on.

    None stands for a path that does not go on, and is returned if neither does.
    """
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _find_surely_bound(node: ast.AST) -> Names:
    """Return the names that `:=` binds in the first part of an expression, which always runs."""
    while isinstance(node, (ast.BoolOp, ast.Compare, ast.UnaryOp, ast.Expr)):
        if isinstance(node, ast.BoolOp):
            node = node.values[0]
        elif isinstance(node, ast.Compare):
            node = node.left
        else:
            node = node.operand if isinstance(node, ast.UnaryOp) else node.value
    return find_bound([node.target]) if isinstance(node, ast.NamedExpr) else NONE


def _walk_loop_body(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a loop's body in which a `break` leaves that loop."""
    waiting = [*body]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            waiting += node.orelse
        elif not isinstance(node, _Scope):
            waiting += ast.iter_child_nodes(node)
