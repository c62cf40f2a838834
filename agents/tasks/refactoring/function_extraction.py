"""Extraction of statements of a Python function into a new function, without a change of behaviour.

Parameters and results of the new function follow from the names; nothing moves where they are not certain. Knows no
model. Start at `extract_function`.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.tasks.refactoring.python_blocks import find_block, find_function_on_line, iterate_runs
from agents.tasks.refactoring.python_names import Flow, find_bound, find_reads, list_parameters, walk_own_nodes
from agents.tasks.refactoring.refusals import (
    ExtractionError,
    check_movable,
    check_shared_names,
    find_receiver,
    list_inherited,
)
from agents.tasks.rewriting.line_edits import diff_lines
from agents.tasks.rewriting.reindenting import reindent
from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.edits import Edit
    from agents.tasks.refactoring.python_blocks import Block
    from agents.tasks.refactoring.python_names import Function, Names
    from indexing.syntax.documents import Document

_WORD = re.compile(r"[^\W\d]\w*")
_LINE = 88  # characters; longer calls get one argument a line, unless the function has longer lines itself
_NARROWING = (ast.If, ast.While, ast.Assert, ast.Match)
_MOST_RUNS = 400  # runs of statements that are examined
_WORTH, _LONG = 0.25, 12  # worth of a moved line, in shared names; greatest number of lines that count
_MOST_SHARE = 0.7  # greatest share of a function's lines that ranks as a part of it
_POOR_RANK, _LEAST_PARTS = 2, 3  # parts of this rank or worse are listed only while there are fewer parts than this
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_SIMPLE = (ast.Expr, *_ASSIGNMENTS, ast.Return, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True)
class _Signature:
    """Head of the new function, and properties of its call.

    Attributes:
        name: its name.
        receiver: first parameter of the method around ("self", "cls"), "" where the new function is no method.
        decorator: with its "@", "" for none.
        parameters: without the receiver.
        results: names that the code after the call reads.
        leaves: whether the old function returns at the call.
        valued: whether it then returns a value.
        awaits: whether the new function is `async`.
    """

    name: str
    receiver: str
    decorator: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    leaves: bool
    valued: bool
    awaits: bool


def extract_function(
    document: Document, at: int, lines: tuple[int, int], name: str, *, keep_name: bool
) -> tuple[Edit, ...]:
    """Return the edits that move lines of a function into a new function and replace them by a call of it.

    Args:
        document: a Python document.
        at: line of the function's head, from 1.
        lines: the first and the last line to move, from 1; rounded to whole statements.
        name: name of the new function; gets an underscore before it, unless `keep_name`.
        keep_name: whether the name must be used unchanged.

    Raises:
        ExtractionError: the lines cannot move, or not without a change of behaviour.
    """
    newline = "\r\n" if "\r\n" in document.text else "\n"
    text = document.text.replace("\r\n", "\n")
    try:
        tree = parse_python(text)
    except SyntaxError:
        raise ExtractionError("the file does not parse") from None
    if "\r" in text:  # Python's parser takes it for a line end, other code here does not
        raise ExtractionError("the file has line ends that are no line ends elsewhere")
    found = find_function_on_line(tree, at)
    block = find_block(found[0], lines, text.split("\n")) if found is not None else None
    if found is None or block is None:
        raise ExtractionError("there are no whole statements on these lines")
    check_movable(block)
    signature = _derive_signature(
        block,
        found[1],
        _choose_free_name(name, text, keep=keep_name, beside=list_inherited(found[1])),
        _trace_bound_names(found[0]),
    )
    made = _render_document(replace(document, text=text), block, signature)
    _check_written(made, tree, block, signature)
    return diff_lines(document.text, made.replace("\n", newline))


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a function that can move.

    Attributes:
        first: first line, from 1.
        last: last line, from 1.
    """

    first: int
    last: int


