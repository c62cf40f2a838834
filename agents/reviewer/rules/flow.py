"""Rules about the flow of control: what is never reached, swallowed, or does nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Mend, Replacement, Rule, at
from agents.reviewer.scanning import nodes
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

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
    *("directive", "uninterpreted", "trait_declaration", "namespace_definition", "namespace_use_declaration", "method"),
    *("const_declaration", "local_declaration", "union_item", "extern_crate_declaration", "import"),
    *("switch_section", "case_clause", "label", "inner_attribute_item", "class", "module", "singleton_method"),
}
_LABELS = {"labeled_statement", "label_statement"}
_BREAKS = {"break_statement", "break"}
_MACRO = re.compile(rb"[A-Z][A-Z0-9_]+\b\s*[(:]")
_SEMICOLONS = {"expression_statement", "empty_statement", ";"}  # those are `stray-semicolon`'s
_RAISES = re.compile(r"\braise\b|reraise|exc_info|set_exception|\b_?exit\s*\(|abort\s*\(|\bkill\s*\(|interrupt_main")


def unreachable(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield what stands behind `return`, `raise`, `break` or `continue` in the same list of statements."""
    first = nodes.following(item.node, scan)
    if first is None or _is_reached(scan, first) or first.type in _BREAKS or _leaves_sometimes(scan, item, first):
        return
    last = first
    while (after := nodes.following(last, scan)) is not None and not _is_reached(scan, after):
        last = after
    if scan.has(Trait.YIELD_MAKES_GENERATOR) and b"yield" in scan.data[first.start_byte : last.end_byte]:
        return  # what makes a function a generator need not be reached
    if _holds_label(first, last):
        return  # it is jumped into
    yield Hit(
        first.start_byte,
        last.end_byte,
        "This is never reached: the statement above always leaves the block. Either it can go, or the statement above "
        "stands in the wrong place.",
    )


def _is_reached(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node` is reached in another way than from the statement above, or nothing to be reached."""
    if node.type in _REACHED or node.type.startswith("preproc") or not scan.bytes(node).strip(b"; \t\r\n"):
        return True
    if node.type == "variable_declaration" and scan.has(Trait.HOISTS):
        return not any(child.child_by_field_name("value") for child in node.named_children)
    return scan.has(Trait.MACROS) and _may_be_label(scan, node)


def _holds_label(first: tree_sitter.Node, last: tree_sitter.Node) -> bool:
    """Return whether a label stands somewhere from `first` to `last`."""
    node: tree_sitter.Node | None = first
    stack: list[tree_sitter.Node] = []
    while node is not None and node.start_byte <= last.start_byte:
        stack.append(node)
        node = node.next_named_sibling
    while stack:
        each = stack.pop()
        if each.type in _LABELS:
            return True
        stack.extend(each.named_children)
    return False


def _may_be_label(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node` may be a macro that holds a `case` or a label: `VM_CASE(ADD) { ... }`."""
    if _MACRO.match(scan.data, node.start_byte):
        return True
    inner = nodes.first(node) if node.type == "expression_statement" else None
    around = node.parent.parent if node.parent is not None and node.parent.type == "compound_statement" else node.parent
    in_switch = around is not None and around.type in {"switch_statement", "case_statement"}
    return in_switch and inner is not None and inner.type == "call_expression"


def _leaves_sometimes(scan: Scan, item: Item, after: tree_sitter.Node) -> bool:
    """Return whether something that is no statement decides about the jump, or belongs to it."""
    before = item.node.prev_named_sibling
    if before is not None and before.type == "attribute_item":  # `#[cfg(unix)] return a;`
        return True
    if not scan.has(Trait.RETURN_TAKES_NEXT_LINE) or scan.bytes(item.node) != b"return":
        return False
    return "expression" in after.type or "identifier" in after.type  # Swift returns what the next line gives


def broad_except(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """A bare `except:` that does not raise again."""
    if item.node.child_by_field_name("value") is not None:
        return
    inner = [child for child in item.node.named_children if not scan.is_comment(child)]
    if len(inner) != 1 or nodes.does_nothing(scan, inner[0]) or _RAISES.search(scan.text(inner[0])):
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
    branches = nodes.branches(scan, item)
    if len(branches) != 1:
        return
    condition, held = branches[0]
    if (
        condition is None
        or held.type in _SEMICOLONS
        or not nodes.does_nothing(scan, held)
        or nodes.explained(scan, item.node)
    ):
        return
    if nodes.acts(condition):
        return  # it may be called for what it does
    yield Hit(
        item.start,
        min(condition.end_byte, held.start_byte),
        "This condition leads to nothing: its only branch is empty. Something is missing here, or all of it can go.",
    )


def stray_semicolon(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield the semicolon that ends an `if` before its body."""
    branch = item.node.parent
    if branch is None or branch.child_by_field_name("alternative") or scan.bytes(item.node).strip() != b";":
        return
    condition = branch.child_by_field_name("condition")
    if condition is None or nodes.acts(condition) or nodes.explained(scan, branch):
        return  # it may be asked for what it does, or on purpose
    if condition.end_point[0] != item.node.start_point[0]:
        return  # nobody slips into a line of its own
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


RULES = (
    Rule(
        "unreachable-code",
        Severity.WARNING,
        ("jump",),
        unreachable,
        equals=("PLW0101", "W0101", "no-unreachable"),
        unnecessary=True,
    ),
    Rule(
        "broad-except",
        Severity.WARNING,
        ("catch",),
        broad_except,
        equals=("E722", "W0702", "BLE001"),
        languages=frozenset({"python"}),
    ),
    Rule("empty-branch", Severity.INFORMATION, ("branch",), empty_branch, equals=("no-empty",)),
    Rule("stray-semicolon", Severity.WARNING, ("stray",), stray_semicolon, equals=("no-empty", "no-extra-semi")),
    Rule("escaping-finally", Severity.WARNING, ("escape",), escaping_finally, equals=("B012", "no-unsafe-finally")),
)
