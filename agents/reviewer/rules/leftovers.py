"""Rules about leftovers of development and late effects: debuggers, focused tests, lost errors, deletions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import ByteEdit, ByteFix, Hit, Rule, make_hit
from agents.reviewer.scanning import nodes, testing_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_DEBUGGING_WORDS = re.compile(r"debug|pdb|trace|ipython|repl|shell|console|interact|embed|break", re.IGNORECASE)
_DUMPING_WORDS = re.compile(r"debug|dump|print|inspect|trace", re.IGNORECASE)
_INTENTION_WORDS = re.compile(
    r"intentional|on purpose|purposely|deliberate|\bmeant\b|not a (?:mistake|leftover)"
    r"|(?:asked|wants?|requests?|when|drops?)\b.*\b(?:debug|pdb|break)|(?:debug|pdb|break)\w*\b.*\b(?:asked|wants?|when)\b",
    re.IGNORECASE,
)
_REMOVAL_WORDS = re.compile(
    r"\b(?:todo|fixme|xxx|hack|remove|delete|temporary|temporarily)\b|before (?:commit|merg|releas)|unintentional"
    r"|not intentional",
    re.IGNORECASE,
)
_EXAMPLE_PATHS = re.compile(r"(?:^|/)(?:examples?|samples?|demos?)/")
_CONDITIONAL_ROLES = {"branch", "elif", "chained", "guard", "ternary"}
_DUMP_CALLS = (b"var_dump", b"dd", b"dbg!")


def find_debugger(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a breakpoint, or a call that dumps a value for debugging.

    Skips code whose names or comments say that it is meant for debugging, and dumps in tests and examples.
    """
    node, prints = item.node, scan.read_bytes(item.node).startswith(_DUMP_CALLS)
    if _is_debugging_code(scan, item, _DUMPING_WORDS if prints else _DEBUGGING_WORDS) or _has_intention_comment(
        scan, item
    ):
        return
    if prints and (testing_code.is_test(scan, item) or _is_example(scan)):
        return  # tests and examples print values on purpose
    if prints:
        yield make_hit(
            node, "This prints a value for debugging into the program's output. Delete it.", _make_removal(scan, node)
        )
    else:
        yield make_hit(
            node,
            "This starts a debugger, so an unattended program stops here and waits forever. Delete it.",
            _make_removal(scan, node),
        )


def _is_debugging_code(scan: Scan, item: Item, words: re.Pattern[str]) -> bool:
    """Return whether the name of the file, function or class, or a condition around `item`, contains one of `words`."""
    path = scan.document.path
    if path is not None and words.search(path.stem):
        return True
    for around in item.walk_ancestors():
        if around.role in {"function", "class"} and words.search(scan.read_text(nodes.find_name(around.node))):
            return True
        condition = around.node.child_by_field_name("condition") if around.role in _CONDITIONAL_ROLES else None
        if condition is not None and words.search(scan.read_text(condition)):
            return True
    return False


def _has_intention_comment(scan: Scan, item: Item) -> bool:
    """Return whether a comment on the line, or on the line above, says that the debugger is meant."""
    row = item.node.start_point[0]
    for comment in scan.get_items("comment"):
        if comment.node.end_point[0] in {row - 1, row}:
            text = scan.read_text(comment.node)
            if _INTENTION_WORDS.search(text) and not _REMOVAL_WORDS.search(text):
                return True
    return False


def _is_example(scan: Scan) -> bool:
    """Return whether the file is in a folder of examples."""
    path = scan.document.path
    return path is not None and _EXAMPLE_PATHS.search(path.as_posix()) is not None


def _make_removal(scan: Scan, node: tree_sitter.Node) -> ByteFix | None:
    """Return a fix that deletes the line of `node`; None if the line has other code, or the block would be empty."""
    parent = node.parent
    if parent is None or parent.named_child_count < 2:  # a body must not become empty
        return None
    line = scan.data.rfind(b"\n", 0, node.start_byte) + 1
    end = scan.data.find(b"\n", node.end_byte)
    if end < 0 or scan.data[line : node.start_byte].strip() or scan.data[node.end_byte : end].strip(b"; \t\r"):
        return None
    return ByteFix("Remove the line", (ByteEdit(line, end + 1, ""),))


def find_focused_test(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `it.only`, which keeps all other tests from running."""
    yield make_hit(
        item.node,
        "While this test is focused, all other tests are skipped, even if the run looks fine. Remove the focus.",
    )


def find_async_executor(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `new Promise(async ...)`, which loses errors, unless its whole body is a `try` with a handler."""
    body = item.node.child_by_field_name("body")
    inside = [each for each in body.named_children if not scan.is_comment(each)] if body is not None else []
    if len(inside) == 1 and inside[0].type == "try_statement" and inside[0].child_by_field_name("handler") is not None:
        return
    head = item.node.child(0)
    yield make_hit(
        head,
        "An error in an `async` executor does not reject the promise, so its caller waits forever. Await before it.",
    )


def find_unguarded_delete(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `rm -rf "$FOLDER/"*`, which deletes from the root if the variable is empty.

    Skips variables that the script tests for being empty, or assigns a value that is not empty.
    """
    arguments = item.node.children_by_field_name("argument")
    written = [scan.read_text(argument) for argument in arguments]
    if not any(re.fullmatch(r"-\w*[rR]\w*|--recursive", each) for each in written):
        return
    for argument, text in zip(arguments, written, strict=True):
        name = re.match(r"\"?\$\{?(\w+)\}?\"?/(?:\"?\*|\"?$)", text)
        if name is not None and not _is_never_empty(scan, name[1]):
            yield make_hit(
                argument,
                "If this variable is empty or unset, this deletes everything from the root. Write `${NAME:?}`, which "
                "stops the script instead.",
            )


def _is_never_empty(scan: Scan, name: str) -> bool:
    """Return whether the script assigns `name` a value that is not empty, or tests it for being empty."""
    value = rf"\b{name}=[\"']?(?:[^\s\"'$`;]|\$\(mktemp|`mktemp|\$\(pwd|\$PWD|\$\{{?\w+\}}?/[\w.])"
    test = rf"\$\{{{name}:[?=-][^}}]|-[nde]\s+\"?\$\{{?{name}\b|\bfor\s+{name}\s+in\b"
    return re.search(f"{value}|{test}".encode(), scan.data) is not None


def find_deferred_in_loop(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report Go's `defer` in a loop, which runs when the function ends, not the iteration.

    Skips tests and loops that end after one iteration.
    """
    last = item.node
    while (after := last.next_named_sibling) is not None:
        last = after
    if last.type in {"return_statement", "break_statement", "goto_statement"} or testing_code.is_test(scan, item):
        return  # there is no second iteration
    yield make_hit(
        item.node,
        "`defer` runs when the function ends, not at the end of each iteration, so what it closes stays open. "
        "Extract the loop's body into a function.",
    )


RULES = (
    Rule("debugger-left", Severity.WARNING, ("debugger",), find_debugger, equivalents=("T100", "no-debugger")),
    Rule(
        "focused-test",
        Severity.WARNING,
        ("focused",),
        find_focused_test,
        equivalents=("no-only-tests", "no-focused-tests"),
    ),
    Rule(
        "async-executor",
        Severity.WARNING,
        ("executor",),
        find_async_executor,
        equivalents=("no-async-promise-executor",),
    ),
    Rule("unguarded-delete", Severity.WARNING, ("removal",), find_unguarded_delete, equivalents=("SC2115",)),
    Rule("deferred-in-loop", Severity.WARNING, ("deferred",), find_deferred_in_loop, equivalents=("deferInLoop",)),
)