def list_movable(document: Document, at: int, most: int) -> tuple[Part, ...]:
    """Return parts of a function that can move, best first: compound statements, then runs between blank lines.

    Among equals, parts that share fewer names with the rest and are longer come first. Returns () if nothing can move.

    Args:
        document: a Python document.
        at: line of the function's head, from 1.
        most: the greatest number of parts.
    """
    text = document.text.replace("\r\n", "\n")
    try:
        found = find_function_on_line(parse_python(text), at)
    except SyntaxError:
        found = None
    if found is None:
        return ()
    function, holders = found
    lines = text.split("\n")
    size = (function.end_lineno or 0) - function.body[0].lineno + 1
    ranked: list[tuple[int, Block]] = []
    for run in itertools.islice(iterate_runs(function), _MOST_RUNS):
        block = find_block(function, (run[0].lineno, run[-1].end_lineno or 0), lines)
        if block is not None and block.statements == run:
            long = block.last_line - block.first_line + 1 > _MOST_SHARE * size
            ranked.append((_rank(block, lines) + 2 * long, block))
    ranked.sort(key=lambda one: one[0])
    seen = _trace_bound_names(function)
    compound: dict[ast.stmt, int] = {}  # statements that can move alone, and how many names that takes
    best: list[tuple[int, float, Part]] = []
    for rank, block in ranked:
        if rank >= _POOR_RANK and len(best) >= _LEAST_PARTS:
            break
        try:
            check_movable(block)
            signature = _derive_signature(block, holders, "", seen)
        except ExtractionError:
            continue
        run = block.statements
        names = len(signature.parameters) + len(signature.results)
        inner = [one for one in run if not isinstance(one, _SIMPLE)]
        if len(run) == 1:
            compound.update(dict.fromkeys(inner, names))
        elif len(inner) == 1 and compound.get(inner[0], _MOST_RUNS) < names + (inner[0] is not run[-1]):
            continue  # longer than the compound statement alone, but shares no fewer names
        part = Part(block.first_line, block.last_line)
        best.append((rank, names - _WORTH * min(_LONG, part.last - part.first + 1), part))
    best.sort(key=lambda one: (one[0], one[1], one[2].first))
    return tuple(dict.fromkeys(part for _, _, part in best[:most]))


def _trace_bound_names(function: Function) -> dict[ast.stmt, Names]:
    """Return the names that are certainly bound before each statement of a function, for all reachable statements."""
    flow = Flow()
    flow.follow(function.body, frozenset(one.arg for one in list_parameters(function)))
    return flow.seen


def _rank(block: Block, lines: Sequence[str]) -> int:
    """Return the rank of a block as a part, 0 at best (a compound statement), 1 (between blank lines), 3 at worst."""
    if len(block.statements) == 1:
        return 3 if isinstance(block.statements[0], _SIMPLE) else 0
    above, below = lines[block.first_line - 2], lines[block.last_line] if block.last_line < len(lines) else ""
    opens = not above.strip() or above.rstrip().endswith((":", '"""')) or not block.has_blank_lines(lines)
    closes = not below.strip() or len(_read_indentation(below)) < len(_read_indentation(lines[block.first_line - 1]))
    compound = not isinstance(block.statements[-1], _SIMPLE)
    return 3 - opens - (closes or compound)


def _choose_free_name(name: str, text: str, *, keep: bool, beside: Names) -> str:
    """Return `name` with an underscore before it, or unchanged if it has one or if `keep`.

    Raises:
        ExtractionError: no function can have the name, or the file, Python or the names `beside` use it already.
    """
    special = name.startswith("__") and name.endswith("__")
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii() or special:
        raise ExtractionError(f"`{name}` is no name for a function")
    taken = {*_WORD.findall(text), *dir(builtins), *beside}
    wanted = [name] if keep or name.startswith("_") else [f"_{name}"]
    found = next((one for one in wanted if one not in taken), None)
    if found is None:
        raise ExtractionError(f"the name `{wanted[0]}` is in use already; take another one")
    return found


