"""Rules about the flow of control: what is never reached, swallowed, or does nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.records import Severity
from agents.reviewer import nodes
from agents.reviewer.rules.record import Hit, Mend, Replacement, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.policy import ReviewPolicy
    from agents.reviewer.scan import Item, Scan

# What may stand behind a jump: it is reached in another way, or is no statement.
_REACHED = {
    *("function_declaration", "generator_function_declaration", "function_definition", "function_item"),
    *("class_declaration", "class_definition", "labeled_statement", "case_statement", "default_statement"),
    *("label_statement", "rescue", "ensure", "else", "elsif", "when", "in_clause", "empty_statement"),
    *("struct_item", "enum_item", "use_declaration", "impl_item", "mod_item", "const_item", "static_item"),
    *("macro_definition", "trait_item", "type_item", "function_signature", "ERROR", "text_interpolation"),
    *("interface_declaration", "type_alias_declaration", "import_statement", "export_statement", "attribute_item"),
    *("local_function_statement", "function_signature_item", "case_item", "elif_clause", "else_clause", "heredoc_body"),
    *("type_declaration", "enum_declaration", "ambient_declaration", "abstract_class_declaration", "php_end_tag"),
    *("text", "switch_label", "local_function_declaration", "finally_clause", "except_clause", "catch_block"),
}
_BREAKS = {"break_statement", "break"}
_EMPTY = {"pass_statement", "ellipsis", "empty_statement"}
_BROAD = re.compile(r"^(Base)?Exception$|^\(.*\b(Base)?Exception\b.*\)$")
_RAISES = re.compile(r"\braise\b|reraise|exc_info|os\._exit")  # again, or by a helper's name
_EXPECTED = re.compile(r"^_+$|ignore|expected|unused|swallow", re.IGNORECASE)


def unreachable(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """What stands behind `return`, `raise`, `break` or `continue` in the same block."""
    first: tree_sitter.Node | None = item.node
    while first is not None and scan.is_comment(first):
        first = first.next_named_sibling
    if first is None or first.type in _REACHED or first.type.startswith("preproc") or first.type in _BREAKS:
        return
    last = first
    while (after := last.next_named_sibling) is not None and after.type not in _REACHED:
        if after.type.startswith("preproc"):
            break
        last = after
    code = scan.data[first.start_byte : last.end_byte]
    if scan.language == "python" and b"yield" in code:
        return  # what makes a function a generator need not be reached
    yield Hit(
        first.start_byte,
        last.end_byte,
        "This is never reached: the statement above always leaves the block. Either it can go, or the statement above "
        "stands in the wrong place.",
    )


def swallowed_exception(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """An error that is caught and forgotten, without a word why."""
    held = nodes.body(item.node)
    if scan.language == "python":
        held = next((child for child in reversed(item.node.named_children) if child.type == "block"), None)
        if held is None or not _is_broad(scan, item.node):
            return
    if scan.language == "ruby":
        held = item.node.child_by_field_name("body")
        if held is None and not _explained(scan, item.node):
            yield _swallowed(scan, item)
        return
    if held is None or not _does_nothing(scan, held) or _explained(scan, item.node):
        return
    if scan.language != "python" and _EXPECTED.search(scan.text(item.node).partition("{")[0]):
        return
    yield _swallowed(scan, item)


def _swallowed(scan: Scan, item: Item) -> Hit:
    head = scan.data.find(b"\n", item.start, item.end)
    return Hit(
        item.start,
        head if head > 0 else item.end,
        "Every error is caught here and forgotten, those nobody thought of too, so a failure leaves no trace. Catch "
        "what is expected, log it, or say in a comment why it does not matter.",
    )


def broad_except(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """A bare `except:` that does not raise again."""
    if scan.language != "python" or item.node.child_by_field_name("value") is not None:
        return
    inner = [child for child in item.node.named_children if not scan.is_comment(child)]
    if len(inner) != 1 or _does_nothing(scan, inner[0]) or _RAISES.search(scan.text(inner[0])):
        return  # an empty one is `swallowed-exception`'s
    word = item.node.child(0)
    yield at(
        word,
        "A bare `except` also catches `KeyboardInterrupt` and `SystemExit`, so the program cannot be stopped here; "
        "`except Exception` catches errors alone.",
        Mend("Catch `Exception`", (Replacement(word.end_byte, word.end_byte, " Exception"),)),
    )


def empty_branch(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """An `if` that does nothing either way."""
    branches = scan.chain(item)
    if len(branches) != 1:
        return
    condition, held = branches[0]
    if (
        condition is None
        or held.type == "expression_statement"
        or not _does_nothing(scan, held)
        or _explained(scan, item.node)
    ):
        return
    if nodes.calls(condition):
        return  # it may be called for what it does
    yield Hit(
        item.start,
        condition.end_byte,
        "This condition leads to nothing: its only branch is empty. Something is missing here, or all of it can go.",
    )


def stray_semicolon(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`if (a);` ends the `if`."""
    if scan.bytes(item.node).strip() != b";" or (
        item.node.parent and item.node.parent.child_by_field_name("alternative")
    ):
        return
    yield at(
        item.node,
        "This semicolon is all that the `if` guards: what follows runs in any case.",
    )


