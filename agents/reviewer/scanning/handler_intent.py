"""What around an empty handler says that it is meant: a reason in a comment, a fallback, nothing that can be lost.

Start at `is_decided`.
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

_TIDIES = re.compile(
    r"(?:close|dispose|destroy|delete|unlink|kill|disconnect|shut_?down|remove|rm|rmdir|rmtree|release|cancel|abort|stop"
    r"|terminate|clean_?up|quit|unsubscribe|flush|detach|unregister|free|__exit__|__del__|tear_?down|logout|end|sleep)\w*$",
    re.IGNORECASE,
)
_LEAVES = re.compile(r"^(?:return|break|continue|raise|throw|next|yield)\b")
_REMARKS = re.compile(r"[\w.$>:-]*(?:assert|log|warn|debug|trace)[\w.]*!?\s*\(", re.IGNORECASE)  # before one leaves
_RETURNS = re.compile(r"^(?:return|return_statement|return_expression|jump_expression)$")
_FUNCTIONS = re.compile(r"function|lambda|closure|method|^class|^def$|arrow|anonymous")
# A comment with one of these words gives a reason; one without only says what is done.
_REASON = re.compile(
    r"\b(?:fail\w*|error\w*|exceptions?|throw\w*|rais\w+|catch\w*|try|tries|ignor\w*|swallow\w*|may|might|can'?t|cannot"
    r"|could|not|\w+n't|never|already|because|since|otherwise|fall\w*|default\w*|optional\w*|best|safe\w*|harmless"
    r"|broken|old|older|legacy|support\w*|availab\w+|missing|invalid|gone|IE ?\d*|detect\w*|probe\w*|work-?around"
    r"|attempt\w*|possibl[ey]|maybe|sometimes|disabled|bugs?|buggy|incorrect\w*|wrong\w*|unless|feature)\b",
    re.IGNORECASE,
)
_MOST_NODES = 2000
_BEFORE, _AFTER = 2, 3  # statements around a `try` in which a fallback is set, and asked for
_NOTHING = {"empty_statement", ";"}
_LOOPS = re.compile(r"^(?:for|while|do|foreach|until|loop|repeat)\w*$")


def is_decided(scan: Scan, clause: tree_sitter.Node, caught: str) -> bool:
    """Return whether the code around the handler `clause` says what a failure leads to; `caught` names the error."""
    around = clause.parent
    tried = _tried(scan, clause)
    if around is None or not tried:
        return False
    if _LEAVES.match(scan.text(tried[-1])):
        return True  # who fails goes on behind the `try`
    if all(_tidies(scan, each) for each in tried):
        return True
    whole = around.parent if around.parent is not None and around.parent.type == "expression_statement" else around
    return (
        _has_reason(scan, whole, clause)
        or _falls_back(scan, whole, tried)
        or (scan.has(Trait.CAUGHT_NAME_OUTLIVES) and bool(caught) and _is_used_behind(scan, whole, caught))
    )


def _tried(scan: Scan, clause: tree_sitter.Node) -> list[tree_sitter.Node]:
    """The statements of the `try` that a clause belongs to."""
    around = clause.parent
    if around is None:
        return []
    body = around.child_by_field_name("body")
    if body is None:
        body = next((child for child in around.named_children if child.type in {"block", "statements"}), None)
    if body is None:  # Ruby: they stand in the same list
        return [each for each in around.named_children if each.end_byte <= clause.start_byte and each.type != "rescue"]
    return [] if body == clause else nodes.statements(body, scan)


def _tidies(scan: Scan, statement: tree_sitter.Node) -> bool:
    """Return whether a statement closes or removes something, which may be gone already; in an `if` too."""
    if statement.type in nodes.IFS:
        branches = nodes.chain(statement)
        inside = [each for _, body in branches for each in nodes.statements(body, scan)]
        return bool(inside) and all(each.type not in nodes.IFS and _tidies(scan, each) for each in inside)
    call = re.match(r"(?:await\s+)?([\w.$>?!:\[\]-]+?)\s*[(;!]", scan.text(statement) + ";")
    return call is not None and _TIDIES.match(re.split(r"\W+", call[1].rstrip("?!"))[-1]) is not None


def _has_reason(scan: Scan, whole: tree_sitter.Node, clause: tree_sitter.Node) -> bool:
    """Return whether a comment in the `try`, or right above it or the statement before it, gives a reason."""
    spoken = [
        comment.node for comment in scan.of_role("comment") if whole.start_byte <= comment.start < clause.start_byte
    ]
    above = whole
    for _ in range(_BEFORE):
        spoken += _right_above(scan, above)
        before = _before(scan, above)
        if before is None or before.end_point[0] < above.start_point[0] - 1:
            break
        above = before
    return any(_REASON.search(scan.text(comment)) for comment in spoken)


def _right_above(scan: Scan, node: tree_sitter.Node) -> Iterable[tree_sitter.Node]:
    """Yield the comments that end in the line above `node`, or above one another, and stand alone in their lines."""
    row, before = node.start_point[0], node.prev_sibling
    while before is not None and scan.is_comment(before) and before.end_point[0] >= row - 1:
        yield before
        row, before = before.start_point[0], before.prev_sibling


def _before(scan: Scan, node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the statement before `node` in the same list."""
    before = node.prev_named_sibling
    while before is not None and scan.is_comment(before):
        before = before.prev_named_sibling
    return before


