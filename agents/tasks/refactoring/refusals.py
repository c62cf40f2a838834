"""Reasons why statements of a Python function cannot move into a new function, each raised as an `ExtractionError`.

Start at `check_movable`, `check_shared_names` and `find_receiver`.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from agents.tasks.refactoring.python_names import find_bound, find_free, find_reads, walk_own_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.tasks.refactoring.python_blocks import Block
    from agents.tasks.refactoring.python_names import Function, Names

_SCOPE_READERS = frozenset({"locals", "vars", "exec", "eval", "dir"})
_CALLER_READERS = frozenset(
    {"_getframe", "_getframemodulename", "currentframe", "getouterframes", "extract_stack", "print_stack"}
)
_CLASS_METHODS = frozenset({"__init_subclass__", "__class_getitem__", "__new__"})  # class methods without a decorator
_CLASSES = frozenset({"cls", "mcs", "mcls", "metacls", "klass"})  # names of a class method's first parameter
_SHORT_LIVED = frozenset({"TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"})
# Functions that consume a generator before they return; they call the function in `key=` before, too.
_CONSUMERS = frozenset(
    {"sum", "any", "all", "list", "tuple", "set", "frozenset", "dict", "sorted", "min", "max", "join"}
)
_BASES = ("builtins", "threading", "enum", "collections", "logging", "argparse", "unittest", "json", "ast", "io")


class ExtractionError(Exception):
    """The reason why lines cannot move: half a sentence for the model, which calls the lines "them"."""


def check_movable(block: Block) -> None:
    """Check that the statements can move into a new function, and are more than one line and not the whole function.

    Raises:
        ExtractionError: the block cannot move.
    """
    statements = block.statements
    one_line = len(statements) == 1 and statements[0].lineno == statements[0].end_lineno
    if one_line:
        raise ExtractionError("that is a single line; name more")
    if not block.around and len(statements) == len(block.function.body) - _has_docstring(block.function):
        raise ExtractionError("that is the whole function; name a part of it")
    nodes = list(walk_own_nodes(statements))
    if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in nodes):
        raise ExtractionError("they hold a `yield`")
    if any(isinstance(one, (ast.Break, ast.Continue)) for one in block.walk_outside_loops()):
        raise ExtractionError("they hold a `break` or `continue` of a loop around them")
    inner = [each for one in statements for each in ast.walk(one)]
    names = {one.id for one in inner if isinstance(one, ast.Name)} | find_bound(statements)
    if names & _SCOPE_READERS:
        raise ExtractionError(f"they use `{min(names & _SCOPE_READERS)}`")
    if any(map(_reads_all_locals, ast.walk(block.function))):
        raise ExtractionError("the function looks at all of its own names, theirs among them")
    if any(map(_reads_call_stack, inner)):
        raise ExtractionError("they look at who called the function")
    declared = (one for one in ast.walk(block.function) if isinstance(one, (ast.Global, ast.Nonlocal)))
    if any(one in nodes or names.intersection(one.names) for one in declared):
        raise ExtractionError("they use a name that is declared global or nonlocal")
    if any(isinstance(one, ast.Name) and isinstance(one.ctx, ast.Del) for one in nodes):
        raise ExtractionError("they delete a name")


def _has_docstring(function: Function) -> bool:
    """Return whether the function's body begins with a docstring."""
    return ast.get_docstring(function, clean=False) is not None


def find_receiver(block: Block, holders: Sequence[ast.AST]) -> tuple[str, str]:
    """Return the receiver of the new method ("self") and its decorator; both "" if the block is in no method.

    Raises:
        ExtractionError: it is not certain that the class can have another method that is called on the receiver, or the
            block is in no method but uses `super` or `__class__`.
    """
    function = block.function
    if not holders or not isinstance(holders[-1], ast.ClassDef):
        inner = (each for one in block.statements for each in ast.walk(one))
        if any(isinstance(one, ast.Name) and one.id in {"super", "__class__"} for one in inner):
            raise ExtractionError("they speak of the class around them")
        return "", ""
    decorators = {ast.unparse(one) for one in function.decorator_list}
    positional = [*function.args.posonlyargs, *function.args.args]
    of_class = "classmethod" in decorators or function.name in _CLASS_METHODS
    if (
        "staticmethod" in decorators
        or not positional
        or not _is_certain_receiver(positional[0].arg, holders[-1], function)
    ):
        raise ExtractionError("the method has nothing that another one could be called on")
    receiver = positional[0].arg
    rebound = (one for one in ast.walk(function) if isinstance(one, ast.Nonlocal) and receiver in one.names)
    if receiver in find_bound(function.body) or any(rebound):
        raise ExtractionError(f"`{receiver}` is bound again")
    if any(_converts_method(one, function.name) for one in walk_own_nodes(holders[-1].body)):
        raise ExtractionError("the class makes something else of the method")
    if any(ast.unparse(one).partition("[")[0].rpartition(".")[2] == "Protocol" for one in holders[-1].bases):
        raise ExtractionError("a protocol says what others have to have, and one more method would be asked of them")
    if any(getattr(one, "name", "") == "__getattribute__" for one in holders[-1].body):
        raise ExtractionError("the class looks its methods up in a way of its own")
    return receiver, "@classmethod" if of_class else ""


