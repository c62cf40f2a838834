"""The rule about collections that are changed by the loop that iterates over them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import ByteEdit, ByteFix, Hit, Rule, make_hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

# Methods with the fewest and most arguments that a list, set or dict takes; other classes have methods of these names.
_CHANGING_METHODS = {"remove": (1, 1), "discard": (1, 1), "pop": (0, 2), "popitem": (0, 0), "clear": (0, 0)}
_CHANGING_METHODS_OF_BUILTINS = {"insert": (2, 2), "add": (1, 1), "update": (1, 9)}
_DEFERRED_KINDS = {"function_definition", "lambda", "class_definition"}
_JUMP_KINDS = {"break_statement", "return_statement", "raise_statement"}
_MOST_NODES = 20_000


def find_modified_while_iterated(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report the first statement in a loop's body that changes the collection which the loop iterates over.

    Skips changes after which the loop ends, and collections whose name the body rebinds.
    """
    if item.node.type != "for_statement":
        return
    iterable, body = item.node.child_by_field_name("right"), item.node.child_by_field_name("body")
    if iterable is None or body is None or iterable.type not in {"identifier", "attribute"}:
        return
    word = scan.read_text(iterable)
    if word not in scan.read_text(body) or re.search(
        rf"(?<![\w.]){re.escape(word)}\s*(?:,[^=\n]*)?=(?!=)", scan.read_text(body)
    ):
        return  # the name is rebound to another object
    names = _CHANGING_METHODS | (_CHANGING_METHODS_OF_BUILTINS if _is_builtin_collection(scan, item, word) else {})
    for node in _walk_loop_body(body):
        statement = _find_statement(node)
        if _changes_collection(scan, node, word, names) and not _leaves_loop(statement):
            yield make_hit(
                statement,
                f"`{word}` is changed while the loop iterates over it, so elements are skipped or the loop fails. "
                f"Iterate over a copy, `list({word})`.",
                ByteFix("Iterate over a copy", (ByteEdit(iterable.start_byte, iterable.end_byte, f"list({word})"),)),
            )
            return


def _walk_loop_body(body: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the nodes of `body` that run in each iteration, without functions that are called later."""
    stack, seen = [body], 0
    while stack and seen < _MOST_NODES:
        node = stack.pop()
        seen += 1
        if node.type not in _DEFERRED_KINDS:
            yield node
            stack.extend(reversed(node.named_children))


def _changes_collection(scan: Scan, node: tree_sitter.Node, word: str, names: dict[str, tuple[int, int]]) -> bool:
    """Return whether `node` is `del word[...]`, or calls a method of `word` that changes it.

    `names` has the changing methods, each with its least and most arguments.
    """
    if node.type == "delete_statement":
        return any(
            each.type == "subscript" and _is_word(scan, each.child_by_field_name("value"), word)
            for child in node.named_children
            for each in (child.named_children if child.type in {"expression_list", "tuple"} else (child,))
        )
    called = node.child_by_field_name("function") if node.type == "call" else None
    if called is None or called.type != "attribute" or not _is_word(scan, called.child_by_field_name("object"), word):
        return False
    method, arguments = called.child_by_field_name("attribute"), node.child_by_field_name("arguments")
    if method is None or arguments is None:
        return False
    least, most = names.get(scan.read_text(method), (1, 0))
    return least <= arguments.named_child_count <= most


def _is_word(scan: Scan, node: tree_sitter.Node | None, word: str) -> bool:
    """Return whether the text of `node` is `word`."""
    return node is not None and scan.read_text(node) == word


def _is_builtin_collection(scan: Scan, item: Item, word: str) -> bool:
    """Return whether an assignment or annotation shows that `word` is a list, a set, a dict or the like."""
    function = item.function
    around = (
        scan.read_text(function.node)
        if function is not None and "." not in word
        else scan.data.decode(errors="replace")
    )
    kinds = r"(?:list|set|dict|List|Set|Dict|defaultdict|OrderedDict|deque|Counter)\b|[\[{]"
    name = re.escape(word)
    return re.search(rf"(?<![\w.]){name}\s*(?::\s*(?:{kinds})|(?::[^=\n]+)?=\s*(?:{kinds}))", around) is not None


def _find_statement(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the statement of a block that contains `node`."""
    while node.parent is not None and node.parent.type != "block":
        node = node.parent
    return node


def _leaves_loop(statement: tree_sitter.Node) -> bool:
    """Return whether the loop ends soon after `statement`, by a jump later in its block or in one around it."""
    node: tree_sitter.Node | None = statement
    while node is not None and node.type not in {"for_statement", "while_statement", "function_definition", "module"}:
        after = node
        while (following := after.next_named_sibling) is not None:
            after = following
        if node.type in _JUMP_KINDS or after.type in _JUMP_KINDS:
            return True
        node = node.parent
    return False


RULES = (
    Rule(
        "modified-while-iterated",
        Severity.WARNING,
        ("loop",),
        find_modified_while_iterated,
        equivalents=("B909", "E4702"),
        languages=frozenset({"python"}),
    ),
)