def _behind(scan: Scan, node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the statement behind `node` in the same list, also behind an `#if` around it."""
    after = node.next_named_sibling
    while after is not None and (scan.is_comment(after) or after.type in _NOTHING):
        after = after.next_named_sibling
    if after is None and node.parent is not None and node.parent.type.startswith("preproc"):
        return _behind(scan, node.parent)
    return after


def _falls_back(scan: Scan, whole: tree_sitter.Node, tried: list[tree_sitter.Node]) -> bool:
    """Return whether a failure leads to another answer: a `return` behind the `try`, or a value set before it."""
    if any(_holds_return(each) for each in tried) and _is_left_behind(scan, whole):
        return True
    names = {name for each in tried for name in _assigned(scan, each)} & (
        _set_before(scan, whole) | _hoisted(scan, tried)
    )
    return any(_is_asked_behind(scan, whole, name) for name in names)


def _is_left_behind(scan: Scan, whole: tree_sitter.Node) -> bool:
    """Return whether the function ends, or is left, right behind the `try` or behind the loop that tries again."""
    after = _behind(scan, whole)
    while after is not None and _REMARKS.match(scan.text(after)):
        after = _behind(scan, after)
    if after is not None and _LEAVES.match(scan.text(after)):
        return True
    around = whole.parent
    while around is not None and not _FUNCTIONS.search(around.type):
        if _LOOPS.match(around.type):
            return _is_left_behind(scan, around)
        around = around.parent
    held = whole.parent
    return after is None and around is not None and held is not None and around in {held, held.parent}


def _set_before(scan: Scan, whole: tree_sitter.Node) -> set[str]:
    """Return the names that the statements right above the `try` set."""
    names: set[str] = set()
    above = _before(scan, whole)
    for _ in range(_BEFORE):
        if above is not None:
            names.update(_assigned(scan, above))
            above = _before(scan, above)
    return names


def _is_asked_behind(scan: Scan, whole: tree_sitter.Node, name: str) -> bool:
    """Return whether the first statement behind the `try` that speaks of `name` asks for its value."""
    after = _behind(scan, whole)
    for _ in range(_AFTER):
        if after is None:
            return False
        if re.search(rf"(?<![\w$.]){re.escape(name)}(?![\w$])", scan.text(after)):
            return _reads(scan.text(after), name)
        after = _behind(scan, after)
    return False


def _holds_return(statement: tree_sitter.Node) -> bool:
    """Return whether the function is left with an answer somewhere in `statement`."""
    stack, seen = [statement], 0
    while stack and seen < _MOST_NODES:
        each = stack.pop()
        seen += 1
        if _RETURNS.match(each.type) and each.named_child_count:
            return True
        if not _FUNCTIONS.search(each.type):
            stack += each.named_children
    return False


def _assigned(scan: Scan, statement: tree_sitter.Node) -> Iterable[str]:
    """Yield the names that `statement` sets, those of declarations with several names too."""
    for line in re.split(r"[;\n{]", scan.text(statement)[:4000]):
        for match in re.finditer(r"(?:^|[\s,*(])([$@]?[A-Za-z_][\w$]*)\s*(?::[^=,]+?)?=(?![=>~])", line):
            yield match[1]


def _hoisted(scan: Scan, tried: list[tree_sitter.Node]) -> set[str]:
    """Return the names that JavaScript's `var` makes in a `try`: undefined where it fails."""
    if not scan.has(Trait.HOISTS):
        return set()
    return {match[1] for each in tried for match in re.finditer(r"\bvar\s+([\w$]+)", scan.text(each))}


def _reads(text: str, name: str) -> bool:
    """Return whether the statement `text` asks for the value of `name`, and does not change or replace it."""
    word = rf"(?<![\w$.]){re.escape(name)}(?![\w$])"
    return re.match(rf"\s*{word}\s*(?:[.\[][^=\n]*|\s)=(?!=)", text) is None and re.search(word, text) is not None


def _is_used_behind(scan: Scan, whole: tree_sitter.Node, name: str) -> bool:
    """Return whether a statement behind the `try` in the same list speaks of the error."""
    after = _behind(scan, whole)
    while after is not None:
        if re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", scan.text(after)):
            return True
        after = _behind(scan, after)
    return False
