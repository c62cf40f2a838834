"""Signs that an empty error handler is meant: a reason in a comment, a fallback, a `try` that only cleans up.

Start at `is_intended`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.reviewer.scanning import nodes
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tree_sitter

    from agents.reviewer.scanning.scan import Scan

_CLEANUP_NAMES = re.compile(
    r"(?:close|dispose|destroy|delete|unlink|kill|disconnect|shut_?down|remove|rm|rmdir|rmtree|release|cancel|abort|stop"
    r"|terminate|clean_?up|quit|unsubscribe|flush|detach|unregister|free|__exit__|__del__|tear_?down|logout|end|sleep)\w*$",
    re.IGNORECASE,
)
_JUMPS = re.compile(r"^(?:return|break|continue|raise|throw|next|yield)\b")
_LOG_CALLS = re.compile(r"[\w.$>:-]*(?:assert|log|warn|debug|trace)[\w.]*!?\s*\(", re.IGNORECASE)  # before a jump
_RETURN_KINDS = re.compile(r"^(?:return|return_statement|return_expression|jump_expression)$")
_FUNCTION_KINDS = re.compile(r"function|lambda|closure|method|^class|^def$|arrow|anonymous")
# A comment with one of these words gives a reason; any other comment only says what is done.
_REASON = re.compile(
    r"\b(?:fail\w*|error\w*|exceptions?|throw\w*|rais\w+|catch\w*|try|tries|ignor\w*|swallow\w*|may|might|can'?t|cannot"
    r"|could|not|\w+n't|never|already|because|since|otherwise|fall\w*|default\w*|optional\w*|best|safe\w*|harmless"
    r"|broken|old|older|legacy|support\w*|availab\w+|missing|invalid|gone|IE ?\d*|detect\w*|probe\w*|work-?around"
    r"|attempt\w*|possibl[ey]|maybe|sometimes|disabled|bugs?|buggy|incorrect\w*|wrong\w*|unless|feature)\b",
    re.IGNORECASE,
)
_MOST_NODES = 2000
_STATEMENTS_BEFORE, _STATEMENTS_AFTER = 2, 3  # around a `try`, searched for a fallback that is set, and read
_EMPTY_KINDS = {"empty_statement", ";"}
_LOOP_KINDS = re.compile(r"^(?:for|while|do|foreach|until|loop|repeat)\w*$")


def is_intended(scan: Scan, clause: tree_sitter.Node, caught: str) -> bool:
    """Return whether the code around the empty handler `clause` shows that the failure is meant to be ignored.

    `caught` is the name of the error's variable, "" if it has none.
    """
    around = clause.parent
    tried = _list_tried_statements(scan, clause)
    if around is None or not tried:
        return False
    if _JUMPS.match(scan.read_text(tried[-1])):
        return True  # only a failure continues after the `try`
    if all(_is_cleanup(scan, each) for each in tried):
        return True
    try_statement = (
        around.parent if around.parent is not None and around.parent.type == "expression_statement" else around
    )
    return (
        _has_reason(scan, try_statement, clause)
        or _has_fallback(scan, try_statement, tried)
        or (
            scan.has_trait(Trait.CAUGHT_NAME_OUTLIVES)
            and bool(caught)
            and _is_mentioned_after(scan, try_statement, caught)
        )
    )


def _list_tried_statements(scan: Scan, clause: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the statements of the `try` that the handler `clause` belongs to; [] if none are found."""
    around = clause.parent
    if around is None:
        return []
    body = around.child_by_field_name("body")
    if body is None:
        body = next((child for child in around.named_children if child.type in {"block", "statements"}), None)
    if body is None:  # in Ruby, statements and handlers are in the same list
        return [each for each in around.named_children if each.end_byte <= clause.start_byte and each.type != "rescue"]
    return [] if body == clause else nodes.list_statements(body, scan)


def _is_cleanup(scan: Scan, statement: tree_sitter.Node) -> bool:
    """Return whether `statement` calls a function that closes or removes something, judged by the function's name.

    An `if` counts if all its statements do.
    """
    if statement.type in nodes.IFS:
        branches = nodes.list_branches(statement)
        inside = [each for _, body in branches for each in nodes.list_statements(body, scan)]
        return bool(inside) and all(each.type not in nodes.IFS and _is_cleanup(scan, each) for each in inside)
    call = re.match(r"(?:await\s+)?([\w.$>?!:\[\]-]+?)\s*[(;!]", scan.read_text(statement) + ";")
    return call is not None and _CLEANUP_NAMES.match(re.split(r"\W+", call[1].rstrip("?!"))[-1]) is not None


def _has_reason(scan: Scan, try_statement: tree_sitter.Node, clause: tree_sitter.Node) -> bool:
    """Return whether a comment gives a reason for the empty handler `clause` of `try_statement`.

    Comments in the `try` before the handler count, and those directly above the `try` or above the statement before it,
    if no blank line is between.
    """
    comments = [
        comment.node
        for comment in scan.get_items("comment")
        if try_statement.start_byte <= comment.start < clause.start_byte
    ]
    above = try_statement
    for _ in range(_STATEMENTS_BEFORE):
        comments += _find_comments_above(scan, above)
        before = _get_statement_before(scan, above)
        if before is None or before.end_point[0] < above.start_point[0] - 1:
            break
        above = before
    return any(_REASON.search(scan.read_text(comment)) for comment in comments)


