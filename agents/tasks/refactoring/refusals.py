"""What stands against moving statements of a Python function into one of their own: each a refusal with its reason.

Start at `check`, `check_shared` and `receiver_of`.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from agents.tasks.refactoring.python_names import bound_in, free_in, own_nodes, parameters_of, reads_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.tasks.refactoring.python_blocks import Block
    from agents.tasks.refactoring.python_names import Function, Names

_KNOWS_ITS_SCOPE = frozenset({"locals", "vars", "exec", "eval", "dir"})
_SEES_CALLERS = frozenset(
    {"_getframe", "_getframemodulename", "currentframe", "getouterframes", "extract_stack", "print_stack"}
)
_OF_CLASSES = frozenset({"__init_subclass__", "__class_getitem__", "__new__"})  # which are no ordinary methods
_CLASSES = frozenset({"cls", "mcs", "mcls", "metacls", "klass"})  # as a method calls the class that it is called on
_SHORT_LIVED = frozenset({"TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"})
# What goes through a generator before it returns, and so does `key=` with its function.
_AT_ONCE = frozenset({"sum", "any", "all", "list", "tuple", "set", "frozenset", "dict", "sorted", "min", "max", "join"})
_BASES = ("builtins", "threading", "enum", "collections", "logging", "argparse", "unittest", "json", "ast", "io")


class UnsplitError(Exception):
    """Why lines stay where they are: half a sentence that speaks of "them", for the model."""


def check(block: Block) -> None:
    """Refuse what a function of its own cannot hold, or would not help.

    Raises:
        UnsplitError: statements that cannot move.
    """
    statements = block.statements
    one_line = len(statements) == 1 and statements[0].lineno == statements[0].end_lineno
    if one_line:
        raise UnsplitError("that is a single line; name more")
    if not block.around and len(statements) == len(block.function.body) - _documents(block.function):
        raise UnsplitError("that is the whole function; name a part of it")
    nodes = list(own_nodes(statements))
    if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in nodes):
        raise UnsplitError("they hold a `yield`")
    if any(isinstance(one, (ast.Break, ast.Continue)) for one in block.leaving_loops()):
        raise UnsplitError("they hold a `break` or `continue` of a loop around them")
    inner = [each for one in statements for each in ast.walk(one)]
    names = {one.id for one in inner if isinstance(one, ast.Name)} | bound_in(statements)
    if names & _KNOWS_ITS_SCOPE:
        raise UnsplitError(f"they use `{min(names & _KNOWS_ITS_SCOPE)}`")
    if any(map(_sees_locals, ast.walk(block.function))):
        raise UnsplitError("the function looks at all of its own names, theirs among them")
    if any(map(_sees_callers, inner)):
        raise UnsplitError("they look at who called the function")
    declared = (one for one in ast.walk(block.function) if isinstance(one, (ast.Global, ast.Nonlocal)))
    if any(one in nodes or names.intersection(one.names) for one in declared):
        raise UnsplitError("they use a name that is declared global or nonlocal")
    local = bound_in(block.function.body) | {one.arg for one in parameters_of(block.function)}
    if any(isinstance(one, ast.Delete) and local & reads_in([one]) for one in nodes):
        raise UnsplitError("they delete a name")


def _documents(function: Function) -> bool:
    return ast.get_docstring(function, clean=False) is not None


def receiver_of(block: Block, holders: Sequence[ast.AST]) -> tuple[str, str]:
    """Return what a new method is called on and its decorator, "" where it is no method.

    Raises:
        UnsplitError: nothing is there that another method could be called on for certain.
    """
    function = block.function
    if not holders or not isinstance(holders[-1], ast.ClassDef):
        inner = (each for one in block.statements for each in ast.walk(one))
        if any(isinstance(one, ast.Name) and one.id in {"super", "__class__"} for one in inner):
            raise UnsplitError("they speak of the class around them")
        return "", ""
    decorators = {ast.unparse(one) for one in function.decorator_list}
    positional = [*function.args.posonlyargs, *function.args.args]
    of_class = "classmethod" in decorators or function.name in _OF_CLASSES
    if "staticmethod" in decorators or not positional or not _is_called_on(positional[0].arg, holders[-1], function):
        raise UnsplitError("the method has nothing that another one could be called on")
    receiver = positional[0].arg
    rebound = (one for one in ast.walk(function) if isinstance(one, ast.Nonlocal) and receiver in one.names)
    if receiver in bound_in(function.body) or any(rebound):
        raise UnsplitError(f"`{receiver}` is bound again")
    if any(_makes_another_kind(one, function.name) for one in own_nodes(holders[-1].body)):
        raise UnsplitError("the class makes something else of the method")
    if any(ast.unparse(one).partition("[")[0].rpartition(".")[2] == "Protocol" for one in holders[-1].bases):
        raise UnsplitError("a protocol says what others have to have, and one more method would be asked of them")
    if any(getattr(one, "name", "") == "__getattribute__" for one in holders[-1].body):
        raise UnsplitError("the class looks its methods up in a way of its own")
    return receiver, "@classmethod" if of_class else ""


def _is_called_on(receiver: str, holder: ast.ClassDef, function: Function) -> bool:
    """Return whether a function's first parameter is the object or the class, as far as its name and decorators say."""
    if "classmethod" in {ast.unparse(one) for one in function.decorator_list} or function.name in _OF_CLASSES:
        return True
    if receiver in _CLASSES:  # what makes class methods in other ways is not known
        bases = [ast.unparse(one) for one in holder.bases]
        return not function.decorator_list and any(one == "type" or one.endswith(("Meta", "Type")) for one in bases)
    return receiver in {"self", "_self", "this"}


