"""Rules about what acts later or elsewhere: debuggers left behind, tests that run alone, lost errors, deletions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Mend, Replacement, Rule, at
from agents.reviewer.scanning import nodes, sameness

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_DEBUGS = re.compile(r"debug|pdb|trace|ipython|repl|shell|console|interact|embed|break", re.IGNORECASE)
_DUMPS = re.compile(r"debug|dump|print|inspect|trace", re.IGNORECASE)
_MEANT = re.compile(
    r"intentional|on purpose|purposely|deliberate|\bmeant\b|not a (?:mistake|leftover)"
    r"|(?:asked|wants?|requests?|when|drops?)\b.*\b(?:debug|pdb|break)|(?:debug|pdb|break)\w*\b.*\b(?:asked|wants?|when)\b",
    re.IGNORECASE,
)
_TO_GO = re.compile(
    r"\b(?:todo|fixme|xxx|hack|remove|delete|temporary|temporarily)\b|before (?:commit|merg|releas)|unintentional"
    r"|not intentional",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(r"(?:^|/)(?:examples?|samples?|demos?)/")
_CONDITIONAL = {"branch", "elif", "chained", "guard", "ternary"}
_PRINTS = (b"var_dump", b"dd", b"dbg!")


def debugger(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield a breakpoint, or a dump for whoever looks for a fault."""
    node, prints = item.node, scan.bytes(item.node).startswith(_PRINTS)
    if _asked_for(scan, item, _DUMPS if prints else _DEBUGS) or _announced(scan, item):
        return
    if prints and (sameness.is_test(scan, item) or _is_example(scan)):
        return  # whoever runs it wants to see the value
    if prints:
        yield at(node, "This prints a value for debugging: whoever reads the output gets it too.", _removal(scan, node))
    else:
        yield at(
            node,
            "A debugger is started here: a program that nobody watches stops and waits for ever.",
            _removal(scan, node),
        )


def _asked_for(scan: Scan, item: Item, words: re.Pattern[str]) -> bool:
    """Return whether a function, a condition or the file around says that a debugger is what is wanted."""
    path = scan.document.path
    if path is not None and words.search(path.stem):
        return True
    for around in item.ancestors():
        if around.role in {"function", "class"} and words.search(scan.text(nodes.name_of(around.node))):
            return True
        condition = around.node.child_by_field_name("condition") if around.role in _CONDITIONAL else None
        if condition is not None and words.search(scan.text(condition)):
            return True
    return False


def _announced(scan: Scan, item: Item) -> bool:
    """Return whether a comment in the line, or alone in the line above, says that it is meant."""
    row = item.node.start_point[0]
    for comment in scan.of_role("comment"):
        if comment.node.end_point[0] in {row - 1, row}:
            text = scan.text(comment.node)
            if _MEANT.search(text) and not _TO_GO.search(text):
                return True
    return False


def _is_example(scan: Scan) -> bool:
    path = scan.document.path
    return path is not None and _EXAMPLES.search(path.as_posix()) is not None


def _removal(scan: Scan, node: tree_sitter.Node) -> Mend | None:
    parent = node.parent
    if parent is None or parent.named_child_count < 2:  # a body must not become empty
        return None
    line = scan.data.rfind(b"\n", 0, node.start_byte) + 1
    end = scan.data.find(b"\n", node.end_byte)
    if end < 0 or scan.data[line : node.start_byte].strip() or scan.data[node.end_byte : end].strip(b"; \t\r"):
        return None
    return Mend("Remove the line", (Replacement(line, end + 1, ""),))


def focused_test(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`it.only` keeps all other tests from running."""
    yield at(
        item.node, "While this test is focused all others are left out, and a test run that looks fine says nothing."
    )


def async_executor(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield `new Promise(async ...)`, which loses errors; not where the whole body catches them."""
    held = item.node.child_by_field_name("body")
    inside = [each for each in held.named_children if not scan.is_comment(each)] if held is not None else []
    if len(inside) == 1 and inside[0].type == "try_statement" and inside[0].child_by_field_name("handler") is not None:
        return
    head = item.node.child(0)
    yield at(
        head, "An error thrown in an `async` executor does not reject the promise: whoever waits for it waits for ever."
    )


def unguarded_delete(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`rm -rf "$FOLDER/"*` with an empty variable deletes from the root."""
    arguments = item.node.children_by_field_name("argument")
    written = [scan.text(argument) for argument in arguments]
    if not any(re.fullmatch(r"-\w*[rR]\w*|--recursive", each) for each in written):
        return
    for argument, text in zip(arguments, written, strict=True):
        name = re.match(r"\"?\$\{?(\w+)\}?\"?/(?:\"?\*|\"?$)", text)
        if name is not None and not _is_filled(scan, name[1]):
            yield at(
                argument,
                "If this variable is empty or not set, everything from the root on is deleted. `${NAME:?}` stops the "
                "script instead.",
            )


def _is_filled(scan: Scan, name: str) -> bool:
    """Return whether the script says that the variable `name` is not empty: by its value, or by a question."""
    value = rf"\b{name}=[\"']?(?:[^\s\"'$`;]|\$\(mktemp|`mktemp|\$\(pwd|\$PWD|\$\{{?\w+\}}?/[\w.])"
    asked = rf"\$\{{{name}:[?=-][^}}]|-[nde]\s+\"?\$\{{?{name}\b|\bfor\s+{name}\s+in\b"
    return re.search(f"{value}|{asked}".encode(), scan.data) is not None


def deferred_in_loop(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield Go's `defer` in a loop: it waits for the function, not for the round."""
    last = item.node
    while (after := last.next_named_sibling) is not None:
        last = after
    if last.type in {"return_statement", "break_statement", "goto_statement"} or sameness.is_test(scan, item):
        return  # there is no second round
    yield at(
        item.node,
        "`defer` runs when the function ends, not at the end of this round of the loop, and once for each round. "
        "A function for the body of the loop runs it in time.",
    )


RULES = (
    Rule("debugger-left", Severity.WARNING, ("debugger",), debugger, equals=("T100", "no-debugger")),
    Rule("focused-test", Severity.WARNING, ("focused",), focused_test, equals=("no-only-tests", "no-focused-tests")),
    Rule("async-executor", Severity.WARNING, ("executor",), async_executor, equals=("no-async-promise-executor",)),
    Rule("unguarded-delete", Severity.WARNING, ("removal",), unguarded_delete, equals=("SC2115",)),
    Rule("deferred-in-loop", Severity.WARNING, ("deferred",), deferred_in_loop, equals=("deferInLoop",)),
)