def _derive_signature(
    block: Block, holders: Sequence[ast.AST], name: str, seen: Mapping[ast.stmt, Names]
) -> _Signature:
    """Return the head of the new function that `block` would become; `seen` has the names bound before each statement.

    Raises:
        ExtractionError: the block is never reached, a name is not certainly bound where it is needed, the block returns
            on some paths only, or `find_receiver` or `check_shared_names` refuses.
    """
    function, statements = block.function, block.statements
    own = frozenset(one.arg for one in list_parameters(function))
    receiver, decorator = find_receiver(block, holders)
    flow = Flow()
    certain = seen.get(statements[0])
    if certain is None:
        raise ExtractionError("nothing ever gets to these lines")
    after = flow.follow(statements, frozenset())
    wary = Flow(wary=True)
    surely = wary.follow(statements, frozenset()) or frozenset()
    nodes = list(walk_own_nodes(statements))
    returns = [one for one in nodes if isinstance(one, ast.Return)]
    if returns and after is not None and not block.is_last():
        raise ExtractionError("they return on some paths and go on behind these lines on others")
    bound = find_bound(statements)
    results = bound & block.find_names_read_after() if after is not None and not returns else frozenset()
    maybe = own | block.find_names_bound_before()
    needed = (wary.exposed | (results - surely)) & maybe
    unbound = {one.name for one in nodes if isinstance(one, ast.ExceptHandler)}
    if lost := sorted(results - (after or frozenset()) - (needed - unbound)):
        raise ExtractionError(f"`{lost[0]}` is not bound on all paths through them")
    # Names that are local to the function only because of these lines.
    alone = bound - results - block.find_names_bound_after()
    exposed = wary.exposed & find_bound(function.body) - bound
    if early := sorted((exposed | alone & block.find_names_read_before()) - maybe):
        raise ExtractionError(f"`{early[0]}` is read before it is bound")
    if unsure := sorted(needed - certain):
        raise ExtractionError(f"`{unsure[0]}` is not bound on all paths to them")
    check_shared_names(block, bound, results)
    order = {one: place for place, one in enumerate(_list_names_in_order(function))}
    return _Signature(
        name,
        receiver,
        decorator,
        parameters=tuple(sorted(needed - {receiver}, key=lambda one: (order.get(one, len(order)), one))),
        results=tuple(sorted(results, key=lambda one: (order.get(one, len(order)), one))),
        leaves=bool(returns),
        valued=any(one.value is not None for one in returns),
        awaits=any(
            isinstance(one, (ast.Await, ast.AsyncFor, ast.AsyncWith)) or _is_async_comprehension(one) for one in nodes
        ),
    )


def _is_async_comprehension(node: ast.AST) -> bool:
    """Return whether `node` is the `async for` of a comprehension."""
    return isinstance(node, ast.comprehension) and bool(node.is_async)


def _list_names_in_order(function: Function) -> list[str]:
    """Return a function's parameters and then the names that it assigns, in the order of their first assignment."""
    names = [
        one for one in walk_own_nodes(function.body) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    ]
    bound = [one.id for one in sorted(names, key=lambda one: (one.lineno, one.col_offset))]
    return list(dict.fromkeys([*(one.arg for one in list_parameters(function)), *bound]))


def _render_document(document: Document, block: Block, signature: _Signature) -> str:
    """Return the text of the document with the new function and its call."""
    lines, function = document.text.split("\n"), block.function
    first, last = function.lineno, function.end_lineno or 0
    first = min([first, *(one.lineno for one in function.decorator_list)])
    depth = _read_indentation(lines[function.lineno - 1])
    unit = _read_indentation(lines[function.body[0].lineno - 1]).removeprefix(depth)
    width = max(_LINE, *(len(line) for line in lines[first - 1 : last]))
    moved = lines[block.first_line - 1 : block.last_line]
    body = reindent(moved, document, piece="\n".join(moved), indentation=depth + unit, unit=unit)
    if signature.results:
        body.append(f"{depth}{unit}return {', '.join(signature.results)}")
    taken = [signature.receiver] if signature.receiver else []
    annotations = _collect_annotations(block)
    taken += [f"{one}: {annotations[one]}" if one in annotations else one for one in signature.parameters]
    word = "async def" if signature.awaits else "def"
    head = _wrap(
        f"{depth}{word} {signature.name}(", taken, f"){_derive_return_annotation(function, signature)}:", unit, width
    )
    new = [*([depth + signature.decorator] if signature.decorator else []), *head, *body]
    at = _read_indentation(moved[0])
    owner = f"{signature.receiver}." if signature.receiver else ""
    called = f"{'await ' if signature.awaits else ''}{owner}{signature.name}("
    ends = signature.leaves and not signature.valued
    before = f"{', '.join(signature.results)} = " if signature.results else "return " if signature.valued else ""
    call = _wrap(at + before + called, signature.parameters, ")", unit, width)
    if ends and not block.is_last():
        call.append(f"{at}return")
    changed = [*lines[: block.first_line - 1], *call, *lines[block.last_line :]]
    if signature.receiver:  # the new method goes below the old one
        end = last + len(changed) - len(lines)
        return "\n".join([*changed[:end], "", *new, *changed[end:]])
    while first > 1 and lines[first - 2].startswith(f"{depth}#"):
        first -= 1
    return "\n".join([*changed[: first - 1], *new, *([""] if depth else ["", ""]), *changed[first - 1 :]])


