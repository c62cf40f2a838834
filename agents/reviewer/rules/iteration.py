"""The rule about collections that change under the loop that walks over them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Mend, Replacement, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

# How many arguments a list, set or dict takes; other classes have methods by these names too.
_CHANGES = {"remove": (1, 1), "discard": (1, 1), "pop": (0, 2), "popitem": (0, 0), "clear": (0, 0)}
_CHANGES_OF_BUILTINS = {"insert": (2, 2), "add": (1, 1), "update": (1, 9)}
_LATER = {"function_definition", "lambda", "class_definition"}
_LEAVES = {"break_statement", "return_statement", "raise_statement"}
_MOST_NODES = 20_000


def modified_while_iterated(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield the first change of a collection in the body of the loop that walks over it."""
    if item.node.type != "for_statement":
        return
    over, body = item.node.child_by_field_name("right"), item.node.child_by_field_name("body")
    if over is None or body is None or over.type not in {"identifier", "attribute"}:
        return
    word = scan.text(over)
    if word not in scan.text(body) or re.search(rf"(?<![\w.]){re.escape(word)}\s*(?:,[^=\n]*)?=(?!=)", scan.text(body)):
        return  # another object by the same name from there on
    names = _CHANGES | (_CHANGES_OF_BUILTINS if _is_builtin(scan, item, word) else {})
    for node in _run_by_the_loop(body):
        statement = _statement(node)
        if _changes(scan, node, word, names) and not _leaves(statement):
            yield at(
                statement,
                f"`{word}` is changed while the loop walks over it: elements are left out, or the loop fails. "
                f"Walk over a copy, `list({word})`.",
                Mend("Walk over a copy", (Replacement(over.start_byte, over.end_byte, f"list({word})"),)),
            )
            return


def _run_by_the_loop(body: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the parts of `body` that run in each round, without functions that somebody calls later."""
    stack, seen = [body], 0
    while stack and seen < _MOST_NODES:
        node = stack.pop()
        seen += 1
        if node.type not in _LATER:
            yield node
            stack.extend(reversed(node.named_children))


def _changes(scan: Scan, node: tree_sitter.Node, word: str, names: dict[str, tuple[int, int]]) -> bool:
    """Return whether `node` is `del word[...]`, or a call of a method that changes `word` itself."""
    if node.type == "delete_statement":
        return any(
            each.type == "subscript" and _is(scan, each.child_by_field_name("value"), word)
            for child in node.named_children
            for each in (child.named_children if child.type in {"expression_list", "tuple"} else (child,))
        )
    called = node.child_by_field_name("function") if node.type == "call" else None
    if called is None or called.type != "attribute" or not _is(scan, called.child_by_field_name("object"), word):
        return False
    method, arguments = called.child_by_field_name("attribute"), node.child_by_field_name("arguments")
    if method is None or arguments is None:
        return False
    least, most = names.get(scan.text(method), (1, 0))
    return least <= arguments.named_child_count <= most


def _is(scan: Scan, node: tree_sitter.Node | None, word: str) -> bool:
    return node is not None and scan.text(node) == word


def _is_builtin(scan: Scan, item: Item, word: str) -> bool:
    """Return whether the function, or the text, says that `word` is a list, a set or a dict."""
    function = item.function
    around = (
        scan.text(function.node) if function is not None and "." not in word else scan.data.decode(errors="replace")
    )
    kinds = r"(?:list|set|dict|List|Set|Dict|defaultdict|OrderedDict|deque|Counter)\b|[\[{]"
    name = re.escape(word)
    return re.search(rf"(?<![\w.]){name}\s*(?::\s*(?:{kinds})|(?::[^=\n]+)?=\s*(?:{kinds}))", around) is not None


def _statement(node: tree_sitter.Node) -> tree_sitter.Node:
    while node.parent is not None and node.parent.type != "block":
        node = node.parent
    return node


def _leaves(statement: tree_sitter.Node) -> bool:
    """Return whether the loop is left soon after: by a jump further down in the same block, or around it."""
    node: tree_sitter.Node | None = statement
    while node is not None and node.type not in {"for_statement", "while_statement", "function_definition", "module"}:
        after = node
        while (following := after.next_named_sibling) is not None:
            after = following
        if node.type in _LEAVES or after.type in _LEAVES:
            return True
        node = node.parent
    return False


RULES = (
    Rule(
        "modified-while-iterated",
        Severity.WARNING,
        ("loop",),
        modified_while_iterated,
        equals=("B909", "E4702"),
        languages=frozenset({"python"}),
    ),
)