def escaping_finally(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Leaving `finally` by `return` drops the exception that is under way."""
    word = scan.text(item.node).split(maxsplit=1)[0].rstrip(";")
    yield at(
        item.node,
        f"`{word}` in `finally` throws away the exception that may be under way, and the value that was to be "
        "returned; behind the `try` it would not.",
    )


def self_assignment(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`a = a` does nothing."""
    sides = nodes.operands(item.node)
    if sides is None or scan.bytes(sides[0]) != scan.bytes(sides[1]) or nodes.calls(sides[0]):
        return
    sign = nodes.operator(item.node)
    if sign not in {"=", ":="}:
        return
    scope = next((each.role for each in item.ancestors() if each.role in {"class", "function"}), "")
    if scan.language == "python" and scope != "function":
        return  # at the top and in a class `a = a` makes a name on purpose
    yield at(item.node, "This assigns a value to itself, which changes nothing; one side was probably meant to differ.")


def _is_broad(scan: Scan, node: tree_sitter.Node) -> bool:
    value = node.child_by_field_name("value")
    if value is None:
        return True
    if value.type == "as_pattern":
        value = nodes.first(value) or value
    return bool(_BROAD.match(scan.text(value)))


def _does_nothing(scan: Scan, held: tree_sitter.Node) -> bool:
    for statement in nodes.statements(held, scan):
        inner = nodes.first(statement) if statement.type == "expression_statement" else statement
        if inner is not None and inner.type not in _EMPTY and inner.end_byte > inner.start_byte:
            return inner == held and inner.named_child_count == 0 and scan.bytes(inner).strip(b"{} \t\r\n;") == b""
    return True


def _explained(scan: Scan, node: tree_sitter.Node) -> bool:
    """Whether a comment in the clause, or at the end of its last line, gives a reason."""
    end = scan.data.find(b"\n", node.end_byte)
    text = scan.data[node.start_byte : end if end >= 0 else len(scan.data)]
    if scan.language == "python" and b"#" not in text:
        return False
    return any(
        node.start_byte <= comment.start < (end if end >= 0 else len(scan.data)) for comment in scan.of_role("comment")
    )


RULES = (
    Rule(
        "unreachable-code",
        Severity.WARNING,
        ("dead",),
        unreachable,
        equals=("PLW0101", "W0101", "no-unreachable"),
        unnecessary=True,
    ),
    Rule(
        "swallowed-exception",
        Severity.WARNING,
        ("catch",),
        swallowed_exception,
        equals=("S110", "SIM105", "BLE001", "E722", "W0702", "W0718", "no-empty"),
    ),
    Rule("broad-except", Severity.WARNING, ("catch",), broad_except, equals=("E722", "W0702", "BLE001")),
    Rule("empty-branch", Severity.INFORMATION, ("branch",), empty_branch, equals=("no-empty",)),
    Rule("stray-semicolon", Severity.WARNING, ("stray",), stray_semicolon, equals=("no-empty", "no-extra-semi")),
    Rule("escaping-finally", Severity.WARNING, ("escape",), escaping_finally, equals=("B012", "no-unsafe-finally")),
    Rule("self-assignment", Severity.WARNING, ("assign",), self_assignment, equals=("PLW0127", "no-self-assign")),
)