def _find_comments_above(scan: Scan, node: tree_sitter.Node) -> Iterable[tree_sitter.Node]:
    """Yield the comments directly above `node`, nearest first.

    Each ends in the line above the node or above the comment that was yielded before.
    """
    row, before = node.start_point[0], node.prev_sibling
    while before is not None and scan.is_comment(before) and before.end_point[0] >= row - 1:
        yield before
        row, before = before.start_point[0], before.prev_sibling


def _get_statement_before(scan: Scan, node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the statement before `node` in the same list; None if it is the first."""
    before = node.prev_named_sibling
    while before is not None and scan.is_comment(before):
        before = before.prev_named_sibling
    return before


def _get_statement_after(scan: Scan, node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the statement after `node` in the same list, or after an `#if` around it; None if it is the last."""
    after = node.next_named_sibling
    while after is not None and (scan.is_comment(after) or after.type in _EMPTY_KINDS):
        after = after.next_named_sibling
    if after is None and node.parent is not None and node.parent.type.startswith("preproc"):
        return _get_statement_after(scan, node.parent)
    return after


def _has_fallback(scan: Scan, try_statement: tree_sitter.Node, tried: list[tree_sitter.Node]) -> bool:
    """Return whether the code goes on with a fallback after a failure.

    That is a jump or the function's end, if the `try` returns a value; or a variable that the `try` assigns, that was
    set before it or is hoisted, and that is read after it.
    """
    if any(_contains_return(each) for each in tried) and _is_followed_by_exit(scan, try_statement):
        return True
    names = {name for each in tried for name in _find_assigned_names(scan, each)} & (
        _find_names_set_before(scan, try_statement) | _find_hoisted_names(scan, tried)
    )
    return any(_is_read_after(scan, try_statement, name) for name in names)


def _is_followed_by_exit(scan: Scan, try_statement: tree_sitter.Node) -> bool:
    """Return whether a jump or the function's end follows `try_statement`; in a loop, whether one follows the loop.

    In a loop a jump right after the `try` is enough, too. Calls that log or assert may come between.
    """
    after = _get_statement_after(scan, try_statement)
    while after is not None and _LOG_CALLS.match(scan.read_text(after)):
        after = _get_statement_after(scan, after)
    if after is not None and _JUMPS.match(scan.read_text(after)):
        return True
    around = try_statement.parent
    while around is not None and not _FUNCTION_KINDS.search(around.type):
        if _LOOP_KINDS.match(around.type):
            return _is_followed_by_exit(scan, around)
        around = around.parent
    parent = try_statement.parent
    return after is None and around is not None and parent is not None and around in {parent, parent.parent}


def _find_names_set_before(scan: Scan, try_statement: tree_sitter.Node) -> set[str]:
    """Return the names that the statements directly before the `try` assign."""
    names: set[str] = set()
    above = _get_statement_before(scan, try_statement)
    for _ in range(_STATEMENTS_BEFORE):
        if above is not None:
            names.update(_find_assigned_names(scan, above))
            above = _get_statement_before(scan, above)
    return names


def _is_read_after(scan: Scan, try_statement: tree_sitter.Node, name: str) -> bool:
    """Return whether the first statement after the `try` that mentions `name` reads its value.

    Looks at `_STATEMENTS_AFTER` statements; False if none of these mentions the name.
    """
    after = _get_statement_after(scan, try_statement)
    for _ in range(_STATEMENTS_AFTER):
        if after is None:
            return False
        if re.search(rf"(?<![\w$.]){re.escape(name)}(?![\w$])", scan.read_text(after)):
            return _reads_value(scan.read_text(after), name)
        after = _get_statement_after(scan, after)
    return False


def _contains_return(statement: tree_sitter.Node) -> bool:
    """Return whether `statement` contains a `return` with a value, functions inside it excluded."""
    stack, seen = [statement], 0
    while stack and seen < _MOST_NODES:
        each = stack.pop()
        seen += 1
        if _RETURN_KINDS.match(each.type) and each.named_child_count:
            return True
        if not _FUNCTION_KINDS.search(each.type):
            stack += each.named_children
    return False


def _find_assigned_names(scan: Scan, statement: tree_sitter.Node) -> Iterable[str]:
    """Yield the names before an "=" in the text of `statement`, also several in a declaration (`int a = 1, b = 2`).

    A rough search: it yields keyword arguments, too, and of `a, b = ...` only the last name.
    """
    for line in re.split(r"[;\n{]", scan.read_text(statement)[:4000]):
        for match in re.finditer(r"(?:^|[\s,*(])([$@]?[A-Za-z_][\w$]*)\s*(?::[^=,]+?)?=(?![=>~])", line):
            yield match[1]


def _find_hoisted_names(scan: Scan, tried: list[tree_sitter.Node]) -> set[str]:
    """Return the names that JavaScript's `var` declares in a `try`; they are undefined after a failure."""
    if not scan.has_trait(Trait.HOISTS):
        return set()
    return {match[1] for each in tried for match in re.finditer(r"\bvar\s+([\w$]+)", scan.read_text(each))}


def _reads_value(text: str, name: str) -> bool:
    """Return whether the statement `text` reads the value of `name` without assigning to it first."""
    word = rf"(?<![\w$.]){re.escape(name)}(?![\w$])"
    return re.match(rf"\s*{word}\s*(?:[.\[][^=\n]*|\s)=(?!=)", text) is None and re.search(word, text) is not None


def _is_mentioned_after(scan: Scan, try_statement: tree_sitter.Node, name: str) -> bool:
    """Return whether a statement after the `try` in the same list mentions `name`."""
    after = _get_statement_after(scan, try_statement)
    while after is not None:
        if re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", scan.read_text(after)):
            return True
        after = _get_statement_after(scan, after)
    return False
