"""Rules about what acts later or elsewhere: debuggers left behind, tests that run alone, lost errors, deletions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.records import Severity
from agents.reviewer.rules.record import Hit, Mend, Replacement, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.reviewer.policy import ReviewPolicy
    from agents.reviewer.scan import Item, Scan

_CHANGING = r"(?:insert|remove|pop|popitem|clear|add|discard|update)"


def debugger(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """A breakpoint in the code."""
    node = item.node
    mend = None
    parent = node.parent
    if parent is not None and parent.named_child_count > 1:  # a body must not become empty
        line = scan.data.rfind(b"\n", 0, node.start_byte) + 1
        end = scan.data.find(b"\n", node.end_byte)
        alone = not scan.data[line : node.start_byte].strip() and end >= 0
        if alone and not scan.data[node.end_byte : end].strip():
            mend = Mend("Remove the breakpoint", (Replacement(line, end + 1, ""),))
    yield at(node, "A debugger is started here: a program that nobody watches stops and waits for ever.", mend)


def focused_test(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`it.only` keeps all other tests from running."""
    yield at(
        item.node, "While this test is focused all others are left out, and a test run that looks fine says nothing."
    )


def async_executor(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`new Promise(async ...)` loses errors."""
    head = item.node.child(0)
    yield at(
        head, "An error thrown in an `async` executor does not reject the promise: whoever waits for it waits for ever."
    )


def modified_while_iterated(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """A collection that is changed while a loop walks over it."""
    if scan.language != "python" or item.node.type != "for_statement":
        return
    over = item.node.child_by_field_name("right")
    body = item.node.child_by_field_name("body")
    if over is None or body is None or over.type not in {"identifier", "attribute"}:
        return
    word, text = scan.text(over), scan.text(body)
    if word + "." not in text and "del" not in text:
        return
    name = re.escape(word)
    if re.search(rf"(?<![\w.]){name}\s*=(?!=)", text):
        return  # another object by the same name from there on
    for match in re.finditer(rf"(?<![\w.]){name}\.{_CHANGING}\s*\(|\bdel\s+{name}\s*\[", text):
        start = body.start_byte + len(text[: match.start()].encode(errors="replace"))
        node = scan.root.descendant_for_byte_range(start, start + 1)
        statement = node
        while statement is not None and statement.parent is not None and statement.parent.type != "block":
            statement = statement.parent
        if node is None or statement is None or node.type in {"string_content", "comment"} or _leaves(statement):
            continue
        yield at(
            statement,
            f"`{scan.text(over)}` is changed while the loop walks over it: elements are left out, or the loop fails. "
            f"Walk over a copy, `list({scan.text(over)})`.",
            Mend("Walk over a copy", (Replacement(over.start_byte, over.end_byte, f"list({scan.text(over)})"),)),
        )
        return


def unguarded_delete(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`rm -rf "$FOLDER/"*` with an empty variable deletes from the root."""
    arguments = item.node.children_by_field_name("argument")
    written = [scan.text(argument) for argument in arguments]
    if not any(re.fullmatch(r"-\w*[rR]\w*|--recursive", each) for each in written):
        return
    for argument, text in zip(arguments, written, strict=True):
        if re.match(r"\"?\$(?:\w+|\{\w+\})\"?/(?:\"?\*|\"?$)", text):
            yield at(
                argument,
                "If this variable is empty or not set, everything from the root on is deleted. `${NAME:?}` stops the "
                "script instead.",
            )


def deferred_in_loop(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Go's `defer` waits for the function, not for the round of the loop."""
    yield at(
        item.node,
        "`defer` runs when the function ends, not this round of the loop: what it closes stays open, once for each "
        "round. A function for the body of the loop closes it in time.",
    )


def _leaves(statement: object) -> bool:
    """Whether the loop is left soon after: a `break` or `return` further down in the same block, or around it."""
    import tree_sitter  # noqa: PLC0415  # loaded long ago: there is a tree

    node = statement if isinstance(statement, tree_sitter.Node) else None
    while node is not None and node.type not in {"for_statement", "function_definition", "module"}:
        after = node
        while (following := after.next_named_sibling) is not None:
            after = following
        if after.type in {"break_statement", "return_statement", "raise_statement"}:
            return True
        node = node.parent
    return False


RULES = (
    Rule("debugger-left", Severity.WARNING, ("debugger",), debugger, equals=("T100", "no-debugger")),
    Rule("focused-test", Severity.WARNING, ("focused",), focused_test, equals=("no-only-tests", "no-focused-tests")),
    Rule("async-executor", Severity.WARNING, ("executor",), async_executor, equals=("no-async-promise-executor",)),
    Rule("unguarded-delete", Severity.WARNING, ("removal",), unguarded_delete, equals=("SC2115",)),
    Rule("deferred-in-loop", Severity.WARNING, ("deferred",), deferred_in_loop, equals=("deferInLoop",)),
    Rule("modified-while-iterated", Severity.WARNING, ("loop",), modified_while_iterated, equals=("B909", "E4702")),
)
