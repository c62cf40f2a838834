"""The rule about errors that are caught and forgotten; `scanning.decisions` says where that is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule
from agents.reviewer.scanning import handler_intent, nodes, sameness
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_BROAD = re.compile(
    r"(?:(?:builtins|java\.lang|System|kotlin|std)(?:\.|::))?\\?"
    r"(?:Base)?(?:Exception|Throwable|StandardError|RuntimeException|exception|NonFatal)"
)
_NAMED_MEANT = re.compile(r"^_|^\$_|ignor|expected|unused|swallow", re.IGNORECASE)


def swallowed_exception(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield a clause that catches everything and does nothing, without a word why."""
    held = _held(scan, item.node)
    if (held is not None and not nodes.does_nothing(scan, held)) or nodes.explained(scan, item.node):
        return
    if held is None and not scan.grammar.entry.word_opener:
        return  # only a body that ends with a word can be left out
    if not _catches_all(scan, item.node) or _is_decided(scan, item.node):
        return
    head = scan.data.find(b"\n", item.start, item.end)
    yield Hit(
        item.start,
        head if head > 0 else item.end,
        "Every error is caught here and forgotten, those nobody thought of too, so a failure leaves no trace. Catch "
        "what is expected, log it, or say in a comment why it does not matter.",
        severity=Severity.HINT if sameness.is_test(scan, item) else None,
    )


def _held(scan: Scan, clause: tree_sitter.Node) -> tree_sitter.Node | None:
    entry = scan.grammar.entry
    if entry.columns == "statements":
        return next((child for child in reversed(clause.named_children) if child.type in entry.blocks), None)
    if entry.word_opener:
        return clause.child_by_field_name("body")
    return nodes.body(clause)


def _head(scan: Scan, clause: tree_sitter.Node) -> str:
    """What stands between the word and the body: types and a name."""
    held = _held(scan, clause)
    end = held.start_byte if held is not None else clause.end_byte
    words = scan.data[clause.start_byte : end].decode(errors="replace")
    return re.sub(r"^\s*(?:catch|except|rescue)\b\*?", "", words).strip("{}: \t\r\n;")


def _catches_all(scan: Scan, clause: tree_sitter.Node) -> bool:
    """Return whether the clause names no error, or one that all others are kinds of."""
    head = _head(scan, clause).removesuffix("then").strip()
    if "when" in head.split():  # C#'s filter
        return False
    if names := scan.grammar.entry.caught_name:
        head = re.sub(names, "", head.strip("() "))
    head = head.strip("() \t\r\n")
    if not head or head == "...":
        return True
    return any(_BROAD.fullmatch(word) for word in re.split(r"[\s,|&*]+", head) if word)


def _is_decided(scan: Scan, clause: tree_sitter.Node) -> bool:
    """Return whether the clause's name says that it is meant, or what stands around says what a failure leads to."""
    names = re.findall(r"[\w$]+", _head(scan, clause))
    name = names[0 if scan.has(Trait.CAUGHT_NAME_FIRST) else -1] if names else ""
    if scan.language != "python" and _NAMED_MEANT.search(name):
        return True
    return handler_intent.is_decided(scan, clause, name)


RULES = (
    Rule(
        "swallowed-exception",
        Severity.WARNING,
        ("catch",),
        swallowed_exception,
        equals=("S110", "SIM105", "BLE001", "E722", "W0702", "W0718", "no-empty"),
    ),
)
