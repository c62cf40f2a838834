"""Statements of a Python function moved into a function of their own, so that both together do what the one did.

What the new function takes and returns follows from the names: nothing is moved where that cannot be said for certain.
Knows no model. Start at `split_off`.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.tasks.refactoring.python_blocks import find_block, find_function, runs
from agents.tasks.refactoring.python_names import Flow, bound_in, own_nodes, parameters_of, reads_in
from agents.tasks.refactoring.refusals import UnsplitError, check, check_shared, inherited, receiver_of
from agents.tasks.rewriting.line_edits import line_edits
from agents.tasks.rewriting.reindenting import reindented
from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.edits import Edit
    from agents.tasks.refactoring.python_blocks import Block
    from agents.tasks.refactoring.python_names import Function, Names
    from indexing.syntax.documents import Document

_WORD = re.compile(r"[^\W\d]\w*")
_LINE = 88  # characters; a longer call is written one argument a line, unless the file has longer lines itself
_TESTS = (ast.If, ast.While, ast.Assert, ast.Match)
_MOST_RUNS = 400  # of statements that are looked at
_WORTH, _LONG = 0.25, 12  # of a line that moves, in names; how many lines count
_MOST_OF = 0.7  # of a function's lines; what is more is no part of it
_POOR, _LEAST = 2, 3  # parts of that rank are left out, unless there are fewer than so many
_SIMPLE = (
    ast.Expr,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Return,
    ast.Raise,
    ast.Assert,
    ast.Import,
    ast.ImportFrom,
)


@dataclass(frozen=True, slots=True)
class _Signature:
    """How a new function is called, and what becomes of it.

    Attributes:
        name: its name.
        receiver: "self" or "cls" as the function around calls it, "" for a function that is no method.
        decorator: with its "@", "" for none.
        parameters: without the receiver.
        results: names that the code behind the call reads.
        leaves: whether the old function ends with the call.
        valued: whether it ends with a value.
        awaits: whether it has to be awaited.
    """

    name: str
    receiver: str
    decorator: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    leaves: bool
    valued: bool
    awaits: bool


def split_off(document: Document, at: int, lines: tuple[int, int], name: str, *, keep_name: bool) -> tuple[Edit, ...]:
    """Return the edits that move lines of a function into a new one.

    Args:
        document: Python.
        at: line of the function's head, from 1.
        lines: the first and the last line to move, from 1; rounded to whole statements.
        name: of the new function; gets an underscore before it, unless `keep_name`.
        keep_name: whether the name has to be exactly that.

    Raises:
        UnsplitError: they cannot be moved, or not without changing what the function does.
    """
    newline = "\r\n" if "\r\n" in document.text else "\n"
    text = document.text.replace("\r\n", "\n")
    try:
        tree = parse_python(text)
    except SyntaxError:
        raise UnsplitError("the file does not parse") from None
    if "\r" in text:  # a line end for the parser alone
        raise UnsplitError("the file has line ends that are no line ends elsewhere")
    found = find_function(tree, at)
    block = find_block(found[0], lines, text.split("\n")) if found is not None else None
    if found is None or block is None:
        raise UnsplitError("there are no whole statements on these lines")
    check(block)
    signature = _signature(
        block,
        found[1],
        _free_name(name, text, keep=keep_name, beside=inherited(found[1])),
        _bound_before_each(found[0]),
    )
    made = _written(replace(document, text=text), block, signature)
    _check_written(made, tree, block, signature)
    return line_edits(document.text, made.replace("\n", newline))


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a function that can move.

    Attributes:
        first: line, from 1.
        last: line, from 1.
    """

    first: int
    last: int


def movable(document: Document, at: int, most: int) -> tuple[Part, ...]:
    """Return parts of a function that can move: first compound statements, then what stands between blank lines.

    Among those come first the ones that share few names with the rest.

    Args:
        document: Python.
        at: line of the function's head, from 1.
        most: how many at most.
    """
    text = document.text.replace("\r\n", "\n")
    try:
        found = find_function(parse_python(text), at)
    except SyntaxError:
        found = None
    if found is None:
        return ()
    function, holders = found
    lines = text.split("\n")
    size = (function.end_lineno or 0) - function.body[0].lineno + 1
    ranked: list[tuple[int, Block]] = []
    for run in itertools.islice(runs(function), _MOST_RUNS):
        block = find_block(function, (run[0].lineno, run[-1].end_lineno or 0), lines)
        if block is not None and block.statements == run:
            long = block.last_line - block.first_line + 1 > _MOST_OF * size
            ranked.append((_rank(block, lines) + 2 * long, block))
    ranked.sort(key=lambda one: one[0])
    seen = _bound_before_each(function)
    compound: dict[ast.stmt, int] = {}  # statements that can move alone, and how many names that takes
    best: list[tuple[int, float, Part]] = []
    for rank, block in ranked:
        if rank >= _POOR and len(best) >= _LEAST:
            break
        try:
            check(block)
            signature = _signature(block, holders, "", seen)
        except UnsplitError:
            continue
        run = block.statements
        names = len(signature.parameters) + len(signature.results)
        inner = [one for one in run if not isinstance(one, _SIMPLE)]
        if len(run) == 1:
            compound.update(dict.fromkeys(inner, names))
        elif len(inner) == 1 and compound.get(inner[0], _MOST_RUNS) < names + (inner[0] is not run[-1]):
            continue  # the compound statement alone is as good; what prepares it may come along
        part = Part(block.first_line, block.last_line)
        best.append((rank, names - _WORTH * min(_LONG, part.last - part.first + 1), part))
    best.sort(key=lambda one: (one[0], one[1], one[2].first))
    return tuple(dict.fromkeys(part for _, _, part in best[:most]))


