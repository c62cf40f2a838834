"""The rule about errors that are caught and ignored; `scanning.handler_intent` decides where that is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule
from agents.reviewer.scanning import handler_intent, nodes, testing_code
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_BROAD_TYPES = re.compile(
    r"(?:(?:builtins|java\.lang|System|kotlin|std)(?:\.|::))?\\?"
    r"(?:Base)?(?:Exception|Throwable|StandardError|RuntimeException|exception|NonFatal)"
)
_INTENTIONAL_NAMES = re.compile(r"^_|^\$_|ignor|expected|unused|swallow", re.IGNORECASE)


def find_swallowed_exception(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a handler that catches every error and does nothing, without a sign that this is meant."""
    body = _get_handler_body(scan, item.node)
    if (body is not None and not nodes.does_nothing(scan, body)) or nodes.has_explanation(scan, item.node):
        return
    if body is None and not scan.grammar.entry.word_opener:
        return  # only a body that ends with a word can be left out
    if not _catches_all(scan, item.node) or _is_intended(scan, item.node):
        return
    head = scan.data.find(b"\n", item.start, item.end)
    yield Hit(
        item.start,
        head if head > 0 else item.end,
        "Every error is caught here and ignored, even an unexpected one, so a failure leaves no trace. Catch the "
        "expected error, log it, or explain in a comment why it does not matter.",
        severity=Severity.HINT if testing_code.is_test(scan, item) else None,
    )


def _get_handler_body(scan: Scan, clause: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the block of the handler `clause`; None if it has none."""
    entry = scan.grammar.entry
    if entry.columns == "statements":
        return next((child for child in reversed(clause.named_children) if child.type in entry.blocks), None)
    if entry.word_opener:
        return clause.child_by_field_name("body")
    return nodes.get_body(clause)


def _get_handler_head(scan: Scan, clause: tree_sitter.Node) -> str:
    """Return the text between the keyword and the body of a handler: types and a variable."""
    body = _get_handler_body(scan, clause)
    end = body.start_byte if body is not None else clause.end_byte
    words = scan.data[clause.start_byte : end].decode(errors="replace")
    return re.sub(r"^\s*(?:catch|except|rescue)\b\*?", "", words).strip("{}: \t\r\n;")


def _catches_all(scan: Scan, clause: tree_sitter.Node) -> bool:
    """Return whether the handler names no error type, or a broad one such as `Exception`."""
    head = _get_handler_head(scan, clause).removesuffix("then").strip()
    if "when" in head.split():  # a filter of C#
        return False
    if names := scan.grammar.entry.caught_name:
        head = re.sub(names, "", head.strip("() "))
    head = head.strip("() \t\r\n")
    if not head or head == "...":
        return True
    return any(_BROAD_TYPES.fullmatch(word) for word in re.split(r"[\s,|&*]+", head) if word)


def _is_intended(scan: Scan, clause: tree_sitter.Node) -> bool:
    """Return whether the name of the error's variable, or the code around, shows that ignoring it is meant."""
    names = re.findall(r"[\w$]+", _get_handler_head(scan, clause))
    name = names[0 if scan.has_trait(Trait.CAUGHT_NAME_FIRST) else -1] if names else ""
    if scan.language != "python" and _INTENTIONAL_NAMES.search(name):
        return True
    return handler_intent.is_intended(scan, clause, name)


RULES = (
    Rule(
        "swallowed-exception",
        Severity.WARNING,
        ("catch",),
        find_swallowed_exception,
        equivalents=("S110", "SIM105", "BLE001", "E722", "W0702", "W0718", "no-empty"),
    ),
)
