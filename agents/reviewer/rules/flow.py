"""Rules about control flow: unreachable code, bare `except`, empty branches, jumps out of `finally`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import ByteEdit, ByteFix, Hit, Rule, make_hit
from agents.reviewer.scanning import nodes
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

# Nodes that may follow a jump, because they are reached in another way or are no statements.
_REACHED_KINDS = {
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
_LABEL_KINDS = {"labeled_statement", "label_statement"}
_BREAK_KINDS = {"break_statement", "break"}
_MACRO = re.compile(rb"[A-Z][A-Z0-9_]+\b\s*[(:]")
_SEMICOLON_KINDS = {"expression_statement", "empty_statement", ";"}  # reported by `stray-semicolon`
_RAISES = re.compile(r"\braise\b|reraise|exc_info|set_exception|\b_?exit\s*\(|abort\s*\(|\bkill\s*\(|interrupt_main")


def find_unreachable(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report the statements after a `return`, `raise`, `break` or `continue` in the same list.

    Skips code that a label or a macro may reach, code after a conditional jump, and a `yield` that makes a generator.
    """
    first = nodes.find_next_statement(item.node, scan)
    if first is None or _is_reached(scan, first) or first.type in _BREAK_KINDS or _is_conditional(scan, item, first):
        return
    last = first
    while (after := nodes.find_next_statement(last, scan)) is not None and not _is_reached(scan, after):
        last = after
    if scan.has_trait(Trait.YIELD_MAKES_GENERATOR) and b"yield" in scan.data[first.start_byte : last.end_byte]:
        return  # an unreachable `yield` makes the function a generator
    if _holds_label(first, last):
        return  # a `goto` may jump there
    yield Hit(
        first.start_byte,
        last.end_byte,
        "This code never runs, because the statement above always leaves the block. Delete the code, or move that "
        "statement.",
    )


def _is_reached(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node` is no statement, or can be reached without the statement before it."""
    if node.type in _REACHED_KINDS or node.type.startswith("preproc") or not scan.read_bytes(node).strip(b"; \t\r\n"):
        return True
    if node.type == "variable_declaration" and scan.has_trait(Trait.HOISTS):
        return not any(child.child_by_field_name("value") for child in node.named_children)
    return scan.has_trait(Trait.MACROS) and _may_be_label(scan, node)


def _holds_label(first: tree_sitter.Node, last: tree_sitter.Node) -> bool:
    """Return whether a label occurs in the siblings from `first` to `last`."""
    node: tree_sitter.Node | None = first
    stack: list[tree_sitter.Node] = []
    while node is not None and node.start_byte <= last.start_byte:
        stack.append(node)
        node = node.next_named_sibling
    while stack:
        each = stack.pop()
        if each.type in _LABEL_KINDS:
            return True
        stack.extend(each.named_children)
    return False


def _may_be_label(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node` may be a macro that expands to a `case` or a label: `VM_CASE(ADD) { ... }`."""
    if _MACRO.match(scan.data, node.start_byte):
        return True
    inner = nodes.get_first_child(node) if node.type == "expression_statement" else None
    around = node.parent.parent if node.parent is not None and node.parent.type == "compound_statement" else node.parent
    in_switch = around is not None and around.type in {"switch_statement", "case_statement"}
    return in_switch and inner is not None and inner.type == "call_expression"


def _is_conditional(scan: Scan, item: Item, after: tree_sitter.Node) -> bool:
    """Return whether an attribute makes the jump conditional, or the next line is its operand (in Swift)."""
    before = item.node.prev_named_sibling
    if before is not None and before.type == "attribute_item":  # `#[cfg(unix)] return a;`
        return True
    if not scan.has_trait(Trait.RETURN_TAKES_NEXT_LINE) or scan.read_bytes(item.node) != b"return":
        return False
    return "expression" in after.type or "identifier" in after.type  # Swift returns the expression of the next line


def find_broad_except(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a bare `except:` that neither raises again nor ends the program; leaves empty ones to another rule."""
    if item.node.child_by_field_name("value") is not None:
        return
    inner = [child for child in item.node.named_children if not scan.is_comment(child)]
    if len(inner) != 1 or nodes.does_nothing(scan, inner[0]) or _RAISES.search(scan.read_text(inner[0])):
        return  # an empty one is reported by `swallowed-exception`
    word = item.node.child(0)
    yield make_hit(
        word,
        "A bare `except` also catches `KeyboardInterrupt` and `SystemExit`, so the program cannot be stopped here. "
        "Use `except Exception`.",
        ByteFix("Catch `Exception`", (ByteEdit(word.end_byte, word.end_byte, " Exception"),)),
    )


def find_empty_branch(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report an `if` without `else` whose body is empty, unless a comment or an effect of its condition explains it."""
    branches = nodes.get_branches(scan, item)
    if len(branches) != 1:
        return
    condition, body = branches[0]
    if (
        condition is None
        or body.type in _SEMICOLON_KINDS
        or not nodes.does_nothing(scan, body)
        or nodes.has_explanation(scan, item.node)
    ):
        return
    if nodes.may_have_effects(condition):
        return  # the condition may have a side effect
    yield Hit(
        item.start,
        min(condition.end_byte, body.start_byte),
        "The only branch of this condition is empty. Write the missing code, or delete the condition.",
    )


def find_stray_semicolon(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a semicolon that is the whole body of an `if`, in the line of its condition.

    Skips an `if` with an `else`, with a comment, or with a condition that may have an effect.
    """
    branch = item.node.parent
    if branch is None or branch.child_by_field_name("alternative") or scan.read_bytes(item.node).strip() != b";":
        return
    condition = branch.child_by_field_name("condition")
    if condition is None or nodes.may_have_effects(condition) or nodes.has_explanation(scan, branch):
        return  # the condition may have a side effect, or a comment explains it
    if condition.end_point[0] != item.node.start_point[0]:
        return  # a semicolon on a separate line is no slip
    yield make_hit(
        item.node,
        "This semicolon is the whole body of the `if`, so the next statement always runs. Delete the semicolon.",
    )


def find_escaping_finally(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a jump out of `finally`, which drops the exception being raised."""
    word = scan.read_text(item.node).split(maxsplit=1)[0].rstrip(";")
    yield make_hit(
        item.node,
        f"`{word}` in `finally` drops the exception being raised, and the value being returned. Move it after the "
        "`try`.",
    )


RULES = (
    Rule(
        "unreachable-code",
        Severity.WARNING,
        ("jump",),
        find_unreachable,
        equivalents=("PLW0101", "W0101", "no-unreachable"),
        unnecessary=True,
    ),
    Rule(
        "broad-except",
        Severity.WARNING,
        ("catch",),
        find_broad_except,
        equivalents=("E722", "W0702", "BLE001"),
        languages=frozenset({"python"}),
    ),
    Rule("empty-branch", Severity.INFORMATION, ("branch",), find_empty_branch, equivalents=("no-empty",)),
    Rule(
        "stray-semicolon", Severity.WARNING, ("stray",), find_stray_semicolon, equivalents=("no-empty", "no-extra-semi")
    ),
    Rule(
        "escaping-finally",
        Severity.WARNING,
        ("escape",),
        find_escaping_finally,
        equivalents=("B012", "no-unsafe-finally"),
    ),
)