def _bound_before_each(function: Function) -> dict[ast.stmt, Names]:
    """Return the names that are bound for certain before each statement of a function that is ever reached."""
    flow = Flow()
    flow.follow(function.body, frozenset(one.arg for one in parameters_of(function)))
    return flow.seen


def _rank(block: Block, lines: Sequence[str]) -> int:
    """Return how little statements look like one thing: 0 for a compound one, 1 between blank lines, 3 for the rest."""
    if len(block.statements) == 1:
        return 3 if isinstance(block.statements[0], _SIMPLE) else 0
    above, below = lines[block.first_line - 2], lines[block.last_line] if block.last_line < len(lines) else ""
    opens = not above.strip() or above.rstrip().endswith((":", '"""')) or not block.is_airy(lines)
    closes = not below.strip() or len(_depth(below)) < len(_depth(lines[block.first_line - 1]))
    compound = not isinstance(block.statements[-1], _SIMPLE)
    return 3 - opens - (closes or compound)


def _free_name(name: str, text: str, *, keep: bool, beside: Names) -> str:
    special = name.startswith("__") and name.endswith("__")
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii() or special:
        raise UnsplitError(f"`{name}` is no name for a function")
    taken = {*_WORD.findall(text), *dir(builtins), *beside}
    wanted = [name] if keep or name.startswith("_") else [f"_{name}"]
    found = next((one for one in wanted if one not in taken), None)
    if found is None:
        raise UnsplitError(f"the name `{wanted[0]}` is in use already; take another one")
    return found


def _signature(block: Block, holders: Sequence[ast.AST], name: str, seen: Mapping[ast.stmt, Names]) -> _Signature:
    function, statements = block.function, block.statements
    own = frozenset(one.arg for one in parameters_of(function))
    receiver, decorator = receiver_of(block, holders)
    flow = Flow()
    certain = seen.get(statements[0])
    if certain is None:
        raise UnsplitError("nothing ever gets to these lines")
    after = flow.follow(statements, frozenset())
    wary = Flow(wary=True)
    surely = wary.follow(statements, frozenset()) or frozenset()
    nodes = list(own_nodes(statements))
    returns = [one for one in nodes if isinstance(one, ast.Return)]
    if returns and after is not None and not block.is_last():
        raise UnsplitError("they return on some paths and go on behind these lines on others")
    bound = bound_in(statements)
    results = bound & block.read_behind() if after is not None and not returns else frozenset()
    maybe = own | block.bound_before()
    needed = (wary.exposed | (results - surely)) & maybe
    unbound = {one.name for one in nodes if isinstance(one, ast.ExceptHandler)}
    if lost := sorted(results - (after or frozenset()) - (needed - unbound)):
        raise UnsplitError(f"`{lost[0]}` is not bound on all paths through them")
    alone = bound - results - block.bound_behind()  # names that nothing but these lines makes local
    if early := sorted((wary.exposed & bound_in(function.body) - bound | alone & block.read_before()) - maybe):
        raise UnsplitError(f"`{early[0]}` is read before it is bound")
    if unsure := sorted(needed - certain):
        raise UnsplitError(f"`{unsure[0]}` is not bound on all paths to them")
    check_shared(block, bound, results)
    order = {one: place for place, one in enumerate(_in_order(function))}
    return _Signature(
        name,
        receiver,
        decorator,
        parameters=tuple(sorted(needed - {receiver}, key=lambda one: (order.get(one, len(order)), one))),
        results=tuple(sorted(results, key=lambda one: (order.get(one, len(order)), one))),
        leaves=bool(returns),
        valued=any(one.value is not None for one in returns),
        awaits=any(isinstance(one, (ast.Await, ast.AsyncFor, ast.AsyncWith)) or _is_async(one) for one in nodes),
    )


def _is_async(node: ast.AST) -> bool:
    return isinstance(node, ast.comprehension) and bool(node.is_async)