def _is_certain_receiver(receiver: str, holder: ast.ClassDef, function: Function) -> bool:
    """Return whether `receiver`, the first parameter of `function`, is certainly the object or the class.

    Judged by its name, the decorators and the class `holder` around.
    """
    if "classmethod" in {ast.unparse(one) for one in function.decorator_list} or function.name in _CLASS_METHODS:
        return True
    if receiver in _CLASSES:  # a class method of a metaclass, or made in an unknown way
        bases = [ast.unparse(one) for one in holder.bases]
        return not function.decorator_list and any(one == "type" or one.endswith(("Meta", "Type")) for one in bases)
    return receiver in {"self", "_self", "this"}


def _converts_method(node: ast.AST, name: str) -> bool:
    """Return whether `node` calls `staticmethod` or `classmethod` with the function `name`."""
    if not isinstance(node, ast.Call) or _find_callee(node) not in {"staticmethod", "classmethod"}:
        return False
    return any(isinstance(one, ast.Name) and one.id == name for one in node.args)


def list_inherited(holders: Sequence[ast.AST]) -> Names:
    """Return the names that the class around a function inherits from well-known classes."""
    if not holders or not isinstance(holders[-1], ast.ClassDef):
        return frozenset()
    found = set(dir(object))
    modules = [sys.modules[one] for one in _BASES if one in sys.modules]
    for base in holders[-1].bases:
        name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
        found.update(*(dir(getattr(one, name)) for one in modules if isinstance(getattr(one, name, None), type)))
    return frozenset(found)


def check_shared_names(block: Block, bound: Names, results: Names) -> None:
    """Check that moving the block separates no name from code that needs the same variable.

    Such code is a nested function on the other side of the call, or code that runs after an error in the block.

    Args:
        block: the statements to move.
        bound: names that they bind.
        results: names that the code after them reads.

    Raises:
        ExtractionError: a name would be separated, or a temporary file would be deleted too early.
    """
    for node in _walk_deferred(block.function):
        free = find_reads([node]) if isinstance(node, ast.GeneratorExp) else find_free(node)
        if block.holds(node):
            if again := free & (block.find_names_bound_after() | (bound if block.is_in_loop() else frozenset())):
                what = f"`{min(again)}` with what stands behind them"  # words: measured
                raise ExtractionError(f"a function in them shares {what}")
        elif (shared := free & bound) and block.may_run_before(node):
            raise ExtractionError(f"a function above them shares `{min(shared)}` with them")
    if partial := bound & block.find_names_read_after_error():
        raise ExtractionError(f"`{min(partial)}` is needed where an error in them ends")
    for node in walk_own_nodes(block.statements):
        made = _find_callee(node.value) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else ""
        if made in _SHORT_LIVED and (gone := find_bound([node]) - results):
            raise ExtractionError(f"`{min(gone)}` has to live as long as the function runs")


def _walk_deferred(function: Function) -> Iterator[ast.AST]:
    """Yield the nested functions, classes and generators that may run later than where they are written."""
    at_once: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            at_once.update(one.value for one in node.keywords if one.arg == "key" and isinstance(one.value, ast.Lambda))
            if _find_callee(node) in _CONSUMERS:
                at_once.update(one for one in node.args if isinstance(one, ast.GeneratorExp))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
    yield from (one for one in walk_own_nodes(function.body) if isinstance(one, kinds) and one not in at_once)


def _find_callee(call: ast.Call) -> str:
    """Return the last name of the called expression, "" for none."""
    called = call.func
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def _reads_all_locals(node: ast.AST) -> bool:
    """Return whether `node` is a call that reads all local names (`locals()`, `eval(…)`)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in {"locals", "exec", "eval"} or (node.func.id in {"vars", "dir"} and not node.args)


def _reads_call_stack(node: ast.AST) -> bool:
    """Return whether `node` depends on the depth of the call stack (`stacklevel=`, `inspect.stack`)."""
    if isinstance(node, ast.keyword):
        return node.arg == "stacklevel"
    if isinstance(node, ast.Attribute):
        return node.attr in _CALLER_READERS or ast.unparse(node) in {"inspect.stack", "inspect.trace"}
    return isinstance(node, ast.Name) and node.id in _CALLER_READERS
