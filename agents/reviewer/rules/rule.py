"""What a rule is: a code, how much it matters, and a function that finds its places. Holds no rule; start at `Rule`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import tree_sitter

    from agents.findings import Severity
    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan
    from indexing.syntax.documents import Document


@dataclass(frozen=True, slots=True)
class Replacement:
    """The bytes [start, end) become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mend:
    """A fix in bytes; `agents.findings.Fix` says what its parts mean."""

    title: str
    replacements: tuple[Replacement, ...]
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One place that a rule found.

    Attributes:
        start: byte offset in the parsed text; a code-point offset for the rules about plain text.
        end: likewise.
        message: what is there and why it matters.
        mend: a fix where one is certain.
        severity: where it is not the rule's own.
    """

    start: int
    end: int
    message: str
    mend: Mend | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about syntax.

    Attributes:
        code: in kebab-case, also its heading in `RULES.md`.
        severity: how much it matters.
        roles: the roles of the items it looks at.
        look: finds the places at one item.
        equals: the same rule's names in other linters, which report the same lines.
        unnecessary: the code it names can go.
        languages: our names of the languages it is for; empty for all.
        words: a text without any of these has nothing for it; empty where that cannot be said.
        asked_only: it speaks only where `review.rulesOn` names it.
    """

    code: str
    severity: Severity
    roles: tuple[str, ...]
    look: Callable[[Scan, Item, ReviewPolicy], Iterable[Hit]]
    equals: tuple[str, ...] = ()
    unnecessary: bool = False
    languages: frozenset[str] = frozenset()
    words: tuple[bytes, ...] = ()
    asked_only: bool = False


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule about plain text, which needs no grammar."""

    code: str
    severity: Severity
    look: Callable[[Document, ReviewPolicy], Iterable[Hit]]
    equals: tuple[str, ...] = ()
    unnecessary: bool = False


def at(node: tree_sitter.Node, message: str, mend: Mend | None = None, severity: Severity | None = None) -> Hit:
    """A hit on the whole of `node`."""
    return Hit(node.start_byte, node.end_byte, message, mend, severity)