def _in_order(function: Function) -> list[str]:
    """Return parameters, and then the names that a function binds, first come first."""
    names = [one for one in own_nodes(function.body) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    bound = [one.id for one in sorted(names, key=lambda one: (one.lineno, one.col_offset))]
    return list(dict.fromkeys([*(one.arg for one in parameters_of(function)), *bound]))


def _written(document: Document, block: Block, signature: _Signature) -> str:
    """Return the text with the new function and its call."""
    lines, function = document.text.split("\n"), block.function
    first, last = function.lineno, function.end_lineno or 0
    first = min([first, *(one.lineno for one in function.decorator_list)])
    depth = _depth(lines[function.lineno - 1])
    unit = _depth(lines[function.body[0].lineno - 1]).removeprefix(depth)
    width = max(_LINE, *(len(line) for line in lines[first - 1 : last]))
    moved = lines[block.first_line - 1 : block.last_line]
    body = reindented(moved, document, piece="\n".join(moved), indentation=depth + unit, unit=unit)
    if signature.results:
        body.append(f"{depth}{unit}return {', '.join(signature.results)}")
    taken = [signature.receiver] if signature.receiver else []
    annotations = _annotations(block)
    taken += [f"{one}: {annotations[one]}" if one in annotations else one for one in signature.parameters]
    word = "async def" if signature.awaits else "def"
    head = _wrapped(f"{depth}{word} {signature.name}(", taken, f"){_returned(function, signature)}:", unit, width)
    new = [*([depth + signature.decorator] if signature.decorator else []), *head, *body]
    at = _depth(moved[0])
    owner = f"{signature.receiver}." if signature.receiver else ""
    called = f"{'await ' if signature.awaits else ''}{owner}{signature.name}("
    ends = signature.leaves and not signature.valued
    before = f"{', '.join(signature.results)} = " if signature.results else "return " if signature.valued else ""
    call = _wrapped(at + before + called, signature.parameters, ")", unit, width)
    if ends and not block.is_last():
        call.append(f"{at}return")
    changed = [*lines[: block.first_line - 1], *call, *lines[block.last_line :]]
    if signature.receiver:  # below the method
        end = last + len(changed) - len(lines)
        return "\n".join([*changed[:end], "", *new, *changed[end:]])
    while first > 1 and lines[first - 2].startswith(f"{depth}#"):
        first -= 1
    return "\n".join([*changed[: first - 1], *new, *([""] if depth else ["", ""]), *changed[first - 1 :]])


def _depth(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _wrapped(begin: str, parts: Sequence[str], end: str, unit: str, width: int) -> list[str]:
    """Return a head or a call as one line, or one part a line where that is too long."""
    line = f"{begin}{', '.join(parts)}{end}"
    if len(line) <= width or not parts:
        return [line]
    depth = _depth(begin)
    return [begin, *(f"{depth}{unit}{one}," for one in parts), depth + end]


def _annotations(block: Block) -> dict[str, str]:
    """Return the types of parameters that are the same in the statements: neither bound again nor narrowed before."""
    function = block.function
    if getattr(function, "type_params", None):
        return {}
    said = {
        one.arg: ast.unparse(one.annotation)
        for one in parameters_of(function)
        if one.annotation is not None and not _means_itself(function, one.annotation)
    }
    for one, form in ((function.args.vararg, "tuple[{}, ...]"), (function.args.kwarg, "dict[str, {}]")):
        if one is not None and one.arg in said:
            said[one.arg] = form.format(said[one.arg])
    tested = [one for one in own_nodes(function.body) if isinstance(one, _TESTS) and one.lineno < block.first_line]
    heads = [one.subject if isinstance(one, ast.Match) else one.test for one in tested]
    again = bound_in(function.body) | reads_in(heads)
    return {name: type_ for name, type_ in said.items() if name not in again}


def _means_itself(function: Function, annotation: ast.expr) -> bool:
    """Return whether a type below a method would mean that method: `def list(self) -> list[int]`."""
    return function.name in reads_in([annotation])


def _returned(function: Function, signature: _Signature) -> str:
    """Return the annotation of what the new function returns, "" where that is not known."""
    if function.returns is None or _means_itself(function, function.returns) or getattr(function, "type_params", None):
        return ""
    if signature.valued:
        generates = any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in own_nodes(function.body))
        return "" if generates else f" -> {ast.unparse(function.returns)}"
    return "" if signature.results else " -> None"


def _check_written(text: str, before: ast.Module, block: Block, signature: _Signature) -> None:
    """Refuse a text in which anything else is not what it was: strings over several lines are easily moved."""
    dumps = [ast.dump(one) for one in block.statements]
    function = block.function.name
    try:
        after = parse_python(text)
    except SyntaxError:
        raise UnsplitError("they do not parse elsewhere") from None
    made = next((one for one in _functions(after) if one.name == signature.name), None)
    if made is None or [ast.dump(one) for one in made.body[: len(dumps)]] != dumps:
        raise UnsplitError("they would not stay what they are")
    if _around(after, function, signature.name) != _around(before, function, signature.name):
        raise UnsplitError("what stands around the function would not stay what it is")


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (one for one in ast.walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)))


def _around(tree: ast.Module, function: str, made: str) -> str:
    """Return all of a tree but one function and the bodies of those with another name; the tree is used up."""
    for node in ast.walk(tree):
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                body[:] = [one for one in body if getattr(one, "name", "") != made]
    for one in _functions(tree):
        if one.name == function:
            one.body = []
    return ast.dump(tree)