def _makes_another_kind(node: ast.AST, name: str) -> bool:
    """Return whether a node is `staticmethod(name)` or `classmethod(name)`."""
    if not isinstance(node, ast.Call) or _name_of(node) not in {"staticmethod", "classmethod"}:
        return False
    return any(isinstance(one, ast.Name) and one.id == name for one in node.args)


def inherited(holders: Sequence[ast.AST]) -> Names:
    """Return the names that the class right around a function has from well-known classes."""
    if not holders or not isinstance(holders[-1], ast.ClassDef):
        return frozenset()
    found = set(dir(object))
    modules = [sys.modules[one] for one in _BASES if one in sys.modules]
    for base in holders[-1].bases:
        name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
        found.update(*(dir(getattr(one, name)) for one in modules if isinstance(getattr(one, name, None), type)))
    return frozenset(found)


def check_shared(block: Block, bound: Names, results: Names) -> None:
    """Refuse names that functions inside share with the code around, for each side would see its own.

    Args:
        block: what moves.
        bound: names that it binds.
        results: those that the code behind it reads.

    Raises:
        UnsplitError: there is such a name.
    """
    for node in _run_later(block.function):
        free = reads_in([node]) if isinstance(node, ast.GeneratorExp) else free_in(node)
        if block.holds(node):
            if again := free & (block.bound_behind() | (bound if block.is_repeated() else frozenset())):
                raise UnsplitError(f"a function in them shares `{min(again)}` with what stands behind them")
        elif (shared := free & bound) and block.is_before(node):
            raise UnsplitError(f"a function above them shares `{min(shared)}` with them")
    if partial := bound & block.lost_on_error():
        raise UnsplitError(f"`{min(partial)}` is needed where an error in them ends")
    for node in own_nodes(block.statements):
        made = _name_of(node.value) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else ""
        if made in _SHORT_LIVED and (gone := bound_in([node]) - results):
            raise UnsplitError(f"`{min(gone)}` has to live as long as the function runs")


def _run_later(function: Function) -> Iterator[ast.AST]:
    """Yield what stands in a function and may be run later than where it stands."""
    at_once: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            at_once.update(one.value for one in node.keywords if one.arg == "key" and isinstance(one.value, ast.Lambda))
            if _name_of(node) in _AT_ONCE:
                at_once.update(one for one in node.args if isinstance(one, ast.GeneratorExp))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
    yield from (one for one in own_nodes(function.body) if isinstance(one, kinds) and one not in at_once)


def _name_of(call: ast.Call) -> str:
    """Return the last name of what is called, "" for none."""
    called = call.func
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def _sees_locals(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in {"locals", "exec", "eval"} or (node.func.id in {"vars", "dir"} and not node.args)


def _sees_callers(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == "stacklevel"
    if isinstance(node, ast.Attribute):
        return node.attr in _SEES_CALLERS or ast.unparse(node) in {"inspect.stack", "inspect.trace"}
    return isinstance(node, ast.Name) and node.id in _SEES_CALLERS