def _read_indentation(line: str) -> str:
    """Return the white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def _wrap(begin: str, parts: Sequence[str], end: str, unit: str, width: int) -> list[str]:
    """Return the lines of a head or a call: one if it fits into `width` characters, else one for each of `parts`."""
    line = f"{begin}{', '.join(parts)}{end}"
    if len(line) <= width or not parts:
        return [line]
    depth = _read_indentation(begin)
    return [begin, *(f"{depth}{unit}{one}," for one in parts), depth + end]


def _collect_annotations(block: Block) -> dict[str, str]:
    """Return the annotations by name of parameters that are never rebound, and not narrowed before the block."""
    function = block.function
    if getattr(function, "type_params", None):
        return {}
    said = {
        one.arg: ast.unparse(one.annotation)
        for one in list_parameters(function)
        if one.annotation is not None and not _names_function(function, one.annotation)
    }
    for one, form in ((function.args.vararg, "tuple[{}, ...]"), (function.args.kwarg, "dict[str, {}]")):
        if one is not None and one.arg in said:
            said[one.arg] = form.format(said[one.arg])
    tested = [
        one for one in walk_own_nodes(function.body) if isinstance(one, _NARROWING) and one.lineno < block.first_line
    ]
    heads = [one.subject if isinstance(one, ast.Match) else one.test for one in tested]
    again = find_bound(function.body) | find_reads(heads)
    return {name: type_ for name, type_ in said.items() if name not in again}


def _names_function(function: Function, annotation: ast.expr) -> bool:
    """Return whether `annotation` uses the function's own name, which has another meaning below that function."""
    return function.name in find_reads([annotation])


def _derive_return_annotation(function: Function, signature: _Signature) -> str:
    """Return the annotation of the new function's result, " -> " included; "" where it is not known."""
    if (
        function.returns is None
        or _names_function(function, function.returns)
        or getattr(function, "type_params", None)
    ):
        return ""
    if signature.valued:
        generates = any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in walk_own_nodes(function.body))
        return "" if generates else f" -> {ast.unparse(function.returns)}"
    return "" if signature.results else " -> None"


def _check_written(text: str, before: ast.Module, block: Block, signature: _Signature) -> None:
    """Check that the moved statements and the code outside of the old function stay the same; changes `before`.

    Raises:
        ExtractionError: they are not the same, for instance because of a string of several lines.
    """
    dumps = [ast.dump(one) for one in block.statements]
    function = block.function.name
    try:
        after = parse_python(text)
    except SyntaxError:
        raise ExtractionError("they do not parse elsewhere") from None
    made = next((one for one in _walk_functions(after) if one.name == signature.name), None)
    if made is None or [ast.dump(one) for one in made.body[: len(dumps)]] != dumps:
        raise ExtractionError("they would not stay what they are")
    if _dump_rest(after, function, signature.name) != _dump_rest(before, function, signature.name):
        raise ExtractionError("what stands around the function would not stay what it is")


def _walk_functions(tree: ast.AST) -> Iterator[Function]:
    """Return an iterator over all functions in a tree."""
    return (one for one in ast.walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)))


def _dump_rest(tree: ast.Module, function_name: str, new_name: str) -> str:
    """Return a dump of the tree without the new function and the bodies of all functions called `function_name`.

    Removes them from `tree`; the new function is anything called `new_name`.
    """
    for node in ast.walk(tree):
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                body[:] = [one for one in body if getattr(one, "name", "") != new_name]
    for one in _walk_functions(tree):
        if one.name == function_name:
            one.body = []
    return ast.dump(tree)
